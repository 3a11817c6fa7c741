//! A trace as the receiver lives through it.
//!
//! Arrivals are put in order of arrival (ties in order of sending); a heartbeat overtaken by a newer one is stale and
//! left out. What remains are *gaps*, each from one fresh arrival to the next, and a sample of moments at which the
//! peer might have crashed.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::detector::{Heartbeat, Link};
use crate::trace::{Nature, Trace};

/// Fresh heartbeats that every detector may learn from before it is judged.
pub const WARM_UP: usize = 2_000;
/// Received heartbeats without which a trace is refused.
pub const RECEIVED_MIN: usize = WARM_UP + 100;
/// Heartbeats without which a trace is judged for calibration only.
pub const ROWS_FOR_TABLE_MIN: usize = 5_000;
/// Bootstrap blocks in each half of a trace.
pub const BLOCKS_PER_HALF: usize = 32;

/// A moment at which the peer stops sending; what it sent before still arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crash {
    /// When.
    pub at_ns: f64,
    /// Index of the last fresh arrival among the heartbeats sent before.
    pub last_arrival: usize,
}

/// A trace ready to be shown to detectors.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The trace's name.
    pub name: String,
    /// Recorded or synthetic.
    pub nature: Nature,
    /// What the detectors are configured with.
    pub link: Link,
    /// Heartbeats in the trace, lost ones included.
    pub rows: usize,
    /// Heartbeats that never arrived.
    pub lost: usize,
    /// Fresh arrivals in order.
    pub arrivals: Vec<Heartbeat>,
    /// Crash moments, evenly spread over the judged time, in order of `last_arrival`.
    pub crashes: Vec<Crash>,
    /// The first judged gap is from the arrival of this index to the next.
    pub first_gap: usize,
    /// The first gap of the second half.
    pub middle_gap: usize,
    blocks: Vec<u8>,
}

/// A trace in which too little is left after warm-up, once stale heartbeats are set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name}: only {fresh} of its heartbeats are fresh on arrival, {RECEIVED_MIN} are needed ({WARM_UP} of warm-up): \
     record for longer, or check that seq counts up in send order"
)]
pub struct TooFewFresh {
    /// The trace's name.
    pub name: String,
    /// Fresh arrivals found.
    pub fresh: usize,
}

impl Replay {
    /// Orders the arrivals and draws `crashes` crash moments.
    ///
    /// # Errors
    ///
    /// [`TooFewFresh`] if fewer than [`RECEIVED_MIN`] arrivals are fresh.
    pub fn new(trace: &Trace, crashes: usize, seed: u64) -> Result<Self, TooFewFresh> {
        Self::with_warm_up(trace, WARM_UP, RECEIVED_MIN, crashes, seed)
    }

    /// As [`new`](Self::new) with a warm-up of another length, for traces made by hand.
    ///
    /// # Errors
    ///
    /// [`TooFewFresh`] if fewer than `fresh_min` (at least two more than `warm_up`) arrivals are fresh.
    pub fn with_warm_up(
        trace: &Trace,
        warm_up: usize,
        fresh_min: usize,
        crashes: usize,
        seed: u64,
    ) -> Result<Self, TooFewFresh> {
        let arrivals = fresh_arrivals(trace);
        if arrivals.len() < fresh_min.max(warm_up + 2) {
            return Err(TooFewFresh { name: trace.name.clone(), fresh: arrivals.len() });
        }
        let first_gap = warm_up.saturating_sub(1);
        let middle_gap = first_gap.midpoint(arrivals.len() - 1);
        let blocks = blocks(&arrivals, first_gap, middle_gap);
        let crashes = draw_crashes(trace, &arrivals, first_gap, crashes, seed);
        Ok(Self {
            name: trace.name.clone(),
            nature: trace.nature,
            link: Link { interval_ns: trace.interval_ns() as f64 },
            rows: trace.rows.len(),
            lost: trace.lost(),
            arrivals,
            crashes,
            first_gap,
            middle_gap,
            blocks,
        })
    }

    /// Indices of the judged gaps; gap `i` is from arrival `i` to arrival `i + 1`.
    pub fn gaps(&self) -> std::ops::Range<usize> {
        self.first_gap..self.arrivals.len() - 1
    }

    /// The bootstrap block of a judged gap.
    pub fn block(&self, gap: usize) -> usize {
        usize::from(self.blocks[gap - self.first_gap])
    }

    /// Whether the trace is long enough for the tables that ask for rare mistakes.
    pub fn is_long(&self) -> bool {
        self.rows >= ROWS_FOR_TABLE_MIN
    }

    /// Judged gaps in each bootstrap block.
    pub fn gaps_per_block(&self) -> Vec<u32> {
        let mut counts = vec![0; 2 * BLOCKS_PER_HALF];
        for block in &self.blocks {
            counts[usize::from(*block)] += 1;
        }
        counts
    }
}

fn fresh_arrivals(trace: &Trace) -> Vec<Heartbeat> {
    let mut received: Vec<Heartbeat> = trace
        .rows
        .iter()
        .filter_map(|row| {
            row.received_ns.map(|received_ns| Heartbeat { seq: row.seq, sent_ns: row.sent_ns, received_ns })
        })
        .collect();
    received.sort_unstable_by_key(|heartbeat| (heartbeat.received_ns, heartbeat.seq));
    let mut newest = None;
    received.retain(|heartbeat| {
        let fresh = newest < Some(heartbeat.seq);
        newest = newest.max(Some(heartbeat.seq));
        fresh
    });
    received
}

/// Cuts each half into blocks of equal duration.
fn blocks(arrivals: &[Heartbeat], first_gap: usize, middle_gap: usize) -> Vec<u8> {
    let last_gap = arrivals.len() - 1;
    let mut blocks = Vec::with_capacity(last_gap - first_gap);
    for (base, from, to) in [(0, first_gap, middle_gap), (BLOCKS_PER_HALF, middle_gap, last_gap)] {
        let start = arrivals[from].received_ns;
        let span = (arrivals[to].received_ns - start).max(1);
        for arrival in &arrivals[from..to] {
            let share = u128::from(arrival.received_ns - start) * BLOCKS_PER_HALF as u128 / u128::from(span);
            blocks.push((base + (share as usize).min(BLOCKS_PER_HALF - 1)) as u8);
        }
    }
    blocks
}

/// One crash in each of `count` equal slices of the judged sending time, at random within its slice.
///
/// A heartbeat that was overtaken before the crash counts as not received, as in the replay itself, although the one
/// that overtook it may have been sent after the crash; reordering is too rare in any trace for this to matter.
fn draw_crashes(
    trace: &Trace,
    arrivals: &[Heartbeat],
    first_gap: usize,
    count: usize,
    seed: u64,
) -> Vec<Crash> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let start = arrivals[first_gap].sent_ns as f64;
    let span = arrivals[arrivals.len() - 1].sent_ns as f64 - start;
    (0..count)
        .map(|slice| {
            let at_ns = start + span * (slice as f64 + rng.random::<f64>()) / count as f64;
            let sent = trace.rows.partition_point(|row| (row.sent_ns as f64) < at_ns).max(1);
            let last_seq = trace.rows[sent - 1].seq;
            let arrived = arrivals.partition_point(|arrival| arrival.seq <= last_seq);
            Crash { at_ns, last_arrival: arrived.saturating_sub(1).max(first_gap) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Row;

    fn trace(rows: &[(u64, Option<u64>)]) -> Trace {
        let rows = rows
            .iter()
            .zip(0..)
            .map(|((sent_ns, received_ns), seq)| Row { seq, sent_ns: *sent_ns, received_ns: *received_ns })
            .collect();
        Trace { name: "hand".into(), nature: Nature::Recorded, rows, nominal_ns: None }
    }

    #[test]
    fn stale_and_lost_heartbeats_are_left_out_and_ties_keep_send_order() {
        let trace = trace(&[
            (0, Some(5)),
            (10, Some(40)),
            (20, None),
            (30, Some(35)),
            (40, Some(50)),
            (50, Some(50)),
        ]);
        let replay = Replay::with_warm_up(&trace, 1, 2, 0, 1).unwrap();
        let order: Vec<u64> = replay.arrivals.iter().map(|a| a.seq).collect();
        assert_eq!(order, [0, 3, 4, 5]);
        assert_eq!((replay.rows, replay.lost, replay.link.interval_ns), (6, 1, 10.0));
    }

    #[test]
    fn gaps_begin_after_the_warm_up_and_are_halved() {
        let rows: Vec<_> = (0..12u64).map(|i| (i * 10, Some(i * 10 + 1))).collect();
        let replay = Replay::with_warm_up(&trace(&rows), 3, 2, 0, 1).unwrap();
        assert_eq!(replay.gaps(), 2..11);
        assert_eq!(replay.middle_gap, 6);
        assert!(replay.block(2) < BLOCKS_PER_HALF && replay.block(6) >= BLOCKS_PER_HALF);
        assert_eq!(replay.gaps_per_block().iter().sum::<u32>(), 9);
    }

    #[test]
    fn crashes_know_the_last_heartbeat_sent_before_them() {
        // Heartbeat 2 (sent at 20) is lost: a crash in 20..30 leaves heartbeat 1 as the last.
        let rows = [(0, Some(1)), (10, Some(11)), (20, None), (30, Some(31)), (40, Some(41))];
        let replay = Replay::with_warm_up(&trace(&rows), 1, 2, 400, 7).unwrap();
        assert_eq!(replay.crashes.len(), 400);
        for crash in &replay.crashes {
            let wanted = match crash.at_ns {
                t if t <= 10.0 => 0,
                t if t <= 30.0 => 1,
                _ => 2,
            };
            assert_eq!(crash.last_arrival, wanted, "crash at {}", crash.at_ns);
        }
        let in_loss = replay.crashes.iter().filter(|c| c.last_arrival == 1).count();
        assert_eq!(in_loss, 200, "half of the time is between sends 1 and 3");
    }

    #[test]
    fn the_same_seed_draws_the_same_crashes() {
        let rows: Vec<_> = (0..50u64).map(|i| (i * 10, Some(i * 10 + 1))).collect();
        let draw = |seed| Replay::with_warm_up(&trace(&rows), 1, 2, 20, seed).unwrap().crashes;
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn too_few_fresh_arrivals_are_refused() {
        let rows: Vec<_> = (0..50u64).map(|i| (i, Some(1_000 - i))).collect();
        let error = Replay::new(&trace(&rows), 0, 1).unwrap_err();
        assert_eq!(error.fresh, 1);
        assert!(error.to_string().contains("2100 are needed"), "{error}");
    }
}
