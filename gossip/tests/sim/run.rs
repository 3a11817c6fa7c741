//! Running a scenario under the checkers, and shrinking one that fails.

use gossip::Event;

use super::check::{Check as _, converged};
use super::checks::Checks;
use super::decided::settled;
use super::fault::Scenario;
use super::world::{Next, Step, World, config};
use super::writes::{Crashed, choose, crash_at_writes};
use super::{MS, Nanos};

/// What went wrong, when.
#[derive(Debug)]
pub struct Failure {
    pub at: Nanos,
    pub what: String,
    pub log: Option<String>,
}

/// Changes a world before it runs: how mutants are made.
pub type Mutation<'a> = &'a (dyn Fn(&mut World) + Sync);

/// Runs a scenario to its end, or to the first violation.
pub fn run(scenario: &Scenario, log: bool, mutation: Mutation<'_>) -> Result<World, Failure> {
    let mut run = Run::new(scenario, log, mutation);
    run.finish()?;
    Ok(run.world)
}

/// A run of a scenario under its checkers. A copy of it goes on by itself, in the same way.
#[derive(Clone)]
pub struct Run<'a> {
    pub world: World,
    scenario: &'a Scenario,
    /// When all must be well.
    pub end: Nanos,
    checks: Checks,
    /// How many steps were made, and in which of them each write was begun.
    pub steps: u64,
    pub writes: Vec<u64>,
}

impl<'a> Run<'a> {
    pub fn new(scenario: &'a Scenario, log: bool, mutation: Mutation<'_>) -> Self {
        let config = config(scenario.interval_ms).full_mesh_max(scenario.full_mesh_max);
        let config = config.voters((0..scenario.voters).map(|n| format!("n{n}")));
        let config = config.build().expect("a valid configuration");
        let mut world = World::new(config, scenario.hosts, scenario.seed);
        if scenario.voters > 0 {
            world.give_disks();
        }
        if let Some(record) = scenario.record {
            record.write(&mut world, scenario.voters);
        }
        world.config_mesh = scenario.full_mesh_max;
        world.lookups = true;
        world.rests = scenario.rests;
        world.log = log.then(String::new);
        mutation(&mut world);
        let checks = Checks::new(world.interval());
        let end = scenario.end;
        let mut run = Self { world, scenario, end, checks, steps: 0, writes: Vec::new() };
        run.schedule();
        run
    }

    fn schedule(&mut self) {
        let world = &mut self.world;
        for index in 0..world.hosts.len() {
            // The first second and a bit: not all at the same moment.
            let at = world.rng.between(0, 10 * world.interval());
            world.schedule(at, Next::Mark(index));
        }
        let first_fault = world.hosts.len();
        for (number, fault) in self.scenario.faults.iter().enumerate() {
            world.schedule(fault.from, Next::Mark(first_fault + 2 * number));
            world.schedule(fault.until, Next::Mark(first_fault + 2 * number + 1));
        }
    }

    /// Lets the next thing happen, and looks at what came of it; whether there was anything before the end.
    pub fn step(&mut self) -> Result<bool, Failure> {
        let Some(step) = self.world.step(self.end) else { return Ok(false) };
        match step {
            Step::Nothing => {}
            Step::Host(host, events) => self.check(host, &events)?,
            Step::Mark(mark) => {
                for (host, events) in self.mark(mark) {
                    self.check(host, &events)?;
                }
            }
        }
        self.writes.resize(self.world.writes as usize, self.steps);
        self.steps += 1;
        Ok(true)
    }

    fn check(&mut self, host: usize, events: &[Event]) -> Result<(), Failure> {
        self.checks.after(&self.world, host, events).map_err(|what| self.failed(what))
    }

    /// Starts a host, or begins or ends a fault; returns the hosts that it touched, with the events that came out of them.
    fn mark(&mut self, mark: usize) -> Vec<(usize, Vec<Event>)> {
        let world = &mut self.world;
        let Some(of_fault) = mark.checked_sub(world.hosts.len()) else {
            world.start(mark, 1);
            return vec![(mark, world.drain(mark))];
        };
        let number = of_fault / 2;
        let fault = &self.scenario.faults[number];
        if of_fault.is_multiple_of(2) {
            world.begin(number, fault).into_iter().map(|host| (host, Vec::new())).collect()
        } else {
            world.end(number, fault)
        }
    }

    /// Goes on to the end, where all must be well.
    pub fn finish(&mut self) -> Result<(), Failure> {
        while self.step()? {}
        self.sound().and_then(|()| self.well()).map_err(|what| self.failed(what))
    }

    /// What must not have happened at any time, and leaves its mark.
    pub fn sound(&self) -> Result<(), String> {
        if self.world.network.stats.longest > gossip::DATAGRAM_MAX {
            return Err(format!("a datagram of {} bytes", self.world.network.stats.longest));
        }
        if self.world.rewound > 0 {
            return Err("I3: no disk goes back here, and one was said to have".to_owned());
        }
        Ok(())
    }

    /// Whether all is well, as it must be in the end.
    pub fn well(&self) -> Result<(), String> {
        if self.scenario.voters > 0 {
            settled(&self.world)?;
        }
        converged(&self.world)
    }

    /// A violation that was found now.
    pub fn failed(&self, what: String) -> Failure {
        Failure { at: self.world.now, what, log: self.world.log.clone() }
    }
}

/// Runs a random scenario, and then on from copies with a crash at each of so many of its writes; on failure shrinks its
/// faults and tells the story. Returns how many of its writes that were.
pub fn run_seed(scenario: &Scenario, writes: u64) -> Result<u64, String> {
    let mut whole = Run::new(scenario, false, &|_| {});
    whole.finish().map_err(|failure| explain(scenario, &failure, &|_| {}))?;
    let chosen = choose(&whole.writes, writes, scenario.seed);
    crash_at_writes(scenario, &chosen).map_err(|Crashed { write, after, end, failure }| {
        let longer = Scenario { end, ..scenario.clone() };
        let story = explain(&longer, &failure, &|world| world.crash_at = Some((write, after)));
        let when = if after { "after" } else { "before" };
        format!("with a crash at write {write}, {when} (SIM_WRITES=all to replay): {story}")
    })?;
    Ok(chosen.len() as u64)
}

/// The shortest schedule found that still fails, with its log.
fn explain(scenario: &Scenario, failure: &Failure, mutation: Mutation<'_>) -> String {
    let small = shrink(scenario, mutation);
    let (small_what, log) = match run(&small, true, mutation) {
        Err(failure) => (failure.what, failure.log.unwrap_or_default()),
        Ok(_) => (String::from("nothing"), String::new()),
    };
    if let Ok(file) = std::env::var("SIM_LOG") {
        std::fs::write(&file, &log).unwrap_or_else(|why| eprintln!("cannot write {file}: {why}"));
    }
    let tail: Vec<&str> = log.lines().rev().take(120).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    format!(
        "seed {} failed at {:.3} s: {}\nreplay: SIM_FIRST={} SIM_SEEDS=1 cargo test -p gossip --test simulation seeds\n\
         {} hosts, {:?}, interval {} ms, mesh up to {}, resting: {}; {} of {} faults are enough:\n{:#?}\nfor: {}\nthe log ends:\n{}",
        scenario.seed,
        failure.at as f64 / 1e9,
        failure.what,
        scenario.seed,
        small.hosts,
        small.record,
        small.interval_ms,
        small.full_mesh_max,
        small.rests,
        small.faults.len(),
        scenario.faults.len(),
        small.faults,
        small_what,
        tail.join("\n"),
    )
}

/// What kind of failure it is: the rule that it names first.
fn kind(failure: &Failure) -> String {
    failure.what.split([':', ' ']).next().unwrap_or_default().to_owned()
}

/// Leaves out faults, one at a time, as long as it fails in the same way.
pub fn shrink(scenario: &Scenario, mutation: Mutation<'_>) -> Scenario {
    let mut small = scenario.clone();
    let Err(failure) = run(scenario, false, mutation) else { return small };
    let wanted = kind(&failure);
    let mut at = 0;
    while at < small.faults.len() {
        let mut candidate = small.clone();
        candidate.faults.remove(at);
        if run(&candidate, false, mutation).is_err_and(|failure| kind(&failure) == wanted) {
            small = candidate;
        } else {
            at += 1;
        }
    }
    small
}

/// Which seeds are run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub first: u64,
    pub count: u64,
    /// Seeds with more hosts are left out.
    pub hosts_max: u64,
    /// Seeds that begin without a record of the dead are left out.
    pub recorded: bool,
    /// At how many of its writes each seed is to crash.
    pub writes: u64,
    pub threads: u64,
}

impl Batch {
    fn leaves_out(&self, scenario: &Scenario) -> bool {
        scenario.hosts as u64 > self.hosts_max || (self.recorded && scenario.record.is_none())
    }
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seeds: u64,
    /// At how many writes there was a crash: before, and after.
    pub writes: u64,
    /// The explanations of those that failed.
    pub failures: Vec<String>,
}

/// Runs many seeds on as many threads, until three have failed.
pub fn run_seeds(batch: Batch) -> Outcome {
    let next = std::sync::atomic::AtomicU64::new(batch.first);
    let outcome = std::sync::Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..batch.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let done = seed - batch.first;
                    if done >= batch.count || outcome.lock().is_ok_and(|o| o.failures.len() >= 3) {
                        return;
                    }
                    if done.is_multiple_of(1000) && done > 0 {
                        progress(done, batch.count);
                    }
                    let scenario = Scenario::random(seed);
                    if batch.leaves_out(&scenario) {
                        continue;
                    }
                    let result = run_seed(&scenario, batch.writes);
                    let mut outcome = outcome.lock().expect("not poisoned");
                    outcome.seeds += 1;
                    match result {
                        Ok(writes) => outcome.writes += writes,
                        Err(failure) => {
                            eprintln!("{failure}");
                            outcome.failures.push(failure);
                        }
                    }
                }
            });
        }
    });
    outcome.into_inner().expect("not poisoned")
}

/// Says how far it is, past what the test harness keeps back.
fn progress(done: u64, of: u64) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{done} of {of} seeds");
}

/// A number from the environment.
pub fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// For people who measure: intervals in nanoseconds.
pub const fn millis(ms: u64) -> Nanos {
    ms * MS
}
