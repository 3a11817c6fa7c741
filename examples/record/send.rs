//! The sending side: a heartbeat each interval, and at the end word that there are no more.

use crate::datagram::{Datagram, Kind};
use crate::stop::Stop;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The end is told several times, for any datagram may be lost.
const ENDS: u32 = 5;
const BETWEEN_ENDS: Duration = Duration::from_millis(20);

/// What to send, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) session: u64,
    pub(crate) interval: Duration,
    pub(crate) count: Option<u64>,
    pub(crate) duration: Option<Duration>,
}

/// Sends heartbeats on `socket`, which is connected, until the plan is fulfilled or `stop` is raised; keeps `sent` up to
/// date and returns how many there were.
///
/// A heartbeat that cannot leave at its time, because this process was not running, leaves as soon as it can, and the
/// following ones an interval apart from then on: what was missed is not made up for.
pub(crate) fn send(
    socket: &UdpSocket,
    plan: Plan,
    stop: &Stop,
    sent: &AtomicU64,
    mut tell: impl FnMut(&str),
) -> u64 {
    let start = Instant::now();
    let (mut due, mut last, mut seq) = (start, None, 0);
    let mut told = BTreeSet::new();
    while plan.count.is_none_or(|count| seq < count) && !stop.sleep_until(due) {
        let now = Instant::now();
        if plan.duration.is_some_and(|duration| now - start >= duration) {
            break;
        }
        // Send times increase strictly, even on a coarse clock. 584 years fit.
        let sent_ns =
            ((now - start).as_nanos() as u64).max(last.map_or(0, |last: Datagram| last.sent_ns + 1));
        let heartbeat = Datagram { kind: Kind::Heartbeat, session: plan.session, seq, sent_ns };
        if let Err(error) = hand_over(socket, heartbeat)
            && told.insert(error.kind().to_string())
        {
            let advice = match error.kind() {
                ErrorKind::ConnectionRefused => "nobody listens there; start `record listen` on that host",
                _ => "it counts as lost, and sending goes on",
            };
            tell(&format!("heartbeat {seq}: {error}: {advice}"));
        }
        (last, seq) = (Some(heartbeat), seq + 1);
        sent.store(seq, Ordering::Relaxed);
        due = (due + plan.interval).max(now);
    }
    if let Some(last) = last {
        for _ in 0..ENDS {
            // Nobody waits for it in vain: the listener can be stopped by hand.
            let _ = hand_over(socket, Datagram { kind: Kind::End, ..last });
            std::thread::sleep(BETWEEN_ENDS);
        }
    }
    seq
}

/// Gives the datagram to the kernel. That an earlier one was refused is reported by the next call instead of sending; that
/// must not cost a second heartbeat.
fn hand_over(socket: &UdpSocket, datagram: Datagram) -> std::io::Result<()> {
    let bytes = datagram.encode();
    let first = socket.send(&bytes);
    match first {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send(&bytes).and(Err(error)),
        other => other.map(drop),
    }
}
