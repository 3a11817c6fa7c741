//! Broken quorums: nodes, disks and networks that break one rule each, for the checkers of what is decided.

use gossip::core::quorum::{Message, VouchFor, Wish};
use gossip::wire::{Head, RegisterMessage};
use gossip::{NodeId, Opinion};

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
        if let Message::Decided { delta: gossip::core::quorum::Delta::Acquire { owner, .. }, .. } = message {
            owner.id = NodeId::new("somebody-else").expect("a name");
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

/// What has been decided is told to nobody.
pub fn keeps_decisions_back(world: &mut World) {
    forge_message(world, |_, message| {
        if matches!(message, Message::Decided { .. } | Message::Snapshot { .. }) {
            *message = Message::Enlist;
        }
    });
}
