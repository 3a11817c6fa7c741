//! Rule I2 of `docs/protocol.md`, where nobody remembers: a lease's owner is a known life of its name, and whoever else begins in its
//! incarnation, or a lower one, is outranked.

use super::end::Why;
use super::event::{Event, Refusal};
use super::identity::{Identity, Incarnation};
use super::quorum::View;
use super::{Node, disks};

impl Node {
    /// The owner of a lease that this life cannot be, and of whose name it must not be. Where the owner itself is a member, it is
    /// remembered, and what is known of it decides.
    pub(super) fn outranked_by(&self, view: &View, whom: &Identity) -> Option<Incarnation> {
        let known = self.members.of(whom.id.key()).map(|slot| &slot.record.identity);
        if known == Some(whom) {
            return None;
        }
        view.outranks(whom).filter(|&owner| known != Some(owner)).map(|owner| owner.incarnation)
    }

    /// A view is in force. Has it a life of this name that is no earlier one, then this life is one too many: it began where others did
    /// not remember, nor its own disk, how far the name has come.
    pub(super) fn heed_owners(&mut self, view: &View) {
        let Some(owner) = view.outranks(&self.identity) else { return };
        let (by, highest) = (self.record().addr, owner.incarnation);
        if self.objections.highest.is_some_and(|known| known.highest >= highest) {
            return;
        }
        let (reason, why) = match disks::rewound(owner, &self.identity) {
            Some(highest) => (Refusal::Rewound { highest }, Why::Rewound),
            None => (Refusal::Incarnation { highest }, Why::TooLow),
        };
        self.step_down(reason);
        self.object(highest, why);
        self.events.push(Event::Refused { by, reason });
    }

    /// Whoever was taken in before this view was known, and is outranked by an owner of its name, has to introduce itself again. It is
    /// refused then, or has begun above the owner.
    pub(super) fn forget_outranked(&mut self, view: &View) {
        let outranked = view.leases.iter().filter_map(|(_, grant)| {
            let key = grant.owner.id.key();
            let known = &self.members.of(key)?.record.identity;
            (key != self.key && view.outranks(known).is_some()).then(|| (key, known.clone(), &grant.owner))
        });
        for (key, former, owner) in Vec::from_iter(outranked) {
            self.bury(key, false);
            if former.incarnation < owner.incarnation {
                self.note_outlived(former.id, former.incarnation);
            }
        }
    }
}
