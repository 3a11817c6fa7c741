//! One node of foca, driven by a single task: a socket, a queue of timers, lines on standard output.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use agent::{Args, Profile, Report};
use foca::{
    AccumulatingRuntime, Config, Foca, Identity, OwnedNotification, PeriodicParams, PostcardCodec, Timer,
};
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

/// What foca's own advice for a local network wants to know.
const CLUSTER_SIZE: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// How often seeds are called while nobody has answered, and commands are looked for.
const GLANCE: Duration = Duration::from_millis(100);

/// An address, the name that the harness knows, and which life of it this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Id {
    addr: SocketAddr,
    name: String,
    generation: u64,
}

impl Identity for Id {
    type Addr = SocketAddr;

    fn renew(&self) -> Option<Self> {
        Some(Self { generation: self.generation + 1, ..self.clone() })
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.generation > adversary.generation
    }
}

/// As foca advises for a local network; or faster where its own relations between the fields allow it.
fn config(profile: Profile) -> Config {
    let lan = Config::new_lan(CLUSTER_SIZE);
    let every = |ms, members| {
        let num_members = NonZeroUsize::new(members).unwrap_or(NonZeroUsize::MIN);
        Some(PeriodicParams { frequency: Duration::from_millis(ms), num_members })
    };
    match profile {
        Profile::Default => lan,
        Profile::Tuned => Config {
            probe_period: Duration::from_millis(200),
            probe_rtt: Duration::from_millis(80),
            suspect_to_down_after: Duration::from_millis(600),
            periodic_gossip: every(50, 3),
            periodic_announce: every(2_000, 1),
            periodic_announce_to_down_members: every(2_000, 2),
            ..lan
        },
    }
}

struct Node {
    foca: Foca<Id, PostcardCodec, StdRng, foca::NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Id>,
    /// By due time, then in foca's own order.
    timers: BTreeMap<(Instant, Timer<Id>, Reverse<u64>), ()>,
    report: Report,
    socket: UdpSocket,
    scheduled: u64,
}

impl Node {
    /// Does what foca asked for.
    async fn drain(&mut self) {
        while let Some((to, data)) = self.runtime.to_send() {
            // A datagram that cannot be sent is one that got lost.
            _ = self.socket.send_to(&data, to.addr).await;
        }
        while let Some((delay, timer)) = self.runtime.to_schedule() {
            self.scheduled += 1;
            self.timers.insert((Instant::now() + delay, timer, Reverse(self.scheduled)), ());
        }
        while let Some(notification) = self.runtime.to_notify() {
            match notification {
                OwnedNotification::MemberUp(id) => self.report.up(&id.name, id.generation),
                // A newer life of one that is up is up as well, without a word of its own.
                OwnedNotification::Rename(old, new) if self.report.members_up().contains(&old.name) => {
                    self.report.up(&new.name, new.generation);
                }
                OwnedNotification::MemberDown(id) => self.report.down(&id.name),
                _ => {}
            }
        }
    }

    fn next_timer(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        self.timers.keys().next().map_or(far, |(at, ..)| *at)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let config = config(args.profile);
    let mut buffer = vec![0; config.max_packet_size.get()];
    let own = Id { addr: args.bind, name: args.name.clone(), generation: agent::generation() };
    let mut node = Node {
        foca: Foca::new(own, config, rand::make_rng(), PostcardCodec),
        runtime: AccumulatingRuntime::new(),
        timers: BTreeMap::new(),
        report: Report::start(&args),
        socket: UdpSocket::bind(args.bind).await?,
        scheduled: 0,
    };
    let mut asked_to_leave = agent::asked_to_leave();
    let mut glance = tokio::time::interval(GLANCE);
    let mut glances = 0u32;
    loop {
        tokio::select! {
            received = node.socket.recv_from(&mut buffer) => {
                if let Ok((len, _)) = received {
                    // What it cannot read it refuses, and goes on.
                    _ = node.foca.handle_data(&buffer[..len], &mut node.runtime);
                }
            }
            () = sleep_until(node.next_timer()) => {
                while let Some(entry) = node.timers.first_entry().filter(|e| e.key().0 <= Instant::now()) {
                    let ((_, timer, _), ()) = entry.remove_entry();
                    _ = node.foca.handle_timer(timer, &mut node.runtime);
                }
            }
            _ = glance.tick() => {
                if asked_to_leave() {
                    _ = node.foca.leave_cluster(&mut node.runtime);
                    node.drain().await;
                    return Ok(());
                }
                if glances.is_multiple_of(5) && node.foca.num_members() == 0 {
                    for seed in &args.seeds {
                        let seed = Id { addr: *seed, name: String::new(), generation: 0 };
                        _ = node.foca.announce(seed, &mut node.runtime);
                    }
                }
                glances = glances.wrapping_add(1);
            }
        }
        node.drain().await;
    }
}
