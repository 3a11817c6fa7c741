//! Parts of a cluster that meet again after no majority was left anywhere.

use crate::sim::SECOND;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;

/// D6: when three parts meet again, each has long suspected the others, and vouchers have run out, so that nothing lies between a
/// suspicion and a death but a few milliseconds. The rule taken out, nodes die in most of these runs. `APART_SEEDS=n` runs the first n.
#[test]
fn nobody_is_dead_because_three_parts_meet_again() {
    let many: u64 = std::env::var("APART_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let part = |of: [usize; 2]| Rule::Partition((0..20).filter(|host| of.contains(&(host % 5))).collect());
    let mut dead = 0;
    for seed in 1..=many {
        let mut scenario = Scenario::calm(seed, 20, 800)
            .voters(5)
            .with(50, 80, Fault::Net(part([0, 1])))
            .with(50, 80, Fault::Net(part([2, 3])));
        scenario.full_mesh_max = 8;
        let mut run = Run::new(&scenario, false, &|_| {});
        while run.world.now < 80 * SECOND {
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
