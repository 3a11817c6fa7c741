//! A voter's side of vouchers: what it promised to whom, and when that has run out.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::clock::Moment;
use super::delta::Subject;
use super::view::View;
use crate::core::identity::{Identity, Incarnation, NodeId, StorageId};

/// Until when this voter has vouched for whom, under whatever view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vouching {
    /// By name and incarnation; forgotten once passed.
    until: BTreeMap<(NodeId, Incarnation), Moment>,
    /// A start forgets; everybody is taken to be vouched for until then.
    amnesty: Moment,
}

impl Vouching {
    /// Begins at `start`, for a disk that has vouched for at most `longest` before.
    pub fn new(start: Moment, longest: Option<Duration>) -> Self {
        Self { until: BTreeMap::new(), amnesty: longest.map_or(start, |longest| start.plus(longest)) }
    }

    /// Vouches for a life whose message was received at `receipt`, if the stored view lets this voter.
    ///
    /// Nothing but the stored view decides: what a restart forgets must not.
    pub fn vouch(&mut self, view: &View, own: &StorageId, whom: &Identity, receipt: Moment) -> bool {
        if !view.electorate.vouches(own) || !view.is_good(&whom.id, whom.incarnation) {
            return false;
        }
        let until = receipt.plus(view.vouch_for.get());
        // Only a life that is new here costs an allocation.
        match self.until.get_mut(&(whom.id.clone(), whom.incarnation)) {
            Some(known) => *known = known.latest(until),
            None => {
                self.until.insert((whom.id.clone(), whom.incarnation), until);
            }
        }
        true
    }

    /// When the last voucher for a subject, at any of its incarnations, will have run out on both clocks.
    pub fn until(&self, subject: &Subject) -> Moment {
        let lives = (subject.id.clone(), Incarnation::FIRST)..=(subject.id.clone(), subject.incarnation);
        self.until.range(lives).fold(self.amnesty, |last, (_, until)| last.latest(*until))
    }

    /// Forgets what has passed.
    pub fn forget(&mut self, now: Moment) {
        self.until.retain(|_, until| !until.passed_on_both(now));
    }
}

impl Vouching {
    /// Hashes what has not passed.
    pub(super) fn gist(&self, now: Moment, into: &mut impl Hasher) {
        let left = |until: &Moment| (!until.passed_on_both(now)).then(|| until.left(now));
        left(&self.amnesty).hash(into);
        for (life, until) in &self.until {
            if let Some(left) = left(until) {
                (life, left).hash(into);
            }
        }
    }
}
