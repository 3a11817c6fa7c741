//! Broken nodes and networks, each of which a checker must catch. A checker that catches nothing proves nothing.

use std::sync::Arc;

use gossip::wire::{Doubt, Doubts, Frame, Head, Item, Level, Opinions, decode};
use gossip::{Config, Incarnation, Opinion, Record, Version};

use super::frame::encoded;
use super::tamper::Tamper;
use super::world::World;

/// Takes each datagram apart, lets `change` at it, and puts it together again with a good checksum.
///
/// Built on the public wire module, as a node of another make would be.
pub fn forge(
    config: &Config,
    mut change: impl FnMut(usize, &mut Frame, &mut Vec<Item>) + Clone + Send + 'static,
) -> Tamper {
    let config = config.clone();
    Box::new(move |from, bytes: Box<[u8]>| {
        let mut items = Vec::new();
        let Ok(mut frame) = decode(&config, &bytes, &mut items) else { return bytes };
        change(from, &mut frame, &mut items);
        encoded(&config, &frame, &items).into()
    })
}

/// A node that edits others' records on their way, without touching their versions.
pub fn edits_records(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |from, _, items| {
        for item in items {
            if let Item::Record(record) = item
                && from == 1
                && record.identity.id.as_str() != "n1"
            {
                let mut edited = Record::clone(record);
                let _ = edited.metadata.set("owner", "n1");
                *record = Arc::new(edited);
            }
        }
    }));
}

/// A node that writes new versions of others' records.
pub fn writes_for_others(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |from, _, items| {
        for item in items {
            if let Item::Record(record) = item
                && from == 1
                && record.identity.id.as_str() != "n1"
            {
                let mut forged = Record::clone(record);
                forged.version = forged.version.next();
                *record = Arc::new(forged);
            }
        }
    }));
}

/// A node that accuses others in an observer's name, whenever that observer publishes anything.
pub fn invents_accusations(world: &mut World) {
    let config = world.config.clone();
    let victim = world.hosts[3].id.key();
    world.tamper = Some(forge(&config, move |from, _, items| {
        for item in items {
            if let Item::Opinions(opinions) = item
                && from == 1
                && opinions.observer != victim
            {
                let mut forged = Opinions::clone(opinions);
                let accusation = Doubt {
                    target: victim,
                    incarnation: Incarnation::FIRST,
                    opinion: Opinion::Suspect,
                    level: Level::of(9.0),
                };
                forged.doubts = Doubts::sorted(forged.doubts.iter().copied().chain([accusation]).collect());
                forged.version = forged.version.next();
                *opinions = Arc::new(forged);
            }
        }
    }));
}

/// A driver that makes up for missed timers one by one, as if it had been awake, before it reads its socket.
pub fn hides_its_pauses(world: &mut World) {
    world.naive_driver = true;
}

/// Nodes that answer everything, answers included.
pub fn answers_answers(world: &mut World) {
    world.echoing = true;
}

/// Members are introduced to each other, but nobody ever passes on that something about one of them has changed.
pub fn passes_no_change_on(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |_, _, items| items.retain(|item| !tells_a_change(item))));
}

fn tells_a_change(item: &Item) -> bool {
    matches!(item, Item::Record(record) if record.version > Version::FIRST)
}

/// Comparing digests is broken: everybody always claims the same one, so only news repairs anything. Nor does it help that
/// somebody who has changed may call the others by chance.
pub fn digests_agree_always(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |_, frame, items| match &mut frame.head {
        Head::Heartbeat(heartbeat) => heartbeat.survey = None,
        Head::Hello { .. } => items.retain(|item| !tells_a_change(item)),
        _ => {}
    }));
}

/// A partition that does not heal when it should.
pub fn stays_cut(world: &mut World) {
    world.network.rules.push((usize::MAX, super::network::Rule::OneWay(vec![0], vec![1])));
}

/// The same the other way: the first to be asked does not hear, and is not the one who is not heard.
pub fn stays_deaf(world: &mut World) {
    world.network.rules.push((usize::MAX, super::network::Rule::OneWay(vec![1], vec![0])));
}

/// One node's heartbeats all bear the same number.
pub fn stutters(world: &mut World) {
    let config = world.config.clone();
    world.tamper = Some(forge(&config, |from, frame, _| {
        if let Head::Heartbeat(heartbeat) = &mut frame.head
            && from == 1
        {
            heartbeat.seq = gossip::wire::Count::clamped(1);
        }
    }));
}

/// A network that changes bytes anywhere behind the header of one datagram in twenty, and mends the checksum.
pub fn talks_nonsense(world: &mut World) {
    let config = world.config.clone();
    let mut rng = super::rng::Rng::new(world.rng.word());
    world.tamper = Some(Box::new(move |_, mut bytes: Box<[u8]>| {
        if rng.chance(0.05) {
            for _ in 0..rng.between(1, 5) {
                let at = rng.between(8, bytes.len() as u64 - 4) as usize;
                bytes[at] = rng.word() as u8;
            }
            gossip::wire::reseal(&config, &mut bytes);
        }
        bytes
    }));
}
