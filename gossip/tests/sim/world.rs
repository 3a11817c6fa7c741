//! The world: hosts, the network between them, and what happens next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use gossip::core::quorum::Durable;
use gossip::{Config, DATAGRAM_MAX, Event, NodeId, Refusal, Standing, StorageId};

use super::addrs::Addrs;
use super::agenda::Agenda;
use super::fault::Kept;
use super::host::{Host, Packet, SOCKET_BUFFER};
use super::network::Network;
use super::rng::Rng;
use super::tamper::Tamper;
use super::{MS, Nanos};

/// Something scheduled.
#[derive(Debug, Clone)]
pub enum Next {
    Deliver(Packet),
    Wake(usize),
    /// A host looks into its socket's buffer.
    Look(usize),
    /// A host's disk has done what this life of its process asked for.
    Written(usize, u64),
    /// A host that crashed at a write starts again.
    Restart(usize),
    /// A number that whoever runs the world understands.
    Mark(usize),
}

/// What a step did.
#[derive(Debug)]
pub enum Step {
    /// A host was touched; these events came out of it.
    Host(usize, Vec<Event>),
    /// Time for this.
    Mark(usize),
    /// Nothing that anybody could notice.
    Nothing,
}

/// A copy of it goes on by itself, in the same way.
#[derive(Clone)]
pub struct World {
    pub now: Nanos,
    pub config: Config,
    pub hosts: Vec<Host>,
    pub network: Network,
    pub rng: Rng,
    /// What each host has heard of each other, if anybody wants to know.
    heard: Vec<Vec<Heard>>,
    pub notes_heard: bool,
    /// Every address at which a host has ever been.
    pub addrs: Addrs,
    /// Applied to every datagram as it leaves, by tests of the checkers.
    pub tamper: Option<Tamper>,
    pub log: Option<String>,
    /// Hosts leave heartbeats unread for a while, as the driver does when nobody asks anything.
    pub rests: bool,
    /// Hosts whose driver catches up on missed timers one by one before it reads its socket: a mutant.
    pub naive_driver: bool,
    /// Hosts whose driver looks at the clocks before it receives, and may be paused in between: a mutant.
    pub early_clocks: bool,
    /// Disks say that they have written before they have: a mutant.
    pub hasty_disks: bool,
    /// What is left on disks that are wiped: anything is a mutant.
    pub wiping_keeps: Kept,
    /// Everybody sends every datagram that it gets back to its sender: a mutant.
    pub echoing: bool,
    /// How many writes have been begun, and the one at which its host is to crash: before the disk has it, or right after.
    pub writes: u64,
    pub crash_at: Option<(u64, bool)>,
    /// How many hosts without power wait for it to come back.
    pub powerless: usize,
    /// How many faults are on, and when anything was last done to a host or the network.
    pub faults_on: usize,
    pub disturbed: Nanos,
    /// How often a node was told that its disk had gone back in time.
    pub rewound: u64,
    /// Disks that were thrown away.
    pub old_disks: BTreeMap<StorageId, Durable>,
    /// Whether a process whose seeds are silent looks their names up again, as the driver does.
    pub lookups: bool,
    /// Up to how many members observe each other.
    pub config_mesh: usize,
    /// When each host was paused, from and until.
    pub pauses: Vec<Vec<(Nanos, Nanos)>>,
    agenda: Agenda<Next>,
    at_once: usize,
}

/// When the newest heartbeat of another host came, and when that was sent; and when the first one of its present life came.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    at: Nanos,
    sent: Nanos,
    first: Nanos,
}

impl World {
    pub fn new(config: Config, count: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let hosts: Vec<Host> = (0..count).map(|index| Host::new(index, &mut rng)).collect();
        let addrs = hosts.iter().enumerate().map(|(index, host)| (host.addr, index)).collect();
        Self {
            now: 0,
            config,
            hosts,
            network: Network::new(),
            rng,
            heard: vec![Vec::new(); count],
            notes_heard: true,
            addrs,
            tamper: None,
            log: None,
            rests: false,
            naive_driver: false,
            early_clocks: false,
            hasty_disks: false,
            wiping_keeps: Kept::Nothing,
            echoing: false,
            writes: 0,
            crash_at: None,
            powerless: 0,
            faults_on: 0,
            disturbed: 0,
            rewound: 0,
            old_disks: BTreeMap::new(),
            lookups: false,
            config_mesh: 32,
            pauses: vec![Vec::new(); count],
            agenda: Agenda::default(),
            at_once: 0,
        }
    }

    /// Takes a host's disk out, and puts in an empty one.
    pub fn replace_disk(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        self.old_disks.insert(host.disk, std::mem::take(&mut host.durable));
        host.disk_replaced = true;
        host.new_disk(&mut self.rng);
    }

    /// Gives every host an empty disk of its own.
    pub fn give_disks(&mut self) {
        for host in &mut self.hosts {
            host.new_disk(&mut self.rng);
        }
    }

    pub fn schedule(&mut self, at: Nanos, next: Next) {
        self.agenda.push(at.max(self.now), next);
    }

    pub fn say(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(log) = &mut self.log {
            let _ = writeln!(log, "{:>10.3} s  {}", now as f64 / 1e9, what());
        }
    }

    /// The host with this name.
    pub fn host_called(&self, id: &NodeId) -> Option<&Host> {
        let index: usize = id.as_str().strip_prefix('n')?.parse().ok()?;
        self.hosts.get(index).filter(|host| host.id == *id)
    }

    /// The first three hosts' addresses, as a deployment would list them.
    pub fn seeds(&self) -> Vec<SocketAddr> {
        self.hosts.iter().take(3).map(|host| host.addr).collect()
    }

    pub fn start(&mut self, index: usize, incarnation: u64) {
        let seeds = self.seeds();
        self.hosts[index].start(self.now, &self.config, seeds, incarnation, &mut self.rng);
        self.disturbed = self.now;
        self.say(|| format!("n{index} starts in incarnation {incarnation}"));
    }

    pub fn pause(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.is_up() && !host.paused {
            host.paused = true;
            self.pauses[index].push((self.now, Nanos::MAX));
            self.say(|| format!("n{index} is paused"));
        }
    }

    pub fn unpause(&mut self, index: usize) -> Vec<Event> {
        let host = &mut self.hosts[index];
        if !std::mem::take(&mut host.paused) {
            return Vec::new();
        }
        if let Some(last) = self.pauses[index].last_mut() {
            last.1 = self.now;
        }
        let waiting = host.inbox.len();
        self.say(|| format!("n{index} goes on, {waiting} datagrams waiting"));
        let naive = self.naive_driver;
        if naive {
            self.catch_up(index);
        }
        let last = self.pauses[index].last().map_or(self.now, |pause| pause.0);
        let read = if self.early_clocks { last } else { self.now };
        self.read_inbox(index, read);
        self.time_out(index);
        self.drain(index)
    }

    /// What a driver must not do: pretend to have been awake.
    fn catch_up(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let now = host.now(self.now);
        while let Some(node) = &mut host.node
            && let Some(due) = node.poll_timeout().filter(|&due| due < now.boot)
        {
            node.handle_timeout(gossip::Now { boot: due, raw: due, wall: None });
        }
    }

    pub fn crash(&mut self, index: usize) {
        // A write under way may have reached the disk, or not.
        if let Some(durable) = self.hosts[index].writing.take()
            && self.rng.chance(0.5)
        {
            self.hosts[index].durable = durable;
        }
        self.hosts[index].crash_after_write = false;
        self.hosts[index].node = None;
        if std::mem::take(&mut self.hosts[index].paused)
            && let Some(last) = self.pauses[index].last_mut()
        {
            last.1 = self.now;
        }
        self.hosts[index].inbox.clear();
        self.disturbed = self.now;
        self.say(|| format!("n{index} crashes"));
    }

    /// When something was last wrong.
    pub fn went_wrong(&self) -> Nanos {
        if self.faults_on + self.powerless > 0 { self.now } else { self.disturbed }
    }

    /// Gives a host another address, and tells its process.
    pub fn relocate(&mut self, index: usize, addr: SocketAddr) -> Vec<Event> {
        self.addrs.insert(addr, index);
        let host = &mut self.hosts[index];
        host.addr = addr;
        let now = host.now(self.now);
        if let Some(node) = &mut host.node {
            let _ = node.set_addr(now, addr);
        }
        self.say(|| format!("n{index} moves to {addr}"));
        self.drain(index)
    }

    /// Runs the next thing; none if nothing is left before `until`.
    pub fn step(&mut self, until: Nanos) -> Option<Step> {
        let Some((at, next)) = self.agenda.pop(until) else {
            self.now = until;
            return None;
        };
        // A node that asks to be woken again and again at the same moment would never let time pass.
        self.at_once = if at == self.now { self.at_once + 1 } else { 0 };
        // But many nodes may begin at the same moment.
        let most = 100_000 + 100 * self.hosts.len();
        assert!(self.at_once < most, "time stands still at {} ns: {next:?}", self.now);
        self.now = at;
        Some(match next {
            Next::Mark(mark) => Step::Mark(mark),
            Next::Wake(index) => self.wake(index, at),
            Next::Look(index) => self.look(index, at),
            Next::Written(index, life) => self.written(index, life),
            Next::Restart(index) => self.restart(index),
            Next::Deliver(packet) => self.deliver(packet),
        })
    }

    fn wake(&mut self, index: usize, at: Nanos) -> Step {
        let host = &mut self.hosts[index];
        if host.wake != at || host.node.is_none() {
            return Step::Nothing;
        }
        host.wake = Nanos::MAX;
        if host.paused {
            return Step::Nothing;
        }
        self.read_inbox(index, self.now);
        let host = &self.hosts[index];
        let due = host.node.as_ref().and_then(gossip::core::Node::poll_timeout);
        if due.is_some_and(|due| due <= host.now(at).boot) {
            self.time_out(index);
        }
        Step::Host(index, self.drain(index))
    }

    /// A write has reached the disk. A process that is stopped hears of it later; one that has died never does.
    fn written(&mut self, index: usize, life: u64) -> Step {
        let host = &mut self.hosts[index];
        if host.life != life || host.node.is_none() {
            return Step::Nothing;
        }
        if host.paused {
            self.schedule(self.now + MS, Next::Written(index, life));
            return Step::Nothing;
        }
        let Some(durable) = host.writing.take() else { return Step::Nothing };
        let good = !host.disk_fails;
        if good {
            host.durable = durable;
        }
        if std::mem::take(&mut host.crash_after_write) {
            return self.crash_at_write(index);
        }
        self.read_inbox(index, self.now);
        let host = &mut self.hosts[index];
        let now = host.now(self.now);
        if let Some(node) = &mut host.node {
            node.handle_written(now, good);
        }
        Step::Host(index, self.drain(index))
    }

    /// The power fails at a write; it comes back a little later.
    fn crash_at_write(&mut self, index: usize) -> Step {
        self.crash(index);
        let again = self.now + 20 * self.interval();
        self.schedule(again, Next::Restart(index));
        self.powerless += 1;
        Step::Host(index, Vec::new())
    }

    fn restart(&mut self, index: usize) -> Step {
        self.powerless -= 1;
        if self.hosts[index].node.is_some() || self.hosts[index].leaving {
            return Step::Nothing;
        }
        let incarnation = self.hosts[index].stored + 1;
        self.start(index, incarnation);
        Step::Host(index, self.drain(index))
    }

    /// Begins the write that the core asks for, if it does.
    fn begin_write(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(durable) = host.node.as_mut().and_then(|node| node.poll_write().cloned()) else { return };
        host.writing = Some(durable);
        let life = host.life;
        let chosen = self.crash_at.filter(|&(at, _)| at == self.writes).map(|(_, after)| after);
        self.writes += 1;
        if let Some(after) = host.power_fails.take().or(chosen) {
            host.crash_after_write = after;
            if !after {
                host.writing = None;
                self.crash_at_write(index);
                return;
            }
        }
        let host = &mut self.hosts[index];
        if self.hasty_disks {
            let now = host.now(self.now);
            if let Some(node) = &mut host.node {
                node.handle_written(now, true);
            }
            // Whatever comes meanwhile is written with the next one.
            self.schedule(self.now + 5_000 * MS, Next::Written(index, life));
            return;
        }
        let takes = self.rng.between(MS / 2, 5 * MS);
        self.schedule(self.now + takes, Next::Written(index, life));
    }

    fn time_out(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let now = host.now(self.now);
        if let Some(node) = &mut host.node {
            node.handle_timeout(now);
        }
    }

    fn deliver(&mut self, packet: Packet) -> Step {
        // Whoever has moved away does not receive there any more.
        let to = self.addrs.get(&packet.to).copied().filter(|&to| self.hosts[to].addr == packet.to);
        let Some(to) = to.filter(|&to| self.hosts[to].node.is_some()) else { return Step::Nothing };
        if self.hosts[to].paused && self.hosts[to].inbox.len() >= SOCKET_BUFFER {
            return Step::Nothing;
        }
        if self.notes_heard
            && packet.is_heartbeat()
            && let Some(&from) = self.addrs.get(&packet.from)
        {
            let hosts = self.hosts.len();
            if self.heard.len() < hosts {
                self.heard.resize_with(hosts, Vec::new);
            }
            let of = &mut self.heard[to];
            if of.len() < hosts {
                of.resize_with(hosts, Heard::default);
            }
            let heard = &mut of[from];
            // A late one of a former life is no sign of the present one.
            let started = self.hosts[from].started;
            if packet.sent > heard.sent && packet.sent >= started {
                let first = if heard.sent < started { self.now } else { heard.first };
                *heard = Heard { at: self.now, sent: packet.sent, first };
            }
        }
        let (from, bytes) = (packet.from, self.echoing.then(|| packet.bytes.clone()));
        let step = self.arrive(to, packet);
        if let Some(bytes) = bytes.filter(|_| !self.hosts[to].paused) {
            self.send(to, from, &bytes);
        }
        step
    }

    /// Does what a driver does after each input.
    pub fn drain(&mut self, index: usize) -> Vec<Event> {
        self.begin_write(index);
        let mut buf = [0; DATAGRAM_MAX];
        while let Some(transmit) = self.hosts[index].node.as_mut().and_then(|n| n.poll_transmit(&mut buf)) {
            self.send(index, transmit.to, &buf[..transmit.len]);
        }
        let mut events = Vec::new();
        while let Some(event) = self.hosts[index].node.as_mut().and_then(gossip::core::Node::poll_event) {
            self.say(|| format!("n{index}: {event:?}"));
            events.push(event);
        }
        self.obey(index, &events);
        self.schedule_wake(index);
        self.schedule_look(index);
        events
    }

    fn send(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) {
        self.hosts[from].sent += 1;
        let host = self.addrs.get(&to).copied();
        let arrivals = self.network.carry(from, host, bytes.len(), self.now, &mut self.rng);
        for (at, damaged) in arrivals.into_iter().flatten() {
            let mut bytes: Box<[u8]> = bytes.into();
            if let Some(tamper) = &mut self.tamper {
                bytes = tamper.apply(from, bytes);
            }
            if damaged {
                for _ in 0..self.rng.between(1, 4) {
                    let bit = self.rng.index(8 * bytes.len());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            let packet =
                Packet { from: self.hosts[from].addr, to, bytes, sent: self.now, stamp: None, damaged };
            self.schedule(at, Next::Deliver(packet));
        }
    }

    fn schedule_wake(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let Some(due) = host.node.as_ref().and_then(gossip::core::Node::poll_timeout) else { return };
        let mut at = host.clock.when(due.as_nanos() as Nanos);
        if host.starved > 0 {
            at += self.rng.between(0, host.starved);
        }
        // One that comes too early looks again.
        if at < self.hosts[index].wake {
            let at = at.max(self.now);
            self.hosts[index].wake = at;
            self.schedule(at, Next::Wake(index));
        }
    }

    /// What a sensible program does about events.
    fn obey(&mut self, index: usize, events: &[Event]) {
        let rewound =
            |event: &&Event| matches!(event, Event::Refused { reason: Refusal::Rewound { .. }, .. });
        // The driver reads all events before it begins another life.
        for event in events.iter().find(rewound).into_iter().chain(events) {
            let wanted = match event {
                Event::Ready => {
                    self.hosts[index].was_known = true;
                    continue;
                }
                Event::LeaveDone { acknowledged, told } => {
                    // Where nobody could be told, nobody has to know.
                    self.hosts[index].left = *told > 0 && 2 * acknowledged >= *told;
                    continue;
                }
                Event::SeedsSilent { .. } if self.lookups => {
                    self.look_up(index);
                    continue;
                }
                Event::Refused {
                    reason: Refusal::Incarnation { highest } | Refusal::BelowFloor { highest },
                    ..
                } => highest.get(),
                Event::Refused { reason: Refusal::Rewound { highest }, .. } => {
                    self.replace_disk(index);
                    self.rewound += 1;
                    highest.get()
                }
                Event::Standing { standing: Standing::Evicted, .. } => self.hosts[index].stored,
                // Its disk was wiped, and its former life is still believed in: it tries once in an interval. Whoever believes in it
                // may have to sleep on it.
                Event::Refused { reason: Refusal::NameConflict, .. }
                    if self.has_run_for_an_interval(index) =>
                {
                    self.hosts[index].stored
                }
                _ => continue,
            };
            let up = self.hosts[index].is_up() && !self.hosts[index].leaving;
            if up && self.hosts[index].stored <= wanted {
                self.start(index, wanted + 1);
                self.schedule_wake(index);
                return;
            }
        }
    }

    fn has_run_for_an_interval(&self, index: usize) -> bool {
        self.now - self.hosts[index].started >= self.config.interval().as_nanos() as Nanos
    }

    /// The names that it was given as seeds are those of the first hosts, wherever they are by now, and of the first who run.
    fn look_up(&mut self, index: usize) {
        let now = self.hosts[index].now(self.now);
        let up = self.hosts.iter().filter(|host| host.is_up());
        let mut seeds = self.seeds();
        seeds.extend(up.take(4).map(|host| host.addr));
        if let Some(node) = &mut self.hosts[index].node {
            node.set_seeds(now, seeds);
        }
    }

    /// When a fresh heartbeat last came from one host to another; at the beginning if none did.
    pub fn heard(&self, host: usize, from: usize) -> Nanos {
        self.heard_of(host, from).at
    }

    /// Whether a host had no heartbeat yet, at some time, of the life that another lives now.
    pub fn had_not_heard(&self, host: usize, from: usize, then: Nanos) -> bool {
        let heard = self.heard_of(host, from);
        heard.sent < self.hosts[from].started || heard.first > then
    }

    fn heard_of(&self, host: usize, from: usize) -> Heard {
        self.heard.get(host).and_then(|heard| heard.get(from)).copied().unwrap_or_default()
    }

    /// Runs without faults or checks.
    pub fn run_for(&mut self, length: Duration) {
        let until = self.now + length.as_nanos() as Nanos;
        while self.step(until).is_some() {}
    }

    /// Starts everybody within one second.
    pub fn start_all(&mut self) {
        for index in 0..self.hosts.len() {
            self.start(index, 1);
            self.drain(index);
        }
    }

    pub fn interval(&self) -> Nanos {
        self.config.interval().as_nanos() as Nanos
    }
}

/// A config for simulations: seeds are called again soon, so that healing does not take virtual hours.
pub fn config(interval_ms: u64) -> gossip::ConfigBuilder {
    let interval = Duration::from_nanos(interval_ms * MS);
    Config::builder("sim").interval(interval).seed_retry_max(20 * interval)
}
