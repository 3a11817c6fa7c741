//! What subscribers are told of decisions: the same everywhere, in the same order.

use std::collections::BTreeMap;

use gossip::{Epoch, Event, GenesisId, Incarnation, NodeId, Verdict};

use super::check::Check;
use super::world::World;

/// S1, as users see it: of two decisions that two subscribers are both told, both are told the same one first, and the same of it.
///
/// Who catches up with a snapshot is not told what was taken back meanwhile, so nobody need be told everything.
#[derive(Debug, Clone, Default)]
pub struct SameOrder {
    /// What each view decided of whom.
    decided: BTreeMap<(GenesisId, Epoch, NodeId), (Incarnation, Verdict)>,
    /// The last that each host was told in this life, and of which history.
    last: BTreeMap<usize, (GenesisId, Epoch, NodeId)>,
}

impl Check for SameOrder {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        for event in events {
            if let Event::Started { .. } = event {
                // Another life goes on from what the disk has, which may be less than the former one had been told.
                self.last.remove(&host);
            }
            let Event::Verdict { id, incarnation, verdict } = event else { continue };
            let (Verdict::Suspended { epoch } | Verdict::Dead { epoch } | Verdict::Left { epoch }) = *verdict
            else {
                continue;
            };
            let Some(view) = world.view(host) else {
                return Err(format!("S1: n{host} is told {verdict:?} of {id}, and has no view"));
            };
            let said = (*incarnation, *verdict);
            let first = self.decided.entry((view.genesis, epoch, id.clone())).or_insert(said);
            if *first != said {
                return Err(format!("S1: n{host} is told {said:?} of {id}, and somebody else {first:?}"));
            }
            let last = self.last.insert(host, (view.genesis, epoch, id.clone()));
            if let Some((genesis, before, whom)) = last
                && genesis == view.genesis
                && (before, &whom) >= (epoch, id)
            {
                return Err(format!(
                    "S1: n{host} is told of view {epoch} and {id} after {before} and {whom}"
                ));
            }
        }
        Ok(())
    }
}
