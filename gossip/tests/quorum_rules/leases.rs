//! Who asks for a lease, and what becomes of the request.

use gossip::core::quorum::{Delta, Message, Output, Wanted, Wish};
use gossip::{Event, LeaseState, Standing};

use crate::bench::Bench;
use crate::names::{MS, lease};

#[test]
fn a_late_grant_does_not_swallow_the_request_that_is_pending() {
    let mut owner = Bench::new("x", 8, 1);
    owner.vouched();
    assert!(owner.quorum.acquire(&lease()));
    assert!(owner.quorum.release(&lease()));
    assert!(owner.quorum.acquire(&lease()));
    owner.grant(1);
    let (token, whom) = (owner.chain.epoch, owner.owner());
    owner.learn(Delta::Release { lease: lease(), owner: whom, token });
    owner.write(true);
    let wanted: Vec<Wanted> = owner.quorum.leases().map(|(_, wanted)| wanted).collect();
    assert!(matches!(wanted[..], [Wanted::Grant { .. }]), "{wanted:?}");
}

#[test]
fn a_lease_is_asked_for_once_it_can_be_held() {
    let mut owner = Bench::new("x", 8, 1);
    let asks = |output: &Output| {
        matches!(output, Output::Send { message: Message::Request { wish: Wish::Acquire { .. }, .. }, .. })
    };
    assert!(owner.quorum.acquire(&lease()));
    owner.wait(MS);
    assert!(!owner.outputs().iter().any(asks), "a grant that cannot be used is given back at once");
    owner.vouched();
    owner.wait(MS);
    assert!(owner.outputs().iter().any(asks));
    let Some(Wanted::Grant { request }) = owner.quorum.leases().map(|(_, wanted)| wanted).next() else {
        panic!("it is asked for");
    };
    owner.grant(request);
    let granted =
        |event: &Event| matches!(event, Event::Lease { state: LeaseState::Granted, token: Some(_), .. });
    assert!(owner.events().iter().any(granted));
    assert_eq!(owner.quorum.holds(&lease()), Some(owner.chain.epoch));
}

/// Whoever asks asks until there is a grant to use: one that came when nobody vouched any more is none.
#[test]
fn a_grant_that_comes_too_late_is_given_back_and_asked_for_anew() {
    let mut owner = Bench::new("x", 8, 1);
    owner.vouched();
    assert!(owner.quorum.acquire(&lease()));
    let wanted = |owner: &Bench| owner.quorum.leases().map(|(_, wanted)| wanted).next();
    let Some(Wanted::Grant { request }) = wanted(&owner) else { panic!("it is asked for") };
    owner.wait(5000 * MS);
    assert_eq!(owner.quorum.standing(), Standing::Isolated);
    owner.events();
    owner.grant(request);
    let said: Vec<Event> =
        owner.events().into_iter().filter(|event| matches!(event, Event::Lease { .. })).collect();
    assert!(said.is_empty(), "nobody has ever held it: {said:?}");
    let token = owner.chain.epoch;
    assert_eq!(wanted(&owner), Some(Wanted::Return { token, again: true }));
    assert_eq!(owner.quorum.holds(&lease()), None);

    let whom = owner.owner();
    owner.learn(Delta::Release { lease: lease(), owner: whom, token });
    owner.write(true);
    assert!(matches!(wanted(&owner), Some(Wanted::Grant { request: next }) if next != request));
}
