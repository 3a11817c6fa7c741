//! The one task of a node.
//!
//! Each round: wait for anything; receive all that has arrived; obey; only then let time pass, so that what was heard
//! counts before what was not; send; publish.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, yield_now};
use tracing::Instrument;

use super::alarm::Alarm;
use super::attention::Attention;
use super::batch::Batch;
use super::board::Board;
use super::clock::Clocks;
use super::error::{StartError, StopReason};
use super::keeper::{Failed, Keeper};
use super::leases::{Answer, Leases};
use super::link::Link;
use super::seeds::Seeds;
use super::storage::Storage;
use super::udp::Udp;
use crate::core::{End, Node as Core, Over, Setup, Why};
use crate::{
    CommandError, Config, DATAGRAM_MAX, Event, Identity, Incarnation, LeaseName, LeaseState, Metadata, Now,
    Refusal,
};

/// About what a receive buffer of several megabytes can hold. After a round all that had arrived when the round began
/// has been handed in, and a flood cannot keep timers waiting for longer than that takes.
const RECEIVE_MAX: usize = 4096;
/// Commands obeyed in one round.
const COMMANDS_MAX: usize = 64;
/// Errors without a single datagram between them after which the socket is given up.
const RECEIVE_ERRORS_MAX: u32 = 64;
/// How often names are looked up although nothing calls for it: the host behind a name may have been replaced.
const LOOKUP_EVERY: Duration = Duration::from_secs(60);

/// What a node does once it is on record as dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnEviction {
    /// It comes back by itself, as a new life with a higher incarnation.
    #[default]
    Return,
    /// It stops, and whoever runs it decides.
    Stop,
}

/// What a handle asks of the task.
pub(crate) enum Command {
    /// To run this on the core, with a reading of the clocks.
    Call(Call),
    /// To ask for a lease until it is granted, or nobody waits for the answer any more.
    Acquire(LeaseName, Answer),
    /// To give a lease back, or to stop asking for it.
    Release(LeaseName, oneshot::Sender<Result<bool, CommandError>>),
    /// To call these addresses, to which the names of the seeds have been resolved again.
    Seeds(Vec<SocketAddr>),
    /// To look at the handles: one of them has died. And to say when that has been done.
    Settle(Option<oneshot::Sender<()>>),
    /// To look at `Handles::ending`: it is to stop at once.
    Shutdown,
}

/// What comes from the handles.
#[derive(Debug)]
pub(crate) struct Handles {
    /// Weak, for those that answer with a command: the task must not keep itself alive.
    pub(crate) commander: mpsc::WeakSender<Command>,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Whether it is to stop, for commands are not always read. It is also to stop once nobody can say so any more.
    pub(crate) ending: watch::Receiver<bool>,
}

pub(crate) type Call = Box<dyn FnOnce(&mut Core, Now) + Send>;

/// What handles see of the task at any time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// Changes with every change of members and opinions, over restarts of the core too.
    pub(crate) revision: u64,
    /// Whether the core has said that it is ready.
    pub(crate) ready: bool,
    /// The life that the core lives now; none before it has begun.
    pub(crate) incarnation: Option<Incarnation>,
    /// Whether, and why, the task has ended. By then socket and storage are free again.
    pub(crate) stopped: Option<StopReason>,
}

/// All that a task starts from.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    /// Where others reach this node.
    pub(crate) addr: SocketAddr,
    pub(crate) seeds: Seeds,
    /// Their addresses now.
    pub(crate) resolved: Vec<SocketAddr>,
    pub(crate) metadata: Metadata,
    pub(crate) socket: Udp,
    pub(crate) storage: Option<Storage>,
    pub(crate) on_eviction: OnEviction,
    pub(crate) board: Arc<Board>,
    #[cfg(feature = "faults")]
    pub(crate) faults: Option<super::faults::LinkFaults>,
}

/// Starts the task, with its ends of the channels to the handles.
pub(crate) fn start(
    launch: Launch,
    handles: Handles,
    events: broadcast::Sender<Event>,
    status: watch::Sender<Status>,
) -> Result<(), StartError> {
    let clocks = launch.board.clocks();
    let addr = launch.addr;
    let alarm = Alarm::new();
    let alarm = alarm.map_err(|source| StartError::Socket { action: "set a timer for the", addr, source })?;
    let rng_seed = getrandom::u64().map_err(|e| StartError::Random(e.into()))?;
    #[cfg_attr(not(feature = "faults"), expect(unused_mut, reason = "only faults change it"))]
    let mut link = Link::new(launch.socket);
    #[cfg(feature = "faults")]
    link.set_emulator(launch.faults.map(super::faults::Emulator::new));
    let keeper = Keeper::new(launch.storage);
    let attention = Attention::new(launch.config.interval());
    let core = Core::new(
        clocks.now(),
        Setup {
            config: launch.config.clone(),
            identity: launch.identity,
            addr: launch.addr,
            seeds: launch.resolved.clone(),
            metadata: launch.metadata,
            durable: keeper.durable(),
            rng_seed,
        },
    );
    status.send_modify(|s| s.incarnation = Some(core.identity().incarnation));
    let task = Task {
        clocks,
        link,
        core,
        config: launch.config,
        seeds: launch.seeds,
        resolved: launch.resolved,
        keeper,
        on_eviction: launch.on_eviction,
        leases: Leases::new(launch.board, handles.commander.clone()),
        rng_seed,
        handles,
        events,
        status,
        seen_revision: 0,
        receive_errors: 0,
        lookup: None,
        lookup_due: LOOKUP_EVERY,
        outgoing: Box::new([0; DATAGRAM_MAX]),
        incoming: Batch::new(),
        alarm,
        alarm_at: None,
        attention,
    };
    let span = tracing::info_span!("gossip", node = %task.core.identity().id);
    tokio::spawn(task.run().instrument(span));
    Ok(())
}

struct Task {
    clocks: Clocks,
    link: Link,
    core: Core,
    config: Config,
    seeds: Seeds,
    /// Their newest addresses.
    resolved: Vec<SocketAddr>,
    keeper: Keeper,
    on_eviction: OnEviction,
    leases: Leases,
    rng_seed: u64,
    handles: Handles,
    events: broadcast::Sender<Event>,
    status: watch::Sender<Status>,
    seen_revision: u64,
    receive_errors: u32,
    lookup: Option<JoinHandle<()>>,
    /// On the `boot` clock, as all times here.
    lookup_due: Duration,
    outgoing: Box<[u8; DATAGRAM_MAX]>,
    incoming: Batch,
    alarm: Alarm,
    /// When it will ring, if it is set.
    alarm_at: Option<Duration>,
    attention: Attention,
}

impl Task {
    async fn run(mut self) {
        let reason = self.live().await;
        tracing::info!(%reason, "gossip.stopped");
        // Dead before anything else ends: leases, to begin with.
        let Self { link, mut keeper, status, lookup, leases, core, handles, .. } = self;
        drop(leases);
        // A disk may hang, and because of it nobody is to wait for the address, or for the end of a lease's handle.
        drop((link, handles));
        if let Some(lookup) = lookup {
            lookup.abort();
        }
        if core.is_rewound() {
            // Whatever else it was that ended the process: the next one must not take this disk for what it was.
            let highest = core.over().map_or(core.identity().incarnation, |over| over.highest);
            if let Err(failed) = keeper.next_life(highest, true).await {
                tracing::error!(?failed, "gossip.storage_still_rewound");
            }
        }
        // Whoever waits for the end may open the same directory at once.
        keeper.settle().await;
        drop(keeper);
        status.send_modify(|s| s.stopped = Some(reason));
    }

    async fn live(&mut self) -> StopReason {
        loop {
            if let Some(reason) = self.drain_core() {
                return reason;
            }
            if *self.handles.ending.borrow() {
                return StopReason::Shutdown;
            }
            if let Some(over) = self.core.over()
                && let Err(reason) = self.live_again(over.highest).await
            {
                return reason;
            }
            let wake = self.wait().await;
            let alarm = matches!(wake, Wake::Alarm);
            match self.receive() {
                Ok(true) => {}
                // There is more: let other tasks of this thread run before it is fetched.
                Ok(false) => yield_now().await,
                Err(error) => return StopReason::Socket(Arc::new(error)),
            }
            if let Wake::Written(good) = wake {
                self.core.handle_written(self.clocks.now(), good);
            }
            if let Some(reason) = self.obey(wake) {
                return reason;
            }
            if alarm {
                self.on_alarm();
            }
        }
    }

    /// Lets time pass, if it is what the alarm rang for.
    fn on_alarm(&mut self) {
        let now = self.clocks.now();
        if self.core.poll_timeout().is_some_and(|at| at <= now.boot) {
            self.core.handle_timeout(now);
        }
        if self.seeds.can_change() && now.boot >= self.lookup_due {
            self.look_up();
        }
    }

    /// Waits for a timer, a datagram or a command. The timer is looked at first: a flood must not hide it.
    async fn wait(&mut self) -> Wake {
        self.attend();
        if let Err(error) = self.set_alarm() {
            return Wake::Broken(error);
        }
        poll_fn(|cx| {
            match self.alarm.poll(cx) {
                Poll::Ready(Ok(())) => {
                    self.alarm_at = None;
                    return Poll::Ready(Wake::Alarm);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Wake::Broken(error)),
                Poll::Pending => {}
            }
            if let Poll::Ready(good) = self.keeper.poll(cx) {
                return Poll::Ready(Wake::Written(good));
            }
            match self.link.poll_readable(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Wake::Datagrams),
                Poll::Ready(Err(error)) => return Poll::Ready(Wake::Broken(error)),
                Poll::Pending => {}
            }
            self.handles.commands.poll_recv(cx).map(|command| command.map_or(Wake::Abandoned, Wake::Command))
        })
        .await
    }

    /// Listens for datagrams, or leaves them for the next look.
    fn attend(&mut self) {
        let now = self.clocks.boot();
        self.attention.decide(now, self.link.is_patient() && self.core.can_wait(now));
        if let Err(error) = self.link.set_watched(!self.attention.rests) {
            // The system has no room for it now. It is enough to look, and to try again then.
            tracing::debug!(%error, "gossip.socket_not_watched");
            self.attention.rests = true;
        }
    }

    /// Sets the alarm anew if it would ring too late. One that would ring too early is left alone until that is near: by
    /// then a later moment may be wanted still, as with each heartbeat that arrives.
    fn set_alarm(&mut self) -> io::Result<()> {
        let now = self.clocks.boot();
        let lookup = self.seeds.can_change().then_some(self.lookup_due);
        let link = self.link.due().map(|due| now + due.saturating_duration_since(Instant::now()));
        // A core that never wants to be woken has stopped, and then nobody waits.
        let far = now + Duration::from_secs(3600);
        let wanted = [self.core.poll_timeout(), self.attention.next_look(), link, lookup]
            .into_iter()
            .flatten()
            .fold(far, Duration::min);
        let near = now + self.config.interval() / 8;
        if self.alarm_at.is_some_and(|at| at == wanted || (near < at && at < wanted)) {
            return Ok(());
        }
        self.alarm_at = Some(wanted);
        self.alarm.set(wanted, &self.clocks)
    }

    /// Hands in all that has arrived; whether that was all.
    fn receive(&mut self) -> io::Result<bool> {
        let (began, mut received) = (self.clocks.boot(), 0);
        for _ in 0..RECEIVE_MAX / Batch::CAPACITY {
            match timed(|| self.link.receive(&mut self.incoming), || self.clocks.now()) {
                Ok((all, now)) => {
                    received += self.incoming.len();
                    self.hand_in(now);
                    if all {
                        self.attention.looked(began, received, true);
                        return Ok(true);
                    }
                }
                Err(error) => {
                    self.receive_errors += u32::from(is_own_trouble(&error));
                    if self.receive_errors >= RECEIVE_ERRORS_MAX {
                        return Err(error);
                    }
                }
            }
        }
        self.attention.looked(began, received, false);
        Ok(false)
    }

    /// Hands in what was received together.
    fn hand_in(&mut self, now: Now) {
        for (datagram, bytes) in self.incoming.iter() {
            self.receive_errors = 0;
            let ago = datagram.stamp.zip(now.wall).map(|(stamp, wall)| wall.saturating_sub(stamp));
            let arrived = self.attention.arrived(now.boot, ago.unwrap_or_default());
            self.core.handle_arrived(now, arrived, datagram.from, bytes);
        }
    }

    /// Runs the command that ended the wait, and those that queued behind it.
    fn obey(&mut self, wake: Wake) -> Option<StopReason> {
        let mut next = match wake {
            Wake::Broken(error) => return Some(StopReason::Socket(Arc::new(error))),
            Wake::Abandoned => return Some(StopReason::Shutdown),
            Wake::Command(command) => Some(command),
            Wake::Alarm | Wake::Datagrams | Wake::Written(_) => None,
        };
        for _ in 0..COMMANDS_MAX {
            let Some(command) = next.take().or_else(|| self.handles.commands.try_recv().ok()) else { break };
            match command {
                Command::Call(call) => call(&mut self.core, self.clocks.now()),
                Command::Acquire(lease, answer) => self.leases.acquire(&mut self.core, lease, answer),
                Command::Release(lease, answer) => {
                    // Whoever asked may have stopped waiting.
                    _ = answer.send(self.leases.release(&mut self.core, &lease));
                }
                Command::Seeds(addrs) => {
                    self.resolved.clone_from(&addrs);
                    self.core.set_seeds(self.clocks.now(), addrs);
                }
                Command::Settle(done) => {
                    self.leases.settle(&mut self.core);
                    _ = done.map(|done| done.send(()));
                }
                Command::Shutdown => return Some(StopReason::Shutdown),
            }
        }
        None
    }

    /// Sends what is to be sent, tells what has happened; why to stop, if it is time to.
    fn drain_core(&mut self) -> Option<StopReason> {
        // First of all: handles are dead before anybody else is told that their leases are free (T1).
        self.leases.settle(&mut self.core);
        // Begun before anything is sent: what depends on it is not among that.
        if let Keeper::Idle(_) = self.keeper
            && let Some(durable) = self.core.poll_write()
        {
            self.keeper.begin(durable.clone());
        }
        while let Some(transmit) = self.core.poll_transmit(&mut self.outgoing) {
            self.link.send(transmit.to, &self.outgoing[..transmit.len]);
        }
        self.link.flush();
        while let Some(event) = self.core.poll_event() {
            self.note(&event);
            // Nobody may be listening.
            _ = self.events.send(event);
        }
        // As it is, and not as events have told it: of those some may have been lost.
        let ready = self.core.is_ready();
        self.status.send_if_modified(|s| ready && !std::mem::replace(&mut s.ready, true));
        let revision = self.core.revision();
        if revision != self.seen_revision {
            self.seen_revision = revision;
            self.status.send_modify(|s| s.revision += 1);
        }
        self.reason_to_stop()
    }

    /// Whether, and why, it has come to an end here: the core has stopped, or was evicted and is not to return.
    fn reason_to_stop(&self) -> Option<StopReason> {
        match self.core.end() {
            Some(End::Superseded { incarnation }) => return Some(StopReason::Superseded { incarnation }),
            Some(End::Left { acknowledged, told }) => return Some(StopReason::Left { acknowledged, told }),
            None => {}
        }
        match (self.on_eviction, self.core.over()?) {
            (OnEviction::Stop, Over { why: Why::Evicted { epoch }, .. }) => {
                Some(StopReason::Evicted { epoch })
            }
            _ => None,
        }
    }

    /// What an event means to the driver itself: nothing whose loss would not be made up for.
    fn note(&mut self, event: &Event) {
        tracing::debug!(?event, "gossip.event");
        match *event {
            Event::Lease { ref lease, state: LeaseState::Denied(denial), .. } => {
                self.leases.on_denied(&self.core, lease, denial);
            }
            Event::Lagged { .. } => self.leases.insist(&mut self.core),
            Event::SeedsSilent { .. } if self.seeds.can_change() => self.look_up(),
            Event::Refused { by, reason: Refusal::Rewound { highest } } if self.core.is_rewound() => {
                tracing::error!(%by, %highest, "gossip.storage_rewound");
            }
            _ => {}
        }
    }

    /// Looks all names up again, unless that is under way. The core gets the answer as a command.
    fn look_up(&mut self) {
        self.lookup_due = self.clocks.boot() + LOOKUP_EVERY;
        if self.lookup.as_ref().is_some_and(|lookup| !lookup.is_finished()) {
            return;
        }
        let (seeds, commander) = (self.seeds.clone(), self.handles.commander.clone());
        self.lookup = Some(tokio::spawn(async move {
            let resolved = seeds.resolve().await;
            if !resolved.failed.is_empty() {
                tracing::warn!(seeds = ?resolved.failed, "gossip.seed_unresolved");
            }
            // No answer at all is no reason to forget the last one.
            if !resolved.others.is_empty()
                && let Some(commander) = commander.upgrade()
            {
                _ = commander.send(Command::Seeds(resolved.others)).await;
            }
        }));
    }

    /// Begins another life above the incarnation that others have seen: the storage was older than their memory, or
    /// there is none and the wall clock went back.
    async fn live_again(&mut self, seen: Incarnation) -> Result<(), StopReason> {
        let rewound = self.core.is_rewound();
        let life = tokio::select! {
            life = self.keeper.next_life(seen, rewound) => life.map_err(|failed| match failed {
                Failed::Lost => StopReason::Lost,
                Failed::Storage(error) => StopReason::Storage(Arc::new(error)),
            })?,
            // All other commands are meant for the life to come.
            _ = self.handles.ending.wait_for(|ending| *ending) => return Err(StopReason::Shutdown),
        };
        let record = self.core.record().clone();
        let incarnation = life.incarnation;
        tracing::info!(%seen, %incarnation, "gossip.incarnation_raised");
        self.rng_seed = self.rng_seed.wrapping_add(1);
        let setup = Setup {
            config: self.config.clone(),
            // The boot id stays: it says which process this is.
            identity: Identity {
                incarnation,
                storage: life.storage.unwrap_or(record.identity.storage),
                ..record.identity.clone()
            },
            addr: record.addr,
            seeds: self.resolved.clone(),
            metadata: record.metadata.clone(),
            durable: self.keeper.durable(),
            rng_seed: self.rng_seed,
        };
        // Before there is another life: the former one owns nothing any more.
        self.leases.kill_all();
        self.core = Core::new(self.clocks.now(), setup);
        self.leases.begin_again(&mut self.core);
        self.status.send_modify(|s| s.incarnation = Some(incarnation));
        self.seen_revision = u64::MAX;
        if self.seeds.can_change() {
            // It may have been alone for long, and those it knew may be elsewhere.
            self.look_up();
        }
        Ok(())
    }
}

/// Whether an error of a receive says anything about this socket. Some systems report there that an earlier datagram found
/// nobody: on Windows, each heartbeat to a process that has died does it.
fn is_own_trouble(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
}

/// What was received, and a time at which it had been: a voter vouches from then, and must not promise less than the sender
/// counts on (V6). Whatever stops the process on the way makes that time later.
fn timed<T>(receive: impl FnOnce() -> io::Result<T>, read: impl FnOnce() -> Now) -> io::Result<(T, Now)> {
    let received = receive()?;
    Ok((received, read()))
}

/// Why the task woke up.
enum Wake {
    /// It is time for something.
    Alarm,
    /// The socket is looked at after every wait, whatever ended it.
    Datagrams,
    Command(Command),
    /// A write has ended: well, or not.
    Written(bool),
    /// No handle is left.
    Abandoned,
    Broken(io::Error),
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn that_a_datagram_found_nobody_is_not_this_socket_s_trouble() {
        for (kind, counts) in [
            (io::ErrorKind::ConnectionReset, false),
            (io::ErrorKind::ConnectionRefused, false),
            (io::ErrorKind::OutOfMemory, true),
            (io::ErrorKind::Other, true),
        ] {
            assert_eq!(is_own_trouble(&kind.into()), counts, "{kind}");
        }
    }

    /// The process may be stopped right before anything that it does.
    #[test]
    fn nothing_is_received_before_it_was_sent() {
        let clock = Cell::new(Duration::ZERO);
        let stopped = || clock.set(clock.get() + Duration::from_secs(5));
        let receive = || {
            stopped();
            let sent = clock.get();
            stopped();
            Ok(sent)
        };
        let read = || {
            stopped();
            Now::from(clock.get())
        };
        let (sent, now) = timed(receive, read).expect("something");
        assert!(now.boot >= sent, "sent at {sent:?}, and received at {:?}", now.boot);
    }
}
