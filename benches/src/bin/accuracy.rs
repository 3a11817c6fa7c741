//! Temporary.
use benches::{registry, replay::Replay, study::*, trace};
fn main() {
    let dir = std::env::args().nth(1).unwrap_or_default();
    let traces = trace::directory(std::path::Path::new(&dir)).unwrap_or_default();
    let replays: Vec<Replay> = traces.iter().filter_map(|t| Replay::new(t, 5000, 1).ok()).collect();
    let study = Study::run(registry::DETECTORS, replays, Effort { budget: 1e-3, grid_points: 48, seed: 1 }, &|| {});
    for o in &study.outcomes {
        for a in &o.one_for_all { println!("{:20} {:e} {:?} {:.3} {:.3}", o.spec.label, a.budget, a.knob, a.timeout, a.detection); }
      if std::env::args().nth(2).is_some() { for b in BUDGETS { let mut v: Vec<_> = o.points.iter().filter(|p| p.origin==Origin::Tuned(b)).map(|p| (p.knob, study.replays[p.trace].name.clone(), p.qos.mistakes, p.qos.gaps, p.qos.timeout)).collect(); v.sort_by(|a,b| b.0.total_cmp(&a.0)); for x in v.iter().take(6) { println!("   {b:e} {x:?}"); } } }
    }
}
