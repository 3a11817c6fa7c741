//! Running a scenario under the checkers, and shrinking one that fails.

use super::bounds::{FewDatagrams, FewSuspensions};
use super::check::{Check, HonestOpinions, OwnPause, OwnerWrites, converged};
use super::decided::{NoTwoInQuorum, OneHistory, SuspectedByMajority, settled};
use super::fault::Scenario;
use super::rng::Rng;
use super::world::{Next, Step, World, config};
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
    let config = config(scenario.interval_ms).full_mesh_max(scenario.full_mesh_max);
    let config = config.voters((0..scenario.voters).map(|n| format!("n{n}")));
    let config = config.build().expect("a valid configuration");
    let mut world = World::new(config, scenario.hosts, scenario.seed);
    if scenario.voters > 0 {
        world.give_disks();
    }
    world.config_mesh = scenario.full_mesh_max;
    world.lookups = true;
    world.rests = scenario.rests;
    world.log = log.then(String::new);
    mutation(&mut world);
    let mut checks: Vec<Box<dyn Check>> = vec![
        Box::new(OwnerWrites::default()),
        Box::new(HonestOpinions::default()),
        Box::new(OwnPause::new(world.interval())),
        Box::new(OneHistory::default()),
        Box::new(NoTwoInQuorum::default()),
        Box::new(SuspectedByMajority::default()),
        Box::new(FewDatagrams::default()),
        Box::new(FewSuspensions::default()),
    ];
    let outcome = play(&mut world, scenario, &mut checks);
    match outcome {
        Ok(()) => Ok(world),
        Err(what) => Err(Failure { at: world.now, what, log: world.log }),
    }
}

fn play(world: &mut World, scenario: &Scenario, checks: &mut [Box<dyn Check>]) -> Result<(), String> {
    for index in 0..world.hosts.len() {
        // The first second and a bit: not all at the same moment.
        let at = world.rng.between(0, 10 * world.interval());
        world.schedule(at, Next::Mark(index));
    }
    let first_fault = world.hosts.len();
    for (number, fault) in scenario.faults.iter().enumerate() {
        world.schedule(fault.from, Next::Mark(first_fault + 2 * number));
        world.schedule(fault.until, Next::Mark(first_fault + 2 * number + 1));
    }
    while let Some(step) = world.step(scenario.end) {
        let touched = match step {
            Step::Nothing => continue,
            Step::Host(host, events) => vec![(host, events)],
            Step::Mark(index) if index < first_fault => {
                world.start(index, 1);
                vec![(index, world.drain(index))]
            }
            Step::Mark(mark) => {
                let number = (mark - first_fault) / 2;
                let fault = &scenario.faults[number];
                if (mark - first_fault).is_multiple_of(2) {
                    world.begin(number, fault).into_iter().map(|host| (host, Vec::new())).collect()
                } else {
                    world.end(number, fault)
                }
            }
        };
        for (host, events) in touched {
            for check in checks.iter_mut() {
                check.after(world, host, &events)?;
            }
        }
    }
    if world.network.stats.longest > gossip::DATAGRAM_MAX {
        return Err(format!("a datagram of {} bytes", world.network.stats.longest));
    }
    if world.rewound > 0 {
        return Err("I3: no disk goes back here, and one was said to have".to_owned());
    }
    if scenario.voters > 0 {
        settled(world)?;
    }
    converged(world)
}

/// Runs a random scenario, and then again with a crash at each of so many of its writes; on failure shrinks its faults and
/// tells the story.
pub fn run_seed(seed: u64, writes: u64) -> Result<(), String> {
    let scenario = Scenario::random(seed);
    let whole = run(&scenario, false, &|_| {}).map_err(|failure| explain(&scenario, &failure, &|_| {}))?;
    let mut rng = Rng::new(!seed);
    // All of them in their order, or some by lot.
    for n in 0..writes.min(whole.writes) {
        let write = if writes < whole.writes { rng.between(0, whole.writes) } else { n };
        fail_at_write(&scenario, write).map_err(|(failure, after)| {
            let story = explain(&scenario, &failure, &|world| world.crash_at = Some((write, after)));
            format!("with a crash at write {write}, {}: {story}", if after { "after" } else { "before" })
        })?;
    }
    Ok(())
}

/// Lets a write of a run crash its host: once before it has reached the disk, and once right after. If that breaks anything,
/// what, and which of the two.
pub fn fail_at_write(scenario: &Scenario, write: u64) -> Result<(), (Failure, bool)> {
    [false, true].into_iter().try_for_each(|after| {
        let crash = |world: &mut World| world.crash_at = Some((write, after));
        run(scenario, false, &crash).map(|_| ()).map_err(|failure| (failure, after))
    })
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
         {} hosts, interval {} ms, mesh up to {}, resting: {}; {} of {} faults are enough:\n{:#?}\nfor: {}\nthe log ends:\n{}",
        scenario.seed,
        failure.at as f64 / 1e9,
        failure.what,
        scenario.seed,
        small.hosts,
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

/// Runs many seeds on as many threads, each seed again with a crash at so many of its writes; the explanations of those that
/// failed.
pub fn run_seeds(first: u64, count: u64, threads: u64, writes: u64) -> Vec<String> {
    let next = std::sync::atomic::AtomicU64::new(first);
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= first + count
                        || failures.lock().is_ok_and(|f: std::sync::MutexGuard<'_, Vec<_>>| f.len() >= 3)
                    {
                        return;
                    }
                    if (seed - first).is_multiple_of(1000) && seed > first {
                        progress(seed - first, count);
                    }
                    if let Err(failure) = run_seed(seed, writes) {
                        eprintln!("{failure}");
                        failures.lock().expect("not poisoned").push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("not poisoned")
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
