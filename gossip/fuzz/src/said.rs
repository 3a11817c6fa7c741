//! One of everything that is said about views. A new kind goes to the end of its chain: without a place in it this does not
//! compile, and `every_kind_is_sampled` in `tests/fuzz.rs` sees to the link.

use std::fmt::Debug;
use std::iter;
use std::time::Duration;

use gossip::core::quorum::{
    Cause, Delta, Denial, Envelope, Epoch, Gone, Grant, Message, Names, Subject, Subjects, Suspension, View,
    Voters, VouchFor, Wish,
};
use gossip::core::register::Ballots;
use gossip::wire::{Ballot, Bytes, RegisterMessage, Round};
use gossip::{Identity, Incarnation, NodeId, Opinion};

use super::cast::{self, record, storage};

/// All kinds of messages and of what is in them, in the order of the wire format.
pub fn messages() -> impl Iterator<Item = Message> {
    iter::successors(Some(first()), after)
}

/// As the node of this number says it, in the history that all of the cast live in.
pub fn envelope(from: u8, message: Message) -> Envelope {
    Envelope { genesis: cast::founders().id(), from: storage(from), message }
}

/// As a name for a file.
pub fn name(message: &Message) -> String {
    let inner = match message {
        Message::Register { message: RegisterMessage::Accept { delta, .. }, .. } => {
            format!("_accept_{}", word(delta))
        }
        Message::Register { message, .. } => format!("_{}", word(message)),
        Message::Request { wish, .. } => format!("_{}", word(wish)),
        Message::Denied { reason, .. } => format!("_{}", word(reason)),
        _ => String::new(),
    };
    word(message) + &inner
}

/// The name of a variant.
pub fn word(value: &impl Debug) -> String {
    let said = format!("{value:?}");
    said.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase()
}

/// With something in every field.
pub fn later_view() -> View {
    let mut view = cast::view();
    let incarnation = Incarnation::FIRST.next();
    view.epoch = Epoch::try_from(300).expect("in range");
    view.electorate.since = Epoch::try_from(290).expect("in range");
    view.electorate.next = Some(voters(1..5));
    for (number, cause) in [(5, Cause::Dead), (6, Cause::Left)] {
        assert!(view.gone.insert(id(number), Gone { incarnation, cause, epoch: Epoch::GENESIS.next() }));
    }
    view.floor = Some(Incarnation::FIRST);
    assert!(view.suspended.insert(id(7), Suspension { incarnation, since: view.electorate.since }));
    let grant = Grant { owner: owner(), request: 3, token: Epoch::GENESIS.next() };
    assert!(view.leases.insert(id(1), grant));
    view
}

/// Promised and accepted about the view after that.
pub fn ballots() -> Ballots {
    Ballots { promised: Some(ballot(2)), accepted: Some((ballot(2), first_delta())) }
}

pub fn first() -> Message {
    Message::Founding { founders: cast::founders(), complete: true }
}

pub fn after(message: &Message) -> Option<Message> {
    let (question, subject) = (7, subject(5));
    let view = cast::view();
    Some(match message {
        Message::Founding { .. } => Message::Misfounded { names: names() },
        Message::Misfounded { .. } => registered(RegisterMessage::Prepare { ballot: ballot(2) }),
        Message::Register { message, .. } => {
            after_register(message).map_or(Message::Ask { question, subject }, registered)
        }
        Message::Ask { .. } => Message::Answer { question, subject, opinion: Opinion::Suspect },
        Message::Answer { .. } => Message::Certificate { subject, since: Epoch::GENESIS.next() },
        Message::Certificate { .. } => Message::Inquire { question, subject },
        Message::Inquire { .. } => Message::Testimony { question, opinion: Opinion::Trust, silent_ms: 0 },
        Message::Testimony { .. } => {
            Message::Sealed { epoch: view.epoch, certified: Some(view.electorate.since) }
        }
        Message::Sealed { .. } => Message::Enlist,
        Message::Enlist => Message::Enlisted { name: id(4) },
        Message::Enlisted { .. } => {
            Message::Fetch { after: Some(Epoch::GENESIS), snapshot: Some((Epoch::GENESIS.next(), 3)) }
        }
        Message::Fetch { .. } => {
            Message::Decided { epoch: view.epoch.next(), before: view.hash(), delta: first_delta() }
        }
        Message::Decided { .. } => {
            let whole = gossip::wire::pack(&view);
            let (len, part) = (whole.len() as u32, Bytes::of(&whole));
            Message::Snapshot { epoch: view.epoch, hash: view.hash(), len, at: 0, part }
        }
        Message::Snapshot { .. } => requested(Wish::Acquire { lease: id(1) }),
        Message::Request { wish, .. } => match after_wish(wish) {
            Some(wish) => requested(wish),
            None => Message::Denied { number: 3, reason: Denial::Full },
        },
        Message::Denied { number, reason } => {
            Message::Denied { number: *number, reason: after_denial(*reason)? }
        }
    })
}

pub fn after_register(message: &RegisterMessage) -> Option<RegisterMessage> {
    let ballot = ballot(1);
    Some(match message {
        RegisterMessage::Prepare { .. } => {
            RegisterMessage::Promise { ballot, accepted: Some((self::ballot(2), first_delta())) }
        }
        RegisterMessage::Promise { .. } => RegisterMessage::Accept { ballot, delta: first_delta() },
        RegisterMessage::Accept { delta, .. } => match after_delta(delta) {
            Some(delta) => RegisterMessage::Accept { ballot, delta },
            None => RegisterMessage::Accepted { ballot },
        },
        RegisterMessage::Accepted { .. } => RegisterMessage::Beaten { ballot, promised: self::ballot(2) },
        RegisterMessage::Beaten { .. } => return None,
    })
}

pub fn first_delta() -> Delta {
    Delta::Suspend(subjects())
}

pub fn after_delta(delta: &Delta) -> Option<Delta> {
    let (lease, owner, token) = (id(1), owner(), Epoch::GENESIS.next());
    Some(match delta {
        Delta::Suspend(_) => Delta::Restore(subject(5)),
        Delta::Restore(_) => Delta::Evict(subjects()),
        Delta::Evict(_) => Delta::Acquire { lease, owner, request: 3 },
        Delta::Acquire { .. } => Delta::Release { lease, owner, token },
        Delta::Release { .. } => Delta::Leave(subject(6)),
        Delta::Leave(_) => Delta::Seal(voters(1..5)),
        Delta::Seal(_) => Delta::Unseal,
        Delta::Unseal => Delta::Change,
        Delta::Change => Delta::SetVouch(VouchFor::clamped(Duration::from_secs(2))),
        Delta::SetVouch(_) => return None,
    })
}

pub fn after_wish(wish: &Wish) -> Option<Wish> {
    Some(match wish {
        Wish::Acquire { lease } => Wish::Release { lease: lease.clone(), token: Epoch::GENESIS.next() },
        Wish::Release { .. } => Wish::Leave,
        Wish::Leave => Wish::Change { voters: names(), since: Epoch::GENESIS },
        Wish::Change { .. } => Wish::SetVouch { length: VouchFor::clamped(Duration::from_secs(2)) },
        Wish::SetVouch { .. } => Wish::Unseal { since: Epoch::GENESIS },
        Wish::Unseal { .. } => return None,
    })
}

pub fn after_denial(reason: Denial) -> Option<Denial> {
    match reason {
        Denial::Full => Some(Denial::EarlierLife),
        Denial::EarlierLife => Some(Denial::Voters),
        Denial::Voters => Some(Denial::Unchanged),
        // The one enum here that is open; the test sees what is missing.
        _ => None,
    }
}

pub fn registered(message: RegisterMessage) -> Message {
    let view = cast::view();
    Message::Register { base: view.epoch, hash: view.hash(), message }
}

pub fn requested(wish: Wish) -> Message {
    Message::Request { owner: owner(), number: 3, wish }
}

pub fn voters(numbers: impl Iterator<Item = u8>) -> Voters {
    let mut voters = Voters::default();
    numbers.for_each(|number| assert!(voters.insert(storage(number), id(number))));
    voters
}

fn ballot(proposer: u8) -> Ballot {
    let round = Round::default().next().expect("far from the end");
    Ballot { round, proposer: storage(proposer), incarnation: Incarnation::FIRST }
}

pub fn id(number: u8) -> NodeId {
    owner_of(number).id
}

pub fn owner() -> Identity {
    owner_of(1)
}

fn owner_of(number: u8) -> Identity {
    record(number).identity.clone()
}

fn subject(number: u8) -> Subject {
    Subject { id: id(number), incarnation: Incarnation::FIRST }
}

fn subjects() -> Subjects {
    let mut subjects = Subjects::default();
    (5..7).for_each(|number| assert!(subjects.insert(id(number), Incarnation::FIRST)));
    subjects
}

fn names() -> Names {
    let mut names = Names::default();
    (1..4).for_each(|number| assert!(names.insert(id(number), ())));
    names
}
