//! What goes wrong, and when. A schedule is data: it can be printed, replayed and shrunk.

use std::net::SocketAddr;

use gossip::StorageId;
use gossip::core::quorum::Durable;

use super::Nanos;
use super::network::Rule;
use super::record::Record;
use super::rng::Rng;
use super::world::World;

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The network obeys a rule.
    Net(Rule),
    /// A process does not run.
    Pause(usize),
    /// It is killed, and started again at the end; with or without its disk.
    Crash { host: usize, disk: bool },
    /// It is killed for good.
    Kill(usize),
    /// It leaves on purpose.
    Leave(usize),
    /// Its clock runs at another rate, in parts per million.
    Drift(usize, i32),
    /// Its wall clock jumps by so many seconds.
    WallJump(usize, i32),
    /// It gets another address.
    Move(usize),
    /// Its timers are late by up to this much.
    Starve(usize, Nanos),
    /// It changes its metadata.
    Metadata(usize),
    /// It announces a pause, and takes it.
    Announced(usize),
    /// It asks for a lease, and gives it back at the end.
    Lease(usize, u8),
    /// Its disk refuses every write from then on.
    DiskFails(usize),
    /// The power fails at its next write: before the disk has it, or right after. It is back a little later.
    PowerFails { host: usize, after: bool },
    /// One of its monotonic clocks is slewed, in parts per million.
    Slew(usize, i32),
    /// The voters are to be these; and afterwards those before them.
    Voters(Vec<usize>),
}

/// What is left on a disk that is wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    Id,
    /// Its id, and how often its host has been started with it.
    IdAndCount,
}

/// A fault with its beginning and end.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    pub from: Nanos,
    pub until: Nanos,
    pub fault: Fault,
}

/// A run: nodes, faults, and how long everything may take to be well afterwards.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub seed: u64,
    pub hosts: usize,
    /// How many of them found a history, each with a disk; if any do, all have one.
    pub voters: usize,
    /// Who is on record as dead when it begins. If anybody is, that history was founded long ago.
    pub record: Option<Record>,
    pub interval_ms: u64,
    pub full_mesh_max: usize,
    /// Whether heartbeats are left unread for a while when nobody asks anything.
    pub rests: bool,
    pub faults: Vec<Scheduled>,
    /// When all faults are over, and when all must be well.
    pub calm: Nanos,
    pub end: Nanos,
}

impl Scenario {
    /// A mixture of faults for 5 to 30 hosts, half of the time with more hosts than a full mesh may have.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        // Small clusters more often: the cost of a run grows with the square.
        let hosts = 5 + rng.index(26).min(rng.index(26));
        let interval_ms = [50, 100, 200, 1000][rng.index(4)];
        let interval = interval_ms * super::MS;
        let calm = 220 * interval;
        let count = rng.between(2, 10);
        let mut faults: Vec<Scheduled> = (0..count)
            .map(|_| {
                let from = rng.between(10 * interval, 180 * interval);
                let length = rng.between(2 * interval, 80 * interval);
                Scheduled {
                    from,
                    until: (from + length).min(calm),
                    fault: random_fault(hosts, interval, &mut rng),
                }
            })
            .collect();
        let full_mesh_max = [8, 32][rng.index(2)];
        let voters = [0, 1, 3, 5, 7][rng.index(5)].min(hosts);
        for _ in 0..if voters > 0 { rng.between(0, 8) } else { 0 } {
            let from = rng.between(10 * interval, 180 * interval);
            let until = (from + rng.between(2 * interval, 80 * interval)).min(calm);
            faults.push(Scheduled { from, until, fault: random_quorum_fault(hosts, &mut rng) });
        }
        for _ in 0..if voters > 0 { rng.index(4) } else { 0 } {
            let from = rng.between(10 * interval, 180 * interval);
            // Voters write most.
            let host = if rng.chance(0.7) { rng.index(voters) } else { rng.index(hosts) };
            let fault = Fault::PowerFails { host, after: rng.chance(0.5) };
            faults.push(Scheduled { from, until: calm - 20 * interval, fault });
        }
        faults.sort_by_key(|fault| fault.from);
        let record = (voters > 0 && rng.chance(0.05)).then(|| Record::random(&mut rng));
        let (rests, end) = (seed.is_multiple_of(2), calm + 240 * interval);
        Self { seed, hosts, voters, record, interval_ms, full_mesh_max, rests, faults, calm, end }
    }

    /// Nothing goes wrong at all.
    pub fn calm(seed: u64, hosts: usize, interval_ms: u64) -> Self {
        let interval = interval_ms * super::MS;
        let (calm, end) = (100 * interval, 200 * interval);
        let (full_mesh_max, faults) = (32, Vec::new());
        Self {
            seed,
            hosts,
            voters: 0,
            record: None,
            interval_ms,
            full_mesh_max,
            rests: true,
            faults,
            calm,
            end,
        }
    }

    /// With so many of the hosts as voters.
    #[must_use]
    pub fn voters(mut self, voters: usize) -> Self {
        self.voters = voters;
        self
    }

    /// With one more fault, from and until given in intervals.
    #[must_use]
    pub fn with(mut self, from: u64, until: u64, fault: Fault) -> Self {
        let interval = self.interval_ms * super::MS;
        self.faults.push(Scheduled { from: from * interval, until: until * interval, fault });
        self.calm = self.calm.max((until + 20) * interval);
        self.end = self.end.max(self.calm + 180 * interval);
        self
    }
}

fn lease_name(lease: u8) -> gossip::LeaseName {
    gossip::LeaseName::new(format!("lease-{lease}")).expect("a short name")
}

/// What else can go wrong, or be wanted, where there are voters.
fn random_quorum_fault(hosts: usize, rng: &mut Rng) -> Fault {
    let host = rng.index(hosts);
    match rng.index(8) {
        0..=4 => Fault::Lease(host, rng.index(2) as u8),
        5 => Fault::Slew(host, rng.between(0, 60_000) as i32 - 30_000),
        6 => Fault::DiskFails(host),
        _ => {
            let first = rng.index(hosts);
            Fault::Voters((0..1 + rng.index(5).min(hosts - 1)).map(|n| (first + n) % hosts).collect())
        }
    }
}

fn random_fault(hosts: usize, interval: Nanos, rng: &mut Rng) -> Fault {
    let host = rng.index(hosts);
    match rng.index(23) {
        0 => Fault::Net(Rule::Loss(0.4 * rng.unit())),
        1 => Fault::Net(Rule::LossTo(host, 0.5 + 0.5 * rng.unit())),
        2 => Fault::Net(Rule::Bursts(0.3 * rng.unit())),
        3 => Fault::Net(Rule::Jitter(rng.between(interval / 20, 2 * interval))),
        4 => Fault::Net(Rule::HeavyTail(rng.between(interval / 20, interval))),
        5 => Fault::Net(Rule::Duplicate(0.5 * rng.unit())),
        6 => Fault::Net(Rule::Corrupt(0.2 * rng.unit())),
        7 | 8 => Fault::Net(Rule::Partition(rng.side(hosts))),
        9 => Fault::Net(Rule::OneWay(rng.side(hosts), rng.side(hosts))),
        10 => Fault::Net(Rule::OneWay(vec![host], vec![rng.index(hosts)])),
        11 | 12 => Fault::Pause(host),
        13 => Fault::Crash { host, disk: true },
        14 => Fault::Crash { host, disk: false },
        15 => Fault::Leave(host),
        16 => Fault::Drift(host, rng.between(0, 1000) as i32 - 500),
        17 => Fault::WallJump(host, rng.between(0, 20_000) as i32 - 10_000),
        18 => Fault::Move(host),
        19 => Fault::Starve(host, rng.between(interval / 4, 3 * interval)),
        20 => Fault::Metadata(host),
        21 => Fault::Kill(host),
        _ => Fault::Announced(host),
    }
}

impl Fault {
    /// Whether it is asked for and not suffered.
    fn is_wish(&self) -> bool {
        matches!(self, Self::Lease(..) | Self::Metadata(_))
    }
}

impl World {
    /// Begins a fault; the hosts it touched.
    pub fn begin(&mut self, number: usize, scheduled: &Scheduled) -> Vec<usize> {
        self.say(|| format!("fault {number} begins: {:?}", scheduled.fault));
        self.faults_on += usize::from(!scheduled.fault.is_wish());
        let now = self.now;
        match &scheduled.fault {
            Fault::Net(rule) => self.network.rules.push((number, rule.clone())),
            &Fault::Pause(host) => self.pause(host),
            &Fault::Crash { host, .. } | &Fault::Kill(host) => self.crash(host),
            &Fault::Leave(host) => {
                self.hosts[host].leaving |= self.command(host, |node, now| node.leave(now).is_ok());
                return vec![host];
            }
            &Fault::Drift(host, ppm) => self.hosts[host].clock.set_rate(now, f64::from(ppm)),
            &Fault::WallJump(host, seconds) => {
                self.hosts[host].wall_offset += i64::from(seconds) * 1_000_000_000;
            }
            &Fault::Starve(host, lateness) => self.hosts[host].starved = lateness,
            &Fault::Lease(host, lease) => {
                let name = lease_name(lease);
                self.command(host, |node, now| node.acquire(now, &name).is_ok());
                return vec![host];
            }
            &Fault::DiskFails(host) => self.hosts[host].disk_fails = true,
            &Fault::PowerFails { host, after } => self.hosts[host].power_fails = Some(after),
            &Fault::Slew(host, ppm) => self.hosts[host].clock.set_rate(now, f64::from(ppm)),
            Fault::Voters(voters) => {
                let names: Vec<_> = voters.iter().map(|&host| self.hosts[host].id.clone()).collect();
                let Some(by) = (0..self.hosts.len()).find(|&host| self.hosts[host].is_up()) else {
                    return Vec::new();
                };
                self.command(by, |node, now| node.change_voters(now, &names).is_ok());
                return vec![by];
            }
            &Fault::Metadata(host) => {
                self.command(host, |node, at| node.set_metadata(at, "at", &now.to_string()).is_ok());
                return vec![host];
            }
            &Fault::Announced(host) => {
                let length = std::time::Duration::from_nanos(scheduled.until - scheduled.from);
                self.command(host, |node, now| node.announce_pause(now, length).is_ok());
                self.pause(host);
                return vec![host];
            }
            &Fault::Move(host) => {
                let SocketAddr::V4(addr) = self.hosts[host].addr else { return Vec::new() };
                let [_, b, c, d] = addr.ip().octets();
                let addr = SocketAddr::from(([11 + (number % 100) as u8, b, c, d], 7000));
                self.relocate(host, addr);
                return vec![host];
            }
        }
        Vec::new()
    }

    /// Ends a fault; the hosts it touched.
    pub fn end(&mut self, number: usize, scheduled: &Scheduled) -> Vec<(usize, Vec<gossip::Event>)> {
        self.say(|| format!("fault {number} ends: {:?}", scheduled.fault));
        if !scheduled.fault.is_wish() {
            self.faults_on -= 1;
            self.disturbed = self.now;
        }
        self.network.rules.retain(|(of, _)| *of != number);
        match scheduled.fault {
            Fault::Pause(host) | Fault::Announced(host) => return vec![(host, self.unpause(host))],
            Fault::Crash { host, disk } if self.hosts[host].node.is_none() && !self.hosts[host].leaving => {
                let incarnation = if disk { self.hosts[host].stored + 1 } else { self.wipe(host) };
                self.start(host, incarnation);
                return vec![(host, self.drain(host))];
            }
            Fault::Lease(host, lease) => {
                let name = lease_name(lease);
                self.command(host, |node, now| node.release(now, &name).is_ok());
            }
            Fault::Drift(host, _) | Fault::Slew(host, _) => {
                let now = self.now;
                self.hosts[host].clock.set_rate(now, 0.0);
            }
            Fault::Starve(host, _) => self.hosts[host].starved = 0,
            Fault::PowerFails { host, .. } => self.hosts[host].power_fails = None,
            _ => {}
        }
        Vec::new()
    }

    /// A host has lost what was on its disk, if it has one; in which incarnation it starts again.
    fn wipe(&mut self, index: usize) -> u64 {
        let host = &mut self.hosts[index];
        match self.wiping_keeps {
            _ if host.disk == StorageId::default() => return 1,
            Kept::Nothing => self.replace_disk(index),
            Kept::Id | Kept::IdAndCount => (host.durable, host.disk_replaced) = (Durable::default(), true),
        }
        if self.wiping_keeps == Kept::IdAndCount { self.hosts[index].stored + 1 } else { 1 }
    }

    /// Gives a command to a process, if there is one that runs and takes it.
    fn command(
        &mut self,
        host: usize,
        command: impl FnOnce(&mut gossip::core::Node, gossip::Now) -> bool,
    ) -> bool {
        let now = self.hosts[host].now(self.now);
        if self.hosts[host].paused {
            return false;
        }
        self.read_inbox(host, self.now);
        let taken = self.hosts[host].node.as_mut().is_some_and(|node| command(node, now));
        self.drain(host);
        taken
    }
}
