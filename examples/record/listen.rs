//! The receiving side: one thread that does nothing but receive and look at the clock, one that makes sense of it.
//!
//! Times are taken when this process gets to see a datagram. The kernel could tell when the network card delivered it
//! (`SO_TIMESTAMPNS`), but on the wall clock, which is set and slewed, while everything here is on the monotonic one; and
//! a failure detector lives in a process, too: how long the host let that process wait is part of what it has to judge.

use crate::datagram::{Datagram, Kind, LENGTH, Unreadable};
use crate::log::Log;
use crate::recording::Recording;
use crate::stop::Stop;
use anyhow::Context as _;
use socket2::SockRef;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Datagrams that may wait between the two threads.
const WAITING_MAX: usize = 65_536;

/// How often either thread looks up when nothing arrives.
const TICK: Duration = Duration::from_millis(50);

/// The log is handed to the operating system this often.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The kernel is asked for so much room, for the time when this process does not run. It may give less.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// Other sessions are told of by name, up to so many.
const STRANGERS_MAX: usize = 16;

/// When a recording is over by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// After so many heartbeats, lost ones included.
    pub(crate) count: Option<u64>,
    /// So long after the first one.
    pub(crate) duration: Option<Duration>,
    /// After the last heartbeat was sent, so long is waited for those that are missing.
    pub(crate) patience: Duration,
}

/// How far a recording is, for whoever wants to show it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) received: AtomicU64,
    pub(crate) missing: AtomicU64,
}

/// A datagram as it came in. Of longer ones only as much is kept as shows that they are too long.
struct Arrived {
    bytes: [u8; LENGTH + 1],
    len: usize,
    from: SocketAddr,
    received_ns: u64,
}

/// Records the first sender that is heard on `socket`, until it ends, `limits` are reached or `stop` is raised.
pub(crate) fn listen(
    socket: &UdpSocket,
    limits: Limits,
    log: &mut Log,
    stop: &Stop,
    counts: &Counts,
    tell: impl FnMut(&str),
) -> anyhow::Result<Recording> {
    let _ = SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_read_timeout(Some(TICK)).context("the socket takes no time limit")?;
    let (arrived, arrivals) = sync_channel(WAITING_MAX);
    let over = Stop::default();
    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(socket, &over, &arrived));
        let mut desk = Desk {
            recording: Recording::with_limit(limits.count),
            session: None,
            strangers: BTreeSet::new(),
            log,
            tell,
        };
        let recorded = desk.run(&arrivals, limits, stop, counts);
        over.raise();
        // Nothing in it panics; its error, if there is one, is why the channel was closed.
        let received = receiver.join().unwrap_or(Ok(()));
        recorded?;
        received.context("receiving failed")?;
        Ok(desk.recording)
    })
}

/// The receiving thread: nothing between a datagram and the clock but the call itself.
fn receive(socket: &UdpSocket, over: &Stop, arrived: &SyncSender<Arrived>) -> std::io::Result<()> {
    let clock = Instant::now();
    let mut buffer = [0; 2_048];
    while !over.is_raised() {
        let (len, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            // Windows reports here that an earlier datagram of ours was refused; we send none.
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock
                | ErrorKind::TimedOut
                | ErrorKind::Interrupted
                | ErrorKind::ConnectionReset => continue,
                _ => return Err(error),
            },
        };
        // 584 years fit.
        let received_ns = clock.elapsed().as_nanos() as u64;
        let mut bytes = [0; LENGTH + 1];
        let len = len.min(bytes.len());
        bytes[..len].copy_from_slice(&buffer[..len]);
        if arrived.send(Arrived { bytes, len, from, received_ns }).is_err() {
            break;
        }
    }
    Ok(())
}

/// Where datagrams are sorted: whose they are, and what is new in them.
struct Desk<'a, T> {
    recording: Recording,
    /// The sender that this recording belongs to.
    session: Option<u64>,
    /// Others that have been told of.
    strangers: BTreeSet<u64>,
    log: &'a mut Log,
    tell: T,
}

impl<T: FnMut(&str)> Desk<'_, T> {
    fn run(
        &mut self,
        arrivals: &Receiver<Arrived>,
        limits: Limits,
        stop: &Stop,
        counts: &Counts,
    ) -> anyhow::Result<()> {
        let (mut first_at, mut over_at) = (None, None);
        let mut flush_at = Instant::now() + FLUSH_EVERY;
        while !stop.is_raised() {
            match arrivals.recv_timeout(TICK) {
                Ok(arrived) => self.take(&arrived).context("the arrivals cannot be written down")?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = Instant::now();
            if now >= flush_at {
                self.log.flush().context("the arrivals cannot be written down")?;
                flush_at = now + FLUSH_EVERY;
            }
            let (received, missing) = (self.recording.tally().received, self.recording.missing());
            counts.received.store(received, Ordering::Relaxed);
            counts.missing.store(missing, Ordering::Relaxed);
            if received > 0 && limits.duration.is_some_and(|d| now - *first_at.get_or_insert(now) >= d) {
                break;
            }
            if self.recording.is_over()
                && (missing == 0 || now - *over_at.get_or_insert(now) >= limits.patience)
            {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, arrived: &Arrived) -> std::io::Result<()> {
        let from = arrived.from;
        let datagram = match Datagram::decode(&arrived.bytes[..arrived.len]) {
            Ok(datagram) => datagram,
            Err(Unreadable::Version(version)) => {
                (self.tell)(&format!(
                    "{from} sends version {version}, which this program does not know: use the same on both hosts"
                ));
                return Ok(());
            }
            // Anything may come in on an open port.
            Err(Unreadable::Foreign | Unreadable::Damaged) => return Ok(()),
        };
        let Datagram { kind, session, seq, sent_ns } = datagram;
        match self.session {
            Some(ours) if ours == session => {}
            Some(_) => {
                self.refuse(session, from);
                return Ok(());
            }
            None if kind == Kind::Heartbeat => {
                self.session = Some(session);
                (self.tell)(&format!("{from} is heard; recording"));
            }
            // The end of something that was never heard.
            None => return Ok(()),
        }
        match kind {
            Kind::Heartbeat if self.recording.heartbeat(seq, sent_ns, arrived.received_ns) => {
                self.log.heartbeat(seq, sent_ns, arrived.received_ns)
            }
            Kind::End if self.recording.end(seq, sent_ns) => {
                (self.tell)("the sender has finished");
                self.log.end(seq, sent_ns)
            }
            _ => Ok(()),
        }
    }

    /// Tells, once for each, that a second sender is not recorded.
    fn refuse(&mut self, session: u64, from: SocketAddr) {
        if self.strangers.len() < STRANGERS_MAX && self.strangers.insert(session) {
            (self.tell)(&format!(
                "{from} is refused: it is another sender, or the first one restarted. This recording goes on with the \
                 first; to record the other, stop this one (Ctrl-C) and begin anew, or listen on another port"
            ));
        }
    }
}
