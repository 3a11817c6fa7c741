//! What a node costs while nothing happens: CPU time of clusters of the example `node`, side by side with a bare loop.

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use benches::bare_loop;
use clap::Parser;

/// Clusters are this many ports apart.
const PORTS: u16 = 100;
/// Time to find each other in before the clock runs.
const SETTLE: Duration = Duration::from_secs(5);
/// Unit of CPU times in /proc (USER_HZ), the same on all architectures that Linux runs on today.
const TICKS_A_SECOND: f64 = 100.0;

/// Runs a cluster of each given program, and one of bare loops, all at the same time, and compares their CPU times.
///
/// A bare loop sends and receives as many datagrams with tokio, and does nothing with them. How bunched datagrams arrive
/// depends on when each process happened to start, so clusters are started anew each round. Linux only: it reads /proc.
#[derive(Debug, Parser)]
#[command(name = "idle")]
struct Arguments {
    /// Builds of examples/node; the first is what the others are compared with
    #[arg(required_unless_present = "bare")]
    programs: Vec<PathBuf>,
    /// Processes in each cluster
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..100))]
    nodes: u16,
    /// Measured time of a round
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How often to start all over
    #[arg(long, default_value_t = 4)]
    rounds: u32,
    /// The first port of the first cluster
    #[arg(long, default_value_t = 30_000)]
    port: u16,
    /// With how many others a bare loop exchanges heartbeats: an even number, or more than there are for all of them. A node among
    /// twenty has nine neighbours on average
    #[arg(long, default_value_t = 100)]
    partners: u16,
    /// Be a bare loop on this port, among --nodes others from --port on
    #[arg(long, hide = true)]
    bare: Option<u16>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(port) = arguments.bare {
        return bare(port, &arguments);
    }
    let own = std::env::current_exe().context("this program's own path")?;
    let programs = arguments.programs.iter().map(|path| (path.clone(), false)).chain([(own, true)]);
    let mut contenders: Vec<Contender> = programs.map(Contender::new).collect();
    for round in 0..arguments.rounds {
        measure(&arguments, &mut contenders, round as usize)?;
    }
    let base = contenders[0].total().cpu;
    println!(
        "\nall {} rounds of {} s, {} processes each:",
        arguments.rounds, arguments.seconds, arguments.nodes
    );
    for contender in &contenders {
        let sum = contender.total();
        println!("{} ratio {:.3}  {}", sum.over(arguments.rounds), sum.cpu / base, contender.name());
    }
    Ok(())
}

/// One round: starts all, in another order each time, lets them settle, and takes the difference of two readings.
fn measure(arguments: &Arguments, contenders: &mut [Contender], round: usize) -> anyhow::Result<()> {
    let count = contenders.len();
    let order = (0..count).map(|at| (at + round) % count);
    let mut clusters = Vec::new();
    for at in order {
        let port = arguments.port + PORTS * at as u16;
        clusters.push((at, Cluster::start(&contenders[at], port, arguments)?));
    }
    thread::sleep(SETTLE);
    let began = Instant::now();
    let before = clusters.iter().map(|(_, c)| c.usage()).collect::<anyhow::Result<Vec<_>>>()?;
    thread::sleep(Duration::from_secs(arguments.seconds));
    let lasted = began.elapsed().as_secs_f64();
    for ((at, cluster), before) in clusters.iter().zip(before) {
        let usage = cluster.usage()?.since(before).over_time(lasted * f64::from(arguments.nodes));
        contenders[*at].rounds.push(usage);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let said: Vec<String> = contenders.iter().filter_map(|c| c.rounds.last()).map(Usage::to_string).collect();
    println!("round {round}, load {}: {}", load.split(' ').next().unwrap_or_default(), said.join(" |"));
    Ok(())
}

/// A program, and what it has cost.
struct Contender {
    program: PathBuf,
    bare: bool,
    rounds: Vec<Usage>,
}

impl Contender {
    fn new((program, bare): (PathBuf, bool)) -> Self {
        Self { program, bare, rounds: Vec::new() }
    }

    fn name(&self) -> String {
        if self.bare { "bare loop".to_owned() } else { self.program.display().to_string() }
    }

    fn total(&self) -> Usage {
        let sum = |of: fn(&Usage) -> f64| self.rounds.iter().map(of).sum();
        Usage { cpu: sum(|u| u.cpu), wakeups: sum(|u| u.wakeups) }
    }
}

/// Processes that end with this value.
struct Cluster(Vec<Child>);

impl Cluster {
    fn start(contender: &Contender, first: u16, arguments: &Arguments) -> anyhow::Result<Self> {
        let mut cluster = Self(Vec::new());
        for number in 0..arguments.nodes {
            let addr = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
            let (own, seed) = (first + number, addr(first));
            let mut command = Command::new(&contender.program);
            if contender.bare {
                command.args(["--bare", &own.to_string(), "--port", &first.to_string()]);
                command.args(["--nodes", &arguments.nodes.to_string()]);
                command.args(["--partners", &arguments.partners.to_string()]);
            } else {
                command.args(["--cluster", &format!("idle-{first}"), "--name", &format!("n{number}")]);
                command.args(["--bind", &addr(own), "--interval", "100ms", "--exit-with-parent"]);
                command.args(["--seed", &seed].iter().take(if number == 0 { 0 } else { 2 }));
            }
            let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
            cluster.0.push(child.with_context(|| format!("cannot start {}", contender.program.display()))?);
        }
        Ok(cluster)
    }

    fn usage(&self) -> anyhow::Result<Usage> {
        self.0.iter().map(|child| Usage::of(child.id())).try_fold(Usage::default(), |sum, usage| {
            let usage = usage?;
            Ok(Usage { cpu: sum.cpu + usage.cpu, wakeups: sum.wakeups + usage.wakeups })
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Whatever fails here has ended already.
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// CPU seconds, and how often a process slept and was woken up.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    cpu: f64,
    wakeups: f64,
}

impl Usage {
    fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}: has the process ended?"))
        };
        // proc(5): utime and stime are fields 14 and 15; the second is a name in parentheses.
        let stat = read("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let status = read("status")?;
        let wakeups = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let wakeups = wakeups.and_then(|count| count.trim().parse().ok()).context("no count of wake-ups")?;
        Ok(Self { cpu: ticks / TICKS_A_SECOND, wakeups })
    }

    fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, wakeups: self.wakeups - before.wakeups }
    }

    fn over_time(self, seconds: f64) -> Self {
        Self { cpu: self.cpu / seconds, wakeups: self.wakeups / seconds }
    }

    fn over(self, rounds: u32) -> Self {
        self.over_time(f64::from(rounds))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.3} % {:4.0} wake-ups/s", 100.0 * self.cpu, self.wakeups)
    }
}

/// Sends to its partners, the nearest to both sides, and receives from them, until standard input ends.
fn bare(port: u16, arguments: &Arguments) -> anyhow::Result<()> {
    thread::spawn(|| {
        _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let addr = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (first, count) = (arguments.port, arguments.nodes);
    let is_partner = |&to: &u16| {
        let apart = to.abs_diff(port);
        to != port && apart.min(count.saturating_sub(apart)) <= arguments.partners / 2
    };
    let others: Vec<SocketAddr> = (first..first + count).filter(is_partner).map(addr).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(bare_loop::exchange(addr(port), &others))? {}
}
