//! What is read of members on whom nothing was decided, with some hysteresis.
//!
//! Of nearly all of them the same is read, whatever it is: that is kept once, and beside it only those of whom something else is read.
//! So a reading costs as much as there are doubts, however many members there are.

use std::collections::BTreeMap;

use super::contact::InTouch;
use super::identity::Key;
use super::quorum::{Epoch, Standing};

/// Readings as they were last told.
#[derive(Debug, Clone, Default)]
pub(super) struct Readings {
    /// Of all members that are not set apart; none before anything was read.
    common: Option<Reading>,
    /// Members of whom something else is read, or nothing yet.
    apart: BTreeMap<Key, Option<Reading>>,
    /// What they were made of.
    made_of: Option<Grounds>,
    /// Some reading has changed once, and is told if it stays so.
    unsteady: bool,
}

/// All that readings depend on: nothing else has to be read anew.
pub(super) type Grounds = (u64, InTouch, Standing, Epoch);

/// What is read of one member, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    alive: bool,
    /// For how many intervals the contrary has been true.
    contrary: u32,
}

/// A reading must differ for so many intervals before it is changed.
const STEADY: u32 = 2;

/// A round of readings: what was common before it, and whether that is told anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    before: Option<Reading>,
    pub(super) told: bool,
}

impl Reading {
    /// The next reading of the same, and whether that is to be told.
    fn next(before: Option<Self>, alive: bool) -> (Self, bool) {
        match before {
            None => (Self { alive, contrary: 0 }, true),
            Some(before) if before.alive == alive => (Self { alive, contrary: 0 }, false),
            Some(before) if before.contrary + 1 >= STEADY => (Self { alive, contrary: 0 }, true),
            Some(before) => (Self { contrary: before.contrary + 1, ..before }, false),
        }
    }
}

impl Readings {
    /// Whether a member is read as alive.
    pub(super) fn is_alive(&self, key: Key) -> bool {
        self.apart.get(&key).copied().unwrap_or(self.common).is_some_and(|reading| reading.alive)
    }

    /// Nothing has been told of this one yet.
    pub(super) fn start_over(&mut self, key: Key) {
        if self.common.is_some() {
            self.apart.insert(key, None);
        }
    }

    /// Something was decided: whatever was read is to be read again.
    pub(super) fn review(&mut self) {
        self.made_of = None;
    }

    /// Begins a round, unless nothing has changed since the last one and all is steady. In it,
    /// [`read`](Self::read) is to be called for all that are set apart, for all that anybody doubts, and for all on whom something is decided.
    pub(super) fn begin(&mut self, grounds: Grounds, alive: bool) -> Option<Round> {
        if self.made_of == Some(grounds) && !self.unsteady {
            return None;
        }
        self.made_of = Some(grounds);
        let before = self.common;
        let (reading, told) = Reading::next(before, alive);
        self.common = Some(reading);
        self.unsteady = reading.contrary > 0;
        Some(Round { before, told })
    }

    /// Who is set apart, and still a member.
    pub(super) fn apart(&mut self, is_member: impl Fn(Key) -> bool) -> impl Iterator<Item = Key> {
        self.apart.retain(|&key, _| is_member(key));
        self.apart.keys().copied()
    }

    /// Reads one member, if nothing is decided on it; whether that is to be told.
    pub(super) fn read(&mut self, round: Round, key: Key, alive: Option<bool>) -> bool {
        let before = self.apart.get(&key).copied().unwrap_or(round.before);
        let Some(alive) = alive else {
            self.apart.insert(key, before);
            return false;
        };
        let (reading, told) = Reading::next(before, alive);
        self.unsteady |= reading.contrary > 0;
        if self.common == Some(reading) {
            self.apart.remove(&key);
        } else {
            self.apart.insert(key, Some(reading));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng::Rng;

    const MEMBERS: u64 = 12;

    /// Each member by itself, as it would be without anything in common.
    #[derive(Default)]
    struct Each(BTreeMap<Key, Reading>);

    impl Each {
        fn read(&mut self, key: Key, alive: Option<bool>) -> bool {
            let Some(alive) = alive else { return false };
            let (reading, told) = Reading::next(self.0.get(&key).copied(), alive);
            self.0.insert(key, reading);
            told
        }
    }

    /// However often members come and go, are doubted, decided on, and all of them at once read otherwise: the same is told of each as if
    /// it were read by itself.
    #[test]
    fn what_is_kept_in_common_is_what_would_be_read_of_each() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let (mut readings, mut each) = (Readings::default(), Each::default());
            let mut common = true;
            for revision in 0..60 {
                common ^= rng.below(4) == 0;
                let odd =
                    |rng: &mut Rng| (0..MEMBERS).map(Key).filter(|_| rng.below(5) == 0).collect::<Vec<_>>();
                let (fresh, doubted, decided) = (odd(&mut rng), odd(&mut rng), odd(&mut rng));
                for &key in fresh.iter().take(1) {
                    readings.start_over(key);
                    each.0.remove(&key);
                }
                let grounds = (revision, InTouch::default(), Standing::InQuorum, Epoch::GENESIS);
                let round = readings.begin(grounds, common).expect("the grounds are new");
                let looked_at: Vec<Key> =
                    readings.apart(|_| true).chain(doubted.iter().chain(&decided).copied()).collect();
                for key in (0..MEMBERS).map(Key) {
                    let alive = (!decided.contains(&key)).then_some(common != doubted.contains(&key));
                    let told =
                        if looked_at.contains(&key) { readings.read(round, key, alive) } else { round.told };
                    assert_eq!(told, each.read(key, alive), "{key:?} in round {revision} of seed {seed}");
                    assert_eq!(readings.is_alive(key), each.0.get(&key).is_some_and(|reading| reading.alive));
                }
            }
        }
    }

    #[test]
    fn with_nobody_in_doubt_nobody_is_set_apart() {
        let mut readings = Readings::default();
        for revision in 0..10 {
            let alive = revision < 5;
            let round =
                readings.begin((revision, InTouch::default(), Standing::InQuorum, Epoch::GENESIS), alive);
            let told = round.is_some_and(|round| round.told);
            assert_eq!(told, revision == 0 || revision == 6, "{revision}");
            assert_eq!(readings.apart(|_| true).count(), 0);
        }
        assert!(!readings.is_alive(Key(1)));
    }
}
