//! Who asks for a lease, and what becomes of the request.

use std::time::Duration;

use gossip::core::quorum::{Delta, Message, Output, Wanted, Wish, lease_of};
use gossip::{Event, LeaseState, Standing};

use crate::bench::{Bench, settings};
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

/// When a holder is warned, and when its handle ends, counted from the heartbeat that was vouched for last; waiting so long at
/// most.
fn warned_and_expired(owner: &mut Bench, longest: Duration) -> (Option<Duration>, Option<Duration>) {
    let since = owner.now;
    let (mut warned, mut expired) = (None, None);
    while owner.now < since + longest {
        // As whoever drives it does: when it is due, and not before.
        let due = owner.quorum.poll_timeout().unwrap_or(Duration::MAX).min(since + longest);
        owner.wait(due.saturating_sub(owner.now).max(MS / 10));
        for event in owner.events() {
            match event {
                Event::Lease { state: LeaseState::Endangered { remaining }, .. } => {
                    assert!(warned.is_none() && expired.is_none(), "once, and before the end");
                    assert_eq!(owner.quorum.holds(&lease()), Some(owner.chain.epoch), "it is held still");
                    assert_eq!(owner.now + remaining, owner.quorum.lease_until().boot);
                    warned = Some(owner.now - since);
                }
                Event::Lease { state: LeaseState::Expired, .. } => expired = Some(owner.now - since),
                _ => {}
            }
        }
    }
    (warned, expired)
}

/// A holder that is heard by nobody any more is warned a third of L_n before its handle ends, and each time anew.
#[test]
fn a_holder_is_warned_a_third_before_the_end() {
    let mut owner = Bench::new("x", 8, 1);
    owner.vouched();
    assert!(owner.quorum.acquire(&lease()));
    let Some(Wanted::Grant { request }) = owner.quorum.leases().map(|(_, wanted)| wanted).next() else {
        panic!("it is asked for");
    };
    owner.grant(request);
    owner.events();
    let whole = lease_of(owner.chain.vouch_for, settings().rho, settings().margin);
    let near = |at: Option<Duration>, due: Duration| at.is_some_and(|at| (due..due + MS).contains(&at));

    // Warned, and heard again in time.
    owner.vouched();
    let (warned, expired) = warned_and_expired(&mut owner, 900 * MS);
    assert!(near(warned, whole - whole / 3), "{warned:?} of {whole:?}");
    assert_eq!(expired, None);
    // Heard before it comes to that.
    owner.vouched();
    assert_eq!(warned_and_expired(&mut owner, 600 * MS), (None, None));
    // Not heard any more.
    owner.vouched();
    let (warned, expired) = warned_and_expired(&mut owner, 2000 * MS);
    assert!(near(warned, whole - whole / 3) && near(expired, whole), "{warned:?}, {expired:?} of {whole:?}");
}
