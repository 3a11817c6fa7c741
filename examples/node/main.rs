//! One node of a gossip cluster, for real hosts: events as JSON Lines on standard output, commands on standard input.
//!
//! ```text
//! cargo run --release --example node -- --cluster demo --name n1 --bind 127.0.0.1:7001
//! cargo run --release --example node -- --cluster demo --name n2 --bind 127.0.0.1:7002 --seed 127.0.0.1:7001
//! ```
//!
//! What it prints and understands is described in `docs/node-events.md`.

mod args;
mod command;
mod decided;
mod host;
mod output;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use gossip::faults::LinkFaults;
use gossip::{Event, Events, Incarnation, Node, NodeError, StopReason, Stopped};
use tokio::sync::mpsc;

use args::Args;
use command::Command;
use output::{Printer, Report};

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(error) = host::init_log(&args.log) {
        eprintln!("error: {error:#}");
        return ExitCode::from(2);
    }
    if args.exit_with_parent
        && let Err(error) = host::die_with_parent()
    {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    // One thread: the node needs no more, and idle threads are not free.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.context("cannot start the tokio runtime").and_then(|runtime| {
        let result = runtime.block_on(run(&args));
        // Name lookups may still be under way, and nobody waits for them.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let mut signals = host::Signals::new()?;
    let faults = LinkFaults::new(u64::from(std::process::id()));
    let start = args.builder()?.faults(faults.clone()).start();
    let node = tokio::select! {
        node = start => node?,
        () = signals.next() => return Ok(()),
    };
    let printer = Printer::start();
    let events = node.events();
    let commands = host::read_lines();
    let (complain, complaints) = mpsc::channel(16);
    let session = Session {
        node,
        faults,
        printer,
        opinions: args.opinions,
        write_to: args.write_to.clone(),
        complain,
        complaints,
        quitting: false,
    };
    let reason = session.live(events, commands, signals, args.exit_with_parent).await;
    match reason {
        StopReason::Left { .. } | StopReason::Shutdown => Ok(()),
        other => Err(Stopped(other).into()),
    }
}

fn started(node: &Node, incarnation: Incarnation) -> Report {
    Report::Started {
        node: node.id().to_string(),
        incarnation: incarnation.get(),
        addr: node.addr(),
        pid: std::process::id(),
    }
}

/// A running node and those who talk to it.
struct Session {
    node: Node,
    faults: LinkFaults,
    printer: Printer,
    /// Whether others' opinions are printed too.
    opinions: bool,
    /// Where to write while holding a lease.
    write_to: Option<PathBuf>,
    /// What goes wrong in the background.
    complain: mpsc::Sender<String>,
    complaints: mpsc::Receiver<String>,
    /// Whether it has been told to stop without leaving.
    quitting: bool,
}

impl Session {
    /// Until the node has stopped, for whatever reason.
    async fn live(
        mut self,
        mut events: Events,
        mut commands: mpsc::Receiver<String>,
        mut signals: host::Signals,
        exit_with_input: bool,
    ) -> StopReason {
        let mut commands_open = true;
        let (mut leaving, mut told) = (false, false);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.on_event(event).await,
                    None => break,
                },
                line = commands.recv(), if commands_open => match line {
                    Some(line) => self.on_line(&line).await,
                    None => {
                        // A daemon's input is often closed from the start: by itself that means nothing.
                        commands_open = false;
                        leaving |= exit_with_input;
                    }
                },
                Some(message) = self.complaints.recv() => self.printer.print(Report::Error { message }),
                () = signals.next() => {
                    // Who asks twice does not want to wait.
                    if leaving {
                        break;
                    }
                    leaving = true;
                }
                // Nobody reads what this node says: as with any filter, that ends it.
                () = self.printer.closed(), if !leaving => leaving = true,
            }
            leaving |= self.quitting;
            if leaving && !told {
                told = true;
                if !self.quitting {
                    self.leave();
                }
            }
        }
        let reason = tokio::select! {
            reason = self.node.shutdown() => reason,
            // It waits for its disk, which may hang. What is being written is whole on it, or not there at all.
            () = signals.next() => StopReason::Shutdown,
        };
        self.printer.print(Report::stopped(self.node.id(), &reason));
        self.printer.finish();
        reason
    }

    /// Stops in the background; events end when it is done.
    fn quit(&mut self) {
        self.quitting = true;
        let node = self.node.clone();
        tokio::spawn(async move { node.shutdown().await });
    }

    /// Leaves in the background; events end when it is done.
    fn leave(&self) {
        let node = self.node.clone();
        tokio::spawn(async move { node.leave().await });
    }

    /// Asks for a lease in the background and keeps it until it is over; events tell the rest.
    fn acquire(&self, name: String) {
        let (node, complain) = (self.node.clone(), self.complain.clone());
        let write_to = self.write_to.clone();
        tokio::spawn(async move {
            match node.acquire(name).await {
                Ok(lease) => {
                    if let Some(path) = write_to
                        && let Err(error) = writer::write_while_held(&node, &lease, &path).await
                    {
                        _ = complain.send(format!("--write-to {}: {error:#}", path.display())).await;
                    }
                    lease.expired().await;
                }
                // Known already, from elsewhere.
                Err(NodeError::Released { .. } | NodeError::Denied { .. } | NodeError::Stopped(_)) => {}
                Err(error) => _ = complain.send(error.to_string()).await,
            }
        });
    }

    async fn on_line(&mut self, line: &str) {
        let result = match line.parse::<Command>() {
            Ok(command) => self.obey(command).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.printer.print(Report::Error { message: format!("{error:#}") });
        }
    }

    async fn obey(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Members => {
                let members = self.node.members().await?;
                self.printer.print(Report::members(&members));
            }
            Command::Suspicions => {
                let matrix = self.node.matrix().await?;
                self.printer.print(Report::suspicions(&matrix));
            }
            Command::Counters => {
                let counters = self.node.counters().await?;
                self.printer.print(Report::counters(&counters));
            }
            Command::Set { key, value } => {
                self.node.set_metadata(key, value).await?;
                self.report_metadata(self.node.id().clone()).await;
            }
            Command::Remove { key } => {
                self.node.remove_metadata(key).await?;
                self.report_metadata(self.node.id().clone()).await;
            }
            Command::Pause { max } => self.node.announce_pause(max).await?,
            Command::Resume => self.node.resume().await?,
            Command::View => {
                let view = self.node.view().await?.context(
                    "there is no view yet: every one of --voters must be running before there is a first one",
                )?;
                self.printer.print(Report::View(decided::ViewReport::of(&view)));
            }
            Command::Standing => {
                let epoch = self.node.view().await?.map(|view| view.epoch);
                let (standing, storage) = (self.node.standing(), self.node.storage());
                self.printer.print(Report::standing(self.node.id(), standing, epoch, Some(storage)));
            }
            Command::Acquire { lease } => self.acquire(lease),
            Command::Release { lease } => {
                anyhow::ensure!(
                    self.node.release(&lease).await?,
                    "this node neither holds nor asks for lease \"{lease}\""
                );
            }
            Command::Voters { names } => self.node.change_voters(&names).await?,
            Command::Fault(fault) => {
                fault.apply(&self.faults);
                self.printer.print(Report::Fault { fault: fault.to_string() });
            }
            Command::Help => self.printer.print(Report::Help { commands: Command::HELP }),
            Command::Leave => self.leave(),
            Command::Quit => self.quit(),
            Command::Nothing => {}
        }
        Ok(())
    }

    async fn on_event(&mut self, event: Event) {
        match event {
            Event::Ready => {
                let members = self.node.members().await.map_or(0, |m| m.len());
                self.printer.print(Report::Ready { node: self.node.id().to_string(), members });
            }
            Event::Updated { id } => self.report_metadata(id).await,
            Event::Opinion { ref observer, .. } if observer != self.node.id() && !self.opinions => {}
            Event::Started { incarnation } => self.printer.print(started(&self.node, incarnation)),
            event => {
                if let Some(report) = Report::of(self.node.id(), event) {
                    self.printer.print(report);
                }
            }
        }
    }

    async fn report_metadata(&mut self, id: gossip::NodeId) {
        if let Ok(Some(member)) = self.node.member(&id).await {
            self.printer.print(Report::metadata(&member));
        }
    }
}
