//! Where the record of the dead is full, as it is for good in any cluster that has lost so many names: each further end makes
//! room for another's, the floor rises, and passes lives that are well.

use gossip::Epoch;
use gossip::core::quorum::GONE_MAX;

use crate::sim::MS;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::record::Record;
use crate::sim::run::{Run, run};

const VOTERS: usize = 5;

/// Nothing goes wrong but what is added; as many have died as there is room for, in higher lives than anybody is in here.
fn calm(seed: u64, hosts: usize) -> Scenario {
    let record = Some(Record { room: 0, life: 1_000 });
    Scenario { record, ..Scenario::calm(seed, hosts, 100).voters(VOTERS) }
}

/// In which life each host is in the end.
fn lives_after(scenario: &Scenario) -> Vec<u64> {
    let world = run(scenario, false, &|_| {})
        .unwrap_or_else(|failure| panic!("seed {}: {}", scenario.seed, failure.what));
    let newest = crate::newest_view(&world);
    assert!(newest.floor.is_some() && newest.gone.len() == GONE_MAX, "{:?}", newest.floor);
    world.hosts.iter().map(|host| host.stored).collect()
}

/// S2, S4: they are cut off together and evicted several at a time, in lives lower than all on record. Each of them learns of its end.
#[test]
fn who_is_evicted_together_with_others_does_not_go_on_as_before() {
    let hosts = 14;
    for seed in 1..6 {
        // They come back right after that: whoever is left out is evicted again before long.
        let apart = Fault::Net(Rule::Partition(Vec::from_iter(VOTERS..hosts)));
        let scenario = calm(seed, hosts).with(50, 68, apart);
        let lives = lives_after(&scenario);
        assert!(lives[VOTERS..].iter().filter(|&&life| life > 1).count() > 1, "seed {seed}: {lives:?}");
        assert_eq!(lives[..VOTERS], [1; VOTERS], "seed {seed}");
    }
}

/// L2: whoever has just started knows hardly anybody, and that does not end its neighbours.
#[test]
fn a_restart_does_not_end_neighbours_that_the_floor_has_passed() {
    let (hosts, restarted) = (200, 10);
    let mut scenario = calm(1, hosts).with(50, 51, Fault::Kill(20));
    scenario = scenario.with(100, 110, Fault::Crash { host: restarted, disk: true });
    scenario.full_mesh_max = 8;
    scenario.end = 20_000 * MS;
    let lives = lives_after(&scenario);
    let over: Vec<usize> = (0..hosts).filter(|&host| lives[host] > 1).collect();
    assert_eq!(over, [restarted]);
}

/// L2, V2: each farewell raises the floor, faster than a heartbeat shows that its sender has seen it. That takes nobody's lease away.
#[test]
fn a_lease_is_kept_while_many_leave() {
    let (hosts, holder, leaving) = (70, 5, 6..68);
    for seed in 1..4 {
        let mut scenario = calm(seed, hosts).with(20, 400, Fault::Lease(holder, 0));
        // It raises the floor above all that are here.
        scenario = scenario.with(30, 31, Fault::Kill(hosts - 1));
        for host in leaving.clone() {
            let at = 80 + (host as u64 - 6) / 2;
            scenario = scenario.with(at, at + 1, Fault::Leave(host));
        }
        let mut run = Run::new(&scenario, false, &|_| {});
        while run.world.now < 15_000 * MS {
            run.step().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        }
        let newest = crate::newest_view(&run.world);
        let gone = leaving.clone().filter(|&host| newest.gone.contains(&run.world.hosts[host].id)).count();
        let (_, grant) = newest.leases.iter().next().expect("it is still held");
        println!("seed {seed}: view {}, token {}, {gone} on record", newest.epoch, grant.token);
        assert!(newest.epoch.get() > 60, "seed {seed}: {}", newest.epoch);
        assert_eq!(grant.token, Epoch::GENESIS.next(), "seed {seed}: it was lost, and granted again");
    }
}

/// L4: those who know all others may all restart at once, and know nobody then. The others are unknown to them, and below the floor that
/// their disks know: whoever has outlived it says so, or both would stay apart for ever.
#[test]
fn those_who_all_restart_at_once_and_those_who_do_not_meet_again() {
    for seed in 1..6 {
        let mut scenario = calm(seed, 5).voters(3).with(30, 31, Fault::Kill(4));
        // The only seeds that there are.
        for host in 0..3 {
            scenario = scenario.with(100, 104, Fault::Crash { host, disk: true });
        }
        let mut run = Run::new(&scenario, false, &|_| {});
        // No name stands for any other address.
        run.world.lookups = false;
        run.finish().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        assert_eq!(run.world.hosts[3].stored, 1, "seed {seed}: it lives on");
    }
}
