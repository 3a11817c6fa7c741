//! Checkers. They know what really happened, which no node does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gossip::core::Node;
use gossip::{Event, Identity, Incarnation, NodeId, Opinion, Record, Suspicion, Version};

use super::Nanos;
use super::host::Host;
use super::world::World;

/// What must hold after every step.
pub trait Check {
    /// A host was touched, and these events came out of it.
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String>;
}

/// S6: nobody's record changes but by its owner, and versions never go back.
///
/// Every record anywhere must be, field by field, one that its owner held; and what a node knows of a name only moves
/// forward while the node lives.
#[derive(Debug, Clone, Default)]
pub struct OwnerWrites {
    written: BTreeMap<(Identity, Version), Arc<Record>>,
    /// What each host has shown.
    seen: Vec<Option<Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    life: u64,
    revision: u64,
    records: BTreeMap<NodeId, Arc<Record>>,
}

impl Check for OwnerWrites {
    fn after(&mut self, world: &World, host: usize, _: &[Event]) -> Result<(), String> {
        let Some(node) = &world.hosts[host].node else { return Ok(()) };
        let life = world.hosts[host].life;
        let key = |r: &Record| (r.identity.clone(), r.version);
        let fresh = || Seen { life, revision: u64::MAX, records: BTreeMap::new() };
        if self.seen.len() <= host {
            self.seen.resize_with(host + 1, || None);
        }
        let seen = self.seen[host].get_or_insert_with(fresh);
        // What it wrote as its former life ended has been sent, and is seen by nobody on this host any more.
        let mut last = None;
        if seen.life != life {
            *seen = fresh();
            last = world.hosts[host].last_record.as_ref();
        }
        if seen.revision == node.revision() {
            return Ok(());
        }
        seen.revision = node.revision();
        for own in last.into_iter().chain([node.record()]) {
            if let Some(before) = self.written.insert(key(own), own.clone())
                && before != *own
            {
                return Err(format!(
                    "S6: n{host} wrote two records of the same version: {before:?} and {own:?}"
                ));
            }
        }
        for member in node.members() {
            let record = member.record;
            let id = &record.identity.id;
            let known = seen.records.get(id);
            if known.is_some_and(|known| Arc::ptr_eq(known, &record)) {
                continue;
            }
            match self.written.get(&key(&record)) {
                None => {
                    return Err(format!("S6: n{host} has a record that its owner never wrote: {record:?}"));
                }
                Some(written) if *written != record => {
                    return Err(format!("S6: n{host} has {record:?}, but its owner wrote {written:?}"));
                }
                Some(_) => {}
            }
            if known.is_some_and(|known| known.stamp() > record.stamp()) {
                return Err(format!("S6: at n{host} the record of {id} went back to {record:?}"));
            }
            seen.records.insert(id.clone(), record);
        }
        Ok(())
    }
}

/// S6 for opinions: whatever a node reports of another's opinion is one that the other really held.
#[derive(Debug, Clone, Default)]
pub struct HonestOpinions {
    held: BTreeSet<(NodeId, NodeId, Incarnation, Opinion)>,
}

impl Check for HonestOpinions {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        let own = &world.hosts[host].id;
        for event in events {
            let Event::Opinion { observer, target, incarnation, opinion, .. } = event else { continue };
            let claim = (observer.clone(), target.clone(), *incarnation, *opinion);
            if observer == own {
                self.held.insert(claim);
            } else if *opinion == Opinion::Suspect && !self.held.contains(&claim) {
                return Err(format!("S6: n{host} was told that {observer} suspects {target}, who never did"));
            }
        }
        Ok(())
    }
}

/// S8: nobody loses trust for a silence that was the observer's own.
///
/// While it was awake, the observer must have been without a fresh heartbeat for longer than a sender that is in time
/// ever makes it wait.
#[derive(Debug, Clone)]
pub struct OwnPause {
    pub silence_min: Nanos,
}

impl OwnPause {
    pub fn new(interval: Nanos) -> Self {
        Self { silence_min: interval + interval / 2 }
    }
}

impl Check for OwnPause {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        let own = &world.hosts[host].id;
        for event in events {
            let Event::Opinion { observer, target, opinion, .. } = event else { continue };
            if observer != own || *opinion == Opinion::Trust {
                continue;
            }
            let Some(target) = world.hosts.iter().position(|h| h.id == *target) else { continue };
            if !same_life(world, host, target) {
                // What the observer has in mind is a life that is over.
                continue;
            }
            let heard = world.heard(host, target);
            let awake = awake_between(world, host, heard);
            if awake < self.silence_min {
                return Err(format!(
                    "S8: n{host} no longer trusts n{target} after {:.3} s awake without a heartbeat: {event:?}",
                    awake as f64 / 1e9
                ));
            }
        }
        Ok(())
    }
}

/// Whether what one host knows of another is the life that is lived there now.
fn same_life(world: &World, host: usize, target: usize) -> bool {
    let known = world.hosts[host].node.as_ref().and_then(|node| node.member(&world.hosts[target].id));
    let running = world.hosts[target].node.as_ref().map(|node| node.identity().clone());
    known.map(|member| member.record.identity.clone()) == running
}

/// For how long a host has been awake since `from`.
fn awake_between(world: &World, host: usize, from: Nanos) -> Nanos {
    let asleep: Nanos = world.pauses[host]
        .iter()
        .map(|&(start, end)| end.min(world.now).saturating_sub(start.max(from)))
        .sum();
    (world.now - from).saturating_sub(asleep)
}

/// L2 and L4: everybody alive knows and trusts everybody alive, has their newest records, and nobody accuses them.
pub fn converged(world: &World) -> Result<(), String> {
    (0..world.hosts.len()).try_for_each(|host| converged_at(world, host))
}

/// The same, as one of them sees it.
pub fn converged_at(world: &World, host: usize) -> Result<(), String> {
    match &world.hosts[host].node {
        Some(node) if world.hosts[host].is_up() => {
            trusts_all(world, host, node)?;
            knows_no_other(world, host, node)
        }
        _ => Ok(()),
    }
}

/// Whether a node has the newest records of all that are up, and reads no doubt of theirs about any.
fn trusts_all(world: &World, host: usize, node: &Node) -> Result<(), String> {
    let now = world.hosts[host].now(world.now).boot;
    for other in world.hosts.iter().filter(|other| other.is_up()) {
        let id = &other.id;
        let Some(member) = node.member(id) else { return Err(format!("n{host} does not know {id}")) };
        let owned = other.node.as_ref().map(Node::record);
        if owned != Some(&member.record) {
            return Err(format!("n{host} has an old record of {id}: {:?}, not {owned:?}", member.record));
        }
        if member.opinion.is_some_and(|opinion| opinion != Opinion::Trust) || member.accusers > 0 {
            return Err(format!("n{host} does not trust {id}: {member:?}"));
        }
        let of_live = |observer: &NodeId| world.host_called(observer).is_some_and(Host::is_up);
        let doubts = |said: &&Suspicion| said.opinion != Opinion::Trust && of_live(&said.observer);
        if let Some(said) = node.suspicion(id, now).iter().find(doubts) {
            return Err(format!("n{host} still reads a doubt about {id}: {said:?}"));
        }
    }
    Ok(())
}

/// Whether a node neither knows one that never was, nor has missed that one has left or is dead.
fn knows_no_other(world: &World, host: usize, node: &Node) -> Result<(), String> {
    for member in node.members() {
        let id = &member.record.identity.id;
        let Some(other) = world.host_called(id) else { return Err(format!("n{host} has a ghost: {id}")) };
        if other.left && !other.is_up() {
            return Err(format!("n{host} has not noticed that {id} left"));
        }
        if other.node.is_none() && member.opinion == Some(Opinion::Trust) {
            return Err(format!("n{host} still trusts {id}, which is dead"));
        }
    }
    Ok(())
}
