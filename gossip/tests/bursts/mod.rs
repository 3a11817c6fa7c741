//! Links that lose everything for a while, each by itself.

use crate::sim::SECOND;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;

/// T4: for seconds at a time a node is not heard by some, and does not hear others. It is alive, and what matters arrives by others.
/// With half of W somebody is dead in the runs of two of these ten seeds. `BURST_SEEDS=n` runs the first n instead.
#[test]
fn nobody_is_dead_because_links_lose_in_long_bursts() {
    let many = std::env::var("BURST_SEEDS").ok().and_then(|n| n.parse().ok());
    let seeds = many.map_or(21..=30, |many| 1..=many);
    let mut dead = 0;
    for seed in seeds {
        let mut scenario = Scenario::calm(seed, 20, 100).voters(5).with(
            50,
            650,
            Fault::Net(Rule::LongBursts { share: 0.2, slots: 8.0 }),
        );
        scenario.full_mesh_max = 16;
        let mut run = Run::new(&scenario, false, &|_| {});
        while run.world.now < 70 * SECOND {
            run.step().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        }
        let gone = crate::newest_view(&run.world).gone.len();
        if gone > 0 {
            println!("seed {seed}: {gone} dead");
        }
        dead += gone;
    }
    assert_eq!(dead, 0, "nobody has crashed");
}
