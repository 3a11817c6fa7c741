//! Leases, views and verdicts on real sockets and disks, on loopback. Tests wait for what must happen, never for time to
//! pass.
#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gossip::{
    Builder, Event, LeaseState, Node, NodeError, NodeId, Refusal, Standing, StartError, StorageState,
    Verdict, View,
};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// Far more than anything here takes, even on a machine that is busy with something else.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("{what} took 30 s"))
}

/// A free port that the system gives to nobody who asks for any: a node that was down finds it free again, whatever other
/// tests have opened meanwhile.
fn own_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Below the ports that Linux, macOS and Windows give away; elsewhere in it for each process.
    let candidates = std::iter::repeat_with(|| {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        20_000 + (std::process::id().wrapping_mul(64).wrapping_add(taken) % 10_000) as u16
    });
    let free = |port: &u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.take(10_000).find(free).expect("a free port between 20000 and 29999")
}

/// Three voters, each with a disk and an address of its own.
struct Trio {
    disks: Vec<TempDir>,
    addrs: Vec<SocketAddr>,
}

impl Trio {
    fn new() -> Self {
        Self {
            disks: NAMES.iter().map(|_| tempfile::tempdir().expect("a directory")).collect(),
            addrs: NAMES.iter().map(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, own_port()))).collect(),
        }
    }

    fn builder(&self, index: usize) -> Builder {
        Node::builder("lease-test", NAMES[index])
            .configure(|c| c.interval(Duration::from_millis(50)))
            .bind(self.addrs[index])
            .seeds(self.addrs.iter().map(SocketAddr::to_string))
            .voters(NAMES)
            .lease(Duration::from_millis(1000))
            .data_dir(self.disks[index].path())
    }

    async fn start(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        for index in 0..NAMES.len() {
            nodes.push(self.builder(index).start().await.expect("starts"));
        }
        nodes
    }
}

async fn standing(node: &Node, wanted: Standing) {
    soon(&format!("{wanted:?} at {}", node.id()), async {
        while node.standing() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits until the node says of a lease what `pick` wants.
async fn said(node: &Node, what: &str, mut pick: impl FnMut(&Event) -> bool) {
    let mut events = node.events();
    soon(what, async {
        while !pick(&events.next().await.unwrap_or_else(|| panic!("stopped before {what}"))) {}
    })
    .await;
}

#[tokio::test]
async fn three_found_a_history_and_grant_leases_with_growing_tokens() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let first = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    let permit = first.check().expect("held");
    let view = nodes[0].view().await.expect("runs").expect("founded");
    assert_eq!(
        (permit.token(), permit.genesis(), permit.lease().as_str()),
        (first.token(), view.genesis, "db")
    );
    assert!(permit.good_for() > Duration::ZERO && permit.good_for() < Duration::from_secs(1));
    assert_eq!(view.leases.get(first.name()).map(|grant| grant.token), Some(first.token()));

    // Held here, so nobody else gets it, and this node has one handle only.
    assert!(matches!(nodes[0].acquire("db").await, Err(NodeError::Held { .. })));
    assert!(matches!(nodes[0].acquire("").await, Err(NodeError::Name(_))));
    let other = tokio::time::timeout(Duration::from_millis(500), nodes[1].acquire("db")).await;
    assert!(other.is_err(), "it is taken: {other:?}");
    assert!(first.check().is_ok(), "and still held");

    let token = first.token();
    first.release().await;
    let second = soon("a grant", nodes[1].acquire("db")).await.expect("granted");
    assert!(second.token() > token);
    // Dropped, not released: in the background, and it can be had anew at once.
    let token = second.token();
    drop(second);
    let third = soon("a grant", nodes[1].acquire("db")).await.expect("granted");
    assert!(third.token() > token);
}

#[tokio::test]
async fn whoever_loses_the_majority_loses_the_lease_by_its_own_clock() {
    let trio = Trio::new();
    let mut nodes = trio.start().await;
    let lease = soon("a grant", nodes[2].acquire("db")).await.expect("granted");
    let (one, two) = (nodes.remove(0), nodes.remove(0));
    let third = nodes.remove(0);
    let mut events = third.events();
    let begun = Instant::now();
    tokio::join!(one.shutdown(), two.shutdown());
    assert!(lease.check_at(third.now()).is_ok(), "vouchers are good for a while");
    let over = soon("the end", lease.expired()).await;
    assert_eq!(over.token, lease.token());
    // Counted from sending a heartbeat, of which there are twenty in this time.
    let lasted = begun.elapsed();
    assert!(lasted > Duration::from_millis(500) && lasted < Duration::from_secs(5), "{lasted:?}");
    assert_eq!(lease.check().expect_err("over"), over);
    assert_eq!(third.standing(), Standing::Isolated);
    // Whoever listens is warned, unless this process was kept from running meanwhile, and told.
    let mut told = Vec::new();
    soon("the events", async {
        while told.last() != Some(&LeaseState::Expired) {
            if let Event::Lease { state, token, .. } = events.next().await.expect("runs") {
                assert_eq!(token, Some(over.token));
                told.push(state);
            }
        }
    })
    .await;
    let expected = |state: &LeaseState| match state {
        LeaseState::Granted => 0,
        LeaseState::Endangered { .. } => 1,
        _ => 2,
    };
    assert!(told.is_sorted_by_key(expected), "{told:?}");

    // The majority is back; the handle is not.
    let token = lease.token();
    let _one = trio.builder(0).start().await.expect("starts again");
    let _two = trio.builder(1).start().await.expect("starts again");
    standing(&third, Standing::InQuorum).await;
    assert!(lease.check().is_err(), "it never revives");
    drop(lease);
    let again = soon("a grant", third.acquire("db")).await.expect("granted");
    assert!(again.token() > token);
}

/// I1: founders that start again with the same names go on with the history on their disks.
#[tokio::test]
async fn a_restart_never_founds_again() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let lease = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    let (genesis, token) = (lease.genesis(), lease.token());
    drop(lease);
    for node in &nodes {
        node.shutdown().await;
    }
    let nodes = trio.start().await;
    let again = soon("a grant", nodes[1].acquire("db")).await.expect("granted");
    assert_eq!(again.genesis(), genesis);
    assert!(again.token() > token, "numbers go on where they were");
    for node in &nodes {
        assert_eq!(node.view().await.expect("runs").expect("it is on the disk").genesis, genesis);
    }
}

#[tokio::test]
async fn giving_up_an_acquisition_leaves_nothing_behind() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let held = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    let token = held.token();
    // One gives up by dropping the future, one is given up by name.
    let waiting = tokio::time::timeout(Duration::from_millis(200), nodes[1].acquire("db")).await;
    assert!(waiting.is_err());
    let by_name = tokio::join!(nodes[2].acquire("db"), async {
        while !nodes[2].release("db").await.expect("runs") {
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(by_name.0, Err(NodeError::Released { .. })));
    drop(held);
    // A voter may still have had the request of one that gave up. What it grants is given back at once.
    let mut events = nodes[0].events();
    let mut since = None;
    soon("no lease", async {
        while since.is_none() {
            if let Event::View { view } = events.next().await.expect("runs") {
                since = (view.leases.is_empty() && view.epoch > token).then_some(view.epoch);
            }
        }
    })
    .await;
    let next = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    assert!(Some(next.token()) > since);
}

#[tokio::test]
async fn releasing_by_name_kills_the_handle_first() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let lease = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    assert!(nodes[0].release("db").await.expect("runs"));
    assert!(lease.check().is_err());
    assert!(!nodes[0].release("db").await.expect("runs"), "once");
    nodes[0].shutdown().await;
    assert!(matches!(nodes[0].acquire("db").await, Err(NodeError::Stopped(_))));
}

#[tokio::test]
async fn a_stopped_node_holds_nothing() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let lease = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    nodes[0].shutdown().await;
    assert!(lease.check().is_err());
    assert_ne!(nodes[0].standing(), Standing::InQuorum);
    soon("the end", lease.expired()).await;
}

#[tokio::test]
async fn a_killed_holder_is_declared_dead_and_its_lease_goes_to_another() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let lease = soon("a grant", nodes[2].acquire("db")).await.expect("granted");
    let incarnation = nodes[2].identity().await.expect("runs").incarnation;
    let (token, id) = (lease.token(), nodes[2].id().clone());
    nodes[2].shutdown().await;
    let moved = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
    assert!(moved.token() > token);
    for node in &nodes[..2] {
        let dead = soon("a verdict", async {
            loop {
                match node.verdict(&id).await.expect("runs") {
                    Verdict::Dead { epoch } => break epoch,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        })
        .await;
        assert!(dead < moved.token(), "it was dead before its lease was another's");
    }
    // It comes back from its disk, above the life that is over.
    let back = trio.builder(2).start().await.expect("starts again");
    standing(&back, Standing::InQuorum).await;
    assert!(back.identity().await.expect("runs").incarnation > incarnation);
}

#[tokio::test]
async fn voters_are_replaced() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let disk = tempfile::tempdir().expect("a directory");
    let fourth = Node::builder("lease-test", "n4")
        .configure(|c| c.interval(Duration::from_millis(50)))
        .seeds(trio.addrs.iter().map(SocketAddr::to_string))
        .lease(Duration::from_millis(1000))
        .data_dir(disk.path())
        .start()
        .await
        .expect("starts");
    standing(&fourth, Standing::InQuorum).await;
    assert!(matches!(nodes[0].change_voters([""; 0]).await, Err(NodeError::Command(_))));
    nodes[0].change_voters(["n1", "n2", "n4"]).await.expect("runs");
    let n4 = NodeId::new("n4").expect("a name");
    said(&nodes[1], "a change", |e| match e {
        Event::View { view } => {
            view.electorate.next.is_none() && view.electorate.voters.iter().any(|(_, name)| *name == n4)
        }
        _ => false,
    })
    .await;
}

/// What the disk promised since the backup is not on it, so it votes for nothing, and comes back as another disk (I3).
#[tokio::test]
async fn a_voter_that_is_put_back_from_a_backup_has_to_be_made_a_voter_again() {
    let trio = Trio::new();
    let mut nodes = trio.start().await;
    standing(&nodes[2], Standing::InQuorum).await;
    let state = trio.disks[2].path().join("state");
    soon("the end", nodes.remove(2).shutdown()).await;
    let backup = std::fs::read(&state).expect("a state");
    let again = trio.builder(2).start().await.expect("starts");
    standing(&again, Standing::InQuorum).await;
    let lived = again.identity().await.expect("runs");
    soon("the end", again.shutdown()).await;

    std::fs::write(&state, backup).expect("put back");
    let back = trio.builder(2).start().await.expect("starts");
    said(&back, "a refusal", |event| {
        matches!(event, Event::Refused { reason: Refusal::Rewound { highest }, .. } if *highest == lived.incarnation)
    })
    .await;
    standing(&back, Standing::InQuorum).await;
    let now = back.identity().await.expect("runs");
    assert!(now.incarnation > lived.incarnation && now.storage != lived.storage, "{now:?} after {lived:?}");
    let votes = |view: &View, disk| view.electorate.voters.iter().any(|(storage, _)| *storage == disk);
    let view = back.view().await.expect("runs").expect("it kept the views it knew");
    assert!(votes(&view, lived.storage) && !votes(&view, now.storage));

    nodes[0].change_voters(NAMES).await.expect("runs");
    soon("a change", async {
        while !votes(&back.view().await.expect("runs").expect("one"), now.storage) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // The new disk is the one that is opened next time.
    soon("the end", back.shutdown()).await;
    let later = trio.builder(2).start().await.expect("starts");
    assert_eq!(later.identity().await.expect("runs").storage, now.storage);
}

#[tokio::test]
async fn a_follower_leaves_for_good_and_that_is_decided() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    let fourth = Node::builder("lease-test", "n4")
        .configure(|c| c.interval(Duration::from_millis(50)))
        .seeds(trio.addrs.iter().map(SocketAddr::to_string))
        .start()
        .await
        .expect("starts");
    let lease = soon("a grant", fourth.acquire("db")).await.expect("granted");
    let id = fourth.id().clone();
    soon("a farewell", fourth.leave()).await.expect("leaves, and does not begin another life");
    assert!(lease.check().is_err());
    for node in &nodes {
        soon("a verdict", async {
            while !matches!(node.verdict(&id).await.expect("runs"), Verdict::Left { .. }) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    soon("a grant", nodes[0].acquire("db")).await.expect("free again").release().await;
}

#[tokio::test]
async fn a_voter_without_a_disk_is_told_what_to_do() {
    let error = Node::builder("c", "n1").voters(["n1", "n2"]).start().await.expect_err("refused");
    assert!(matches!(error, StartError::Voter { .. }));
    assert!(
        error.to_string().contains("give it one with `data_dir`, or leave it out of `voters`"),
        "{error}"
    );
    let twice = Node::builder("c", "n3").voters(["n1", "n1"]).start().await.expect_err("refused");
    assert!(matches!(twice, StartError::Config(_)));
    // One that only follows needs none.
    let follower = Node::builder("c", "n3").voters(["n1"]).start().await.expect("starts");
    assert_eq!(follower.storage(), StorageState::None);
}

/// I1: what a disk has agreed to it stays bound to, whatever its node is told later, until the founding is given up on all of
/// them.
#[tokio::test]
async fn founders_that_were_told_different_leases_start_over_with_other_disks() {
    let (trio, short, long) = (Trio::new(), Duration::from_secs(1), Duration::from_secs(2));
    let start = async |leases: [Duration; 3], abandon| {
        let mut nodes = Vec::new();
        for (index, lease) in leases.into_iter().enumerate() {
            let builder = trio.builder(index).lease(lease).abandon_founding(abandon);
            nodes.push(builder.start().await.expect("starts"));
        }
        nodes
    };
    let differs = async |node: &Node, known: bool| {
        let mut events = node.events();
        let differs = |event: &Event| match event {
            Event::FoundersDiffer { theirs, ours, their_lease, our_lease, .. } => {
                assert_eq!((theirs, *our_lease), (ours, short));
                !known || *their_lease == Some(long)
            }
            _ => false,
        };
        soon("a complaint", async { while !differs(&events.next().await.expect("runs")) {} }).await;
    };
    // At first as they are told, and then all the same. Whose list is void by then need not say what was on it.
    for (third, known) in [(long, true), (short, false)] {
        let nodes = start([short, short, third], false).await;
        differs(&nodes[0], known).await;
        differs(&nodes[1], known).await;
        for node in &nodes {
            assert_eq!(node.view().await.expect("runs"), None);
            node.shutdown().await;
        }
    }
    let nodes = start([short; 3], true).await;
    drop(soon("a grant", nodes[2].acquire("db")).await.expect("granted"));
    let view = nodes[2].view().await.expect("runs").expect("founded");
    assert_eq!(view.vouch_for.get(), short);
}

/// A directory in the way of the temporary file stands for a disk that cannot be written: root may write everywhere else.
#[tokio::test]
async fn a_voter_whose_disk_fails_says_so_and_goes_on_watching() {
    let trio = Trio::new();
    let nodes = trio.start().await;
    drop(soon("a grant", nodes[0].acquire("db")).await.expect("granted"));
    let mut events = nodes[1].events();
    // While a write is under way its file is there, until it is renamed.
    let in_the_way = trio.disks[1].path().join("state.tmp");
    soon("a moment without a write", async {
        while let Err(error) = std::fs::create_dir(&in_the_way) {
            assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // The others decide without it.
    drop(soon("a grant", nodes[0].acquire("db")).await.expect("granted"));
    soon("a complaint", async {
        while !matches!(events.next().await.expect("runs"), Event::StorageFailed) {}
    })
    .await;
    let storage: Vec<StorageState> = nodes.iter().map(Node::storage).collect();
    assert_eq!(storage, [StorageState::Good, StorageState::Failed, StorageState::Good]);
    drop(soon("a grant", nodes[2].acquire("other")).await.expect("granted: two are a majority of three"));
    assert_eq!(nodes[1].members().await.expect("runs").len(), 3);
    assert!(nodes[0].members().await.expect("runs").len() == 3, "nobody has left");
}

#[cfg(feature = "faults")]
mod faults {
    use super::*;
    use gossip::faults::{Direction, Fault, LinkFaults};
    use gossip::{OnEviction, StopReason};

    /// The third of three, and what is wrong with its links.
    async fn start(trio: &Trio, what: OnEviction) -> (Vec<Node>, LinkFaults) {
        let faults = LinkFaults::new(1);
        let mut nodes = Vec::new();
        for index in 0..2 {
            nodes.push(trio.builder(index).start().await.expect("starts"));
        }
        nodes.push(trio.builder(2).faults(faults.clone()).on_eviction(what).start().await.expect("starts"));
        (nodes, faults)
    }

    fn cut(faults: &LinkFaults) {
        for direction in [Direction::In, Direction::Out] {
            faults.set(direction, None, Fault::CUT);
        }
    }

    #[tokio::test]
    async fn a_minority_steps_down_before_the_majority_takes_over_and_returns_by_itself() {
        let trio = Trio::new();
        let (nodes, faults) = start(&trio, OnEviction::Return).await;
        let lease = soon("a grant", nodes[2].acquire("db")).await.expect("granted");
        let before = nodes[2].identity().await.expect("runs").incarnation;
        let mut events = nodes[2].events();
        cut(&faults);
        let over = async {
            soon("the end", lease.expired()).await;
            Instant::now()
        };
        let taken = async {
            let moved = soon("a grant", nodes[0].acquire("db")).await.expect("granted");
            (Instant::now(), moved)
        };
        let (over, (taken, moved)) = tokio::join!(over, taken);
        assert!(over < taken, "never two at once");
        assert!(moved.token() > lease.token());
        // Somebody waits through the eviction.
        let (waiter, _) = tokio::join!(soon("a grant", nodes[2].acquire("mine")), async {
            faults.heal();
            soon("another life", nodes[2].reborn(before)).await.expect("runs");
        });
        assert!(waiter.expect("granted in the new life").token() > moved.token());
        assert!(lease.check().is_err());
        no_view_is_forgotten(&mut events, before).await;
    }

    /// Up to the first view of the life after `before`, which begins with the one on the disk.
    async fn no_view_is_forgotten(events: &mut gossip::Events, before: gossip::Incarnation) {
        let (mut life, mut newest) = (None, gossip::Epoch::GENESIS);
        while life <= Some(before) {
            match soon("an event", events.next()).await.expect("runs") {
                Event::Started { incarnation } => {
                    assert!(Some(incarnation) > life);
                    life = Some(incarnation);
                }
                Event::View { view } => {
                    assert!(view.epoch >= newest, "{:?} after {newest:?}", view.epoch);
                    newest = view.epoch;
                }
                _ => {}
            }
        }
        let Some(Event::View { view }) = soon("an event", events.next()).await else {
            panic!("a life begins with the view on the disk");
        };
        assert!(view.epoch >= newest, "{:?} after {newest:?}", view.epoch);
    }

    #[tokio::test]
    async fn one_that_is_told_to_stop_stops() {
        let trio = Trio::new();
        let (nodes, faults) = start(&trio, OnEviction::Stop).await;
        standing(&nodes[2], Standing::InQuorum).await;
        cut(&faults);
        let id = nodes[2].id().clone();
        soon("a verdict", async {
            while !matches!(nodes[0].verdict(&id).await.expect("runs"), Verdict::Dead { .. }) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        faults.heal();
        assert!(matches!(soon("the stop", nodes[2].stopped()).await, StopReason::Evicted { .. }));
        let identity = nodes[2].identity().await;
        assert!(identity.is_err());
    }
}
