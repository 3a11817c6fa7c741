//! S3 where only some observe each other, so that voters go by what others say.

use std::collections::BTreeMap;

use gossip::{Epoch, Event, NodeId, Opinion, Standing};

use super::Nanos;
use super::check::Check;
use super::world::World;

/// S3 in a cluster larger than a full mesh: while nothing goes wrong nobody is suspended whom no observer suspected.
///
/// While something does, who could be reached by whom is not known well enough to say more.
#[derive(Debug, Clone, Default)]
pub struct SuspectedByObservers {
    /// When each process last suspected whom; the end of time while it does.
    suspected: BTreeMap<(NodeId, usize, u64), Nanos>,
    newest: Option<Epoch>,
    /// When each host last said that it was isolated.
    isolated: BTreeMap<NodeId, Nanos>,
}

impl SuspectedByObservers {
    /// For how many intervals an answer, and the ballot it leads to, may take.
    const LATELY: Nanos = 30;
    /// For how many intervals what has gone wrong may be felt.
    const FELT: Nanos = 120;

    fn note(&mut self, world: &World, host: usize, events: &[Event]) {
        let own = &world.hosts[host];
        for event in events {
            match event {
                Event::Opinion { observer, target, opinion, .. } if *observer == own.id => {
                    let until = if *opinion == Opinion::Suspect { Nanos::MAX } else { world.now };
                    self.suspected.insert((target.clone(), host, own.life), until);
                }
                Event::Standing { standing: Standing::Isolated, .. } => {
                    self.isolated.insert(own.id.clone(), Nanos::MAX);
                }
                Event::Standing { .. } => {
                    self.isolated.entry(own.id.clone()).and_modify(|at| *at = world.now);
                }
                _ => {}
            }
        }
    }

    fn was_suspected(&self, world: &World, target: &NodeId, since: Nanos) -> bool {
        let of_target = (target.clone(), 0, 0)..=(target.clone(), usize::MAX, u64::MAX);
        let lives = |host: usize, life| world.hosts[host].life == life && world.hosts[host].is_up();
        self.suspected
            .range(of_target)
            .any(|(&(_, host, life), &until)| until >= since && (until < Nanos::MAX || lives(host, life)))
    }
}

impl Check for SuspectedByObservers {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        if world.hosts.len() <= world.config_mesh {
            // There voters see for themselves.
            return Ok(());
        }
        self.note(world, host, events);
        let Some(view) = world.view(host).filter(|view| Some(view.epoch) > self.newest) else {
            return Ok(());
        };
        self.newest = Some(view.epoch);
        let since = |intervals: Nanos| world.now.saturating_sub(intervals * world.interval());
        if world.went_wrong() >= since(Self::FELT) {
            return Ok(());
        }
        for (id, suspension) in view.suspended.iter().filter(|(_, s)| s.since == view.epoch) {
            let isolated = self.isolated.get(id).is_some_and(|&at| at >= since(Self::FELT));
            let well = |host: &super::host::Host| {
                host.id == *id
                    && host.lives(suspension.incarnation)
                    && !host.is_young(world.now, world.interval())
            };
            if !isolated
                && world.hosts.iter().any(well)
                && !self.was_suspected(world, id, since(Self::LATELY))
            {
                return Err(format!("S3: view {} suspends {id}, whom nobody suspected", view.epoch));
            }
        }
        Ok(())
    }
}
