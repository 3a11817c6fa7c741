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
        // What a view has decided is told before the view itself.
        let mut told: Vec<(&NodeId, Incarnation, Verdict)> = Vec::new();
        for event in events {
            match event {
                Event::Verdict { id, incarnation, verdict } => told.push((id, *incarnation, *verdict)),
                Event::View { view } => {
                    let mut all = told.drain(..);
                    all.try_for_each(|said| self.hear(view.genesis, host, said))?;
                }
                // Another life goes on from what the disk has, which may be less than the former one had been told.
                Event::Started { .. } => _ = self.last.remove(&host),
                _ => {}
            }
        }
        // Readings are told without one.
        let genesis = world.view(host).map_or(GenesisId(0), |view| view.genesis);
        told.into_iter().try_for_each(|said| self.hear(genesis, host, said))
    }
}

impl SameOrder {
    fn hear(
        &mut self,
        genesis: GenesisId,
        host: usize,
        (id, incarnation, verdict): (&NodeId, Incarnation, Verdict),
    ) -> Result<(), String> {
        let (Verdict::Suspended { epoch } | Verdict::Dead { epoch } | Verdict::Left { epoch }) = verdict
        else {
            return Ok(());
        };
        let said = (incarnation, verdict);
        let first = self.decided.entry((genesis, epoch, id.clone())).or_insert(said);
        if *first != said {
            return Err(format!("S1: n{host} is told {said:?} of {id}, and somebody else {first:?}"));
        }
        match self.last.insert(host, (genesis, epoch, id.clone())) {
            Some((of, before, whom)) if of == genesis && (before, &whom) >= (epoch, id) => {
                Err(format!("S1: n{host} is told of view {epoch} and {id} after {before} and {whom}"))
            }
            _ => Ok(()),
        }
    }
}
