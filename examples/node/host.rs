//! The process around the node: its log, its input, its parent, the signals it gets.

use std::io::BufRead;

use anyhow::Context;
use tokio::sync::mpsc;

pub(crate) fn init_log(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(filter).with_context(|| {
        format!("--log {filter}: write a level (warn, info, debug) or for instance gossip=debug")
    })?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}

/// Lets the system end this process with its parent, even while it is stopped and cannot notice anything itself.
#[cfg(target_os = "linux")]
pub(crate) fn die_with_parent() -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL)).context("--exit-with-parent")?;
    // It may have died before.
    anyhow::ensure!(getppid() == parent && parent != Some(Pid::INIT), "the parent process is gone already");
    Ok(())
}

/// Elsewhere the end of standard input has to do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn die_with_parent() -> anyhow::Result<()> {
    Ok(())
}

/// Lines of standard input, read by a thread of its own: a read cannot be interrupted, and must not hold up the end.
pub(crate) fn read_lines() -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            // Input that is not text ends it, as closing it does.
            let Ok(line) = line else { break };
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The signals that ask a process to end.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Elsewhere only Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
