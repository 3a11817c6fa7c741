//! Checkers of what is decided: S1–S5, S7 and S9. They look at all hosts and disks at once, as no node can.

use std::collections::BTreeMap;
use std::sync::Arc;

use gossip::core::quorum::{Cause, Delta, Durable, Electorate, Moment, majority};
use gossip::{Epoch, Event, GenesisId, Incarnation, LeaseName, NodeId, Opinion, Standing, StorageId, View};

use super::Nanos;
use super::check::Check;
use super::world::World;

/// S1, S2, S5, S7 and S9: one history, of which each step follows from the one before and is on the disks of a majority
/// of its voters.
#[derive(Debug, Clone, Default)]
pub struct OneHistory {
    views: BTreeMap<(GenesisId, Epoch), Arc<View>>,
    /// The newest view that each host has shown.
    seen: BTreeMap<usize, (u64, Epoch)>,
    genesis: Option<GenesisId>,
}

impl Check for OneHistory {
    fn after(&mut self, world: &World, host: usize, _: &[Event]) -> Result<(), String> {
        let Some(view) = world.view(host) else { return Ok(()) };
        let life = world.hosts[host].life;
        match self.seen.insert(host, (life, view.epoch)) {
            Some((before, epoch)) if before == life && epoch == view.epoch => return Ok(()),
            Some((before, epoch)) if before == life && epoch > view.epoch => {
                return Err(format!("S1: n{host} went back from view {epoch} to {}", view.epoch));
            }
            _ => {}
        }
        if let Some(former) = self.genesis.replace(view.genesis)
            && former != view.genesis
            && world.remembers(former)
        {
            return Err(format!("S7: n{host} follows a second history, {}", view.genesis));
        }
        match self.views.get(&(view.genesis, view.epoch)) {
            Some(known) if **known != **view => {
                return Err(format!("S1: two views of epoch {}: {known:?} and {view:?}", view.epoch));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.first_seen(world, view)?;
        self.views.insert((view.genesis, view.epoch), view.clone());
        Ok(())
    }
}

impl OneHistory {
    /// A view that nobody has shown before: it must follow from the one before it.
    fn first_seen(&self, world: &World, view: &Arc<View>) -> Result<(), String> {
        let Some(epoch) = view.epoch.get().checked_sub(1) else { return Ok(()) };
        let before = Epoch::try_from(epoch).expect("smaller than one that was accepted");
        let Some(before) = self.views.get(&(view.genesis, before)) else {
            return Err(format!("S9: view {} appears before the one it follows", view.epoch));
        };
        for (id, gone) in before.gone.iter() {
            let still = view.gone.get(id).is_some_and(|now| now.incarnation >= gone.incarnation);
            if !still && view.floor < Some(gone.incarnation) {
                return Err(format!("S2: view {} takes back the end of {id}", view.epoch));
            }
        }
        // A restoration ends nobody: whoever is let go in a view that does has ended in it too.
        let restores = before.gone == view.gone && before.floor == view.floor;
        for (id, suspension) in before.suspended.iter().filter(|(id, _)| !view.suspended.contains(id)) {
            if !restores && !view.is_gone(id, suspension.incarnation) {
                return Err(format!("S2: view {} says nothing of the end of {id}", view.epoch));
            }
        }
        for (lease, grant) in view.leases.iter() {
            let known = before.leases.get(lease);
            if known != Some(grant) && (known.is_some() || grant.token != view.epoch) {
                return Err(format!("S5: {lease} passes from {known:?} to {grant:?}"));
            }
        }
        let has = |voter: &StorageId| world.disk(voter).is_some_and(|disk| holds(disk, before, view));
        if !majority(&before.electorate.voters, has) {
            return Err(format!("S9: view {} is not on the disks of a majority of its voters", view.epoch));
        }
        Ok(())
    }
}

/// Whether a disk has a view, a later one, or has accepted the step to it.
fn holds(disk: &Durable, before: &View, view: &View) -> bool {
    let stored = disk.view.as_ref();
    let accepted = disk.ballots.accepted.as_ref().map(|(_, delta)| delta);
    let steps = |delta: &Delta| before.after(delta).is_ok_and(|after| *after == *view);
    stored.is_some_and(|stored| stored.epoch >= view.epoch)
        || (stored.is_some_and(|stored| stored.epoch == before.epoch) && accepted.is_some_and(steps))
}

/// S4 and S5: who is in quorum is not dead by any view, and no lease has two valid handles.
#[derive(Debug, Clone, Default)]
pub struct NoTwoInQuorum {
    /// The highest incarnation of each name that some view anywhere calls gone.
    gone: BTreeMap<NodeId, (Incarnation, Epoch)>,
    newest: Option<Epoch>,
    /// The highest token granted so far of each lease, and who got it when.
    granted: BTreeMap<LeaseName, (Epoch, usize)>,
    /// Of which history all that is.
    genesis: Option<GenesisId>,
}

impl Check for NoTwoInQuorum {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        if let Some(view) = world.view(host)
            && self.genesis != Some(view.genesis)
        {
            // Whether there may be another one is for `OneHistory` to say.
            *self = Self { genesis: Some(view.genesis), ..Self::default() };
        }
        if let Some(view) = world.view(host)
            && Some(view.epoch) > self.newest
        {
            self.newest = Some(view.epoch);
            // Who leaves has given everything up before it asks to be put down as gone.
            for (id, gone) in view.gone.iter().filter(|(_, gone)| gone.cause == Cause::Dead) {
                self.gone.insert(id.clone(), (gone.incarnation, gone.epoch));
            }
            for other in 0..world.hosts.len() {
                self.not_dead_and_in(world, other)?;
            }
        }
        self.not_dead_and_in(world, host)?;
        for event in events {
            let Event::Lease { lease, token: Some(token), state: gossip::LeaseState::Granted } = event else {
                continue;
            };
            if let Some((before, by)) = self.granted.insert(lease.clone(), (*token, host))
                && before >= *token
            {
                return Err(format!("S5: n{host} got {lease} with token {token}, after n{by} had {before}"));
            }
        }
        // A second one begins with what happens at it.
        if holds_any(world, host) { one_holder(world) } else { Ok(()) }
    }
}

impl NoTwoInQuorum {
    fn not_dead_and_in(&self, world: &World, host: usize) -> Result<(), String> {
        let Some(node) = &world.hosts[host].node else { return Ok(()) };
        let own = node.identity();
        let Some((highest, epoch)) = self.gone.get(&own.id) else { return Ok(()) };
        if own.incarnation <= *highest && world.in_quorum(host) {
            return Err(format!(
                "S4: n{host} in incarnation {} is dead by view {epoch}, and in quorum",
                own.incarnation
            ));
        }
        Ok(())
    }
}

fn holds_any(world: &World, host: usize) -> bool {
    world.hosts[host].node.as_ref().is_some_and(|node| node.quorum().leases().next().is_some())
}

/// S5: of each lease at most one handle is valid, on its holder's own clock.
fn one_holder(world: &World) -> Result<(), String> {
    let mut holders: BTreeMap<&LeaseName, usize> = BTreeMap::new();
    for (index, host) in world.hosts.iter().enumerate() {
        let Some(node) = &host.node else { continue };
        for (lease, _) in node.quorum().leases() {
            if node.quorum().holds(lease).is_some()
                && world.in_quorum(index)
                && let Some(other) = holders.insert(lease, index)
            {
                return Err(format!("S5: n{other} and n{index} both hold {lease}"));
            }
        }
    }
    Ok(())
}

/// S3: whoever is suspended was suspected, lately and by itself, by each of a majority of the voters.
///
/// Or could not hear that voter; or, of a life that it never heard, called it in vain. Only where this is all there is to it: not
/// of a life that was outlived, of one that may have been isolated, or by voters that have just started and had to ask others.
#[derive(Debug, Clone, Default)]
pub struct SuspectedByMajority {
    /// Until when each voter last suspected whom; the end of time while it does.
    suspected: BTreeMap<(StorageId, NodeId), Nanos>,
    newest: Option<Epoch>,
    /// When each host last said that it was isolated, or could not be heard.
    troubled: BTreeMap<NodeId, Nanos>,
    /// When each host was last seen not to have heard a voter for long, whoever else vouches for it meanwhile.
    deaf: BTreeMap<(NodeId, StorageId), Nanos>,
    /// From when on each host may be deaf to one of the voters, in which view, and after how many changes of disks.
    deaf_from: BTreeMap<usize, (Nanos, Epoch, usize)>,
}

impl SuspectedByMajority {
    /// For how many intervals an answer, and the ballot it leads to, may take.
    const LATELY: Nanos = 30;
    /// For how many intervals an isolated or deaf node is excepted.
    const TROUBLE: Nanos = 120;
    /// Who has not heard a voter for so many intervals is deaf to it, and counts as silent (T4).
    const DEAF: Nanos = 20;

    fn note(&mut self, world: &World, host: usize, events: &[Event]) {
        let disk = world.hosts[host].disk;
        for event in events {
            match event {
                Event::Opinion { observer, target, opinion, .. } if *observer == world.hosts[host].id => {
                    let until = if *opinion == Opinion::Suspect { Nanos::MAX } else { world.now };
                    self.suspected.insert((disk, target.clone()), until);
                }
                Event::Standing { standing: Standing::Isolated, .. } => {
                    self.troubled.insert(world.hosts[host].id.clone(), Nanos::MAX);
                }
                Event::Standing { .. } => {
                    self.troubled.entry(world.hosts[host].id.clone()).and_modify(|at| *at = world.now);
                }
                _ => {}
            }
        }
    }
}

impl SuspectedByMajority {
    fn note_deaf(&mut self, world: &World, host: usize) {
        let Some(view) = world.view(host) else { return };
        let (epoch, disks) = (view.epoch, world.old_disks.len());
        // What was heard is never taken back, so nothing has to be looked at before then.
        let known = self.deaf_from.get(&host).filter(|known| (known.1, known.2) == (epoch, disks));
        if known.is_some_and(|known| world.now < known.0) {
            return;
        }
        let mut soonest = Nanos::MAX;
        for voter in view.electorate.voters.keys() {
            let from = world.hosts.iter().position(|h| h.disk == *voter);
            if from == Some(host) {
                continue;
            }
            let heard = from.map_or(0, |from| world.heard(host, from));
            let deaf = heard + Self::DEAF * world.interval();
            soonest = soonest.min(deaf);
            if world.now >= deaf {
                self.deaf.insert((world.hosts[host].id.clone(), *voter), world.now);
            }
        }
        self.deaf_from.insert(host, (soonest, epoch, disks));
    }
}

/// Whether a host was stopped, lately, for long enough to be deaf to everybody: it cannot say so itself.
fn slept(world: &World, host: usize, lately: Nanos) -> bool {
    let deaf = SuspectedByMajority::DEAF * world.interval();
    world.pauses[host]
        .last()
        .is_some_and(|&(from, until)| until >= lately && until.min(world.now) >= from + deaf)
}

impl Check for SuspectedByMajority {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        if world.hosts.len() > world.config_mesh {
            // Voters go by what others observe.
            return Ok(());
        }
        self.note(world, host, events);
        self.note_deaf(world, host);
        let Some(view) = world.view(host).filter(|view| Some(view.epoch) > self.newest) else {
            return Ok(());
        };
        self.newest = Some(view.epoch);
        let lately = world.now.saturating_sub(Self::LATELY * world.interval());
        for (id, suspension) in view.suspended.iter().filter(|(_, s)| s.since == view.epoch) {
            let trouble = self.troubled.get(id).copied().unwrap_or_default();
            let excepted =
                trouble.saturating_add(Self::TROUBLE * world.interval()) >= world.now && trouble > 0;
            let host = world.hosts.iter().position(|h| h.id == *id);
            let well =
                |host: usize| world.hosts[host].lives(suspension.incarnation) && !slept(world, host, lately);
            let Some(host) = host.filter(|&host| !excepted && well(host)) else { continue };
            let did = |voter: &StorageId| {
                let until = self.suspected.get(&(*voter, id.clone())).copied().unwrap_or_default();
                let deaf = self.deaf.get(&(id.clone(), *voter)).copied().unwrap_or_default();
                let by = world.hosts.iter().position(|h| h.disk == *voter);
                let called = |by: usize| world.hosts[by].is_up() && world.had_not_heard(by, host, lately);
                let asks = |by: usize| called(by) || world.hosts[by].is_young(world.now, world.interval());
                // Nobody suspects itself.
                until.max(deaf) >= lately || by.is_none_or(|by| by != host && asks(by))
            };
            if !majority(&view.electorate.voters, did) {
                return Err(format!("S3: view {} suspends {id}, whom no majority suspected", view.epoch));
            }
        }
        Ok(())
    }
}

/// Questions about the world that the checkers share.
impl World {
    pub fn view(&self, host: usize) -> Option<&Arc<View>> {
        self.hosts[host].node.as_ref()?.quorum().view()
    }

    /// Whether a host may count itself in at this moment, by its own clocks, running or not.
    pub fn in_quorum(&self, host: usize) -> bool {
        let Some(node) = &self.hosts[host].node else { return false };
        let now = Moment::from(self.hosts[host].now(self.now));
        !node.is_stopped() && !node.quorum().lease_until().passed_on_either(now)
    }

    /// Whether a history has left a trace with anybody, running or not. One that has left none may be founded over (I1).
    pub fn remembers(&self, genesis: GenesisId) -> bool {
        let on_disk = |disk: &Durable| {
            let list = disk.founders.as_ref().map(|founders| founders.id());
            disk.view.as_ref().map(|view| view.genesis) == Some(genesis) || list == Some(genesis)
        };
        (0..self.hosts.len()).any(|host| {
            let shown = self.view(host).is_some_and(|view| view.genesis == genesis);
            let host = &self.hosts[host];
            shown || on_disk(&host.durable) || host.writing.as_ref().is_some_and(on_disk)
        })
    }

    /// What is on a disk, or was when it was thrown away.
    pub fn disk(&self, id: &StorageId) -> Option<&Durable> {
        self.hosts
            .iter()
            .find(|host| host.disk == *id)
            .map(|host| &host.durable)
            .or_else(|| self.old_disks.get(id))
    }

    pub fn host_of(&self, disk: &StorageId) -> Option<&super::host::Host> {
        self.hosts.iter().find(|host| host.disk == *disk)
    }

    /// Whether enough of the present voters are there, and can talk, for anything to be decided.
    pub fn can_decide(&self) -> bool {
        let newest = (0..self.hosts.len()).filter_map(|host| self.view(host)).max_by_key(|view| view.epoch);
        let up = |voter: &StorageId| {
            self.host_of(voter).is_some_and(|host| host.is_up() && !host.leaving && !host.disk_fails)
        };
        newest.is_some_and(|view| {
            let Electorate { voters, next, .. } = &view.electorate;
            majority(voters, up) && next.as_ref().is_none_or(|next| majority(next, up))
        })
    }
}

/// L1–L4: what must be true once everything has been well for long enough, if a majority of the voters is there.
pub fn settled(world: &World) -> Result<(), String> {
    if let Some(why) = unfounded(world) {
        return Err(why);
    }
    if !world.can_decide() {
        return Ok(());
    }
    let up: Vec<usize> = (0..world.hosts.len()).filter(|&h| world.hosts[h].is_up()).collect();
    let newest = up.iter().filter_map(|&host| world.view(host)).max_by_key(|view| view.epoch).cloned();
    let Some(newest) = newest else { return Err("L4: nobody has a view".into()) };
    for &host in &up {
        if world.view(host).map(|view| view.epoch) != Some(newest.epoch) {
            return Err(format!("L4: n{host} is not at view {}, but {:?}", newest.epoch, world.view(host)));
        }
        let Some(node) = &world.hosts[host].node else { continue };
        let mesh = up.len() <= world.config_mesh;
        if mesh && !world.hosts[host].leaving && node.quorum().standing() != Standing::InQuorum {
            return Err(format!("L2: n{host} is {:?}", node.quorum().standing()));
        }
        for &other in up.iter().filter(|&&other| !world.hosts[other].leaving) {
            let verdict = node.verdict(&world.hosts[other].id);
            if verdict != gossip::Verdict::Alive {
                return Err(format!("L2: n{host} reads {verdict:?} of n{other}"));
            }
        }
    }
    if let Some((id, suspension)) = newest.suspended.iter().next() {
        return Err(format!("L1, L2: {id} is still suspended: {suspension:?}"));
    }
    crashed_are_dead(world, &up)?;
    leases_are_granted(world, &up, &newest)
}

/// Whether a history should have begun and has not: all founders run from their first disks, which work.
fn unfounded(world: &World) -> Option<String> {
    let founders = world.config.voters();
    let well = |id: &NodeId| {
        let host = world.hosts.iter().find(|host| host.id == *id);
        host.is_some_and(|host| host.is_up() && !host.leaving && !host.disk_fails && !host.disk_replaced)
    };
    let begun = (0..world.hosts.len()).any(|host| world.view(host).is_some());
    (!begun && !founders.is_empty() && founders.iter().all(well))
        .then(|| String::from("L3: nothing was ever founded"))
}

/// L1: nobody lists a life that is over.
fn crashed_are_dead(world: &World, up: &[usize]) -> Result<(), String> {
    for &host in up {
        let Some(node) = &world.hosts[host].node else { continue };
        for member in node.members() {
            let listed = &member.record.identity;
            let runs =
                |h: &&super::host::Host| h.node.as_ref().is_some_and(|n| n.identity() == listed && h.is_up());
            if world.hosts.iter().find(runs).is_none() {
                return Err(format!(
                    "L1: n{host} lists {listed:?}, which runs no more: {:?}",
                    member.verdict
                ));
            }
        }
    }
    Ok(())
}

fn leases_are_granted(world: &World, up: &[usize], newest: &View) -> Result<(), String> {
    for &host in up {
        let Some(node) = &world.hosts[host].node else { continue };
        for (lease, wanted) in node.quorum().leases() {
            let waits = matches!(wanted, gossip::core::quorum::Wanted::Grant { .. });
            if waits && newest.leases.get(lease).is_none() {
                return Err(format!("L3: n{host} waits for {lease}, which is free"));
            }
        }
    }
    // Not the name alone: what a former process of it owns has to be free by now.
    let runs = |owner: &gossip::Identity| {
        up.iter().any(|&host| world.hosts[host].node.as_ref().is_some_and(|node| node.identity() == owner))
    };
    match newest.leases.iter().find(|(_, grant)| !runs(&grant.owner)) {
        Some((lease, grant)) => Err(format!("L1: {lease} belongs to {:?}, which runs no more", grant.owner)),
        None => Ok(()),
    }
}
