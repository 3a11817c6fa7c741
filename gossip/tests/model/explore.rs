//! Running a model to its end, and saying what was seen.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

/// Whether the long form was asked for.
pub fn full() -> bool {
    std::env::var("GOSSIP_MODEL").is_ok_and(|form| form == "full")
}

/// A hash that is the same in every run.
pub fn key(of: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    of(&mut hasher);
    hasher.finish()
}

/// Explores all of a model. What must never be is not; what must be reachable is.
///
/// With a `limit` the exploration may be cut there, and says so.
#[track_caller]
pub fn holds<M>(name: &str, model: M, limit: Option<usize>)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Clone + Debug + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let begun = Instant::now();
    let mut builder = model.checker().threads(1).finish_when(HasDiscoveries::AnyFailures);
    if let Some(limit) = limit {
        builder = builder.target_state_count(limit);
    }
    let checker = builder.spawn_bfs().join();
    let cut = limit.is_some_and(|limit| checker.state_count() >= limit);
    let end = if cut { "CUT" } else { "exhausted" };
    report(name, &checker, begun, end);
    for property in checker.model().properties() {
        let path = checker.discovery(property.name);
        match property.expectation {
            // What was cut may not have come to it yet.
            stateright::Expectation::Sometimes if cut => {}
            stateright::Expectation::Sometimes => {
                assert!(path.is_some(), "{name}: never seen: {}", property.name);
            }
            _ => {
                if let Some(path) = path {
                    panic!("{name}: {} does not hold:\n{}", property.name, steps(&path.into_actions()));
                }
            }
        }
    }
}

/// Explores a model with one rule changed, until that shows in `property`.
#[track_caller]
pub fn caught<M>(name: &str, model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Clone + Debug + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let begun = Instant::now();
    let checker = model.checker().threads(1).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    report(name, &checker, begun, "mutant");
    let Some(path) = checker.discovery(property) else { panic!("{name}: the mutant went unnoticed") };
    println!("  caught: {property}\n{}", steps(&path.into_actions()));
}

fn report<M: Model>(name: &str, checker: &impl Checker<M>, begun: Instant, end: &str)
where
    M::State: Debug + PartialEq,
    M::Action: Debug + PartialEq,
{
    println!(
        "{name}: {end}, {} states, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
}

fn steps(actions: &[impl Debug]) -> String {
    actions.iter().map(|action| format!("    {action:?}\n")).collect()
}
