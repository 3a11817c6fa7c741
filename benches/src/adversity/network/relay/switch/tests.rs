use std::time::Duration;

use super::*;

const LINK: Link = (0, 1);
const APART: Duration = Duration::from_millis(100);

fn switch(impairment: Impairment) -> Switch {
    Switch::new(Links::fine(3).one_way(LINK.0, LINK.1, impairment), 7)
}

/// Sends numbered frames at equal distances, and returns the numbers of those that arrived, and when, from the first sending on.
fn sent(switch: &mut Switch, count: u32) -> Vec<(u32, Duration)> {
    let begun = Instant::now();
    let mut arrived = Vec::new();
    let mut hear = |switch: &mut Switch, until: Instant| {
        while let Some(due) = switch.due().filter(|due| *due <= until) {
            while let Some((to, frame)) = switch.poll(due) {
                assert_eq!(to, LINK.1);
                arrived.push((u32::from_be_bytes(frame[..].try_into().unwrap()), due - begun));
            }
        }
    };
    for number in 0..count {
        let now = begun + APART * number;
        hear(switch, now);
        assert!(switch.take(now, LINK, &number.to_be_bytes()));
    }
    hear(switch, begun + APART * count + Duration::from_secs(3600));
    assert_eq!((switch.due(), switch.under_way_bytes), (None, 0), "all has arrived or is lost");
    arrived
}

fn numbers(arrived: &[(u32, Duration)]) -> Vec<u32> {
    arrived.iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_fault_is_of_its_link_and_direction_only() {
    let mut switch = switch(Impairment::Cut);
    let now = Instant::now();
    assert!(switch.take(now, LINK, b"lost"));
    assert_eq!((switch.due(), switch.poll(now)), (None, None));
    for fine in [(1, 0), (0, 2), (2, 1)] {
        assert!(!switch.take(now, fine, b"x"), "{fine:?}");
    }
}

#[test]
fn delayed_frames_keep_their_order_and_their_distance() {
    let delay = Duration::from_millis(400);
    let arrived = sent(&mut switch(Impairment::Delay(delay)), 50);
    let expected: Vec<_> = (0..50).map(|number| (number, APART * number + delay)).collect();
    assert_eq!(arrived, expected);
}

#[test]
fn so_many_are_lost_as_was_asked() {
    let arrived = sent(&mut switch(Impairment::Loss(0.3)), 10_000);
    assert!((6_800..7_200).contains(&arrived.len()), "{}", arrived.len());
    assert!(arrived.is_sorted());
}

#[test]
fn bursts_lose_as_much_as_was_asked_and_in_a_row() {
    let arrived = sent(&mut switch(Impairment::Burst { loss: 0.2, length: 8.0 }), 40_000);
    let gaps: Vec<u32> =
        arrived.windows(2).map(|two| two[1].0 - two[0].0 - 1).filter(|gap| *gap > 0).collect();
    let lost = f64::from(gaps.iter().sum::<u32>());
    assert!((0.17..0.23).contains(&(lost / 40_000.0)), "{lost}");
    let mean = lost / gaps.len() as f64;
    assert!((7.0..9.0).contains(&mean), "{mean}");
}

#[test]
fn half_of_them_arrive_twice_at_the_same_time() {
    let arrived = sent(&mut switch(Impairment::Duplicate(0.5)), 10_000);
    assert!((14_800..15_200).contains(&arrived.len()), "{}", arrived.len());
    assert!(arrived.iter().all(|(number, at)| *at == APART * *number) && arrived.is_sorted());
}

#[test]
fn every_third_overtakes_the_one_before() {
    let delay = Duration::from_millis(250);
    let arrived = sent(&mut switch(Impairment::Reorder { every: 3, delay }), 9);
    assert_eq!(numbers(&arrived), [0, 2, 1, 3, 5, 4, 6, 8, 7]);
    // It arrives when the other does.
    assert_eq!((arrived[1].1, arrived[2].1), (APART + delay, APART + delay));
}

#[test]
fn links_that_change_lose_what_is_under_way() {
    let mut switch = switch(Impairment::Delay(APART));
    let now = Instant::now();
    assert!(switch.take(now, LINK, b"late"));
    switch.set(Links::fine(3));
    assert_eq!((switch.due(), switch.poll(now + 2 * APART)), (None, None));
    assert!(!switch.take(now, LINK, b"at once"));
}

#[test]
fn equal_seeds_lose_the_same_and_other_links_lose_others() {
    let lost = |seed, link: Link| {
        let mut switch = Switch::new(Links::fine(3).everywhere(Impairment::Loss(0.5)), seed);
        let now = Instant::now();
        // Chance is dealt out in the order in which links are used.
        for first in [(2, 0), link] {
            switch.take(now, first, b"first");
        }
        _ = std::iter::from_fn(|| switch.poll(now)).count();
        let arrives = |switch: &mut Switch| switch.take(now, link, b"x") && switch.poll(now).is_some();
        (0..64).map(|_| arrives(&mut switch)).collect::<Vec<_>>()
    };
    assert_eq!(lost(1, LINK), lost(1, LINK));
    assert!(lost(1, LINK) != lost(2, LINK) && lost(1, LINK) != lost(1, (2, 0)));
}

#[test]
fn what_is_under_way_is_bounded_and_what_has_no_room_is_counted() {
    let mut switch = switch(Impairment::Delay(APART));
    let now = Instant::now();
    let frame = vec![0; 60_000];
    while switch.no_room() == 0 {
        assert!(switch.take(now, LINK, &frame));
    }
    let most = switch.under_way_bytes;
    assert!(most <= UNDER_WAY_MAX_BYTES && most > UNDER_WAY_MAX_BYTES - 3 * cost(&frame));
    let arrived = std::iter::from_fn(|| switch.poll(now + APART)).count();
    assert_eq!((arrived * cost(&frame), switch.under_way_bytes), (most, 0));
    assert!(switch.take(now + APART, LINK, &frame) && switch.no_room() == 1);
}
