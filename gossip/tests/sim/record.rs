//! A history that is old when a run begins: it has a record of the dead.

use gossip::core::quorum::{Cause, GONE_MAX, Gone, Voters, VouchFor};
use gossip::{Epoch, GenesisId, Incarnation, NodeId, View};

use super::rng::Rng;
use super::world::World;

/// A record of the dead that is full, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// For how many more ends there is room before one has to go.
    pub room: usize,
    /// The lowest life on it: as low as those that hosts begin in here, or higher, so that the floor passes them when it rises.
    pub life: u64,
}

impl Record {
    pub fn random(rng: &mut Rng) -> Self {
        Self { room: rng.index(4), life: [1, 2, 1_000][rng.index(3)] }
    }

    /// Puts the history on all disks.
    pub fn write(self, world: &mut World, voters: usize) {
        let mut first = Voters::default();
        for host in &world.hosts[..voters] {
            assert!(first.insert(host.disk, host.id.clone()));
        }
        let vouch_for = VouchFor::clamped(10 * world.config.interval());
        let mut view = View::genesis(GenesisId(7), first, vouch_for);
        for number in 0..GONE_MAX - self.room {
            let name = NodeId::new(format!("gone{number}")).expect("a name");
            let incarnation = Incarnation::new(self.life + number as u64).expect("in range");
            assert!(view.gone.insert(name, Gone { incarnation, cause: Cause::Dead, epoch: Epoch::GENESIS }));
        }
        for host in &mut world.hosts {
            host.durable.view = Some(view.clone().into());
            host.durable.vouch_for_max = Some(vouch_for);
        }
    }
}
