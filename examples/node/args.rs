//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Parser, ValueEnum};
use gossip::{Builder, Node, OnEviction};

/// Runs one node of a gossip cluster: prints what happens as JSON Lines, takes commands on standard input.
///
/// Exit status: 0 after leaving or quitting, 1 if the node could not start or had to stop, 2 for bad arguments.
#[derive(Debug, Parser)]
#[command(
    name = "node",
    version,
    after_help = "Commands on standard input: help, members, suspicions, counters, set KEY VALUE, remove KEY, \
    pause DURATION, resume, view, standing, acquire LEASE, release LEASE, voters NAMES, leave, quit, and for tests \
    fault cut|loss|burst|delay|duplicate|reorder|heal.\n\
    The end of standard input changes nothing unless --exit-with-parent is given.\n\
    SIGTERM and SIGINT leave the cluster; a second one quits at once, and a third does not wait for the disk either.\n\n\
    Example, in two terminals:\n  \
    node --cluster demo --name n1 --bind 127.0.0.1:7001\n  \
    node --cluster demo --name n2 --bind 127.0.0.1:7002 --seed 127.0.0.1:7001"
)]
pub(crate) struct Args {
    /// Name of the cluster; nodes of different clusters never hear each other
    #[arg(long)]
    cluster: String,
    /// Name of this node, unique in the cluster and the same after a restart
    #[arg(long)]
    name: String,
    /// Address to listen on; port 0 lets the system choose
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7001", value_parser = parse_addr)]
    bind: SocketAddr,
    /// Address that others send to, if it is not the one listened on
    #[arg(long, value_name = "IP:PORT", value_parser = parse_addr)]
    advertise: Option<SocketAddr>,
    /// A node to call when joining, may be repeated; without any this is the first node of its cluster
    #[arg(long = "seed", value_name = "HOST:PORT", value_delimiter = ',')]
    seeds: Vec<String>,
    /// Give up a founding that can never be complete, because a listed disk was lost or the nodes were given different --voters
    /// or --lease (founders_differ) and their disks have noted it; to be given to every listed node, for one start
    #[arg(long, requires = "data")]
    abandon_founding: bool,
    /// Directory where the node remembers its incarnation and, if it votes, its promises; without it the wall clock serves
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The nodes that are to decide views, verdicts and leases from the start; the same list on each of them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    voters: Vec<String>,
    /// How long a voter vouches for a node that it has heard; the same on all --voters [default: 10 intervals]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    lease: Option<Duration>,
    /// What to do once this node is on record as dead
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Eviction::Return)]
    on_eviction: Eviction,
    /// Time between heartbeats, for instance 100ms or 1s
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    interval: Duration,
    /// Suspicion level at which a node is suspected: 5 means that one live node in 100,000 is this silent
    #[arg(long, value_name = "PHI", default_value_t = 5.0)]
    threshold: f64,
    /// How many others are asked before a silent node is suspected
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    probe_relays: usize,
    /// Spend little: fewer neighbours, and a heartbeat every 800 ms unless --interval says otherwise
    #[arg(long)]
    economy: bool,
    /// Metadata that all members see, may be repeated
    #[arg(long = "meta", value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Differentiated services code point of datagrams sent, 0 to 63
    #[arg(long, value_name = "DSCP", value_parser = clap::value_parser!(u8).range(0..=63))]
    dscp: Option<u8>,
    /// Size of the socket's buffers in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    socket_buffer: usize,
    /// Allow an address that other hosts can reach, although nothing tells members from strangers
    #[arg(long)]
    insecure: bool,
    /// For tests: while this node holds a lease, write to the storage at this Unix-domain socket every 20 ms, each time after a
    /// check of the lease
    #[arg(long, value_name = "SOCKET")]
    pub(crate) write_to: Option<PathBuf>,
    /// Print others' opinions too, not only this node's own
    #[arg(long)]
    pub(crate) opinions: bool,
    /// End when standard input ends, and (on Linux) when the parent process dies
    #[arg(long)]
    pub(crate) exit_with_parent: bool,
    /// What to log on standard error: a level, or directives such as gossip=debug
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub(crate) log: String,
}

/// What to do after an eviction.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Eviction {
    /// Return by itself, in a life with a higher incarnation
    Return,
    /// Stop, with exit status 1
    Stop,
}

impl Args {
    pub(crate) fn builder(&self) -> anyhow::Result<Builder> {
        let explicit_interval = !self.economy || self.interval != Duration::from_millis(100);
        let mut builder = Node::builder(&self.cluster, &self.name)
            .configure(|c| {
                let c = if self.economy { c.economy() } else { c };
                let c = if explicit_interval { c.interval(self.interval) } else { c };
                c.threshold(self.threshold).probe_relays(self.probe_relays)
            })
            .bind(self.bind)
            .seeds(&self.seeds)
            .socket_buffer(self.socket_buffer)
            .insecure(self.insecure);
        if let Some(addr) = self.advertise {
            builder = builder.advertise(addr);
        }
        builder = builder.on_eviction(match self.on_eviction {
            Eviction::Return => OnEviction::Return,
            Eviction::Stop => OnEviction::Stop,
        });
        if !self.voters.is_empty() {
            builder = builder.voters(&self.voters);
        }
        if let Some(length) = self.lease {
            builder = builder.lease(length);
        }
        if let Some(dir) = &self.data {
            builder = builder.data_dir(dir).abandon_founding(self.abandon_founding);
        }
        if let Some(dscp) = self.dscp {
            builder = builder.dscp(dscp);
        }
        for pair in &self.metadata {
            let (key, value) = pair
                .split_once('=')
                .with_context(|| format!("--meta {pair}: write KEY=VALUE, for instance role=db"))?;
            builder = builder.metadata(key, value);
        }
        Ok(builder)
    }
}

fn parse_addr(text: &str) -> anyhow::Result<SocketAddr> {
    text.parse().map_err(|_| anyhow!("write an IP and a port, for instance 127.0.0.1:7001 or [::1]:7001"))
}

/// A number with a unit: 250ms, 1.5s, 2m, 1h.
pub(crate) fn parse_duration(text: &str) -> anyhow::Result<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "" => bail!("\"{text}\" has no unit: write for instance {text}ms or {text}s"),
        _ => bail!("\"{unit}\" is not a unit of time: use us, ms, s, m or h"),
    };
    let number: f64 = number.parse().map_err(|_| anyhow!("\"{number}\" is not a number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| anyhow!("\"{text}\" is not a length of time"))
}
