//! What a node costs in a cluster of one size, and how fast news is there.

use std::collections::BTreeSet;

use gossip::{Event, NodeId, Opinion, Verdict};

use super::super::world::{Step, World};
use super::super::{Nanos, SECOND};
use super::acquainted::{INTERVAL, acquainted};
use super::watch::{self, INTRODUCTION, Watch, run};

/// How long nodes settle, and how long they are then left alone to see what they send.
const SETTLE: Nanos = 12 * SECOND;
const IDLE: Nanos = 10 * SECOND;
/// From so many on, a fifth of that, and nobody waits until a newcomer knows all of them: a virtual second of 100,000 nodes takes minutes.
const MANY: usize = 50_000;
/// Whatever is not known by then counts as failed.
const LIMIT: Nanos = 60 * SECOND;
const LIMIT_NEWCOMER: Nanos = 120 * SECOND;

/// What was measured of one size. All times are virtual.
#[derive(Debug, Clone)]
pub struct Size {
    pub nodes: usize,
    /// What a node sends in a second while nothing happens, UDP payloads.
    pub bytes: f64,
    pub datagrams: f64,
    /// The longest datagram of all, in bytes.
    pub longest: usize,
    /// From the start of all until everybody held the first view.
    pub founded: Nanos,
    /// From the start of a newcomer until everybody knew of it, and until it knew everybody, if that was waited for.
    pub joined: Nanos,
    pub newcomer: Option<Nanos>,
    /// From a crash until everybody knew that somebody suspects the node; and of that, from the first suspicion on.
    pub suspected: Nanos,
    pub spread: Nanos,
    /// From the crash until everybody knew the verdict that the node is dead.
    pub dead: Nanos,
}

impl Size {
    /// About how far the measurement of so many nodes goes, as it tells those who watch.
    pub fn takes(nodes: usize) -> Nanos {
        let (settle, idle) = pace(nodes);
        INTRODUCTION * nodes as Nanos + settle + idle + 3 * SECOND
    }

    /// Measures a cluster of so many nodes; fails if some news never reaches everybody.
    pub fn measure(nodes: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        let mut world = acquainted(nodes, seed, watch);
        let view = |event: &Event| matches!(event, Event::View { .. });
        let [(_, founded)] = spread(&mut world, nodes, [&view], "founding", watch)?;
        let (settle, idle) = pace(nodes);
        run(&mut world, settle, "settling", watch);
        let before = world.network.stats;
        run(&mut world, idle, "counting what idle nodes send", watch);
        let after = world.network.stats;
        all_read_as_alive(&world)?;
        let per_node = |sent: u64| sent as f64 / (idle / SECOND) as f64 / nodes as f64;
        let joined = join(&mut world, nodes, watch)?;
        let newcomer = if nodes < MANY { Some(learn_of_all(&mut world, nodes, watch)?) } else { None };
        let [(first, suspected), (_, dead)] = crash(&mut world, nodes, watch)?;
        Ok(Self {
            nodes,
            bytes: per_node(after.bytes - before.bytes),
            datagrams: per_node(after.datagrams - before.datagrams),
            longest: world.network.stats.longest,
            founded,
            joined,
            newcomer,
            suspected,
            spread: suspected - first,
            dead,
        })
    }

    /// Whether it keeps what is promised of any size, beside a smaller one.
    pub fn check(&self, smaller: &Self) -> Result<(), String> {
        let near = |a: f64, b: f64| (a / b - 1.0).abs() <= 0.2;
        // Rounds in proportion to the logarithm.
        let rounds = (2.0 * (self.nodes as f64).log2() * INTERVAL as f64) as Nanos;
        let promises = [
            (near(self.bytes, smaller.bytes), "bytes a node grow with the cluster"),
            (near(self.datagrams, smaller.datagrams), "datagrams a node grow with the cluster"),
            (self.longest <= gossip::DATAGRAM_MAX, "a datagram is too long"),
            (self.founded <= 10 * SECOND, "the first view takes more than 10 s"),
            (self.dead <= 3 * SECOND, "a verdict takes more than 3 s"),
            (self.joined <= rounds, "news of a join takes more than 2 log2(n) intervals"),
            (self.spread <= rounds, "news of a suspicion takes more than 2 log2(n) intervals"),
        ];
        match promises.iter().find(|(kept, _)| !kept) {
            Some((_, broken)) => Err(format!("{} nodes: {broken}: {self:?}, {smaller:?}", self.nodes)),
            None => Ok(()),
        }
    }
}

/// How long so many nodes settle, and are left alone.
fn pace(nodes: usize) -> (Nanos, Nanos) {
    if nodes < MANY { (SETTLE, IDLE) } else { (SETTLE / 5, IDLE / 5) }
}

/// Members that a node is asked about, at most.
const ASKED: usize = 1_000;

/// E3: members that are well are read as alive by all, also by those that hear no voter themselves. Of many, each is
/// asked about some, and each of all is asked about.
fn all_read_as_alive(world: &World) -> Result<(), String> {
    let up: Vec<_> =
        world.hosts.iter().filter_map(|host| host.node.as_ref().map(|node| (&host.id, node))).collect();
    let step = up.len().div_ceil(ASKED);
    for (index, (reader, node)) in up.iter().enumerate() {
        let mut asked = up.iter().skip(index % step).step_by(step);
        if let Some((of, _)) = asked.find(|(of, _)| node.verdict(of) != Verdict::Alive) {
            return Err(format!("{reader} reads {:?} of {of}, which is well", node.verdict(of)));
        }
    }
    Ok(())
}

/// Starts the last host: how long until all know it.
fn join(world: &mut World, nodes: usize, watch: Watch<'_>) -> Result<Nanos, String> {
    let id = world.hosts[nodes].id.clone();
    world.start(nodes, 1);
    world.drain(nodes);
    let joined = |event: &Event| matches!(event, Event::Joined { id: who, .. } if *who == id);
    let [(_, joined)] = spread(world, nodes, [&joined], "a node joins", watch)?;
    Ok(joined)
}

/// How long, from its start, until the last host knows all others.
fn learn_of_all(world: &mut World, nodes: usize, watch: Watch<'_>) -> Result<Nanos, String> {
    let known = |world: &World| world.hosts[nodes].node.as_ref().map_or(0, |node| node.members().count());
    let started = world.hosts[nodes].started;
    while known(world) <= nodes {
        if world.now - started >= LIMIT_NEWCOMER {
            return Err(format!("the newcomer knows {} of {nodes} nodes", known(world)));
        }
        run(world, INTERVAL, "the newcomer learns of all", watch);
    }
    Ok(world.now - started)
}

/// Crashes a host in the middle: when the first and the last knew that somebody suspects it, and that it is dead.
fn crash(world: &mut World, nodes: usize, watch: Watch<'_>) -> Result<[(Nanos, Nanos); 2], String> {
    let victim: NodeId = world.hosts[nodes / 2].id.clone();
    world.crash(nodes / 2);
    // The news of a decision may overtake that of the opinions behind it.
    let suspected = |event: &Event| match event {
        Event::Opinion { target, opinion, .. } => *target == victim && *opinion == Opinion::Suspect,
        Event::Verdict { id, verdict: Verdict::Suspended { .. } | Verdict::Dead { .. }, .. } => *id == victim,
        _ => false,
    };
    let dead = |event: &Event| matches!(event, Event::Verdict { id, verdict: Verdict::Dead { .. }, .. } if *id == victim);
    spread(world, nodes, [&suspected, &dead], "a node crashes", watch)
}

/// Runs until each of `done` has held for as many nodes as there are to tell; the moments of the first and of the last.
fn spread<const N: usize>(
    world: &mut World,
    tell: usize,
    done: [&dyn Fn(&Event) -> bool; N],
    doing: &'static str,
    watch: Watch<'_>,
) -> Result<[(Nanos, Nanos); N], String> {
    let (start, until) = (world.now, world.now + LIMIT);
    let mut told: [BTreeSet<usize>; N] = std::array::from_fn(|_| BTreeSet::new());
    let mut when = [(None, 0); N];
    let mut shown = 0;
    while told.iter().any(|told| told.len() < tell) {
        let Some(step) = world.step(until) else {
            let told = told.map(|told| told.len());
            return Err(format!("{doing}: only {told:?} of {tell} nodes were told within a minute"));
        };
        if world.now >= shown {
            watch(doing, watch::done(world));
            shown = world.now + INTERVAL;
        }
        let Step::Host(host, events) = step else { continue };
        for (of, done) in done.iter().enumerate() {
            if events.iter().any(done) && told[of].insert(host) {
                when[of].0.get_or_insert(world.now);
                when[of].1 = world.now;
            }
        }
    }
    Ok(when.map(|(first, last)| (first.unwrap_or(start) - start, last - start)))
}
