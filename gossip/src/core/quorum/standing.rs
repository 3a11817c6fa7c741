//! Where this node stands: whether a majority vouches for it, on its own clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Moment;
use super::view::{Cause, Epoch, Gone, View, VouchFor};
use super::vouched::lease_of;
use super::{Quorum, Register};
use crate::core::event::Event;
use crate::core::identity::{Identity, Incarnation, StorageId};

/// What a node knows of its own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Standing {
    /// No majority vouches for it, and that means nothing: there are no voters, or none that it exchanges heartbeats with. In a
    /// cluster larger than a full mesh, that is how all stand who do not vote, and neither hold a lease nor want one.
    #[default]
    Unvoted,
    /// A majority of voters vouches for it.
    InQuorum,
    /// None does any more: whatever it was trusted with may be another's at any moment. Step down.
    Isolated,
    /// A decided view says that this life of it is over. Step down for good.
    Evicted,
}

/// The standing as it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Stand {
    pub(super) standing: Standing,
    /// Since when it has been what it is.
    pub(super) since: Moment,
    /// When to look again though nothing happens.
    due: Option<Duration>,
    /// Whether it has been said that time is running out.
    warned: bool,
}

impl Stand {
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }
}

impl<R: Register> Quorum<R> {
    /// Whether this node exchanges heartbeats with the voters all the time, rather than only for a lease.
    pub fn set_renewing(&mut self, renews: bool) {
        self.renews = renews;
    }

    /// Somebody has refused this life because it is over. One that was never in quorum has merely begun too low.
    pub fn hear_of_own_end(&mut self) {
        self.ended |= self.was_in_quorum;
        self.take_stock();
    }

    /// A view is on its way to the disk. If it has this life as dead, one that overtakes it there may have it no more.
    pub(super) fn note_own_end(&mut self, view: &View) {
        let Identity { id, incarnation, .. } = &self.identity;
        let over = |gone: &Gone| gone.cause == Cause::Dead && *incarnation <= gone.incarnation;
        if view.gone.get(id).is_some_and(over) {
            self.ends.get_or_insert(view.epoch);
        }
    }

    /// This view is stored, or a later one: once dead is dead for ever, also if the record of it has made room since (S2).
    pub(super) fn heed_own_end(&mut self, view: &View) {
        self.ended |= self.ends.is_some_and(|epoch| epoch <= view.epoch);
    }

    /// Among the views that were skipped may have been the end of this life, and what made room on record for others since. One that
    /// was in quorum counts itself out; another never counts itself in, and has to begin above the floor: that is what it returns.
    pub(super) fn outslept_floor(&mut self) -> bool {
        self.hear_of_own_end();
        self.below_floor |= !self.ended;
        !self.ended
    }

    /// A view is in force: since when its floor is where it is, and whether this life is above it.
    pub(super) fn note_floor(&mut self, before: Option<&View>, view: &View) {
        if before.is_none_or(|before| before.floor != view.floor) {
            self.floor_since = view.epoch;
        }
        self.above_floor |= view.floor < Some(self.identity.incarnation);
    }

    /// Whether a life that shows this epoch knows whether it is over. Of one that the floor has passed nobody else may know any
    /// more: its end may have been on record once, and have made room. It has seen that itself once it has stored the view
    /// that raised the floor, or a later one; or the view that it shows, if this node knows all steps since and none ends it.
    pub fn has_seen_floor(&self, whom: &Identity, shown: Option<Epoch>) -> bool {
        let Some(view) = self.view().filter(|view| view.floor >= Some(whom.incarnation)) else { return true };
        shown.is_some_and(|shown| shown >= self.floor_since || self.is_spared_since(shown, whom, view.epoch))
    }

    /// Whether this life was in quorum, or above a floor, and has seen the record of the dead fill up to this floor without being on
    /// it: decided by decided, or it would have counted itself out (S4).
    pub fn outlives_floor(&self, floor: Incarnation) -> bool {
        let Identity { id, incarnation, .. } = &self.identity;
        let outlived = |view: &View| view.floor >= Some(floor) && !view.is_gone(id, *incarnation);
        let begun_well = self.was_in_quorum || self.above_floor;
        !self.ended && !self.below_floor && begun_well && self.view().is_some_and(|view| outlived(view))
    }

    /// Where this node stands, as of the last call that took a time.
    pub fn standing(&self) -> Standing {
        self.stand.standing
    }

    /// Until when this node may count itself in if it hears nothing more. In the past if it may not.
    pub fn lease_until(&self) -> Moment {
        match self.stand.standing {
            Standing::InQuorum => self.vouched.until(),
            _ => Moment::default(),
        }
    }

    /// Whether this node has been in quorum for so long.
    pub(super) fn in_quorum_for(&self, length: Duration) -> bool {
        self.stand.standing == Standing::InQuorum
            && self.stand.since.plus(length).passed_on_both(self.now.into())
    }

    /// How much of a voucher given now may be relied on.
    pub(super) fn lease_length(&self, voucher: VouchFor) -> Duration {
        lease_of(voucher, self.settings.rho, self.settings.margin)
    }

    /// Counts a voucher that acknowledges a heartbeat of this life sent at `sent`; the caller has seen that it is bound to
    /// this history, this life and that voter.
    pub fn handle_voucher(&mut self, voter: StorageId, electorate: Epoch, length: VouchFor, sent: Moment) {
        let lease = self.lease_length(length);
        self.vouched.count(voter, electorate, sent, lease);
        self.take_stock();
    }

    /// Vouches for whoever sent a heartbeat that was received at `receipt`; what to say of it.
    pub fn vouch(&mut self, whom: &Identity, receipt: Moment) -> Option<(Epoch, VouchFor)> {
        if self.is_broken() {
            return None;
        }
        let view = self.journal.view()?;
        let given = self.vouching.vouch(view, &self.identity.storage, whom, receipt);
        given.then_some((view.electorate.since, view.vouch_for))
    }

    /// A voter's heartbeat to itself: recorded like any other, and as good.
    pub fn vouch_for_self(&mut self, sent: Moment) {
        let (own, whom) = (self.identity.storage, self.identity.clone());
        if let Some((electorate, length)) = self.vouch(&whom, sent) {
            self.handle_voucher(own, electorate, length, sent);
        }
    }

    /// Sees where this node stands now, and says so if that has changed.
    pub(super) fn take_stock(&mut self) {
        let now = Moment::from(self.now);
        let standing = self.standing_at(now);
        let until = self.vouched.until();
        if standing != self.stand.standing {
            self.stand = Stand { standing, since: now, due: None, warned: false };
            let epoch = self.view().map_or(Epoch::GENESIS, |view| view.epoch);
            if standing == Standing::InQuorum {
                self.was_in_quorum = true;
                self.pursue_at_once();
            } else {
                self.expire_leases();
            }
            self.say(Event::Standing { standing, epoch });
        }
        self.stand.due = None;
        if standing == Standing::InQuorum {
            let third = self.view().map_or(Duration::ZERO, |view| self.lease_length(view.vouch_for) / 3);
            let warn_at = until.boot.saturating_sub(third);
            if now.boot < warn_at {
                self.stand.warned = false;
                self.stand.due = Some(warn_at);
            } else {
                if !std::mem::replace(&mut self.stand.warned, true) {
                    self.warn_leases(until.boot.saturating_sub(now.boot));
                }
                self.stand.due = Some(until.boot);
            }
        }
    }

    fn standing_at(&self, now: Moment) -> Standing {
        let Some(view) = self.view().filter(|_| !self.below_floor) else { return Standing::Unvoted };
        if self.ended {
            return Standing::Evicted;
        }
        let (id, incarnation) = (&self.identity.id, self.identity.incarnation);
        if let Some(gone) = view.gone.get(id).filter(|gone| incarnation <= gone.incarnation) {
            return if gone.cause == Cause::Dead { Standing::Evicted } else { Standing::Unvoted };
        }
        if view.is_good(id, incarnation) && !self.vouched.until().passed_on_either(now) {
            return Standing::InQuorum;
        }
        match self.stand.standing {
            // Where nobody is meant to vouch for it, that nobody does means nothing.
            _ if !self.renews && self.leases.is_idle() => Standing::Unvoted,
            Standing::Unvoted => Standing::Unvoted,
            _ => Standing::Isolated,
        }
    }
}
