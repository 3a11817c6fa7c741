//! Vouchers, verdicts and changes of voters: the real `Quorum` of every host over a register that is taken to work.
//!
//! The register is atomic: one chain of views, of which every host hears as late as may be. What needs no knowledge of
//! time (to suspend, to restore, to seal, to unseal) is decided at any moment that the real `View` allows. Evictions and
//! changes are decided only if a real voter proposes them. Messages arrive late, twice, or never. Heartbeats are sent
//! all the time: an acknowledgement can be of any age at which it still means something. All clocks tick together, each at its
//! own rate; time never ends, since states are compared by what is left of it (see `Quorum::gist`).

mod actions;
mod actors;
mod bounds;
mod mutants;
mod names;
mod properties;
mod resource;
mod state;
mod talk;
mod views;
mod vouchers;

use actors::Leases;
use bounds::{
    ANY, GRANTED, Scope, THERE, THERE_AGAIN, THERE_AND_BACK, THERE_MEANWHILE, THERE_SUSPENDED, apart, one,
    replaced, two,
};
use mutants::Mutant;
use properties::S4;
use resource::{S5, T3};

use super::explore::{caught, full, holds};

fn check(name: &str, scope: Scope) {
    holds(name, Leases::of(scope), None);
}

/// What may be too large to finish: cut after so many states, or else a few gigabytes of memory become many.
fn far(name: &str, scope: Scope) {
    holds(name, Leases::of(scope), Some(2_000_000));
}

fn mutant(mutant: Mutant, scope: Scope) {
    caught(&format!("{mutant:?}"), Leases::of(Scope { mutant: Some(mutant), ..scope }), S4);
}

#[test]
fn lease_plain() {
    check("lease, three voters", Scope::default());
    let again = Scope { restores: true, epochs: 4, ..one() };
    check("lease, one voter, restored", again.clone());
    mutant(Mutant::CertificateUnbound, again.clone());
    mutant(Mutant::ForgetsAtView, again.clone());
    if full() {
        check("lease, two voters, restored", Scope { voters: vec![1, 2], disks: vec![1, 2], ..again });
    }
}

#[test]
fn lease_restarts() {
    let restarts = Scope { restarts: ANY, slow_disks: true, ..two() };
    check("lease, two voters, restarts", restarts.clone());
    mutant(Mutant::CertifiesAtOnce, restarts.clone());
    mutant(Mutant::VolatileView, restarts);
    mutant(Mutant::RolledBack, Scope { restarts: ANY, ..Scope::default() });
    let set = Scope { restarts: ANY, vouch_for: vec![4, 2], epochs: 3, ..one() };
    check("lease, one voter, restarts, shorter vouchers", set.clone());
    mutant(Mutant::ForgetsLongest, set.clone());
    if full() {
        far(
            "lease, two voters, restarts, shorter vouchers",
            Scope { voters: vec![1, 2], disks: vec![1, 2], ..set },
        );
        far("lease, three voters, restarts", Scope { restarts: ANY, ..Scope::default() });
    }
}

/// Together: voters with disks that take their time, one of which starts again, clocks that drift apart, a holder that may be
/// stopped between looking at its lease and using it, another that is granted it next, and the resource.
fn together(voters: &[u8]) -> Scope {
    let drift = Scope { vouch_for: vec![4], rho: 1.0 / 3.0, rates: [(2, 2), (1, 1)], ..Scope::default() };
    let few = Scope { voters: voters.to_vec(), disks: voters.to_vec(), late: false, ..drift };
    Scope { restarts: 1, slow_disks: true, resource: true, epochs: 3, order: GRANTED, ..few }
}

#[test]
fn lease_together() {
    let two = together(&[1, 2]);
    check("lease, all together, two voters", two.clone());
    mutant(Mutant::WholeVoucher, two.clone());
    caught("NoGate, all together", Leases::of(Scope { mutant: Some(Mutant::NoGate), ..two.clone() }), T3);
    // Of two voters both have to start again for that.
    mutant(Mutant::CertifiesAtOnce, Scope { restarts: 2, ..two.clone() });
    // Once it has run out it may also be given back, and is then free without an eviction.
    let given = Scope { order: &[], slow_disks: false, ..two.clone() };
    check("lease, all together, one voter, given back", Scope { order: &[], ..together(&[1]) });
    caught("Revives, all together", Leases::of(Scope { mutant: Some(Mutant::Revives), ..given.clone() }), S5);
    if full() {
        check("lease, all together, two voters, given back", given);
        check("lease, all together, two voters, heartbeats late too", Scope { late: true, ..two });
        check("lease, all together, three voters", together(&[1, 2, 3]));
    }
}

#[test]
fn lease_lives() {
    let lives = Scope { suspects: vec![("x", 2)], ..two() };
    check("lease, an earlier life than the one suspected", lives.clone());
    mutant(Mutant::OldLifeForgotten, lives.clone());
    if full() {
        check("lease, two lives of a name", Scope { holders: vec![("x", 1), ("x", 2)], ..lives });
    }
}

#[test]
fn lease_clocks() {
    // The voters' clocks are as fast as rho allows, the holder's as slow.
    let drift = Scope { vouch_for: vec![4], rho: 1.0 / 3.0, rates: [(2, 2), (1, 1)], ..two() };
    check("lease, clocks drift apart", drift.clone());
    mutant(Mutant::WholeVoucher, drift);
    mutant(Mutant::FromArrival, Scope { late: true, ..two() });
    mutant(Mutant::ReadsTooEarly, two());
    // One of the voters' clocks is slewed far beyond rho.
    let slewed = Scope { rates: [(3, 1), (1, 1)], ..two() };
    check("lease, a voter's clock is slewed", slewed.clone());
    mutant(Mutant::VoterReadsBoot, slewed);
    // The holder's host sleeps half of the time.
    let asleep = Scope { vouch_for: vec![4], rates: [(2, 2), (2, 1)], ..two() };
    check("lease, the holder's host sleeps", asleep.clone());
    mutant(Mutant::HolderReadsRaw, asleep);
}

#[test]
fn voters_change() {
    check("change, one voter for another", apart(THERE));
    check("change, one voter for another, suspended before", apart(THERE_SUSPENDED));
    check("change, one voter for another, suspended meanwhile", apart(THERE_MEANWHILE));
    check("change, one voter and another", replaced(&[1], &[1, 2], THERE));
    check("change, one of two voters goes", replaced(&[1, 2], &[2], THERE));
    for wrong in [Mutant::ChangeAtOnce, Mutant::SealedByOne, Mutant::ElectorateUnbound] {
        mutant(wrong, apart(THERE));
    }
    mutant(Mutant::SealUnbound, apart(THERE_AGAIN));
}

#[test]
fn voters_change_further() {
    if !full() {
        return;
    }
    for order in [THERE_AGAIN, THERE_AND_BACK] {
        check(&format!("change, one voter for another, {order:?}"), apart(order));
    }
    for order in [THERE, THERE_SUSPENDED, THERE_MEANWHILE] {
        let restarts = Scope { restarts: ANY, ..apart(order) };
        far(&format!("change, one voter for another, restarts, {order:?}"), restarts);
        far(&format!("change, one of two voters, {order:?}"), replaced(&[1, 2], &[2, 3], order));
    }
    far("change, one of three voters", replaced(&[1, 2, 3], &[2, 3, 4], THERE));
}

#[test]
fn voters_hold() {
    let own = Scope { holders: vec![("v1", 1)], suspects: vec![("v1", 1)], ..Scope::default() };
    let suspects = vec![("v1", 1), ("v2", 1)];
    mutant(Mutant::Shrinks, Scope { epochs: 3, vouch_for: vec![1], suspects, ..own.clone() });
    // It goes, together with one that is cut off; both would still vouch for it.
    let moved = Scope { seals: vec![vec![3]], epochs: 4, order: THERE, vouch_for: vec![1], ..own.clone() };
    mutant(Mutant::SelfUnrecorded, moved.clone());
    check("lease, a voter holds", Scope { vouch_for: vec![1], ..own.clone() });
    if full() {
        check("lease, a voter holds, longer vouchers", own);
        far("change, a voter that holds goes", moved);
    }
}
