//! What the agents have in common: the command line, the lines on standard output and the commands on standard input of
//! the `node` example, as far as the harness uses them.
//!
//! Events are mapped plainly. A member that the library calls up or alive is `joined`, the first time in a life of it, and
//! `trusted`; one that it calls down, dead or faulty is `suspected`, which is when a user of the library would act, and
//! `dead`. One that leaves on purpose, where the library can tell, is `left`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Which settings the library runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it comes.
    Default,
    /// For detection in about a second.
    Tuned,
}

/// The command line.
#[derive(Debug, Clone)]
pub struct Args {
    pub cluster: String,
    pub name: String,
    pub bind: SocketAddr,
    pub seeds: Vec<SocketAddr>,
    pub profile: Profile,
}

impl Args {
    /// Reads the command line. Ends the process with a message if it is wrong.
    pub fn parse() -> Self {
        match Self::try_parse(std::env::args().skip(1)) {
            Ok(args) => args,
            Err(message) => {
                eprintln!("error: {message}");
                std::process::exit(2);
            }
        }
    }

    fn try_parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        while let Some(word) = words.next() {
            if word == "--exit-with-parent" {
                die_with_parent()?;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            values.insert(word, value);
        }
        let addr = |text: &str| text.parse().map_err(|_| format!("{text}: write IP:PORT"));
        let required = |name: &str| values.get(name).ok_or_else(|| format!("{name} is missing"));
        let seeds = values.get("--seed").map(String::as_str).unwrap_or_default();
        Ok(Self {
            cluster: required("--cluster")?.clone(),
            name: required("--name")?.clone(),
            bind: addr(required("--bind")?)?,
            seeds: seeds.split(',').filter(|s| !s.is_empty()).map(addr).collect::<Result<_, _>>()?,
            profile: match required("--profile")?.as_str() {
                "default" => Profile::Default,
                "tuned" => Profile::Tuned,
                other => return Err(format!("--profile {other}: write default or tuned")),
            },
        })
    }
}

fn die_with_parent() -> Result<(), String> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())
}

/// Milliseconds since 1970: higher after each start, which is what the libraries want to tell lives apart.
pub fn generation() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What the agent has said of each member so far, and so what it has to say next.
#[derive(Debug)]
pub struct Report {
    own: String,
    begun: Instant,
    /// By name: the generation, and whether it is up.
    members: BTreeMap<String, (u64, bool)>,
}

impl Report {
    /// Says that the agent has started. Where its wall clock is one that can be stepped, it says so whenever that happens.
    pub fn start(args: &Args) -> Self {
        let report = Self::of(&args.name);
        if std::env::var_os("FAKETIME_TIMESTAMP_FILE").is_some() {
            watch_wall_clock(args.name.clone(), report.begun);
        }
        report
    }

    /// The same for a process that was given no more than a name.
    pub fn of(name: &str) -> Self {
        let report = Self { own: name.to_owned(), begun: Instant::now(), members: BTreeMap::new() };
        report.say("started", name);
        report
    }

    /// The library calls this member up, in this life of it.
    pub fn up(&mut self, name: &str, generation: u64) {
        let before = self.members.insert(name.to_owned(), (generation, true));
        if name == self.own || before == Some((generation, true)) {
            return;
        }
        if before.is_none_or(|(known, _)| known != generation) {
            self.say("joined", name);
        }
        self.say("trusted", name);
    }

    /// The library calls it down, or dead.
    pub fn down(&mut self, name: &str) {
        if let Some((_, up)) = self.members.get_mut(name)
            && *up
            && name != self.own
        {
            *up = false;
            self.say("suspected", name);
            self.say("dead", name);
        }
    }

    /// The library says that it has left on purpose.
    pub fn left(&mut self, name: &str) {
        if self.members.remove(name).is_some() && name != self.own {
            self.say("left", name);
        }
    }

    /// The names of all members called up.
    pub fn members_up(&self) -> Vec<String> {
        self.members.iter().filter(|(_, (_, up))| *up).map(|(name, _)| name.clone()).collect()
    }

    fn say(&self, event: &str, node: &str) {
        say(self.begun, event, node, "");
    }
}

/// Names are those that the harness gives, which need no escapes.
fn say(begun: Instant, event: &str, node: &str, more: &str) {
    let t = begun.elapsed().as_secs_f64();
    let mut out = std::io::stdout().lock();
    // A harness that no longer reads has ended, and this process ends with it.
    _ = writeln!(out, r#"{{"t":{t:.6},"event":"{event}","node":"{node}"{more}}}"#);
    _ = out.flush();
}

/// A thread that says by how much the wall clock has gained on the monotonic one, whenever that has changed.
fn watch_wall_clock(own: String, begun: Instant) {
    let gained = move || generation() as f64 / 1e3 - begun.elapsed().as_secs_f64();
    let at_first = gained();
    std::thread::spawn(move || {
        let mut said = 0;
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let ahead_s = (gained() - at_first).round() as i64;
            if ahead_s != said {
                say(begun, "clock", &own, &format!(r#","ahead_s":{ahead_s}"#));
                said = ahead_s;
            }
        }
    });
}

/// A thread that waits for `leave` or `quit` and then sends.
pub fn commands() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if matches!(line.trim(), "leave" | "quit") {
                _ = sender.send(());
                return;
            }
        }
        // The end of input means nothing: keep the sender, so that the receiver waits on.
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    });
    receiver
}

/// The same for those who await.
pub fn asked_to_leave() -> impl FnMut() -> bool {
    let commands = commands();
    move || commands.try_recv().is_ok()
}
