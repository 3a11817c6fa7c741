//! One node of memberlist over UDP and TCP: its joins and leaves, told as lines on standard output.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::{Args, Profile, Report};
use memberlist::Options;
use memberlist::delegate::{CompositeDelegate, EventDelegate};
use memberlist::net::NetTransportOptions;
use memberlist::proto::{MaybeResolvedAddress, NodeState, State};
use memberlist::tokio::{TokioSocketAddrResolver, TokioTcp, TokioTcpMemberlist};
use smol_str::SmolStr;

const GLANCE: Duration = Duration::from_millis(100);

/// As it comes for a local network; or with the intervals that decide when somebody is declared dead brought down.
fn options(profile: Profile) -> Options {
    match profile {
        Profile::Default => Options::lan(),
        // The fallback over TCP waits for `timeout`, 10 s by default, when a host answers nothing at all: until then nobody
        // is suspected.
        Profile::Tuned => Options::lan()
            .with_timeout(Duration::from_millis(300))
            .with_probe_interval(Duration::from_millis(200))
            .with_probe_timeout(Duration::from_millis(80))
            .with_gossip_interval(Duration::from_millis(50))
            .with_suspicion_mult(2)
            .with_suspicion_max_timeout_mult(2)
            .with_push_pull_interval(Duration::from_secs(5)),
    }
}

/// Told of everybody who comes, changes and goes.
struct Told(Mutex<Report>);

type Peer = Arc<NodeState<SmolStr, SocketAddr>>;

impl Told {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventDelegate for Told {
    type Id = SmolStr;
    type Address = SocketAddr;

    async fn notify_join(&self, node: Peer) {
        // It does not say which life of a node this is.
        self.report().up(node.id(), 0);
    }

    async fn notify_leave(&self, node: Peer) {
        match node.state() {
            State::Left => self.report().left(node.id()),
            _ => self.report().down(node.id()),
        }
    }

    async fn notify_update(&self, _node: Peer) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let report = Report::start(&args);
    let mut transport =
        NetTransportOptions::<SmolStr, TokioSocketAddrResolver, TokioTcp>::new(args.name.as_str().into());
    transport.add_bind_address(args.bind);
    let delegate =
        CompositeDelegate::<SmolStr, SocketAddr>::new().with_event_delegate(Told(Mutex::new(report)));
    let node = TokioTcpMemberlist::<SmolStr, TokioSocketAddrResolver, _>::with_delegate(
        delegate,
        transport,
        options(args.profile),
    )
    .await
    .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut asked_to_leave = agent::asked_to_leave();
    let mut glance = tokio::time::interval(GLANCE);
    let mut glances = 0u32;
    loop {
        glance.tick().await;
        if asked_to_leave() {
            _ = node.leave(Duration::from_secs(2)).await;
            _ = node.shutdown().await;
            return Ok(());
        }
        // Seeds may not have started yet.
        if glances.is_multiple_of(5) && node.num_online_members().await <= 1 {
            let seeds = args.seeds.iter().map(|seed| MaybeResolvedAddress::Resolved(*seed));
            _ = node.join_many(seeds).await;
        }
        glances = glances.wrapping_add(1);
    }
}
