//! A cluster of real processes on this machine, to watch and to break.
//!
//! ```text
//! cargo run --release --example cluster              a live table; single keys kill, pause, cut …
//! cargo run --release --example cluster -- --tour    a story that checks itself
//! ```
//!
//! Each node is a process of the `node` example. Broken links are emulated in the nodes' own driver: no privileges are needed.

mod binary;
mod fleet;
mod live;
mod model;
mod screen;
mod tour;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use fleet::{Fleet, Plan};
use model::Model;

/// Starts a cluster of node processes on loopback, shows who suspects whom, and lets you break things.
///
/// Without a terminal it prints what happens line by line, until it is interrupted. All processes are ended with this one,
/// however it ends. Exit status: 0, or 1 if the tour found a difference, or 130 when interrupted.
#[derive(Debug, Parser)]
#[command(name = "cluster", version)]
struct Args {
    /// How many nodes
    #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=40))]
    nodes: u16,
    /// Time between heartbeats, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    interval_ms: u64,
    /// Suspicion level at which a node is suspected
    #[arg(long, value_name = "PHI", default_value_t = 5.0)]
    threshold: f64,
    /// Play a story and check it: crash, restart, pause, partition, leases, loss, farewell (at least 5 nodes)
    #[arg(long)]
    tour: bool,
    /// Print lines even on a terminal
    #[arg(long)]
    plain: bool,
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread, the main one: on Linux the nodes die with the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result =
        runtime.context("cannot start the tokio runtime").and_then(|runtime| runtime.block_on(run(&args)));
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.tour && args.nodes < 5 {
        anyhow::bail!("the tour needs at least 5 nodes: a majority, and a side of a partition that is none");
    }
    let mut signals = Signals::new()?;
    let mut fleet = Fleet::new(Plan {
        program: binary::find()?,
        count: usize::from(args.nodes),
        interval: Duration::from_millis(args.interval_ms),
        threshold: args.threshold,
    })?;
    let mut model = Model::new(fleet.len());
    let limit = async {
        match args.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let table = !args.plain && std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let outcome = tokio::select! {
        outcome = async {
            if args.tour {
                tour::play(&mut fleet, &mut model).await
            } else if table {
                live::show(&mut fleet, &mut model).await.map(|()| true)
            } else {
                live::print(&mut fleet, &mut model).await.map(|()| true)
            }
        } => outcome.map(|good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        () = limit => Ok(if args.tour { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
        () = signals.next() => Ok(ExitCode::from(130)),
    };
    fleet.stop().await;
    outcome
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Elsewhere only Ctrl-C.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
