//! What becomes of each frame: passed on, lost, late, twice or overtaken. No I/O, and the time is an argument.
//!
//! What a fault means is what it means to a node's own driver: both use [`FaultyLink`].

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Instant;

use gossip::faults::{Fault, FaultyLink};

use super::super::{Impairment, Links};

/// By sender and receiver.
type Link = (usize, usize);
type Frame = Rc<[u8]>;

/// What all frames under way may take together; beyond that they are lost. A hundred nodes that send each other ten small ones a
/// second, all of which take 400 ms, need 10 MB.
const UNDER_WAY_MAX_BYTES: usize = 64 << 20;
/// What a frame takes beside its bytes, about.
const FRAME_OVERHEAD_BYTES: usize = 100;

/// The links between all nodes.
#[derive(Debug)]
pub(super) struct Switch {
    links: Links,
    seed: u64,
    /// How often links have changed.
    version: u64,
    /// Links with a fault that have been used since it began.
    faulty: HashMap<Link, FaultyLink<Frame>>,
    /// When each of them has something to deliver; one entry for each that has anything under way.
    agenda: BTreeSet<(Instant, Link)>,
    under_way_bytes: usize,
    no_room: u64,
}

impl Switch {
    pub(super) fn new(links: Links, seed: u64) -> Self {
        Self {
            links,
            seed,
            version: 0,
            faulty: HashMap::new(),
            agenda: BTreeSet::new(),
            under_way_bytes: 0,
            no_room: 0,
        }
    }

    /// Changes the links. What is under way on those that had a fault is lost.
    pub(super) fn set(&mut self, links: Links) {
        self.links = links;
        self.version += 1;
        self.faulty.clear();
        self.agenda.clear();
        self.under_way_bytes = 0;
    }

    /// Takes a frame if its link is faulty: what becomes of it, [`Self::poll`] tells. False if the link is fine.
    pub(super) fn take(&mut self, now: Instant, link: Link, bytes: &[u8]) -> bool {
        let Some(impairment) = self.links.between(link.0, link.1) else { return false };
        // It may arrive twice.
        if self.under_way_bytes + 2 * cost(bytes) > UNDER_WAY_MAX_BYTES {
            self.no_room += 1;
            return true;
        }
        let seed = self.seed ^ self.version << 32 ^ self.faulty.len() as u64;
        let faulty = self.faulty.entry(link).or_insert_with(|| FaultyLink::new(&fault(impairment), seed));
        let (before, due_before) = (faulty.under_way(), faulty.due());
        faulty.put(now, bytes.into());
        self.under_way_bytes += (faulty.under_way() - before) * cost(bytes);
        let due = faulty.due();
        self.reschedule(link, due_before, due);
        true
    }

    /// The next frame that has arrived by now, and where.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(usize, Frame)> {
        let (due, link) = *self.agenda.first().filter(|(due, _)| *due <= now)?;
        let faulty = self.faulty.get_mut(&link)?;
        let frame = faulty.poll(now);
        let next = faulty.due();
        self.reschedule(link, Some(due), next);
        let frame = frame?;
        self.under_way_bytes = self.under_way_bytes.saturating_sub(cost(&frame));
        Some((link.1, frame))
    }

    fn reschedule(&mut self, link: Link, before: Option<Instant>, after: Option<Instant>) {
        if before != after {
            before.map(|due| self.agenda.remove(&(due, link)));
            after.map(|due| self.agenda.insert((due, link)));
        }
    }

    /// When the next frame arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// How many frames were lost because too much was under way.
    pub(super) fn no_room(&self) -> u64 {
        self.no_room
    }
}

fn cost(frame: &[u8]) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

/// The same as the node makes of the command of the emulator.
fn fault(impairment: Impairment) -> Fault {
    let none = Fault::default();
    match impairment {
        Impairment::Cut => Fault::CUT,
        Impairment::Loss(loss) => Fault { loss, ..none },
        Impairment::Burst { loss, length } => Fault { loss, burst: length, ..none },
        Impairment::Delay(delay) => Fault { delay, ..none },
        Impairment::Duplicate(duplicate) => Fault { duplicate, ..none },
        Impairment::Reorder { every, delay } => Fault { overtake: every, delay, ..none },
    }
}

#[cfg(test)]
mod tests;
