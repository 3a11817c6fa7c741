//! A holder's side of vouchers: who vouches for this node, and until when that makes a majority.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::clock::Moment;
use super::view::{Electorate, Epoch, VOTERS_MAX, View, Voters, VouchFor};
use crate::core::identity::StorageId;

/// What voters promised this life of this node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Vouched {
    /// By voter and the electorate that it believed in: until when, counted from this node's own send. What it promises later, of
    /// another electorate, takes nothing from that.
    vouchers: BTreeMap<(StorageId, Epoch), Moment>,
    /// The electorates of the chain that vouchers may still be counted for, newest last.
    electorates: Vec<Electorate>,
    /// What follows from both.
    until: Moment,
}

impl Vouched {
    /// Electorates remembered: those before have no vouchers left.
    const ELECTORATES_MAX: usize = 4;
    /// Vouchers remembered: those of two full electorates and their successors.
    const VOUCHERS_MAX: usize = 4 * VOTERS_MAX;

    /// A view has been stored.
    pub fn adopt(&mut self, view: &View) {
        if self.electorates.last().is_some_and(|last| last.since == view.electorate.since) {
            return;
        }
        if self.electorates.len() >= Self::ELECTORATES_MAX {
            self.electorates.remove(0);
        }
        self.electorates.push(view.electorate.clone());
        self.until = self.reckon();
    }

    /// Counts a voucher for a message sent at `sent`. `lease` is how much of it this node may rely on.
    pub fn count(&mut self, voter: StorageId, electorate: Epoch, sent: Moment, lease: Duration) {
        let (key, until) = ((voter, electorate), sent.plus(lease));
        if self.vouchers.len() >= Self::VOUCHERS_MAX && !self.vouchers.contains_key(&key) {
            let oldest = self.vouchers.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key);
            oldest.map(|key| self.vouchers.remove(&key));
        }
        let known = self.vouchers.entry(key).or_default();
        if until > *known {
            *known = until;
            self.until = self.reckon();
        }
    }

    /// Until when a majority vouches for this node if nobody says anything more; in the past if none does.
    pub fn until(&self) -> Moment {
        self.until
    }

    /// A majority of one electorate of the chain, by vouchers of that electorate or earlier ones; of a sealed one, of
    /// both its sets.
    fn reckon(&self) -> Moment {
        let of = |electorate: &Electorate| {
            let given = self.majority_until(&electorate.voters, electorate.since);
            let next = electorate.next.as_ref().map(|next| self.majority_until(next, electorate.since));
            next.map_or(given, |next| Moment {
                boot: given.boot.min(next.boot),
                raw: given.raw.min(next.raw),
            })
        };
        self.electorates.iter().map(of).fold(Moment::default(), Moment::max)
    }

    /// Of these voters: until when the last majority of them vouches.
    fn majority_until(&self, voters: &Voters, since: Epoch) -> Moment {
        // Part of the heartbeat path: no allocation.
        let mut until = [Moment::default(); VOTERS_MAX];
        let mut count = 0;
        for (slot, good_until) in
            until.iter_mut().zip(voters.keys().filter_map(|voter| self.last_of(voter, since)))
        {
            *slot = good_until;
            count += 1;
        }
        let needed = voters.len() / 2 + 1;
        if count < needed {
            return Moment::default();
        }
        // The same vouchers must be good on both clocks: those that last longest on one, until the first ends on the other.
        until.sort_unstable_by(|a, b| b.cmp(a));
        let chosen = &until[..needed];
        let raw = chosen.iter().map(|until| until.raw).min().unwrap_or_default();
        Moment { boot: chosen[needed - 1].boot, raw }
    }

    /// Until when a voter vouches, by vouchers that count for an electorate.
    fn last_of(&self, voter: &StorageId, since: Epoch) -> Option<Moment> {
        self.vouchers.range((*voter, Epoch::GENESIS)..=(*voter, since)).map(|(_, until)| *until).max()
    }
}

/// How much of a voucher its holder may rely on, L_n: what is left if the two clocks drift apart by `rho` each, less a margin.
pub fn lease_of(voucher: VouchFor, rho: f64, margin: Duration) -> Duration {
    let length = voucher.get().as_secs_f64() * (1.0 - rho) / (1.0 + rho);
    Duration::try_from_secs_f64(length).unwrap_or_default().saturating_sub(margin)
}

impl Vouched {
    /// Hashes what has not passed.
    pub(super) fn gist(&self, now: Moment, into: &mut impl Hasher) {
        self.electorates.hash(into);
        for (key, until) in &self.vouchers {
            if now.boot < until.boot {
                (key, until.left(now)).hash(into);
            }
        }
    }
}
