//! A process on the stage.

use std::future::Future;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::say;

/// How long anything that must happen may take, even on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(20);

/// This very program, started once more. Dropping it kills it.
pub(crate) struct Actor {
    pub(crate) name: String,
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Actor {
    pub(crate) fn start(name: &str, args: &[String]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program lies")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // A Ctrl-C on the terminal is for the first process, which then ends the others itself.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the system gave no pipes to {name}");
        };
        Ok(Self { name: name.to_owned(), child, input, lines: BufReader::new(output).lines() })
    }

    /// Tells it something. A paused process finds it when it goes on.
    pub(crate) async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let line = format!("{line}\n");
        self.input.write_all(line.as_bytes()).await.with_context(|| format!("{} is gone", self.name))
    }

    /// The next thing it says.
    pub(crate) async fn next(&mut self) -> anyhow::Result<String> {
        let line = self.lines.next_line().await.context("cannot read")?;
        line.with_context(|| format!("{} has ended unexpectedly", self.name))
    }

    /// Waits until it says a line that begins so; the rest of that line.
    pub(crate) async fn says(&mut self, beginning: &str) -> anyhow::Result<String> {
        let listen = async {
            loop {
                let line = self.next().await?;
                if let Some(rest) = line.strip_prefix(beginning) {
                    say(&format!("    {:>8}: {line}", self.name));
                    return Ok(rest.trim().to_owned());
                }
            }
        };
        match timeout(LIMIT, listen).await {
            Ok(said) => said,
            Err(_) => bail!("{} did not say \"{beginning}\" within {LIMIT:?}", self.name),
        }
    }

    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        // The id is the child's own until it has been waited for, which only `kill` does.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.with_context(|| format!("{} is gone", self.name))?;
        kill_process(id, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGKILL, which works on a paused process too.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }
}

/// Plays a story to its end, or until a signal says that nobody wants to see it. All actors must belong to the story: they end
/// with it.
pub(crate) async fn act_until_interrupted(
    story: impl Future<Output = anyhow::Result<bool>>,
) -> anyhow::Result<Option<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::select! {
        outcome = story => outcome.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
        _ = hangup.recv() => Ok(None),
    }
}
