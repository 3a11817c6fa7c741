//! What the gossip core costs, without sockets and clocks: time per heartbeat, datagram and tick.
//!
//!     cargo bench --bench gossip
//!
//! Machines differ: read ratios within one run. The last line compares a tick among 10,000 members with one among 100,
//! which should cost the same: it sends to as many neighbours. The exit status is 1 if it costs much more.

mod neighbourhood;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use gossip::wire::{Encoder, Head, Item, decode};
use gossip::{Config, DATAGRAM_MAX};

use neighbourhood::{Neighbourhood, encoded, heartbeat, record};

/// Members, this node included.
const SIZES: [u16; 4] = [10, 100, 1_000, 10_000];
/// How much more a tick among the most members may cost than one among the second fewest.
const RATIO_MAX: f64 = 1.5;

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1_500))
        .sample_size(50)
        .configure_from_args();
    handle(&mut criterion);
    wire(&mut criterion);
    tick(&mut criterion);
    criterion.final_summary();
    compare_ticks()
}

fn handle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handle a heartbeat, members");
    for members in SIZES {
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            let mut near = Neighbourhood::warmed(members);
            bencher.iter_custom(|count| handle_many(&mut near, count));
        });
    }
    group.finish();
}

/// An interval's worth is timed together, so that reading the clock does not weigh; the tick between is not timed.
fn handle_many(near: &mut Neighbourhood, count: u64) -> Duration {
    let (mut handled, mut elapsed) = (0, Duration::ZERO);
    while handled < count {
        near.tick();
        let datagrams = near.heartbeats();
        let began = Instant::now();
        near.handle(black_box(&datagrams));
        elapsed += began.elapsed();
        handled += datagrams.len() as u64;
    }
    elapsed.mul_f64(count as f64 / handled as f64)
}

fn wire(criterion: &mut Criterion) {
    let config = Config::builder("bench").build().unwrap_or_else(|e| panic!("{e}"));
    let (from, to) = (record(1).identity.life(), record(0).identity.life().tag());
    let head = Head::Heartbeat(heartbeat(1_000, Duration::from_secs(100)));
    let mut group = criterion.benchmark_group("wire");
    let bytes = encoded(&config, from, to, &head);
    let (mut buf, mut items) = ([0; DATAGRAM_MAX], Vec::new());
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode a heartbeat", |bencher| {
        bencher.iter(|| Encoder::new(&config, &mut buf, black_box(from), to, black_box(&head)).finish());
    });
    group.bench_function("decode a heartbeat", |bencher| {
        bencher.iter(|| decode(&config, black_box(&bytes), &mut items).is_ok());
    });
    let records: Vec<Item> = (0..DATAGRAM_MAX as u16).map(|number| Item::Record(record(number))).collect();
    let fill = |buf: &mut [u8; DATAGRAM_MAX]| {
        let mut encoder = Encoder::new(&config, buf, from, to, &Head::Delta);
        records.iter().take_while(|record| encoder.push(record)).count();
        encoder.finish()
    };
    let len = fill(&mut buf);
    let full = buf[..len].to_vec();
    group.throughput(Throughput::Bytes(len as u64));
    group.bench_function("encode a datagram full of records", |bencher| bencher.iter(|| fill(&mut buf)));
    group.bench_function("decode a datagram full of records", |bencher| {
        bencher.iter(|| decode(&config, black_box(&full), &mut items).is_ok());
    });
    group.finish();
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a tick and its heartbeats, members");
    for members in SIZES {
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            let mut near = Neighbourhood::warmed(members);
            bencher.iter_custom(|count| (0..count).map(|_| timed_tick(&mut near)).sum());
        });
    }
    group.finish();
}

fn timed_tick(near: &mut Neighbourhood) -> Duration {
    let began = Instant::now();
    black_box(near.tick());
    let elapsed = began.elapsed();
    let datagrams = near.heartbeats();
    near.handle(&datagrams);
    elapsed
}

/// Turn and turn about, so that both see the same machine; medians, so that an interruption does not count.
fn compare_ticks() -> ExitCode {
    let (few, many) = (SIZES[1], SIZES[3]);
    let mut sides = [few, many].map(|members| (Neighbourhood::warmed(members), Vec::new()));
    for _ in 0..10_000 {
        for (near, times) in &mut sides {
            times.push(timed_tick(near));
        }
    }
    let [few_median, many_median] = sides.map(|(_, mut times)| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let ratio = many_median.as_secs_f64() / few_median.as_secs_f64();
    println!("a tick among {many} members: {many_median:?}, among {few}: {few_median:?}; ratio {ratio:.2}");
    if ratio > RATIO_MAX {
        eprintln!(
            "error: a tick must not cost more than {RATIO_MAX} times as much among {many} members as among {few}"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
