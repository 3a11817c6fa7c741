//! The heartbeat interval, learnt when nobody has told it.

use crate::time::to_ns;
use core::time::Duration;

/// What an interval may be: what [`Config::new`](crate::Config::new) accepts, too.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_micros(1);
pub(crate) const INTERVAL_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Gaps in the first block, after which there is an interval; and in those that put it to the test.
const FIRST_BLOCK: u32 = 16;

/// Heartbeats in each later block, which look for a change. A block takes at least half the time it should, so that a
/// queue released in one instant, however long, is a part of a block and not many blocks.
const BLOCK: u32 = 64;

/// Missing numbers beyond so many say nothing of the interval: a sender may jump.
const STEPS_MAX: u64 = 16;

/// An interval has changed when it is longer or shorter by this factor; less than that the tables absorb.
const CHANGE: u64 = 3;

/// So many blocks in a row must be too long, or too short.
const BLOCKS_TO_CHANGE: i8 = 3;

/// Learns the interval from the first gaps, and notices when it has changed by more than a factor of three.
///
/// What counts is the mean of a block of heartbeats, because bursts make most gaps on some links next to nothing. From
/// the first block the longest gap is taken out: one stall may be longer than the rest together. A burst looks like a
/// sender in a hurry until it ends, so the first result is *tentative*: one short block that differs replaces it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IntervalLearner {
    /// What was settled on; zero until then.
    settled_ns: u64,
    /// When the newest heartbeat was sent, if it said so.
    sent_ns: Option<u64>,
    block: Block,
    /// A block has confirmed what was settled on.
    confirmed: bool,
    /// Blocks in a row that were too long, or if negative too short.
    strikes: i8,
}

/// So many gaps and heartbeat numbers in so much time, and the longest gap.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    elapsed_ns: u64,
    longest_ns: u64,
    steps: u32,
    longest_steps: u16,
    gaps: u16,
}

impl Block {
    fn add(&mut self, elapsed_ns: u64, steps: u64) {
        let steps = steps.min(STEPS_MAX) as u16;
        self.elapsed_ns = self.elapsed_ns.saturating_add(elapsed_ns);
        self.steps = self.steps.saturating_add(u32::from(steps));
        self.gaps = self.gaps.saturating_add(1);
        if elapsed_ns >= self.longest_ns {
            (self.longest_ns, self.longest_steps) = (elapsed_ns, steps);
        }
    }

    fn mean_ns(&self) -> u64 {
        self.elapsed_ns / u64::from(self.steps.max(1))
    }

    /// The same without the longest gap.
    fn mean_of_others_ns(&self) -> u64 {
        let others = self.steps.saturating_sub(u32::from(self.longest_steps));
        self.elapsed_ns.saturating_sub(self.longest_ns) / u64::from(others.max(1))
    }
}

impl IntervalLearner {
    /// A learner that starts with an interval settled on before.
    pub(crate) fn settled(interval: Duration) -> Self {
        Self { settled_ns: to_ns(interval), confirmed: true, ..Self::default() }
    }

    /// Whether an interval has been settled on.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled_ns != 0
    }

    /// The time between the last two heartbeats on the sender's clock, if both said and it ran forward.
    pub(crate) fn sent_gap_ns(&mut self, sent_ns: Option<u64>) -> Option<u64> {
        let before_ns = core::mem::replace(&mut self.sent_ns, sent_ns);
        sent_ns?.checked_sub(before_ns?)
    }

    /// While nothing has been settled on: the longest gap, so that what came in a burst is not given up at once.
    pub(crate) fn provisional(&self) -> Duration {
        Duration::from_nanos(self.block.longest_ns).clamp(INTERVAL_MIN, INTERVAL_MAX)
    }

    /// Takes in that `steps` heartbeat numbers, at least one, took `elapsed_ns`. Returns an interval when one has been
    /// settled on, for the first time or because the old one is no longer true.
    pub(crate) fn record(&mut self, elapsed_ns: u64, steps: u64) -> Option<Duration> {
        self.block.add(elapsed_ns, steps);
        let settled_ns = if self.is_settled() { self.look_for_change() } else { self.look_for_first() }?;
        let settled = Duration::from_nanos(settled_ns).clamp(INTERVAL_MIN, INTERVAL_MAX);
        (self.settled_ns, self.strikes) = (to_ns(settled), 0);
        Some(settled)
    }

    fn look_for_first(&mut self) -> Option<u64> {
        let mean_ns = self.block.mean_of_others_ns();
        // What is shorter than any interval is a burst: wait for more.
        let enough = u32::from(self.block.gaps) >= FIRST_BLOCK && mean_ns >= to_ns(INTERVAL_MIN);
        enough.then(|| {
            self.block = Block::default();
            mean_ns
        })
    }

    fn look_for_change(&mut self) -> Option<u64> {
        let (steps_min, strikes_min) =
            if self.confirmed { (BLOCK, BLOCKS_TO_CHANGE) } else { (FIRST_BLOCK, 1) };
        let time_min_ns = self.settled_ns.saturating_mul(u64::from(steps_min / 2));
        if self.block.steps < steps_min || self.block.elapsed_ns < time_min_ns {
            return None;
        }
        let mean_ns = core::mem::take(&mut self.block).mean_ns();
        self.strikes = if mean_ns > self.settled_ns.saturating_mul(CHANGE) {
            self.strikes.max(0) + 1
        } else if mean_ns < self.settled_ns / CHANGE {
            self.strikes.min(0) - 1
        } else {
            self.confirmed = true;
            0
        };
        (self.strikes.abs() >= strikes_min).then_some(mean_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn play(learner: &mut IntervalLearner, gaps_ms: impl IntoIterator<Item = u64>) -> Option<Duration> {
        gaps_ms.into_iter().filter_map(|gap_ms| learner.record(gap_ms * MS, 1)).last()
    }

    #[test]
    fn regular_gaps_give_their_length() {
        let mut learner = IntervalLearner::default();
        assert_eq!(play(&mut learner, [100; 15]), None);
        assert_eq!(play(&mut learner, [100]), Some(Duration::from_millis(100)));
        assert_eq!(play(&mut learner, [100; 1_000]), None, "nothing has changed");
    }

    #[test]
    fn jitter_and_stalls_among_the_first_gaps_do_little_harm() {
        for stall in [0, 5, 15] {
            let gaps = (0..16).map(|i| if i == stall { 60_000 } else { 90 + 20 * (i % 2) });
            let interval = play(&mut IntervalLearner::default(), gaps).unwrap().as_millis();
            assert!((98..=102).contains(&interval), "{stall}: {interval} ms");
        }
    }

    #[test]
    fn bursts_do_not_shorten_it() {
        // Four at once, every 400 ms: most gaps are nothing at all.
        let gaps = (0..16).map(|i| if i % 4 == 0 { 400 } else { 0 });
        let interval = play(&mut IntervalLearner::default(), gaps).unwrap().as_millis();
        assert!((75..=125).contains(&interval), "{interval} ms");
    }

    #[test]
    fn a_burst_at_the_start_is_found_out() {
        for gap_us in [0, 50] {
            let mut learner = IntervalLearner::default();
            for _ in 0..17 {
                learner.record(gap_us * 1_000, 1);
            }
            let settled = play(&mut learner, [1_000; 40]).unwrap().as_millis();
            assert!((333..=3_000).contains(&settled), "{gap_us}: {settled} ms");
        }
    }

    #[test]
    fn a_jump_of_the_numbers_is_no_short_interval() {
        let mut learner = IntervalLearner::default();
        let settled =
            (0..16).filter_map(|i| learner.record(1_000 * MS, if i == 3 { 1 << 40 } else { 1 })).last();
        assert!(settled.unwrap() >= Duration::from_millis(333), "{settled:?}");
    }

    #[test]
    fn strikes_must_follow_each_other_in_one_direction() {
        let mut learner = IntervalLearner::settled(Duration::from_millis(100));
        for _ in 0..10 {
            assert_eq!(play(&mut learner, [1_000; 128]), None, "two blocks are not three");
            assert_eq!(play(&mut learner, [100; 64]), None);
            assert_eq!(play(&mut learner, [1_000; 128]), None);
            assert_eq!(play(&mut learner, [10; 320]), None, "short after long is no third strike");
            assert_eq!(play(&mut learner, [100; 128]), None);
        }
    }

    #[test]
    fn lost_heartbeats_do_not_lengthen_it() {
        let mut learner = IntervalLearner::default();
        let settled = (0..16).filter_map(|i| learner.record((1 + i % 3) * 100 * MS, 1 + i % 3)).last();
        assert_eq!(settled, Some(Duration::from_millis(100)));
    }

    #[test]
    fn a_lasting_change_is_noticed_and_a_stall_is_not() {
        let mut learner = IntervalLearner::settled(Duration::from_millis(100));
        assert_eq!(play(&mut learner, [60_000]), None);
        assert_eq!(play(&mut learner, [100; 300]), None);
        assert_eq!(play(&mut learner, [400; 300]), Some(Duration::from_millis(400)));
        assert_eq!(play(&mut learner, [30; 1_200]), Some(Duration::from_millis(30)));
        // A queue of ten seconds, released at once.
        assert_eq!(play(&mut learner, [10_000].into_iter().chain([0; 333]).chain([30; 100])), None);
    }
}
