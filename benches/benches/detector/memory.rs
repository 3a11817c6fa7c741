//! Bytes per peer, on the stack and on the heap, and what is allocated once a detector runs.

use crate::sequences::Sequence;
use crate::subject::{Chitchat, PublishedPhiAccrual, PublishedPhiDetector, Subject};
use crate::watch;
use allocation_counter::measure;
use phi_detector::{Exponential, Normal, PhiDetector};
use std::hint::black_box;

/// Heartbeats, levels and deadlines during which allocations are counted.
const FURTHER: u32 = 10_000;

/// Prints the table.
pub(crate) fn print(sequence: &Sequence) {
    println!(
        "Bytes per peer after 20,000 heartbeats ({}), and allocations in {FURTHER} further",
        sequence.name
    );
    println!("heartbeats, levels and deadlines:");
    println!("{:46} {:>7} {:>7} {:>7} {:>12}", "", "itself", "heap", "sum", "allocations");
    row::<PhiDetector>(sequence);
    row::<Exponential>(sequence);
    row::<Normal>(sequence);
    row::<PublishedPhiDetector>(sequence);
    row::<PublishedPhiAccrual>(sequence);
    row::<Chitchat>(sequence);
    monitor();
    println!();
}

fn row<S: Subject>(sequence: &Sequence) {
    let mut held = None;
    let heap = measure(|| held = Some(S::warmed(sequence))).bytes_current;
    let Some((mut subject, mut feed)) = held else { return };
    let further = measure(|| {
        for _ in 0..FURTHER {
            feed.advance();
            subject.heartbeat(feed.seq, feed.now);
            black_box((subject.phi(feed.now), subject.deadline(5.0)));
        }
    });
    print_row(S::NAME, size_of::<S>() as f64, heap as f64, further.count_total);
}

/// A monitor of many peers: its tables hold the detectors, and by doubling have room for more than there are.
fn monitor() {
    let mut held = None;
    let heap = measure(|| held = Some(watch::Watch::warmed())).bytes_current;
    let Some(mut watch) = held else { return };
    let further = measure(|| (0..FURTHER).for_each(|_| watch.heartbeat_and_drain()));
    let name = format!("Monitor<u32, PhiDetector>, each of {} peers", watch::PEERS);
    print_row(&name, 0.0, heap as f64 / f64::from(watch::PEERS), further.count_total);
}

fn print_row(name: &str, itself: f64, heap: f64, allocations: u64) {
    println!("{name:46} {itself:>7} {heap:>7.0} {:>7.0} {allocations:>12}", itself + heap);
}
