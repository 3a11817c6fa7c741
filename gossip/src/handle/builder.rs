//! Describing a node, and bringing it to life.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, mpsc, watch};

use super::{Node, Shared};
use crate::driver::board::Board;
use crate::driver::error::StartError;
use crate::driver::seeds::{Seed, Seeds};
use crate::driver::socket::{self, SocketOptions};
use crate::driver::storage::Storage;
use crate::driver::udp::Udp;
use crate::driver::{self, Handles, Launch, OnEviction, Status};
use crate::{BootId, Config, ConfigBuilder, Identity, Incarnation, Metadata, NodeId, StorageId};

/// Commands that may wait for the task; beyond that callers wait.
const COMMANDS_MAX: usize = 64;
/// The room that a subscriber has for events if nothing else is asked for, and the most.
const EVENTS: usize = 1024;
const EVENTS_MAX: usize = 1 << 20;

/// Describes a node before it starts. Made by [`Node::builder`]; nothing is checked before [`start`](Self::start).
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    config: ConfigBuilder,
    name: String,
    socket: SocketOptions,
    advertise: Option<SocketAddr>,
    seeds: Vec<String>,
    data_dir: Option<PathBuf>,
    metadata: Vec<(String, String)>,
    event_buffer: usize,
    on_eviction: OnEviction,
    abandon_founding: bool,
    #[cfg(feature = "faults")]
    faults: Option<crate::faults::LinkFaults>,
}

impl Builder {
    pub(super) fn new(cluster: String, name: String) -> Self {
        Self {
            config: Config::builder(cluster),
            name,
            socket: SocketOptions {
                bind: (Ipv4Addr::LOCALHOST, 0).into(),
                buffer: 4 << 20,
                dscp: None,
                insecure: false,
            },
            advertise: None,
            seeds: Vec::new(),
            data_dir: None,
            metadata: Vec::new(),
            event_buffer: EVENTS,
            on_eviction: OnEviction::default(),
            abandon_founding: false,
            #[cfg(feature = "faults")]
            faults: None,
        }
    }

    /// Chooses intervals, thresholds and limits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gossip::Node;
    ///
    /// let node = Node::builder("demo", "n1")
    ///     .configure(|c| c.interval(Duration::from_millis(200)).threshold(8.0));
    /// # drop(node);
    /// ```
    pub fn configure(mut self, choose: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.config = choose(self.config);
        self
    }

    /// The address to listen on. Default 127.0.0.1 and a port that the system chooses.
    ///
    /// A node speaks one family: on an IPv6 address it reaches IPv6 members only.
    pub fn bind(mut self, addr: SocketAddr) -> Self {
        self.socket.bind = addr;
        self
    }

    /// The address that others are told to send to. Default: the one it listens on; if that has no IP (0.0.0.0), the one
    /// that the first member to answer sees.
    ///
    /// Port 0 stands for the port it listens on.
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise = Some(addr);
        self
    }

    /// Adds a node to call when joining: `HOST:PORT`, where the host is an IP or a DNS name. All nodes may be given the same
    /// list: the node itself is left out of it.
    ///
    /// An address must be of the family that the node listens on ([`bind`](Self::bind)); of a name's addresses those are
    /// called that are. A node without seeds, or with none but itself, is the first of its cluster.
    pub fn seed(mut self, seed: impl Into<String>) -> Self {
        self.seeds.push(seed.into());
        self
    }

    /// Adds several seeds.
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seeds.extend(seeds.into_iter().map(Into::into));
        self
    }

    /// The names of the nodes that found this cluster's history, and are its first voters; the same on all of them.
    ///
    /// A node in this list needs a [`data_dir`](Self::data_dir). See [`ConfigBuilder::voters`].
    pub fn voters(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.config = self.config.voters(names);
        self
    }

    /// How long a voter vouches for a node that it has heard. See [`ConfigBuilder::lease`].
    pub fn lease(mut self, length: Duration) -> Self {
        self.config = self.config.lease(length);
        self
    }

    /// Where the node remembers how often it has started, and, if it votes, what it has promised. The directory is made if it does not exist, must not be shared
    /// with another node, and must be on a local file system: it is locked for the life of the node.
    ///
    /// Without one the incarnation is taken from the wall clock, in milliseconds. That serves as long as this clock does
    /// not go back over a restart; when it has, the node learns from the others which number they remember, and rises
    /// above it. Such a node has no storage id, and can never be a voter.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Adds metadata that the node has from its first moment.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// Allows to listen on an address that others than this host can reach, although nothing tells members from
    /// strangers. Default false.
    pub fn insecure(mut self, allowed: bool) -> Self {
        self.socket.insecure = allowed;
        self
    }

    /// The size of the socket's buffers, in bytes. Default 4 MiB; the system may grant less (on Linux see
    /// `net.core.rmem_max`).
    ///
    /// 4 KiB to 2 GiB less one byte; anything else is refused when the node starts. It should hold what arrives during the longest
    /// pause of the process that is to pass unnoticed.
    pub fn socket_buffer(mut self, bytes: usize) -> Self {
        self.socket.buffer = bytes;
        self
    }

    /// The differentiated services code point of all datagrams sent, 0 to 63; larger ones are cut. Default: the
    /// system's.
    ///
    /// Heartbeats are few and small, and worthless when late: 46 (expedited forwarding) suits them where the network
    /// honours it.
    pub fn dscp(mut self, code_point: u8) -> Self {
        self.socket.dscp = Some(code_point.min(63));
        self
    }

    /// How many events wait for each subscriber before the oldest are lost. Default 1024. 1 to 1,048,576, rounded up to a power
    /// of two; room for all of them is taken at the start.
    ///
    /// One round of the node may tell [`events_max`](ConfigBuilder::events_max) at once, in clusters of more than a thousand
    /// nodes, say: with as much room here nobody who reads at once loses any.
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.event_buffer = events.clamp(1, EVENTS_MAX);
        self
    }

    /// Gives up a founding that can never be complete, because one of the listed disks was lost before all had agreed, or because
    /// disks are bound to different lists ([`Event::FoundersDiffer`](crate::Event::FoundersDiffer)): the data directory gets
    /// another storage id. To be set on every listed node, for one start; where a history has begun, starting fails.
    pub fn abandon_founding(mut self, abandon: bool) -> Self {
        self.abandon_founding = abandon;
        self
    }

    /// What the node does once a quorum has declared it dead. Default: it returns by itself, as a new life.
    pub fn on_eviction(mut self, what: OnEviction) -> Self {
        self.on_eviction = what;
        self
    }

    /// Lets links be broken on purpose. For tests.
    #[cfg(feature = "faults")]
    pub fn faults(mut self, faults: crate::faults::LinkFaults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Starts the node, on the tokio runtime that this is called from. When it returns the node listens, and calls its
    /// seeds; [`Node::ready`] waits for an answer.
    ///
    /// It returns as soon as one seed has an address, and asks on for the rest. If there are only names and none of them
    /// can be resolved it keeps trying, and says so in the log: give it a timeout if that is not wanted.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the description, the address or the data directory cannot be used. Nothing was sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is done starts nothing. An incarnation may have been used up, which does no harm.
    pub async fn start(self) -> Result<Node, StartError> {
        let config = self.config.build()?;
        let id = NodeId::new(&self.name)?;
        if self.data_dir.is_none() && config.voters().contains(&id) {
            return Err(StartError::Voter { name: id });
        }
        let mut metadata = Metadata::default();
        for (key, value) in &self.metadata {
            metadata.set(key, value)?;
        }
        let seeds = self.seeds.iter().map(|s| s.parse()).collect::<Result<Vec<Seed>, _>>()?;

        let socket = socket::open(&self.socket)?;
        let bind = self.socket.bind;
        let fail = |action| move |source| StartError::Socket { action, addr: bind, source };
        let bound = socket.local_addr().map_err(fail("ask for the address of the"))?;
        let seeds = Seeds::new(seeds, bound)?;
        let socket = Udp::new(socket).map_err(fail("hand tokio the"))?;
        let addr = advertised(self.advertise, bound)?;
        let (storage, identity) =
            identify(self.data_dir, self.abandon_founding, config.cluster().to_owned(), id.clone()).await?;

        let resolved = seeds.resolve_some().await;

        let (commands, commands_end) = mpsc::channel(COMMANDS_MAX);
        let (ending, ending_end) = watch::channel(false);
        let (events_end, first_events) = broadcast::channel(self.event_buffer);
        let (status_end, status) = watch::channel(Status::default());
        let events = events_end.downgrade();
        let board = Arc::new(Board::new());
        let launch = Launch {
            config,
            identity,
            addr,
            seeds,
            resolved,
            metadata,
            socket,
            storage,
            on_eviction: self.on_eviction,
            board: board.clone(),
            #[cfg(feature = "faults")]
            faults: self.faults,
        };
        let commander = commands.downgrade();
        let handles = Handles { commander, commands: commands_end, ending: ending_end };
        driver::start(launch, handles, events_end, status_end)?;
        let first_events = Mutex::new(Some(first_events));
        Ok(Node {
            shared: Arc::new(Shared {
                id,
                addr: bound,
                commands,
                ending,
                events,
                first_events,
                status,
                board,
            }),
        })
    }
}

fn advertised(wanted: Option<SocketAddr>, bound: SocketAddr) -> Result<SocketAddr, StartError> {
    let Some(mut addr) = wanted else { return Ok(bound) };
    if addr.port() == 0 {
        addr.set_port(bound.port());
    }
    if addr.ip().is_unspecified() || addr.is_ipv4() != bound.is_ipv4() {
        return Err(StartError::Advertise { addr });
    }
    Ok(addr)
}

/// Begins a new life: on the disk if there is one, by the wall clock if not.
async fn identify(
    data_dir: Option<PathBuf>,
    abandon_founding: bool,
    cluster: String,
    id: NodeId,
) -> Result<(Option<Storage>, Identity), StartError> {
    let random = || {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map(|()| bits).map_err(|e| StartError::Random(e.into()))
    };
    let boot = BootId(random()?);
    let Some(dir) = data_dir else {
        let incarnation = incarnation_of_the_clock();
        return Ok((None, Identity { id, storage: StorageId::default(), incarnation, boot }));
    };
    let fresh = StorageId(random()?);
    let opened = tokio::task::spawn_blocking(move || {
        let mut storage = Storage::open(&dir, &cluster, &id, fresh)?;
        if abandon_founding {
            storage.abandon_founding(fresh)?;
        }
        let incarnation = storage.next_incarnation(0)?;
        let identity = Identity { id, storage: storage.id(), incarnation, boot };
        Ok::<_, StartError>((storage, identity))
    });
    match opened.await {
        Ok(opened) => opened.map(|(storage, identity)| (Some(storage), identity)),
        // It cannot panic, and nobody aborts it.
        Err(_) => Err(StartError::Runtime),
    }
}

/// Milliseconds: two starts of one node are further apart than that, and they fit the range for thousands of years.
fn incarnation_of_the_clock() -> Incarnation {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis())
        .ok()
        .and_then(|ms| Incarnation::new(ms).ok())
        .unwrap_or(Incarnation::FIRST)
}
