//! What a detector costs: time per heartbeat, level and deadline, and bytes per peer.
//!
//!     cargo bench --bench detector
//!
//! In one run, on the same arrivals, beside ours: the crates `phi-detector` 0.4 and `phi-accrual-failure-detector` 0.1 as
//! published, and a reproduction of chitchat's sampling window (it is private and cannot be called), once with the time
//! handed in as ours has it and once with the clock it reads. Every figure contains the walk through the arrivals, which is
//! measured by itself as well. Machines differ: read ratios within one run.

mod chitchat;
mod memory;
mod sequences;
mod subject;
mod watch;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use phi_detector::{Config, Exponential, Normal, PhiDetector};
use sequences::{INTERVAL, Sequence, Silences};
use std::hint::black_box;
use std::time::{Duration, Instant};
use subject::{Chitchat, ChitchatOwnClock, Nothing, PublishedPhiAccrual, PublishedPhiDetector, Subject};

/// The levels whose deadlines are asked for in turn.
const THRESHOLDS: [f64; 8] = [3.0, 1.0, 5.0, 8.0, 2.0, 0.5, 4.0, 6.5];

fn main() {
    let sequences = Sequence::all();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(50)
        .configure_from_args();
    memory::print(&sequences[2]);
    for sequence in &sequences {
        each(&mut criterion, "heartbeat", sequence, &EVERYBODY.map(|time| time.heartbeat));
    }
    for sequence in &sequences {
        each(&mut criterion, "phi within a gap", sequence, &EVERYBODY.map(|time| time.phi_polled));
    }
    for sequence in &sequences {
        each(&mut criterion, "phi after 0.1 to 30 intervals", sequence, &EVERYBODY.map(|time| time.phi_any));
    }
    for sequence in &sequences {
        let those_that_can =
            [deadline::<PhiDetector>, deadline::<Exponential>, deadline::<Normal>, deadline::<Chitchat>];
        each(&mut criterion, "deadline", sequence, &those_that_can);
    }
    clock(&mut criterion);
    start_and_restore(&mut criterion, &sequences[2]);
    monitor(&mut criterion);
    criterion.final_summary();
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;
type Timing = fn(&mut Group<'_>, &Sequence);

/// What is timed of one subject.
#[derive(Clone, Copy)]
struct Timings {
    heartbeat: Timing,
    phi_polled: Timing,
    phi_any: Timing,
}

const fn of<S: Subject>() -> Timings {
    Timings { heartbeat: heartbeat::<S>, phi_polled: phi_polled::<S>, phi_any: phi_any::<S> }
}

const EVERYBODY: [Timings; 8] = [
    of::<Nothing>(),
    of::<PhiDetector>(),
    of::<Exponential>(),
    of::<Normal>(),
    of::<PublishedPhiDetector>(),
    of::<PublishedPhiAccrual>(),
    of::<Chitchat>(),
    of::<ChitchatOwnClock>(),
];

fn each(criterion: &mut Criterion, what: &str, sequence: &Sequence, timings: &[Timing]) {
    let mut group = criterion.benchmark_group(what);
    for timing in timings {
        timing(&mut group, sequence);
    }
    group.finish();
}

fn heartbeat<S: Subject>(group: &mut Group<'_>, sequence: &Sequence) {
    group.bench_function(BenchmarkId::new(S::NAME, sequence.name), |bencher| {
        let (mut subject, mut feed) = S::warmed(sequence);
        bencher.iter(|| {
            feed.advance();
            subject.heartbeat(black_box(feed.seq), black_box(feed.now));
        });
        black_box(&mut subject);
    });
}

fn phi_polled<S: Subject>(group: &mut Group<'_>, sequence: &Sequence) {
    phi::<S>(group, sequence, &sequence.polled);
}

fn phi_any<S: Subject>(group: &mut Group<'_>, sequence: &Sequence) {
    phi::<S>(group, sequence, &sequence.any);
}

fn phi<S: Subject>(group: &mut Group<'_>, sequence: &Sequence, silences: &[Duration]) {
    group.bench_function(BenchmarkId::new(S::NAME, sequence.name), |bencher| {
        let (subject, feed) = S::warmed(sequence);
        let mut silences = Silences::new(silences);
        bencher.iter(|| subject.phi(black_box(feed.now + silences.advance())));
    });
}

fn deadline<S: Subject>(group: &mut Group<'_>, sequence: &Sequence) {
    group.bench_function(BenchmarkId::new(S::NAME, sequence.name), |bencher| {
        let (subject, _) = S::warmed(sequence);
        let mut thresholds = THRESHOLDS.iter().cycle();
        bencher.iter(|| thresholds.next().map(|&threshold| subject.deadline(black_box(threshold))));
    });
}

/// What reading the clock costs here: the difference between chitchat's two rows.
fn clock(criterion: &mut Criterion) {
    criterion.bench_function("Instant::now()", |bencher| bencher.iter(Instant::now));
}

fn start_and_restore(criterion: &mut Criterion, sequence: &Sequence) {
    let mut group = criterion.benchmark_group("start");
    let config = Config::new(INTERVAL);
    let (detector, _) = PhiDetector::warmed(sequence);
    let learnt = detector.learnt();
    group.bench_function("PhiDetector::new", |bencher| bencher.iter(|| PhiDetector::new(black_box(config))));
    group.bench_function("PhiDetector::restore", |bencher| {
        bencher.iter(|| PhiDetector::restore(black_box(config), black_box(&learnt)));
    });
    group.bench_function("PhiDetector::learnt", |bencher| bencher.iter(|| black_box(&detector).learnt()));
    group.finish();
}

fn monitor(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("Monitor of {} peers", watch::PEERS));
    let mut watch = watch::Watch::warmed();
    group.bench_function("heartbeat", |bencher| bencher.iter(|| watch.heartbeat()));
    group.bench_function("heartbeat, poll until empty, next_deadline", |bencher| {
        bencher.iter(|| watch.heartbeat_and_drain());
    });
    group.bench_function("poll with nothing due", |bencher| {
        let now = watch.now;
        bencher.iter(|| watch.monitor.poll(black_box(now)));
    });
    group.finish();
}
