//! Heartbeats as they come in, in any order, and the trace they make: no sockets, no clock, no files.
//!
//! The two hosts' clocks have different origins, and nobody can measure the difference one way. So the trace shifts the
//! listener's clock by a constant, the one that makes the smallest delay zero. Times between arrivals are as they were;
//! delays are relative to the smallest; and if the clocks drift apart, the delays show that ([`Recording::floor_drift_ns`]).

/// Heartbeats in one recording: eleven days at ten a second, 240 MB in memory.
pub(crate) const HEARTBEATS_MAX: u64 = 10_000_000;

/// The first and the last so many nanoseconds in which the smallest delays are compared.
const FLOOR_NS: u64 = 60_000_000_000;

/// One sender's heartbeats.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// The number of the first heartbeat heard. The trace begins with it, and counts from it.
    first_seq: Option<u64>,
    /// From the first on; `None` is missing so far.
    heard: Vec<Option<Heard>>,
    /// The highest heartbeat that is known to have been sent, heard or not, recorded or beyond the limit.
    reach: Option<Sent>,
    /// The sender says that there will be no more.
    ended: bool,
    /// No more heartbeats than this are recorded.
    limit: Option<u64>,
    tally: Tally,
}

/// What came in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Heartbeats recorded, each once.
    pub(crate) received: u64,
    /// Further copies of them.
    pub(crate) duplicates: u64,
    /// Heartbeats that arrived after a higher one.
    pub(crate) overtaken: u64,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    sent_ns: u64,
    received_ns: u64,
}

/// A heartbeat by its place in the recording, and when it was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    index: u64,
    sent_ns: u64,
}

/// One line of the trace: nanoseconds since the first heartbeat was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) sent_ns: u64,
    pub(crate) received_ns: Option<u64>,
}

/// The heartbeat of this number was not sent later than the ones before it: no sender of ours does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("heartbeat {seq} was not sent after those before it")]
pub(crate) struct Contradiction {
    pub(crate) seq: u64,
}

impl Recording {
    /// A recording of at most so many heartbeats, lost ones included.
    pub(crate) fn with_limit(limit: Option<u64>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// A heartbeat arrived; says whether it is to be recorded. One that was sent before the first that was heard is not,
    /// nor one beyond the limit, nor a duplicate.
    pub(crate) fn heartbeat(&mut self, seq: u64, sent_ns: u64, received_ns: u64) -> bool {
        let first_seq = *self.first_seq.get_or_insert(seq);
        let Some(index) = seq.checked_sub(first_seq) else {
            return false;
        };
        let overtaken = self.reach.is_some_and(|reach| index < reach.index);
        self.extend(Sent { index, sent_ns });
        if index >= self.limit() {
            return false;
        }
        let place = index as usize; // Below HEARTBEATS_MAX.
        if place >= self.heard.len() {
            self.heard.resize(place + 1, None);
        }
        if self.heard[place].is_some() {
            self.tally.duplicates += 1;
            return false;
        }
        self.heard[place] = Some(Heard { sent_ns, received_ns });
        self.tally.received += 1;
        self.tally.overtaken += u64::from(overtaken);
        true
    }

    /// The sender says that the heartbeat `seq`, sent then, was its last; says whether that is news.
    pub(crate) fn end(&mut self, seq: u64, sent_ns: u64) -> bool {
        // Without a first heartbeat there is nothing that could end.
        let Some(index) = self.first_seq.and_then(|first| seq.checked_sub(first)) else {
            return false;
        };
        self.extend(Sent { index, sent_ns });
        !std::mem::replace(&mut self.ended, true)
    }

    fn extend(&mut self, sent: Sent) {
        if self.reach.is_none_or(|reach| sent.index > reach.index) {
            self.reach = Some(sent);
        }
    }

    fn limit(&self) -> u64 {
        self.limit.unwrap_or(HEARTBEATS_MAX).min(HEARTBEATS_MAX)
    }

    /// Heartbeats in the trace so far, lost ones included.
    pub(crate) fn len(&self) -> u64 {
        self.reach.map_or(0, |reach| reach.index + 1).min(self.limit())
    }

    /// Heartbeats that have not arrived so far.
    pub(crate) fn missing(&self) -> u64 {
        self.len() - self.tally.received
    }

    /// What has come in so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether every heartbeat has been sent that the recording is to have: only stragglers may still come.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.len() == self.limit()
    }

    /// The trace, in send order, once it is known to be in order.
    ///
    /// When a lost heartbeat was sent is not known; it is placed evenly between its neighbours.
    pub(crate) fn rows(&self) -> Result<impl Iterator<Item = Row>, Contradiction> {
        let mut before: Option<Sent> = None;
        for (sent, _) in self.known() {
            // Room for those in between, a nanosecond each.
            if before.is_some_and(|b| sent.sent_ns < b.sent_ns.saturating_add(sent.index - b.index)) {
                return Err(Contradiction { seq: sent.index });
            }
            before = Some(sent);
        }
        let (base_ns, floor_ns) = (self.base_ns(), self.floor_ns().unwrap_or(0));
        let mut before: Option<Sent> = None;
        let rows = self.known().flat_map(move |(sent, delay_ns)| {
            let from = before.replace(sent).unwrap_or(sent);
            let lost = (from.index + 1..sent.index).map(move |index| {
                let share = u128::from(sent.sent_ns - from.sent_ns) * u128::from(index - from.index)
                    / u128::from(sent.index - from.index);
                // A share of a difference of two u64 is one.
                Row { seq: index, sent_ns: from.sent_ns + share as u64 - base_ns, received_ns: None }
            });
            let sent_ns = sent.sent_ns - base_ns;
            let received_ns = delay_ns.map(|delay_ns| sent_ns.saturating_add_signed(delay_ns - floor_ns));
            lost.chain(std::iter::once(Row { seq: sent.index, sent_ns, received_ns }))
        });
        let len = self.len();
        Ok(rows.take_while(move |row| row.seq < len))
    }

    /// By how much the smallest delay of the last minute is above that of the first, and how far apart the two minutes are:
    /// the clocks drift, or the path has changed. `None` for a recording of less than ten minutes.
    pub(crate) fn floor_drift_ns(&self) -> Option<(i64, u64)> {
        let received = || self.known().filter_map(|(sent, delay_ns)| Some((sent.sent_ns, delay_ns?)));
        let (first, last) = (received().next()?.0, received().last()?.0);
        let apart_ns = (last - first).checked_sub(FLOOR_NS).filter(|&apart_ns| apart_ns >= 9 * FLOOR_NS)?;
        let floor = |from: u64| {
            received()
                .filter(|(sent, _)| (from..=from + FLOOR_NS).contains(sent))
                .map(|(_, delay)| delay)
                .min()
        };
        Some((floor(first + apart_ns)? - floor(first)?, apart_ns))
    }

    /// When the first heartbeat was sent, on the sender's clock.
    fn base_ns(&self) -> u64 {
        self.known().next().map_or(0, |(sent, _)| sent.sent_ns)
    }

    /// The smallest difference between the listener's clock at arrival and the sender's at departure.
    fn floor_ns(&self) -> Option<i64> {
        self.known().filter_map(|(_, delay_ns)| delay_ns).min()
    }

    /// Every heartbeat of which it is known when it was sent, with the difference of the clocks if it arrived.
    fn known(&self) -> impl Iterator<Item = (Sent, Option<i64>)> {
        let heard = (0..).zip(&self.heard).filter_map(|(index, heard)| {
            let Heard { sent_ns, received_ns } = (*heard)?;
            // Both are times since a program started: far below the 292 years of an i64.
            let delay_ns = received_ns.cast_signed().wrapping_sub(sent_ns.cast_signed());
            Some((Sent { index, sent_ns }, Some(delay_ns)))
        });
        let beyond = self.reach.filter(|reach| reach.index >= self.heard.len() as u64);
        heard.chain(beyond.map(|reach| (reach, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Heartbeats 10 ms apart, as (number, delay in ms); the listener's clock is a second ahead.
    fn recording(limit: Option<u64>, arrivals: &[(u64, u64)]) -> Recording {
        let mut recording = Recording::with_limit(limit);
        for &(seq, delay_ms) in arrivals {
            recording.heartbeat(seq, seq * 10 * MS, (1_000 + seq * 10 + delay_ms) * MS);
        }
        recording
    }

    fn rows(recording: &Recording) -> Vec<(u64, u64, Option<u64>)> {
        let rows = recording.rows().unwrap();
        rows.map(|row| (row.seq, row.sent_ns / MS, row.received_ns.map(|at| at / MS))).collect()
    }

    #[test]
    fn the_smallest_delay_becomes_zero() {
        let recording = recording(None, &[(0, 7), (1, 5), (2, 9)]);
        assert_eq!(rows(&recording), [(0, 0, Some(2)), (1, 10, Some(10)), (2, 20, Some(24))]);
    }

    #[test]
    fn a_listener_whose_clock_is_behind_is_no_different() {
        let mut recording = Recording::with_limit(None);
        recording.heartbeat(0, 50_000 * MS, 3 * MS);
        recording.heartbeat(1, 50_010 * MS, 12 * MS);
        assert_eq!(rows(&recording), [(0, 0, Some(1)), (1, 10, Some(10))]);
    }

    #[test]
    fn the_lost_lie_evenly_between_their_neighbours_and_the_overtaken_in_their_place() {
        let recording = recording(None, &[(5, 0), (9, 0), (7, 35), (9, 50)]);
        let expected = [(0, 0, Some(0)), (1, 10, None), (2, 20, Some(55)), (3, 30, None), (4, 40, Some(40))];
        assert_eq!(rows(&recording), expected);
        assert_eq!(recording.tally(), Tally { received: 3, duplicates: 1, overtaken: 1 });
        assert_eq!((recording.len(), recording.missing()), (5, 2));
    }

    #[test]
    fn what_was_sent_before_the_first_one_heard_is_left_out() {
        let mut recording = recording(None, &[(5, 0), (6, 0)]);
        assert!(!recording.heartbeat(4, 40 * MS, 2_000 * MS));
        assert!(!recording.end(3, 30 * MS));
        assert_eq!(rows(&recording), [(0, 0, Some(0)), (1, 10, Some(10))]);
    }

    #[test]
    fn the_end_tells_of_those_lost_at_the_end() {
        let mut recording = recording(None, &[(0, 0), (1, 0)]);
        assert!(!recording.is_over());
        assert!(recording.end(3, 30 * MS));
        assert!(!recording.end(3, 30 * MS), "told twice");
        assert!(recording.is_over());
        assert_eq!(rows(&recording)[2..], [(2, 20, None), (3, 30, None)]);
    }

    #[test]
    fn a_limit_counts_lost_heartbeats_too() {
        let mut recording = recording(Some(3), &[(0, 0), (1, 0)]);
        assert!(!recording.is_over());
        // The third was lost; that shows when a later one comes.
        assert!(!recording.heartbeat(4, 40 * MS, 1_040 * MS));
        assert!(recording.is_over());
        assert_eq!(recording.missing(), 1);
        assert_eq!(rows(&recording), [(0, 0, Some(0)), (1, 10, Some(10)), (2, 20, None)]);
        // It was only late.
        assert!(recording.heartbeat(2, 20 * MS, 1_050 * MS));
        assert_eq!(rows(&recording)[2], (2, 20, Some(50)));
    }

    #[test]
    fn nothing_heard_is_nothing() {
        let mut recording = Recording::with_limit(None);
        assert!(!recording.end(7, 70));
        assert_eq!((recording.len(), recording.missing(), recording.is_over()), (0, 0, false));
        assert_eq!(rows(&recording), []);
    }

    #[test]
    fn times_that_contradict_the_numbers_are_reported() {
        let mut recording = recording(None, &[(0, 0), (1, 0)]);
        recording.heartbeat(3, 10 * MS + 1, 1_030 * MS);
        assert_eq!(recording.rows().err(), Some(Contradiction { seq: 3 }));
    }

    #[test]
    fn drift_shows_in_the_floor_of_the_delay() {
        let mut recording = Recording::with_limit(None);
        // A second apart for half an hour; the listener's clock gains 20 millionths; every third is 5 ms late.
        for seq in 0..1_800 {
            let sent_ns = seq * 1_000 * MS;
            recording.heartbeat(seq, sent_ns, sent_ns + sent_ns / 50_000 + 5 * MS * (seq % 3));
        }
        let (drift_ns, apart_ns) = recording.floor_drift_ns().unwrap();
        assert!((drift_ns as f64 / apart_ns as f64 / 20e-6 - 1.0).abs() < 0.01, "{drift_ns} in {apart_ns}");
        assert_eq!(self::recording(None, &[(0, 0), (1, 0)]).floor_drift_ns(), None);
    }
}
