//! The recorder of `examples/record` and the trace loader of this crate agree.
//!
//! A real sender and a real listener on loopback, and between them a relay that loses, duplicates and reorders, and lets
//! strangers in. The recorder's own modules are compiled in, so that the test needs no executable of another package.

#![allow(dead_code, reason = "the recorder's modules are used in part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic as tests do")]

#[path = "../../examples/record/datagram.rs"]
mod datagram;
#[path = "../../examples/record/listen.rs"]
mod listen;
#[path = "../../examples/record/log.rs"]
mod log;
#[path = "../../examples/record/output.rs"]
mod output;
#[path = "../../examples/record/recording.rs"]
mod recording;
#[path = "../../examples/record/send.rs"]
mod send;
#[path = "../../examples/record/stop.rs"]
mod stop;

use benches::replay::RECEIVED_MIN;
use benches::trace::{self, Trace};
use datagram::{Datagram, Kind};
use listen::{Counts, Limits, listen};
use log::Log;
use output::Output;
use recording::Recording;
use send::{Plan, send};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use stop::Stop;

/// What is sent: enough for the accuracy program, in little time.
const SENT: u64 = 2_500;
const INTERVAL: Duration = Duration::from_millis(1);
const SESSION: u64 = 7;

const LIMITS: Limits = Limits { count: None, duration: None, patience: Duration::from_millis(200) };

/// What the relay does to the heartbeat `seq`.
fn is_dropped(seq: u64) -> bool {
    seq % 100 == 50 || (1_000..1_010).contains(&seq) || seq == SENT - 1
}

fn is_doubled(seq: u64) -> bool {
    seq % 100 == 20
}

/// Let go only after the one that follows.
fn is_held(seq: u64) -> bool {
    seq % 100 == 70
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("record-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn loopback() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    socket
}

/// Passes datagrams on, with faults, until told to stop.
fn relay(from: &UdpSocket, to: &UdpSocket, over: &Stop) {
    let mut buffer = [0; 100];
    let mut held: Option<Vec<u8>> = None;
    while !over.is_raised() {
        let Ok(len) = from.recv(&mut buffer) else { continue };
        let bytes = &buffer[..len];
        let Datagram { kind, seq, sent_ns, .. } = Datagram::decode(bytes).unwrap();
        if kind == Kind::Heartbeat && is_dropped(seq) {
            continue;
        }
        if kind == Kind::Heartbeat && is_held(seq) {
            held = Some(bytes.to_vec());
            continue;
        }
        to.send(bytes).unwrap();
        if is_doubled(seq) {
            to.send(bytes).unwrap();
        }
        if let Some(held) = held.take() {
            to.send(&held).unwrap();
        }
        if seq == 300 {
            // Another program, a damaged datagram, and a sender that has no business here.
            to.send(b"what is this port?").unwrap();
            to.send(&bytes[..len - 1]).unwrap();
            for seq in [0, 301, 9_000_000] {
                to.send(&Datagram { kind: Kind::Heartbeat, session: SESSION + 1, seq, sent_ns }.encode())
                    .unwrap();
            }
            to.send(&Datagram { kind: Kind::End, session: SESSION + 1, seq, sent_ns }.encode()).unwrap();
        }
    }
}

/// Records through the relay; returns the recording and what the listener had to say.
fn record(log: &mut Log) -> (Recording, Vec<String>) {
    let (listener, relay_in, relay_out, sender) = (loopback(), loopback(), loopback(), loopback());
    relay_out.connect(listener.local_addr().unwrap()).unwrap();
    sender.connect(relay_in.local_addr().unwrap()).unwrap();
    let (stop, over) = (Stop::default(), Stop::default());
    let plan = Plan { session: SESSION, interval: INTERVAL, count: Some(SENT), duration: None };
    let mut told = Vec::new();
    let recording = std::thread::scope(|scope| {
        scope.spawn(|| relay(&relay_in, &relay_out, &over));
        scope.spawn(|| {
            let sent =
                send(&sender, plan, &stop, &AtomicU64::new(0), |said| panic!("the sender says: {said}"));
            assert_eq!(sent, SENT);
        });
        let tell = |said: &str| told.push(said.to_owned());
        let recording = listen(&listener, LIMITS, log, &stop, &Counts::default(), tell);
        over.raise();
        recording.unwrap()
    });
    (recording, told)
}

fn assert_is_what_was_sent(trace: &Trace) {
    assert_eq!(trace.rows.len() as u64, SENT, "the sender's last word tells of the one lost at the end");
    assert_eq!((trace.rows[0].seq, trace.rows[0].sent_ns), (0, 0));
    let mut delays = Vec::new();
    for (row, seq) in trace.rows.iter().zip(0..) {
        assert_eq!(row.seq, seq);
        // On a machine with other things to do the kernel may have lost some more.
        if let Some(received_ns) = row.received_ns {
            assert!(!is_dropped(seq), "{seq} was dropped and yet arrived");
            delays.push(received_ns - row.sent_ns);
        }
        // Never too early, and those lost in their place between.
        assert!(row.sent_ns + 1_000_000 >= seq * INTERVAL.as_nanos() as u64, "{seq} at {}", row.sent_ns);
    }
    assert_eq!(delays.iter().min(), Some(&0), "the smallest delay is taken as zero");
}

#[test]
fn a_recording_with_loss_duplicates_and_strangers_is_a_trace() {
    let directory = scratch("trace");
    let output = Output::parse(directory.join("mine.csv.gz").to_str().unwrap()).unwrap();
    let part = output.log_path();
    let mut log = Log::create(&part).unwrap();
    let (recording, told) = record(&mut log);
    log.flush().unwrap();

    output.write(&recording).unwrap();
    let trace = trace::file(&directory.join("mine.csv.gz")).unwrap();
    assert_is_what_was_sent(&trace);
    assert!((recording.tally().received as usize) >= RECEIVED_MIN);
    assert!(
        recording.tally().duplicates >= 20 && recording.tally().overtaken >= 20,
        "{:?}",
        recording.tally()
    );
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].ends_with("is heard; recording"), "{told:?}");
    assert!(told[1].contains("is refused: it is another sender, or the first one restarted"), "{told:?}");
    assert_eq!(told[2], "the sender has finished");

    // What a crash would have left gives the same trace, packed or not.
    let plain = Output::parse(directory.join("again.csv").to_str().unwrap()).unwrap();
    plain.write(&log::read(&part).unwrap()).unwrap();
    let again = trace::file(&directory.join("again.csv")).unwrap();
    assert_eq!(again.rows, trace.rows);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_listener_ends_when_it_has_enough_or_is_told_to() {
    let directory = scratch("limits");
    let (listener, sender) = (loopback(), loopback());
    sender.connect(listener.local_addr().unwrap()).unwrap();
    // Waiting in the socket before anybody listens: no timing is involved.
    for seq in 10..20 {
        let heartbeat = Datagram { kind: Kind::Heartbeat, session: SESSION, seq, sent_ns: seq * 1_000 };
        sender.send(&heartbeat.encode()).unwrap();
    }
    let mut log = Log::create(&directory.join("a.part")).unwrap();
    let limits = Limits { count: Some(5), ..LIMITS };
    let enough = listen(&listener, limits, &mut log, &Stop::default(), &Counts::default(), |_| ()).unwrap();
    assert_eq!((enough.len(), enough.missing()), (5, 0));

    let stop = Stop::default();
    stop.raise();
    let nothing = listen(&listener, LIMITS, &mut log, &stop, &Counts::default(), |_| ()).unwrap();
    assert_eq!(nothing.len(), 0);
    std::fs::remove_dir_all(directory).unwrap();
}
