//! The driver on real sockets, on loopback. Tests wait for what must happen, never for time to pass.
#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use gossip::{
    Builder, Event, Events, Farewell, Incarnation, Node, NodeError, NodeId, Opinion, Refusal, StartError,
    StopReason,
};

/// Far more than anything here takes, even on a machine that is busy with something else.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("{what} took 30 s"))
}

fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a good name")
}

fn builder(name: &str, seeds: &[SocketAddr]) -> Builder {
    Node::builder("driver-test", name)
        .configure(|c| c.interval(Duration::from_millis(50)))
        .seeds(seeds.iter().map(SocketAddr::to_string))
}

async fn start(name: &str, seeds: &[SocketAddr]) -> Node {
    builder(name, seeds).start().await.expect("starts")
}

/// The first event that `pick` wants.
async fn event<T>(events: &mut Events, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    soon(what, async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("stopped before {what}"));
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    })
    .await
}

async fn joined(events: &mut Events, name: &str) -> Incarnation {
    event(events, "a join", |e| match e {
        Event::Joined { id, incarnation, .. } if id.as_str() == name => Some(*incarnation),
        _ => None,
    })
    .await
}

async fn started(events: &mut Events) -> Incarnation {
    event(events, "a life", |e| match e {
        Event::Started { incarnation } => Some(*incarnation),
        _ => None,
    })
    .await
}

async fn suspected(events: &mut Events, observer: &str, name: &str) -> f64 {
    event(events, "a suspicion", |e| match e {
        Event::Opinion { observer: by, target, opinion: Opinion::Suspect, phi, .. }
            if target.as_str() == name && by.as_str() == observer =>
        {
            Some(*phi)
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn nodes_join_share_metadata_and_leave_without_suspicion() {
    let one = start("one", &[]).await;
    let mut events = one.events();
    let two = builder("two", &[one.addr()]).metadata("role", "db").start().await.expect("starts");
    joined(&mut events, "two").await;
    soon("ready", two.ready()).await.expect("runs");

    assert!(two.set_metadata("zone", "b").await.expect("fits"));
    assert!(!two.set_metadata("zone", "b").await.expect("fits"), "nothing new");
    assert!(matches!(two.set_metadata("", "b").await, Err(NodeError::Metadata(_))));
    let mut watch = one.watch();
    soon("metadata", async {
        loop {
            let members = watch.next().await.expect("runs");
            let two = members.iter().find(|m| m.record.identity.id.as_str() == "two");
            if two.is_some_and(|m| m.record.metadata.iter().eq([("role", "db"), ("zone", "b")])) {
                break;
            }
        }
    })
    .await;

    assert_eq!(soon("farewell", two.leave()).await.expect("leaves"), Farewell { acknowledged: 1, told: 1 });
    assert!(matches!(two.members().await.expect_err("gone").0, StopReason::Left { .. }));
    assert_eq!(two.leave().await.expect("left"), Farewell { acknowledged: 1, told: 1 });
    let gone = event(&mut events, "a farewell", |e| match e {
        Event::Left { id, .. } => Some(id.clone()),
        Event::Opinion { opinion: Opinion::Suspect, .. } => panic!("suspected: {e:?}"),
        _ => None,
    });
    assert_eq!(gone.await, id("two"));
}

#[tokio::test]
async fn a_crash_is_suspected_by_all_and_a_restart_from_the_same_disk_is_trusted() {
    let disk = tempfile::tempdir().expect("a directory");
    let one = start("one", &[]).await;
    let two = start("two", &[one.addr()]).await;
    let three = || builder("three", &[one.addr()]).data_dir(disk.path());
    let first = three().start().await.expect("starts");
    let (mut at_one, mut at_two) = (one.events(), two.events());
    assert_eq!(joined(&mut at_one, "three").await.get(), 1);
    assert_eq!(joined(&mut at_two, "three").await.get(), 1);
    assert!(matches!(three().start().await, Err(StartError::Storage(_))), "locked while it lives");

    // Silence counts only from somebody who has been heard for a while.
    soon("heartbeats", async {
        while first.counters().await.expect("runs").heartbeats < 40 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(soon("shutdown", first.shutdown()).await, StopReason::Shutdown));
    assert!(suspected(&mut at_one, "one", "three").await >= 5.0);
    assert!(suspected(&mut at_two, "two", "three").await >= 5.0);

    let second = three().start().await.expect("starts again");
    assert_eq!(second.identity().await.expect("runs").incarnation.get(), 2);
    assert_eq!(joined(&mut at_one, "three").await.get(), 2);
    assert_eq!(joined(&mut at_two, "three").await.get(), 2);
}

#[tokio::test]
async fn a_node_that_lost_its_disk_rises_above_what_others_remember() {
    let one = start("one", &[]).await;
    let mut events = one.events();
    // Without a disk the wall clock counts, which is far above the one start of a new disk.
    let two = start("two", &[one.addr()]).await;
    let high = joined(&mut events, "two").await;
    soon("farewell", two.leave()).await.expect("leaves");

    let disk = tempfile::tempdir().expect("a directory");
    let back = builder("two", &[one.addr()]).data_dir(disk.path()).start().await.expect("starts");
    let mut own = back.events();
    assert_eq!(started(&mut own).await.get(), 1, "a new disk");
    event(&mut own, "a refusal", |e| matches!(e, Event::Refused { .. }).then_some(())).await;
    assert!(started(&mut own).await > high, "the next life begins after all that the former one had to say");
    assert!(joined(&mut events, "two").await > high);
    assert!(back.identity().await.expect("runs").incarnation > high);
    back.shutdown().await;
    let again = builder("two", &[one.addr()]).data_dir(disk.path()).start().await.expect("starts");
    assert!(again.identity().await.expect("runs").incarnation.get() > high.get() + 1, "it was written down");
}

#[tokio::test]
async fn a_subscriber_that_sleeps_is_told_what_it_lost_and_holds_nobody_up() {
    let node = builder("one", &[]).event_buffer(2).start().await.expect("starts");
    let mut events = node.events();
    let mut others = Vec::new();
    for i in 0..6 {
        others.push(start(&format!("other-{i}"), &[node.addr()]).await);
    }
    let mut watch = node.watch();
    soon("seven members", async { while watch.next().await.expect("runs").len() < 7 {} }).await;
    let Some(Event::Lagged { lost }) = events.next().await else { panic!("nothing was lost") };
    assert!(lost >= 5, "{lost}");
    assert_eq!(node.members().await.expect("runs").len(), 7);
}

#[tokio::test]
async fn the_last_handle_stops_the_node_and_frees_its_address() {
    let node = start("one", &[]).await;
    let addr = node.addr();
    let mut events = node.events();
    let clone = node.clone();
    drop(node);
    assert!(clone.members().await.is_ok());
    drop(clone);
    soon("the end of events", async { while events.next().await.is_some() {} }).await;
    // The socket is closed before events end.
    builder("two", &[]).bind(addr).start().await.expect("the address is free");
}

#[tokio::test]
async fn nodes_speak_ipv6() {
    let v6 = |name, seeds: &[SocketAddr]| builder(name, seeds).bind("[::1]:0".parse().expect("an address"));
    let one = match v6("one", &[]).start().await {
        Ok(node) => node,
        // A host without IPv6 has nothing to test.
        Err(error) => return println!("skipped: {error}"),
    };
    let mut events = one.events();
    let two = v6("two", &[one.addr()]).start().await.expect("starts");
    joined(&mut events, "two").await;
    assert!(one.members().await.expect("runs").iter().any(|m| m.record.addr == two.addr()));
}

#[tokio::test]
async fn bad_descriptions_are_refused_with_a_reason() {
    let refused = async |b: Builder| b.start().await.expect_err("refused").to_string();
    let node = || Node::builder("c", "n");
    let any: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    assert!(refused(node().bind(any)).await.starts_with("refusing to listen on 0.0.0.0:0 without a key"));
    assert!(refused(node().seed("nowhere")).await.starts_with("seed \"nowhere\" is not HOST:PORT"));
    assert!(
        refused(node().seed("[fd00::7]:7001")).await.starts_with("seed [fd00::7]:7001 cannot be called from")
    );
    assert!(refused(node().socket_buffer(0)).await.starts_with("socket buffers of 0 bytes are outside"));
    assert_eq!(refused(node().configure(|c| c.threshold(0.1))).await, "threshold = 0.1 is outside 1..=100");
    assert!(refused(node().metadata("k", "v".repeat(300))).await.starts_with("a metadata value must"));
    assert!(refused(Node::builder("c", "")).await.starts_with("a name must have"));
    assert!(refused(node().advertise(any)).await.starts_with("cannot advertise 0.0.0.0:"));
}

/// A disk that hangs: a write to the state's temporary file waits until somebody reads it.
#[cfg(unix)]
struct Hung(std::path::PathBuf);

#[cfg(unix)]
impl Hung {
    fn new(disk: &std::path::Path) -> Self {
        let path = disk.join("state.tmp");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("there is mkfifo");
        assert!(made.success());
        Self(path)
    }
}

/// It goes on, and whatever was written is lost: the runtime would wait for the write for ever, also if a test has failed.
#[cfg(unix)]
impl Drop for Hung {
    fn drop(&mut self) {
        // Both, so that this waits for nobody. It is kept open: the write must find somebody to read.
        if let Ok(file) = std::fs::File::options().read(true).write(true).open(&self.0) {
            std::mem::forget(file);
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_hangs_holds_up_the_end_but_not_the_address() {
    let disk = tempfile::tempdir().expect("a directory");
    let node = builder("one", &[]).voters(["one"]).data_dir(disk.path()).start().await.expect("starts");
    let addr = node.addr();
    let lease = soon("a grant", node.acquire("db")).await.expect("granted");
    let hung = Hung::new(disk.path());
    // A grant has to be written first.
    let more = tokio::time::timeout(Duration::from_millis(500), node.acquire("more")).await;
    assert!(more.is_err(), "granted, or refused: {more:?}");
    assert!(lease.check().is_ok(), "nothing else waits for the disk");
    let mut end = tokio::spawn({
        let node = node.clone();
        async move { node.shutdown().await }
    });
    free(addr).await;
    soon("the lease to be given back", lease.release()).await;
    let early = tokio::time::timeout(Duration::from_millis(50), &mut end).await;
    assert!(early.is_err(), "the directory is still locked");
    drop(hung);
    assert!(matches!(soon("the end", end).await.expect("no panic"), StopReason::Shutdown));
}

#[cfg(unix)]
async fn free(addr: SocketAddr) {
    soon("the address", async {
        while std::net::UdpSocket::bind(addr).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Its disk is older than what others know of it, and hangs while it is to begin another life: that is written first. Whether it
/// is told to stop or nobody has a handle on it any more.
#[cfg(unix)]
#[tokio::test]
async fn a_node_whose_next_life_hangs_can_be_stopped() {
    for told in [true, false] {
        let one = start("one", &[]).await;
        let disk = tempfile::tempdir().expect("a directory");
        let two = || builder("two", &[one.addr()]).data_dir(disk.path());
        let lived = two().start().await.expect("starts");
        let (backup, state) = (std::fs::read(disk.path().join("state")), disk.path().join("state"));
        soon("the end", lived.shutdown()).await;
        let lived = two().start().await.expect("starts");
        joined(&mut lived.events(), "one").await;
        soon("the end", lived.shutdown()).await;
        std::fs::write(&state, backup.expect("a state")).expect("put back");

        let back = two().start().await.expect("starts");
        let hung = Hung::new(disk.path());
        let (addr, mut events) = (back.addr(), back.events());
        soon("a refusal", async {
            while !matches!(events.next().await, Some(Event::Refused { reason: Refusal::Rewound { .. }, .. }))
            {
            }
        })
        .await;
        // For the life to come, and so never answered.
        let early = tokio::time::timeout(Duration::from_millis(50), back.identity()).await;
        assert!(early.is_err(), "the next life has begun: {early:?}");
        if told {
            let end = tokio::spawn(async move { back.shutdown().await });
            free(addr).await;
            assert!(!end.is_finished(), "the directory is still locked");
            drop(hung);
            assert!(matches!(soon("the end", end).await.expect("no panic"), StopReason::Shutdown));
        } else {
            drop(back);
            free(addr).await;
        }
    }
}

/// I2, section 14: others hear of a life only after it has been written down. Else a node whose power fails in between comes back as
/// somebody that they know already.
#[cfg(unix)]
#[tokio::test]
async fn nobody_hears_of_a_life_that_is_not_on_the_disk() {
    let seed = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    seed.set_nonblocking(true).expect("a socket");
    let heard = || seed.recv(&mut [0; 2048]).is_ok();
    let disk = tempfile::tempdir().expect("a directory");
    let life = builder("one", &[seed.local_addr().expect("bound")]).data_dir(disk.path());
    let hung = Hung::new(disk.path());
    let (tell, told) = std::sync::mpsc::channel();
    let read = std::thread::spawn({
        let (path, tell) = (hung.0.clone(), tell.clone());
        move || {
            // Waits until somebody opens it to write.
            let mut written = std::fs::File::open(path).expect("is there");
            tell.send("is being written").expect("listens");
            std::io::copy(&mut written, &mut std::io::sink())
        }
    });
    let start = std::thread::spawn({
        let life = life.clone();
        move || {
            let started = tokio::runtime::Runtime::new().expect("a runtime").block_on(life.start());
            tell.send("has returned").expect("listens");
            started.map(drop)
        }
    });
    for _ in 0..2 {
        let what = told.recv_timeout(Duration::from_secs(30)).expect("it is written, and that fails");
        assert!(!heard(), "it {what}");
    }
    // What is a pipe cannot be synced, and so has not been written.
    let started = start.join().expect("no panic");
    assert!(matches!(started, Err(StartError::Storage(_))), "{started:?}");
    read.join().expect("no panic").expect("a pipe");
    drop(hung);
    std::fs::remove_file(disk.path().join("state.tmp")).expect("was there");
    let _node = life.start().await.expect("starts");
    soon("a call", async {
        while !heard() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[cfg(feature = "faults")]
mod faults {
    use super::*;
    use gossip::faults::{Direction, Fault, LinkFaults};

    #[tokio::test]
    async fn a_cut_link_is_seen_from_both_ends_and_heals() {
        let faults = LinkFaults::new(1);
        let one = builder("one", &[]).faults(faults.clone()).start().await.expect("starts");
        let two = start("two", &[one.addr()]).await;
        let (mut at_one, mut at_two) = (one.events(), two.events());
        joined(&mut at_one, "two").await;
        joined(&mut at_two, "one").await;
        soon("heartbeats", async {
            while two.counters().await.expect("runs").heartbeats < 40 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for direction in [Direction::In, Direction::Out] {
            faults.set(direction, Some(two.addr()), Fault::CUT);
        }
        suspected(&mut at_one, "one", "two").await;
        suspected(&mut at_two, "two", "one").await;
        faults.heal();
        for (events, who) in [(&mut at_one, "two"), (&mut at_two, "one")] {
            event(events, "trust", |e| match e {
                Event::Opinion { target, opinion: Opinion::Trust, .. } if target.as_str() == who => Some(()),
                _ => None,
            })
            .await;
        }
    }
}
