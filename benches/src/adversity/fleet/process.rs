//! One process and its pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::{Heard, Helper, proc_fs};

/// What came through a pipe.
#[derive(Debug)]
pub(crate) enum Text {
    /// A line of standard output.
    Line(String),
    /// A line of standard error.
    Complaint(String),
    /// The end of standard output.
    End,
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts a command. Its lines go to `outbox`, stamped with the time since `begun` as soon as they are read.
    ///
    /// Must be called from the main thread: a node that ends with its parent ends with the *thread* that started it.
    pub(super) fn start(
        command: &[String],
        by: usize,
        life: u32,
        begun: Instant,
        outbox: &Sender<(u32, Heard)>,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C on the terminal is for this program, which then ends the nodes itself.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command[0]))?;
        let stdin = child.stdin.take();
        if let Some(stdout) = child.stdout.take() {
            let outbox = outbox.clone();
            thread::spawn(move || listen(stdout, by, life, begun, &outbox, Text::Line));
        }
        if let Some(stderr) = child.stderr.take() {
            let outbox = outbox.clone();
            thread::spawn(move || listen(stderr, by, life, begun, &outbox, Text::Complaint));
        }
        Ok(Self { child, stdin })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn tell(&mut self, command: &str) {
        if let Some(stdin) = &mut self.stdin {
            // One that has just ended by itself is noticed by the end of its output.
            _ = stdin.write_all(format!("{command}\n").as_bytes());
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        // The id is the child's own until it has been waited for, which ends this value.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no such process")?;
        kill_process(pid, signal).context("cannot signal a process")
    }

    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill a process")?;
        self.child.wait().context("cannot wait for a process")?;
        Ok(())
    }

    /// Waits for it to end by itself; after this time it is killed.
    pub(super) fn await_end(mut self, longest: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + longest;
        while Instant::now() < until {
            if self.child.try_wait().context("cannot wait for a process")?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn listen(
    pipe: impl Read,
    by: usize,
    life: u32,
    begun: Instant,
    outbox: &Sender<(u32, Heard)>,
    text: fn(String) -> Text,
) {
    for line in BufReader::new(pipe).lines() {
        let Ok(line) = line else { break };
        let heard = Heard { at: begun.elapsed().as_secs_f64(), by, text: text(line) };
        if outbox.send((life, heard)).is_err() {
            return;
        }
    }
    if matches!(text(String::new()), Text::Line(_)) {
        _ = outbox.send((life, Heard { at: begun.elapsed().as_secs_f64(), by, text: Text::End }));
    }
}

/// A process of this same program, see [`Helper`]. It ends by itself; dropping it ends it before.
#[derive(Debug)]
pub(crate) struct Trouble(Child);

impl Trouble {
    pub(super) fn start(enter: &[String], helper: &Helper) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot tell where this program lies")?;
        let mut command: Vec<std::ffi::OsString> = enter.iter().map(Into::into).collect();
        command.push(own.into());
        let child = Command::new(&command[0])
            .args(&command[1..])
            .args(["--helper", &helper.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start a helper process")?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Seconds of processor time that it has taken so far; none if it has ended.
    pub(crate) fn cpu_s(&self) -> Option<f64> {
        proc_fs::sample(self.id(), false).map(|sample| sample.cpu_s)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
