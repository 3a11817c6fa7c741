//! What the task does with an end that nobody has told it of: events are bounded, and the one that says so may be lost.

use std::future::Future;
use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::core::identity::Life;
use crate::wire::{self, Encoder, Head};
use crate::{Config, DATAGRAM_MAX, Incarnation, OnEviction, Refusal};

const CLUSTER: &str = "handle-test";

/// Far more than anything here takes.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("{what} took 30 s"))
}

fn builder() -> Builder {
    Node::builder(CLUSTER, "n1").configure(|c| c.events_max(16).interval(Duration::from_millis(50)))
}

/// An address at which nobody answers.
fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let addr = socket.local_addr().expect("bound");
    (socket, addr)
}

/// Somebody refuses the life that the node lives now, for each of these reasons and all in one round of the task.
async fn refuse(node: &Node, reasons: impl IntoIterator<Item = Refusal>) {
    let config = Config::builder(CLUSTER).build().expect("valid");
    let reasons: Vec<Refusal> = reasons.into_iter().collect();
    let by = "127.0.0.1:9".parse().expect("an address");
    let refuse = move |core: &mut Core, now| {
        let to = core.identity().life().tag();
        for reason in reasons {
            let mut buf = [0; DATAGRAM_MAX];
            let len = Encoder::new(&config, &mut buf, Life(7), to, &Head::Refused(reason)).finish();
            core.handle_datagram(now, by, &buf[..len]);
        }
    };
    node.ask(refuse).await.expect("runs");
}

async fn life(node: &Node) -> Incarnation {
    node.identity().await.expect("runs").incarnation
}

#[tokio::test]
async fn a_refusal_that_was_lost_among_events_ends_the_life_all_the_same() {
    let node = builder().start().await.expect("starts");
    let before = life(&node).await;
    let highest = before.next().next();
    let crowd = std::iter::repeat_n(Refusal::Full, 16);
    refuse(&node, std::iter::once(Refusal::Incarnation { highest }).chain(crowd)).await;
    assert!(soon("another life", node.reborn(before)).await.expect("runs") > highest);
}

/// One that was let in, and is refused with its own incarnation, is on record as over; one that was not has begun too low.
#[tokio::test]
async fn only_who_was_let_in_is_evicted_by_a_refusal() {
    let alone = || builder().on_eviction(OnEviction::Stop);
    let node = alone().start().await.expect("starts");
    soon("ready", node.ready()).await.expect("runs");
    let highest = life(&node).await;
    refuse(&node, [Refusal::Incarnation { highest }]).await;
    let reason = soon("the stop", node.stopped()).await;
    assert!(matches!(reason, StopReason::Evicted { epoch: None }), "{reason}");

    let (_socket, addr) = silent();
    for (seed, above) in [(Some(addr), false), (None, true)] {
        let node = alone().seeds(seed.map(|seed| seed.to_string())).start().await.expect("starts");
        let before = life(&node).await;
        let highest = if above { before.next() } else { before };
        refuse(&node, [Refusal::Incarnation { highest }]).await;
        soon("another life", node.reborn(before)).await.expect("it goes on");
    }
}

#[tokio::test]
async fn another_life_calls_where_seeds_are_now() {
    let (_gone, before) = silent();
    let (socket, after) = silent();
    let node = builder().seed(before.to_string()).start().await.expect("starts");
    let first = life(&node).await;
    assert!(node.shared.commands.send(Command::Seeds(vec![after])).await.is_ok());
    refuse(&node, [Refusal::Incarnation { highest: first }]).await;
    soon("another life", node.reborn(first)).await.expect("runs");
    let own = node.identity().await.expect("runs").life();

    socket.set_nonblocking(true).expect("set");
    let socket = tokio::net::UdpSocket::from_std(socket).expect("watched");
    let config = Config::builder(CLUSTER).build().expect("valid");
    let called = async {
        let (mut buf, mut items) = ([0; DATAGRAM_MAX], Vec::new());
        loop {
            let (len, _) = socket.recv_from(&mut buf).await.expect("received");
            if wire::decode(&config, &buf[..len], &mut items).is_ok_and(|frame| frame.from == own) {
                return;
            }
        }
    };
    soon("a call", called).await;
}

/// One round may tell as many events as the core keeps.
#[tokio::test]
async fn a_subscriber_with_room_for_what_one_round_tells_loses_nothing() {
    const COUNT: usize = 3000;
    let node = builder().configure(|c| c.events_max(COUNT)).event_buffer(COUNT);
    let node = node.start().await.expect("starts");
    let mut events = node.events();
    refuse(&node, std::iter::repeat_n(Refusal::Full, COUNT)).await;
    let mut read = 0;
    while read < COUNT {
        match soon("an event", events.next()).await {
            Some(Event::Refused { .. }) => read += 1,
            Some(Event::Lagged { lost }) => panic!("{lost} were lost"),
            Some(_) => {}
            None => panic!("stopped"),
        }
    }
}
