//! The real core under simulated weather. See `sim/mod.rs` for how it works.
//!
//! `SIM_SEEDS=200000 cargo test --release -p gossip --test simulation seeds` soaks; `SIM_FIRST` sets the first seed.
//! `SIM_WRITES=n` lets each seed go on with a crash before and after each of n of its writes, by lot if it has more, until all is
//! well again; `SIM_WRITES=all` at every one of them. `SIM_HOSTS=n` leaves out seeds with more hosts, which have more writes
//! and longer runs from each, `SIM_RECORD=1` those that do not begin with a full record of the dead. `SIM_THREADS` says on how
//! many threads. In every schedule with voters the power may fail at some host's next write anyway.
//! `SIM_LOG=file` keeps the whole log of the last seed that failed, of which otherwise only the end is printed.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod apart;
mod bursts;
mod checkers;
mod full_record;
mod held_leases;
mod mercy;
mod sim;

use gossip::wire::Head;
use gossip::{Event, Opinion, Verdict};
use sim::check::Check as _;
use sim::decided::OneHistory;
use sim::fault::{Fault, Scenario};
use sim::mutant;
use sim::network::Rule;
use sim::observed::SuspectedByObservers;
use sim::run::{Batch, Mutation, Outcome, Run, env, run, run_seeds, shrink};
use sim::told::SameOrder;
use sim::world::World;
use sim::writes::{choose, crash_at_writes};

/// Mixed faults, 5 to 30 nodes a run.
#[test]
fn seeds() {
    hold(Batch {
        first: env("SIM_FIRST", 1),
        count: env("SIM_SEEDS", 5000),
        hosts_max: env("SIM_HOSTS", u64::MAX),
        recorded: env("SIM_RECORD", 0) > 0,
        writes: writes(),
        threads: env("SIM_THREADS", 2),
    });
}

/// At how many of its writes each seed is to crash.
fn writes() -> u64 {
    match std::env::var("SIM_WRITES") {
        Ok(all) if all == "all" => u64::MAX,
        _ => env("SIM_WRITES", 0),
    }
}

/// Runs seeds, all of which must hold; at how many writes something crashed.
fn hold(batch: Batch) -> u64 {
    let Batch { first, count, .. } = batch;
    let Outcome { seeds, writes, failures } = run_seeds(batch);
    println!(
        "{seeds} of the seeds {first} to {}, with crashes before and after {writes} writes",
        first + count - 1
    );
    assert!(failures.is_empty(), "{} seeds failed, the first: {}", failures.len(), failures[0]);
    assert!(seeds > 0, "no seed is as wanted");
    writes
}

#[test]
fn twenty_healthy_nodes_find_and_trust_each_other() {
    if let Err(failure) = run(&Scenario::calm(1, 20, 100), true, &|_| {}) {
        panic!("{}: {}", failure.what, failure.log.unwrap_or_default());
    }
}

#[test]
fn voters_bury_a_dead_node() {
    let scenario = Scenario::calm(1, 5, 100).voters(5).with(50, 55, Fault::Kill(4));
    let world = run(&scenario, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
    let view = newest_view(&world);
    assert_eq!(view.gone.keys().map(gossip::NodeId::as_str).collect::<Vec<_>>(), ["n4"]);
    assert_eq!(view.epoch.get(), 2, "suspended, and dead: nothing else was decided");
}

/// Whoever has started since it died cannot have heard it, and so does not suspect it; what it said last counts no more for that.
#[test]
fn what_a_dead_node_said_last_counts_for_nobody_who_never_heard_it() {
    let restarts = |host| Fault::Crash { host, disk: false };
    let scenario = Scenario::calm(1, 5, 100)
        .with(40, 70, Fault::Net(Rule::Partition(vec![2, 3])))
        .with(60, 200, Fault::Net(Rule::Partition(vec![3])))
        .with(80, 199, Fault::Kill(3))
        .with(90, 110, restarts(4))
        .with(120, 140, restarts(1))
        .with(150, 170, restarts(2));
    let world = run(&scenario, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
    let observer = world.hosts[4].node.as_ref().expect("it is up");
    let said = observer.suspicion(&world.hosts[0].id, world.hosts[4].now(world.now).boot);
    let accuses =
        |said: &gossip::Suspicion| said.observer == world.hosts[3].id && said.opinion == Opinion::Suspect;
    assert!(said.iter().any(accuses), "it is still written: {said:?}");
}

/// S7: of two histories one is too many while anybody remembers the other. Of one that only lost disks knew nobody can (I1).
#[test]
fn a_second_history_is_caught_unless_every_trace_of_the_first_is_lost() {
    let founded =
        |seed| run(&Scenario::calm(seed, 5, 100).voters(1), false, &|_| {}).expect("nothing happens");
    let (first, mut second) = (founded(1), founded(2));
    let look = |second: &World| {
        let mut checker = OneHistory::default();
        checker.after(&first, 0, &[]).expect("the first one");
        checker.after(second, 1, &[])
    };
    assert_eq!(look(&second), Ok(()));
    second.hosts[4].durable = first.hosts[4].durable.clone();
    assert!(look(&second).is_err_and(|what| what.starts_with("S7")), "one disk remembers");
}

/// S1, as subscribers see it: nobody is told of a later view first, and nobody is told something else than others are.
#[test]
fn verdicts_told_in_another_order_or_otherwise_are_caught() {
    let world =
        run(&Scenario::calm(1, 5, 100).voters(3), false, &|_| {}).unwrap_or_else(|f| panic!("{}", f.what));
    let told = |epoch: u64, name: &str, incarnation: u64| Event::Verdict {
        id: gossip::NodeId::new(name).expect("a name"),
        incarnation: gossip::Incarnation::try_from(incarnation).expect("not 0"),
        verdict: Verdict::Dead { epoch: gossip::Epoch::try_from(epoch).expect("small") },
    };
    let holds = |tellings: &[(usize, Event)]| {
        let mut checker = SameOrder::default();
        tellings
            .iter()
            .try_for_each(|(host, event)| checker.after(&world, *host, std::slice::from_ref(event)))
    };
    assert_eq!(holds(&[(0, told(4, "n1", 1)), (0, told(4, "n2", 1)), (1, told(4, "n2", 1))]), Ok(()));
    let again = Event::Started { incarnation: gossip::Incarnation::FIRST };
    assert_eq!(holds(&[(0, told(5, "n1", 1)), (0, again), (0, told(4, "n2", 1))]), Ok(()), "another life");
    for broken in [
        [(0, told(5, "n1", 1)), (0, told(4, "n2", 1))],
        [(0, told(4, "n2", 1)), (0, told(4, "n1", 1))],
        [(0, told(4, "n1", 1)), (0, told(4, "n1", 1))],
        [(0, told(4, "n1", 1)), (1, told(4, "n1", 2))],
    ] {
        assert!(holds(&broken).is_err_and(|what| what.starts_with("S1")), "{broken:?}");
    }
}

/// S3 where not all observe all: of a suspension while nothing goes wrong some observer must have been the cause.
#[test]
fn a_suspension_that_no_observer_can_explain_is_caught() {
    let mut scenario = Scenario::calm(1, 24, 100).voters(5).with(150, 190, Fault::Pause(20));
    scenario.full_mesh_max = 8;
    let mut run = Run::new(&scenario, false, &|_| {});
    while newest_view_if_any(&run.world).is_none_or(|view| view.suspended.is_empty()) {
        assert!(run.step().unwrap_or_else(|failure| panic!("{}", failure.what)), "it is suspended");
    }
    let mut world = run.world;
    let newest = newest_view(&world).epoch;
    let told = (0..24).find(|&host| world.view(host).is_some_and(|view| view.epoch == newest));
    let told = told.expect("somebody has it");
    let judged = |world: &World, suspects: Option<Opinion>| {
        let mut checker = SuspectedByObservers::default();
        let (observer, target) = (world.hosts[3].id.clone(), world.hosts[20].id.clone());
        let said = |opinion| Event::Opinion {
            observer,
            target,
            incarnation: gossip::Incarnation::FIRST,
            opinion,
            phi: 9.0,
        };
        checker.after(world, 3, suspects.map(said).as_slice()).and_then(|()| checker.after(world, told, &[]))
    };
    assert_eq!(judged(&world, None), Ok(()), "a pause is going on");
    (world.faults_on, world.disturbed) = (0, 0);
    assert!(judged(&world, None).is_err_and(|what| what.starts_with("S3")));
    assert_eq!(judged(&world, Some(Opinion::Suspect)), Ok(()));
}

/// A scenario in which there is something to report, to learn and to get wrong.
fn eventful(seed: u64) -> Scenario {
    Scenario::calm(seed, 7, 100)
        .with(20, 60, Fault::Pause(2))
        .with(30, 31, Fault::Metadata(2))
        .with(70, 110, Fault::Net(Rule::Partition(vec![0, 1, 2])))
        .with(80, 81, Fault::Metadata(0))
        .with(120, 160, Fault::Pause(4))
        .with(170, 200, Fault::Crash { host: 5, disk: true })
}

/// Four nodes, three of them voters, and something of everything that is decided.
fn decisive(seed: u64) -> Scenario {
    Scenario::calm(seed, 4, 100)
        .voters(3)
        .with(15, 40, Fault::Lease(3, 0))
        .with(20, 150, Fault::Lease(0, 0))
        .with(60, 110, Fault::Pause(3))
        .with(130, 140, Fault::Voters(vec![0, 1, 3]))
        .with(160, 165, Fault::Crash { host: 1, disk: true })
}

/// Every write of a short run fails once before it reaches the disk, and once right after.
#[test]
fn the_power_may_fail_at_every_write() {
    for seed in 1..4 {
        let scenario = decisive(seed);
        let mut whole = Run::new(&scenario, false, &|_| {});
        whole.finish().unwrap_or_else(|failure| panic!("{}", failure.what));
        assert!(whole.writes.len() > 20, "only {} writes", whole.writes.len());
        println!("seed {seed}: {} writes", whole.writes.len());
        crash_at_writes(&scenario, &choose(&whole.writes, u64::MAX, seed)).unwrap_or_else(|crashed| {
            panic!("seed {seed}, write {}, after {}: {}", crashed.write, crashed.after, crashed.failure.what)
        });
    }
}

/// The same in random schedules of few hosts. `SIM_WRITES=all` does so in any number of them, and of any size.
#[test]
fn the_power_may_fail_at_every_write_of_random_schedules() {
    let threads = env("SIM_THREADS", 2);
    let count = env("SIM_WRITE_SEEDS", 50);
    let writes = hold(Batch { first: 1, count, hosts_max: 7, recorded: false, writes: u64::MAX, threads });
    assert!(writes > 10 * count, "only {writes} writes");
}

/// What goes on from a copy is what would have happened: the same story, byte for byte, as in a run that crashes at that write.
#[test]
fn a_copy_of_a_run_goes_on_in_the_same_way() {
    let scenario = Scenario::random(3);
    let mut whole = Run::new(&scenario, false, &|_| {});
    whole.finish().unwrap_or_else(|failure| panic!("{}", failure.what));
    let chosen = choose(&whole.writes, 5, 1);
    assert!(!chosen.is_empty());
    for (write, step) in chosen {
        let mut copied = Run::new(&scenario, true, &|_| {});
        while copied.steps < step {
            copied.step().unwrap_or_else(|failure| panic!("{}", failure.what));
        }
        let mut copy = copied.clone();
        copied.finish().unwrap_or_else(|failure| panic!("{}", failure.what));
        copy.world.crash_at = Some((write, true));
        copy.finish().unwrap_or_else(|failure| panic!("{}", failure.what));
        let from_the_start = run(&scenario, true, &|world| world.crash_at = Some((write, true)));
        let from_the_start = from_the_start.unwrap_or_else(|failure| panic!("{}", failure.what));
        assert_eq!(copy.world.log, from_the_start.log);
        assert_ne!(copy.world.log, copied.world.log, "nothing crashed");
    }
}

/// Voters 0 and 1 ask for leases at the same time, again and again.
fn contended(seed: u64) -> Scenario {
    (0..12).fold(Scenario::calm(seed, 5, 100).voters(5), |scenario, n| {
        let at = 15 + 10 * n;
        let lease = |host| Fault::Lease(host, host as u8);
        (0..5).fold(scenario, |scenario, host| scenario.with(at, at + 5, lease(host)))
    })
}

/// A holder is cut off for long.
fn holder_cut_off(seed: u64) -> Scenario {
    Scenario::calm(seed, 5, 100)
        .voters(5)
        .with(20, 190, Fault::Lease(4, 0))
        .with(30, 190, Fault::Lease(1, 0))
        .with(60, 120, Fault::Net(Rule::Partition(vec![4])))
}

/// What is run, how it is changed, by which rules that may be caught, and what the change is called.
type Case<'a> = (&'a Scenario, Mutation<'a>, &'a [&'a str], &'a str);

/// Each change is caught, and by one of the rules that it breaks: what a failure names first.
fn all_caught(cases: &[Case<'_>]) {
    for (scenario, mutation, expected, name) in cases {
        let what = caught(scenario, mutation);
        println!("{name}: {what:.150}");
        let rule = what.split(':').next().unwrap_or_default();
        assert!(expected.contains(&rule), "{name} was not caught as {expected:?}: {what:?}");
    }
}

/// Nobody hears n4 for so short that it is suspended, and not dead.
fn silenced(seed: u64) -> Scenario {
    Scenario::calm(seed, 5, 100).voters(5).with(150, 157, Fault::Net(Rule::OneWay(vec![4], vec![0, 1, 2, 3])))
}

#[test]
fn broken_quorums_are_caught_by_the_checker_they_are_meant_for() {
    use sim::mutant_quorum as broken;
    let one_bad_link =
        Scenario::calm(3, 5, 100).voters(5).with(150, 250, Fault::Net(Rule::OneWay(vec![4], vec![0])));
    // With loss, requests reach several voters, and ballots overlap.
    let rivals = contended(3).with(12, 150, Fault::Net(Rule::Loss(0.4)));
    // A follower asks for a lease, and still wants it at the end.
    let mut asking = Scenario::calm(3, 5, 100).voters(3).with(50, 1000, Fault::Lease(4, 7));
    asking.end = 20_000 * sim::MS;
    let killed = Scenario::calm(3, 5, 100).voters(3).with(50, 51, Fault::Kill(4));
    all_caught(&[
        (&decisive(3), &broken::promises_before_writing, &["S9"], "promises before writing"),
        (&rivals, &broken::accepts_everything, &["S1", "S9"], "accepts everything"),
        (&holder_cut_off(3), &broken::stretches_vouchers, &["S4"], "stretches vouchers"),
        (&one_bad_link, &broken::suspects_everybody, &["S3"], "suspects everybody"),
        (&contended(3), &broken::invents_decisions, &["S1", "S9"], "invents decisions"),
        (&killed, &broken::certifies_nothing, &["L1, L2"], "certifies nothing"),
        (&asking, &broken::asks_for_nothing, &["L3"], "asks for nothing"),
        (&killed, &broken::keeps_decisions_back, &["L4"], "keeps decisions back"),
    ]);
}

/// A driver that looks at the clocks, is stopped, and then receives, gives vouchers that run out too early (V6; `vouchers.rs` has the rule
/// that is in the core). S4 holds all the same, since it waits for the silence as well, its own stop not counted (D7).
#[test]
fn a_voter_whose_clocks_were_read_too_early_waits_for_the_silence() {
    // Two of three voters find a holder's last heartbeat only after they were stopped for longer than a voucher lasts.
    let stopped = [0, 1].into_iter().fold(Scenario::calm(3, 4, 100).voters(3), |scenario, voter| {
        scenario.with(50, 62, Fault::Pause(voter))
    });
    let stopped = stopped.with(62, 80, Fault::Net(Rule::OneWay(vec![3], vec![0, 1, 2])));
    let stopped = stopped.with(64, 80, Fault::Net(Rule::Partition(vec![3])));
    let early: Mutation<'_> = &sim::mutant_quorum::looks_at_the_clocks_too_early;
    assert_eq!(caught(&stopped, early), "", "and without D7: S4");
}

/// What the newest view anywhere says.
fn newest_view(world: &World) -> std::sync::Arc<gossip::View> {
    newest_view_if_any(world).expect("a history has begun")
}

fn newest_view_if_any(world: &World) -> Option<std::sync::Arc<gossip::View>> {
    let views = (0..world.hosts.len()).filter_map(|host| world.view(host));
    views.max_by_key(|view| view.epoch).cloned()
}

/// The longest time, in ms, for which one of `guests` suspected n0 without a break while `until` had not come, told every 10 ms.
fn longest_suspicion_ms(run: &mut Run<'_>, guests: std::ops::Range<usize>, until: sim::Nanos) -> u64 {
    let name = gossip::NodeId::new("n0").expect("a name");
    let (mut lasting_ms, mut longest_ms) = (vec![0; guests.end], 0);
    while run.world.now < until {
        let next = run.world.now + 10 * sim::MS;
        while run.world.now < next {
            run.step().unwrap_or_else(|failure| panic!("{}", failure.what));
        }
        for guest in guests.clone() {
            let member = run.world.hosts[guest].node.as_ref().and_then(|node| node.member(&name));
            let suspects = member.is_some_and(|member| member.opinion == Some(Opinion::Suspect));
            lasting_ms[guest] = if suspects { lasting_ms[guest] + 10 } else { 0 };
            longest_ms = longest_ms.max(lasting_ms[guest]);
        }
    }
    longest_ms
}

/// A voter that hears one heartbeat in five of those who want leases answers them all the same: none of them, whom it does not
/// observe itself, takes it for silent for long. How long the longest of a minute is, is a matter of chance, as the longest run
/// of lost datagrams is, so it is judged over ten minutes: when the voter did not answer, it was 4.5 to 14.4 s, 7.8 on average.
#[test]
fn a_voter_that_hears_little_of_its_guests_is_not_silent_to_them() {
    let (voters, hosts) = (5, 24);
    let longest_ms = |seed| {
        let mut scenario = Scenario::calm(seed, hosts, 100).voters(voters);
        for guest in voters..hosts {
            scenario = scenario.with(20, 700, Fault::Lease(guest, guest as u8));
        }
        scenario = scenario.with(80, 680, Fault::Net(Rule::LossTo(0, 0.8)));
        scenario.full_mesh_max = 8;
        let mut run = Run::new(&scenario, false, &|_| {});
        longest_suspicion_ms(&mut run, voters..hosts, 68_000 * sim::MS)
    };
    let all_ms = Vec::from_iter((1..11).map(longest_ms));
    println!("longest, in ms: {all_ms:?}");
    let mean_ms = all_ms.iter().sum::<u64>() / all_ms.len() as u64;
    assert!(mean_ms <= 2_000, "mean {mean_ms} of {all_ms:?}");
    assert!(all_ms.iter().all(|&longest_ms| longest_ms <= 4_000), "{all_ms:?}");
}

/// While everybody is alone nobody has a majority, and when that ends nobody is missing.
#[test]
fn after_everybody_was_alone_nobody_is_dead() {
    for seed in 1..6 {
        let apart = (0..4).fold(Scenario::calm(seed, 5, 100).voters(5), |scenario, host| {
            scenario.with(100, 180, Fault::Net(Rule::Partition(vec![host])))
        });
        let world = run(&apart, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
        let view = newest_view(&world);
        assert!(view.gone.is_empty(), "seed {seed}: {:?}", view.gone);
    }
}

/// Nobody's vouchers arrive while each node sends these of its heartbeats; all else does.
fn loses_vouchers(world: &mut World, heartbeats: std::ops::Range<u64>) {
    let config = world.config.clone();
    world.tamper = Some(mutant::forge(&config, move |_, frame, _| {
        if let Head::Heartbeat(beat) = &mut frame.head
            && heartbeats.contains(&beat.seq.get())
        {
            beat.voucher = None;
        }
    }));
}

/// T4: everybody is isolated for long, and everybody hears it of the others. Whoever has no majority itself holds that against
/// nobody, though it could ask and vote: else all would be suspended, and nobody would vouch any more.
#[test]
fn while_everybody_is_isolated_nobody_is_suspended() {
    let mut scenario = Scenario::calm(1, 5, 100).voters(5);
    scenario.end = 40_000 * sim::MS;
    let world = run(&scenario, false, &|world| loses_vouchers(world, 100..200));
    let world = world.unwrap_or_else(|failure| panic!("{}", failure.what));
    assert_eq!(newest_view(&world).epoch, gossip::Epoch::GENESIS);
}

/// E1: most of a cluster dies together, and with it most of those who observed it; the voters live, and call for
/// themselves. That all the dead are put on record is checked at the end of the run.
#[test]
fn who_dies_together_with_all_observers_is_found() {
    let mut scenario = Scenario::calm(2, 40, 100).voters(5);
    scenario.full_mesh_max = 8;
    let scenario = (10..40).fold(scenario, |scenario, host| scenario.with(120, 121, Fault::Kill(host)));
    let world = run(&scenario, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
    assert_eq!(newest_view(&world).gone.len(), 30);
}

/// V1: the voters acknowledge a suspended node all the same, only without a voucher; so it does not look deaf, and is
/// restored.
#[test]
fn who_is_suspended_by_mistake_is_restored() {
    let mut restored = 0;
    for seed in 1..21 {
        let world = run(&silenced(seed), false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
        let view = newest_view(&world);
        // Nothing but this one suspension and its end can have been decided.
        restored += u32::from(view.gone.is_empty() && view.epoch.get() == 2);
    }
    assert_eq!(restored, 20, "each was suspended once, and restored once");
}

/// T4: when a node that was isolated for long is heard and vouched for again, its isolation of before is not held against
/// it once it has been restored: nobody vouched for it until then.
#[test]
fn who_was_isolated_is_let_in_again_and_left_alone() {
    for seed in 1..21 {
        let scenario = Scenario::calm(seed, 6, 100).voters(4);
        let scenario = scenario.with(100, 170, Fault::Net(Rule::OneWay(vec![1, 2], vec![5])));
        let world = run(&scenario, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
        let view = newest_view(&world);
        assert!(view.gone.is_empty() && view.epoch.get() == 2, "suspended once, and restored: {view:?}");
    }
}

/// S3, E1: a voter that never heard a life, and whose call that life does not answer, counts among those who suspect it, though
/// it has no opinion of it.
#[test]
fn a_voter_that_never_heard_a_life_may_count_against_it() {
    let scenario = Scenario::calm(1, 5, 100)
        .voters(5)
        .with(50, 60, Fault::Crash { host: 4, disk: true })
        .with(55, 250, Fault::Net(Rule::OneWay(vec![4], vec![2])))
        .with(200, 250, Fault::Net(Rule::Partition(vec![3, 4])));
    let world = run(&scenario, false, &|_| {}).unwrap_or_else(|failure| panic!("{}", failure.what));
    let view = newest_view(&world);
    let gone = view.gone.get(&gossip::NodeId::new("n4").expect("a name")).expect("it died");
    assert_eq!(gone.incarnation.get(), 2, "n3 hears it all the time, but no majority does");
}

/// News that one side of a partition had time to forget before it healed.
fn estranged(seed: u64) -> Scenario {
    Scenario::calm(seed, 20, 100).with(20, 80, Fault::Net(Rule::Partition(vec![0, 1, 2]))).with(
        30,
        31,
        Fault::Metadata(0),
    )
}

fn caught(scenario: &Scenario, mutation: Mutation<'_>) -> String {
    assert!(run(scenario, false, &|_| {}).is_ok(), "the scenario is sound without the mutation");
    run(scenario, false, mutation).err().map(|failure| failure.what).unwrap_or_default()
}

#[test]
fn mutants_are_caught_by_the_checker_they_are_meant_for() {
    let cases: [(Mutation<'_>, &str, &str); 9] = [
        (&mutant::edits_records, "S6", "edits others' records"),
        (&mutant::writes_for_others, "S6", "writes for others"),
        (&mutant::invents_accusations, "S6", "invents accusations"),
        (&mutant::hides_its_pauses, "S8", "hides its pauses"),
        (&mutant::answers_answers, "storm", "answers answers"),
        (&mutant::passes_no_change_on, "old record", "passes no change on"),
        (&mutant::stays_cut, "doubt", "stays cut"),
        (&mutant::stays_deaf, "does not trust", "stays deaf"),
        (&mutant::stutters, "S8", "stutters"),
    ];
    for (mutation, expected, name) in cases {
        let what = caught(&eventful(3), mutation);
        println!("{name}: {what:.150}");
        assert!(
            !what.is_empty() && what.contains(expected),
            "{name} was not caught as {expected:?}: {what:?}"
        );
    }
    let what = caught(&estranged(3), &mutant::digests_agree_always);
    assert!(what.contains("old record"), "what is not compared was repaired all the same: {what}");
}

#[test]
fn a_seed_replays_to_the_last_byte() {
    let story = |seed| {
        let world = run(&Scenario::random(seed), true, &|_| {});
        let world = world.unwrap_or_else(|failure| panic!("{}", failure.what));
        (world.log, world.network.stats.bytes, world.network.stats.datagrams)
    };
    for seed in 1..6 {
        assert_eq!(story(seed), story(seed));
    }
    assert_ne!(story(1).0, story(2).0);
}

#[test]
fn shrinking_keeps_what_matters() {
    let scenario = eventful(3);
    let small = shrink(&scenario, &mutant::hides_its_pauses);
    assert_eq!(small.faults.len(), 1, "{:#?}", small.faults);
    assert!(matches!(small.faults[0].fault, Fault::Pause(_)));
}

/// Datagrams that decode, but say anything: nothing panics, nothing grows without bounds.
#[test]
fn nonsense_with_good_checksums_is_survived() {
    for seed in 0..20 {
        let mut scenario = Scenario::calm(seed, 6, 100);
        scenario.end = scenario.calm;
        let outcome = run(&scenario, false, &mutant::talks_nonsense);
        // Such a cluster cannot be well, and the checkers may say so; but nothing panics, and nothing grows.
        let Ok(world) = outcome else { continue };
        assert!(world.hosts.iter().filter_map(|h| h.node.as_ref()).all(|n| n.members().count() < 1000));
    }
}
