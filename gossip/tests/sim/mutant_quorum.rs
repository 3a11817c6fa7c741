//! Broken quorums: nodes, disks and networks that break one rule each, for the checkers of what is decided.

use gossip::core::quorum::{Delta, Envelope, Message, VouchFor, Wish};
use gossip::wire::{Frame, Head, Item, RegisterMessage};
use gossip::{Epoch, NodeId, Opinion};

use super::fault::Kept;
use super::mutant::forge;
use super::world::World;

/// Changes what nodes say to each other about views; given the sender.
fn forge_message(world: &mut World, mut change: impl FnMut(usize, &mut Message) + Clone + Send + 'static) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, move |from, frame, _| {
        if let Head::Quorum(envelope) = &mut frame.head {
            change(from, &mut envelope.message);
        }
    }));
}

/// Changes what leaves, where one node matters: given the sender, and whether it is meant for that node.
fn forge_around(
    world: &mut World,
    node: usize,
    mut change: impl FnMut(usize, bool, &mut Frame, &mut Vec<Item>) + Clone + Send + 'static,
) {
    let config = world.config.clone();
    // By it others address its present life: known as soon as that has said anything.
    let mut tag = None;
    world.tamper = Some(forge(&config, move |from, frame, items| {
        if from == node {
            tag = Some(frame.from.tag());
        }
        change(from, tag == Some(frame.to), frame, items);
    }));
}

/// A driver that says that a write is done when it has only been begun.
pub fn promises_before_writing(world: &mut World) {
    world.hasty_disks = true;
}

/// A driver that looks at the clocks, is stopped, and then receives.
pub fn looks_at_the_clocks_too_early(world: &mut World) {
    world.early_clocks = true;
}

/// Acceptors that take every ballot, whatever they have promised.
pub fn accepts_everything(world: &mut World) {
    let mut turn = false;
    forge_message(world, move |_, message| {
        if let Message::Register { message, .. } = message
            && let RegisterMessage::Beaten { ballot, .. } = *message
        {
            // Whichever phase it is in: one of the two is what it waits for.
            turn = !turn;
            *message = match turn {
                true => RegisterMessage::Promise { ballot, accepted: None },
                false => RegisterMessage::Accepted { ballot },
            };
        }
    });
}

/// A holder that relies on vouchers for three times as long as they were given.
pub fn stretches_vouchers(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |_, frame, _| {
        if let Head::Heartbeat(heartbeat) = &mut frame.head
            && let Some(voucher) = &mut heartbeat.voucher
        {
            voucher.length = VouchFor::clamped(3 * voucher.length.get());
        }
    }));
}

/// Voters that say that they suspect whoever they are asked about.
pub fn suspects_everybody(world: &mut World) {
    forge_message(world, |_, message| {
        if let Message::Answer { opinion, .. } = message {
            *opinion = Opinion::Suspect;
        }
    });
}

/// Nodes that tell others of a decision that was another one.
pub fn invents_decisions(world: &mut World) {
    forge_message(world, |_, message| {
        if let Message::Decided { delta: Delta::Acquire { owner, .. }, .. } = message {
            owner.id = NodeId::new("somebody-else").expect("a name");
        }
    });
}

/// Founders never hear what others have on their disks.
pub fn founds_nothing(world: &mut World) {
    forge_message(world, |_, message| {
        if matches!(message, Message::Founding { .. }) {
            *message = Message::Enlist;
        }
    });
}

/// Certificates never arrive: nobody can be declared dead.
pub fn certifies_nothing(world: &mut World) {
    forge_message(world, |_, message| {
        if matches!(message, Message::Certificate { .. }) {
            *message = Message::Enlist;
        }
    });
}

/// Requests for leases never arrive.
pub fn asks_for_nothing(world: &mut World) {
    forge_message(world, |_, message| {
        if matches!(message, Message::Request { wish: Wish::Acquire { .. }, .. }) {
            *message = Message::Enlist;
        }
    });
}

/// Whether it tells what has been decided since the history began.
fn tells_decisions(message: &Message) -> bool {
    matches!(message, Message::Decided { epoch, .. } | Message::Snapshot { epoch, .. } if *epoch > Epoch::GENESIS)
}

/// What has been decided is told to nobody.
pub fn keeps_decisions_back(world: &mut World) {
    forge_message(world, |_, message| {
        if tells_decisions(message) {
            *message = Message::Enlist;
        }
    });
}

/// What has been decided is told to everybody but n4.
pub fn keeps_decisions_from_one(world: &mut World) {
    forge_around(world, 4, |_, meant, frame, _| {
        if let Head::Quorum(envelope) = &mut frame.head
            && meant
            && tells_decisions(&envelope.message)
        {
            envelope.message = Message::Enlist;
        }
    });
}

/// Voters that tell nobody when they trust somebody again.
pub fn forgives_nobody(world: &mut World) {
    forge_message(world, |_, message| {
        if matches!(message, Message::Answer { opinion: Opinion::Trust, .. }) {
            *message = Message::Enlist;
        }
    });
}

/// Voters that tell n2 that they trust everybody, and each other what they think. Relays are of no help, or whoever hears
/// nothing would be unsure.
pub fn are_two_faced(world: &mut World) {
    forge_around(world, 2, |_, meant, frame, _| match &mut frame.head {
        Head::Quorum(envelope) if meant => {
            if let Message::Answer { opinion, .. } = &mut envelope.message {
                *opinion = Opinion::Trust;
            }
        }
        // What nobody has asked for is no answer.
        Head::Alive { nonce, .. } => nonce.0 = !nonce.0,
        _ => {}
    });
}

/// Voters that say that they trust whoever they are asked about.
pub fn trusts_everybody(world: &mut World) {
    forge_message(world, |_, message| {
        if let Message::Answer { opinion, .. } = message {
            *opinion = Opinion::Trust;
        }
    });
}

/// The lease of n4 is given back in its name, and what comes of that is kept from it.
pub fn gives_back_for_another(world: &mut World) {
    let mut asked: Option<Box<Envelope>> = None;
    let mut granted: Option<Wish> = None;
    forge_around(world, 4, move |from, meant, frame, items| match (&mut frame.head, &granted) {
        (Head::Quorum(envelope), None) => match &envelope.message {
            Message::Request { wish: Wish::Acquire { .. }, .. } if from == 4 => {
                asked = Some(envelope.clone());
            }
            Message::Decided { epoch: token, delta: Delta::Acquire { lease, .. }, .. } if meant => {
                granted = Some(Wish::Release { lease: lease.clone(), token: *token });
            }
            _ => {}
        },
        (Head::Quorum(envelope), Some(_)) if meant && tells_decisions(&envelope.message) => {
            envelope.message = Message::Enlist;
        }
        // So many others get through that it is not silent.
        (Head::Heartbeat(beat), Some(release)) if from == 4 && beat.seq.get().is_multiple_of(4) => {
            let Some(mut envelope) = asked.clone() else { return };
            if let Message::Request { wish, .. } = &mut envelope.message {
                *wish = release.clone();
            }
            frame.head = Head::Quorum(envelope);
            items.clear();
        }
        _ => {}
    });
}

/// Disks that are wiped, and of which nobody can see that: their ids and the count of starts are left.
pub fn forgets_promises(world: &mut World) {
    world.wiping_keeps = Kept::IdAndCount;
}

/// The same, but their starts are counted anew.
pub fn forgets_promises_and_starts(world: &mut World) {
    world.wiping_keeps = Kept::Id;
}
