//! The processes: started, broken, mended, and always cleaned up.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// What all nodes have in common.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) count: usize,
    pub(crate) interval: Duration,
    pub(crate) threshold: f64,
}

impl Plan {
    /// How many nodes vote: all of a small cluster, three of a larger one. The first ones, by name.
    pub(crate) fn voters(&self) -> usize {
        if self.count <= 5 { self.count } else { 3 }
    }
}

/// What a process is doing, as far as this program has made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Paused,
    /// Killed, or gone by itself.
    Down,
}

/// Something a process said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) by: usize,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A line on standard output.
    Line(String),
    /// A line on standard error.
    Complaint(String),
    /// The end of standard output.
    End,
}

/// All nodes of the cluster. Dropping it kills them.
pub(crate) struct Fleet {
    plan: Plan,
    hosts: Vec<Host>,
    said: mpsc::Receiver<(u32, Said)>,
    say: mpsc::Sender<(u32, Said)>,
    /// Removed when this is dropped.
    data: TempDir,
}

struct Host {
    addr: SocketAddr,
    state: State,
    child: Option<Child>,
    commands: Option<mpsc::Sender<String>>,
    /// Counts starts, so that the last words of a killed process are not taken for its successor's.
    life: u32,
}

impl Fleet {
    /// Finds addresses for the nodes; starts none.
    pub(crate) fn new(plan: Plan) -> anyhow::Result<Self> {
        // All are held at the same time, so that they differ.
        let sockets: Vec<_> = (0..plan.count)
            .map(|_| UdpSocket::bind("127.0.0.1:0"))
            .collect::<Result<_, _>>()
            .context("cannot find free ports on loopback")?;
        let hosts = sockets
            .iter()
            .map(|socket| {
                let addr = socket.local_addr()?;
                Ok(Host { addr, state: State::Down, child: None, commands: None, life: 0 })
            })
            .collect::<anyhow::Result<_>>()?;
        let (say, said) = mpsc::channel(1024);
        let data = tempfile::Builder::new()
            .prefix("gossip-cluster-")
            .tempdir()
            .context("cannot make a directory for the nodes' state")?;
        Ok(Self { plan, hosts, said, say, data })
    }

    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn name(index: usize) -> String {
        format!("n{}", index + 1)
    }

    pub(crate) fn state(&self, index: usize) -> State {
        self.hosts[index].state
    }

    pub(crate) fn in_state(&self, state: State) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.hosts[i].state == state).collect()
    }

    /// Starts a node that is down. It is given all others as seeds, so that any of them may be the first.
    pub(crate) fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let seeds: Vec<_> = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != index)
            .map(|(_, h)| h.addr.to_string())
            .collect();
        let voters: Vec<_> = (0..self.plan.voters()).map(Self::name).collect();
        let host = &mut self.hosts[index];
        let name = Self::name(index);
        let mut command = Command::new(&self.plan.program);
        command
            .args(["--cluster", "cluster-example", "--name", &name, "--exit-with-parent"])
            .args(["--bind", &host.addr.to_string()])
            .args(["--interval", &format!("{}ms", self.plan.interval.as_millis())])
            .args(["--threshold", &self.plan.threshold.to_string()])
            .args(["--voters", &voters.join(",")])
            .arg("--data")
            .arg(self.data.path().join(&name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if !seeds.is_empty() {
            command.args(["--seed", &seeds.join(",")]);
        }
        // A Ctrl-C on the terminal is for this program, which then ends the nodes itself.
        #[cfg(unix)]
        command.process_group(0);
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", self.plan.program.display()))?;
        host.life += 1;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            anyhow::bail!("the system gave no pipes to {name}");
        };
        let life = host.life;
        tokio::spawn(listen(stdout, self.say.clone(), index, life, What::Line));
        tokio::spawn(listen(stderr, self.say.clone(), index, life, What::Complaint));
        let (commands, receiver) = mpsc::channel(256);
        tokio::spawn(dictate(stdin, receiver));
        host.commands = Some(commands);
        host.child = Some(child);
        host.state = State::Running;
        Ok(())
    }

    /// SIGKILL, which works on a paused process too.
    pub(crate) async fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        let host = &mut self.hosts[index];
        host.state = State::Down;
        host.commands = None;
        if let Some(mut child) = host.child.take() {
            child.kill().await.with_context(|| format!("cannot kill {}", Self::name(index)))?;
        }
        Ok(())
    }

    pub(crate) fn pause(&mut self, index: usize) -> anyhow::Result<()> {
        self.signal(index, State::Running, State::Paused)
    }

    pub(crate) fn resume(&mut self, index: usize) -> anyhow::Result<()> {
        self.signal(index, State::Paused, State::Running)
    }

    #[cfg(unix)]
    fn signal(&mut self, index: usize, from: State, to: State) -> anyhow::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let host = &mut self.hosts[index];
        ensure!(host.state == from, "{} is {:?}", Self::name(index), host.state);
        // The id is the child's own until it has been waited for, which happens in `kill` and `ended` only.
        let id = host.child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        let pid = id.and_then(Pid::from_raw).with_context(|| format!("{} is gone", Self::name(index)))?;
        let signal = if to == State::Paused { Signal::STOP } else { Signal::CONT };
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", Self::name(index)))?;
        host.state = to;
        Ok(())
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _index: usize, _from: State, _to: State) -> anyhow::Result<()> {
        anyhow::bail!("only Unix can pause a process")
    }

    /// Sends a command to a node. A paused one finds it when it goes on; one that is down does not get it.
    pub(crate) fn command(&self, index: usize, command: impl Into<String>) {
        if let Some(commands) = &self.hosts[index].commands {
            // Full only if it is paused and was sent more than a user would.
            _ = commands.try_send(command.into());
        }
    }

    /// Cuts the link between two nodes at both ends, or mends it.
    pub(crate) fn cut(&self, a: usize, b: usize, cut: bool) {
        let verb = if cut { "cut" } else { "heal" };
        for (from, to) in [(a, b), (b, a)] {
            self.command(from, format!("fault {verb} {}", self.hosts[to].addr));
        }
    }

    /// The next thing that a process says. Cancel safe.
    pub(crate) async fn next(&mut self) -> Said {
        loop {
            // This fleet holds a sender itself, so there is always another.
            let Some((life, said)) = self.said.recv().await else { std::future::pending().await };
            let host = &mut self.hosts[said.by];
            if life != host.life {
                continue;
            }
            if matches!(said.what, What::End) && host.state != State::Down {
                // It ended by itself; dropping it reaps it.
                host.state = State::Down;
                host.child = None;
                host.commands = None;
            }
            return said;
        }
    }

    /// Kills all, and waits until they are gone.
    pub(crate) async fn stop(&mut self) {
        for index in 0..self.len() {
            if let Err(error) = self.kill(index).await {
                eprintln!("{error:#}");
            }
        }
    }
}

async fn listen(
    pipe: impl AsyncRead + Unpin,
    say: mpsc::Sender<(u32, Said)>,
    by: usize,
    life: u32,
    what: fn(String) -> What,
) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if say.send((life, Said { by, what: what(line) })).await.is_err() {
            return;
        }
    }
    if matches!(what(String::new()), What::Line(_)) {
        _ = say.send((life, Said { by, what: What::End })).await;
    }
}

async fn dictate(mut pipe: ChildStdin, mut commands: mpsc::Receiver<String>) {
    while let Some(mut command) = commands.recv().await {
        command.push('\n');
        if pipe.write_all(command.as_bytes()).await.is_err() {
            return;
        }
    }
}
