//! Who may put it on record that it has left, and who may not.

use gossip::core::quorum::{Delta, Denial, Inapplicable, Message, View, Wish};
use gossip::{BootId, Event, Identity};

use crate::bench::Bench;
use crate::names::{genesis, id, lease, life, subject, subjects, voters};

fn leave(name: &str, incarnation: u64) -> Delta {
    Delta::Leave(subject(name, incarnation))
}

/// What follows one after another from the first view.
fn after(deltas: &[Delta]) -> View {
    deltas.iter().fold(genesis(), |view, delta| View::clone(&view.after(delta).expect("applicable")))
}

/// A lease of the first life of x.
fn owned() -> Delta {
    Delta::Acquire { lease: lease(), owner: Bench::new("a", 1, 1).owner(), request: 1 }
}

/// That life's handle may be alive, on another machine of the same name. Only its eviction proves the contrary.
#[test]
fn nobody_leaves_while_an_earlier_life_of_it_owns_a_lease() {
    let view = after(&[owned()]);
    assert_eq!(view.after(&leave("x", 2)).err(), Some(Inapplicable::EarlierLife));
    assert_eq!(view.after(&leave("y", 2)).err(), None, "it is another's");
    let left = view.after(&leave("x", 1)).expect("its own handles are dead");
    assert!(left.leases.is_empty() && left.is_gone(&id("x"), life(1)));
    let over = after(&[owned(), Delta::Suspend(subjects("x", 1)), Delta::Evict(subjects("x", 1))]);
    assert_eq!(over.after(&leave("x", 2)).err(), None);
}

/// I2, S5: two processes of one name and incarnation, because nobody remembered the one when the other came. The lease of the one does
/// not end with the farewell of the other, whether it was granted before that was asked for or after.
#[test]
fn nobody_ends_what_another_process_of_its_name_owns() {
    for granted_first in [true, false] {
        let mut voter = Bench::new("a", 1, 1);
        let other = Identity { boot: BootId([10; 16]), ..voter.owner() };
        let grant = |voter: &mut Bench| {
            voter.learn(owned());
            voter.write(true);
        };
        if granted_first {
            grant(&mut voter);
            voter.outputs();
            assert_eq!(voter.chain.outranks(&other), Some(&voter.owner()));
            assert_eq!(voter.chain.outranks(&voter.owner()), None, "it is itself");
            assert_eq!(voter.chain.outranks(&Identity { incarnation: life(2), ..other.clone() }), None, "I4");
        }
        voter.hear(8, Message::Request { owner: other.clone(), number: 7, wish: Wish::Leave });
        if granted_first {
            assert!(matches!(voter.said()[..], [Message::Snapshot { .. }]), "it is shown the view");
        } else {
            grant(&mut voter);
        }
        assert_eq!(voter.proposal(1), None, "granted first: {granted_first}");
    }
}

/// A planned restart must not cost the cluster a voter: it is replaced first.
#[test]
fn a_voter_does_not_leave_and_neither_does_one_to_come() {
    let sealed = after(&[Delta::Seal(voters([(4, "d"), (5, "e"), (6, "f")]))]);
    let changed = View::clone(&sealed.after(&Delta::Change).expect("applicable"));
    let votes = Some(Inapplicable::Votes);
    for (view, old, new) in [(genesis(), votes, None), (sealed, votes, votes), (changed, None, votes)] {
        assert_eq!(view.after(&leave("b", 1)).err(), old, "{:?}", view.electorate);
        assert_eq!(view.after(&leave("d", 1)).err(), new, "{:?}", view.electorate);
    }
}

/// What the first voter says to a farewell, and what it proposes.
fn on_farewell(voter: &mut Bench, owner: Identity) -> (Vec<Message>, Option<Delta>) {
    voter.hear(8, Message::Request { owner, number: 7, wish: Wish::Leave });
    let denied =
        voter.said().into_iter().filter(|message| matches!(message, Message::Denied { .. })).collect();
    (denied, voter.proposal(1))
}

/// Whoever asks is told, if it would wait in vain.
#[test]
fn whoever_may_not_leave_is_denied_it() {
    let reason = Denial::EarlierLife;
    let mut voter = Bench::new("a", 1, 1);
    voter.learn(owned());
    voter.write(true);
    let next = Identity { incarnation: life(2), ..voter.owner() };
    assert_eq!(on_farewell(&mut voter, next.clone()), (vec![Message::Denied { number: 7, reason }], None));
    for delta in [Delta::Suspend(subjects("x", 1)), Delta::Evict(subjects("x", 1))] {
        voter.learn(delta);
        voter.write(true);
        voter.outputs();
    }
    voter.hear(8, Message::Request { owner: next, number: 8, wish: Wish::Leave });
    assert_eq!(voter.proposal(1), Some(leave("x", 2)));

    let mut voter = Bench::new("a", 1, 1);
    let second = Identity { id: id("b"), ..voter.owner() };
    assert_eq!(on_farewell(&mut voter, second), (Vec::new(), None), "it does not ask, and is told nothing");

    let mut owner = Bench::new("x", 8, 2);
    owner.quorum.leave(true);
    let number = owner.said().into_iter().find_map(|message| match message {
        Message::Request { number, wish: Wish::Leave, .. } => Some(number),
        _ => None,
    });
    owner.hear(1, Message::Denied { number: number.expect("it asks"), reason });
    assert!(owner.events().contains(&Event::RequestDenied { reason }));
    assert!(owner.quorum.owes_nothing(), "it says farewell without");
}
