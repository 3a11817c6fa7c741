//! Loss, delay and cuts between a node and its socket. **For tests and demonstrations only.**
//!
//! Every link (a peer and a direction) has its own emulator, so that loss on one says nothing about another.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::faults::{Fault, FaultyLink};

/// Which datagrams a fault concerns, seen from the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Those it receives.
    In,
    /// Those it sends.
    Out,
}

/// A handle on the faults of one node's links: give one clone to the node's builder, keep another, and change faults at
/// any time.
///
/// ```
/// use gossip::faults::{Direction, Fault, LinkFaults};
///
/// let faults = LinkFaults::new(1);
/// let node = gossip::Node::builder("demo", "n1").faults(faults.clone());
/// faults.set(Direction::Out, None, Fault { loss: 0.3, ..Fault::default() });
/// faults.heal();
/// # drop(node);
/// ```
#[derive(Debug, Clone, Default)]
pub struct LinkFaults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Rules>,
    /// Changes with `rules`, so that a healthy node looks at nothing else.
    version: AtomicU64,
    seed: u64,
}

/// By direction and peer; a rule without a peer is for all peers that have none of their own.
type Rules = HashMap<(Direction, Option<SocketAddr>), Fault>;

impl LinkFaults {
    /// No faults yet. Equal seeds lose the same datagrams of equal streams.
    pub fn new(seed: u64) -> Self {
        Self { shared: Arc::new(Shared { seed, ..Shared::default() }) }
    }

    /// Sets the fault of the link with `peer`, or of all links that have none of their own. Datagrams under way on
    /// changed links are lost.
    pub fn set(&self, direction: Direction, peer: Option<SocketAddr>, fault: Fault) {
        self.rules().insert((direction, peer), fault);
        self.shared.version.fetch_add(1, Ordering::Release);
    }

    /// Takes back what was set for the link with `peer`, in both directions.
    pub fn heal_peer(&self, peer: SocketAddr) {
        self.rules().retain(|(_, p), _| *p != Some(peer));
        self.shared.version.fetch_add(1, Ordering::Release);
    }

    /// Takes back everything.
    pub fn heal(&self) {
        self.rules().clear();
        self.shared.version.fetch_add(1, Ordering::Release);
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        // A map stays a map whatever panicked beside it.
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's end: the emulated links of one node.
pub(super) struct Emulator {
    faults: LinkFaults,
    version: u64,
    rules: Rules,
    links: HashMap<(Direction, SocketAddr), FaultyLink<Vec<u8>>>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("rules", &self.rules).field("links", &self.links.len()).finish()
    }
}

impl Emulator {
    pub(super) fn new(faults: LinkFaults) -> Self {
        Self { faults, version: 0, rules: Rules::new(), links: HashMap::new() }
    }

    /// Takes a datagram if its link is faulty: what becomes of it, [`Self::poll`] tells. False if the link is fine.
    pub(super) fn take(&mut self, direction: Direction, peer: SocketAddr, bytes: &[u8]) -> bool {
        self.refresh();
        if self.rules.is_empty() {
            return false;
        }
        let Some(fault) = self.rules.get(&(direction, Some(peer))).or(self.rules.get(&(direction, None)))
        else {
            return false;
        };
        let seed = self.faults.shared.seed ^ self.version << 32 ^ self.links.len() as u64;
        let link = self.links.entry((direction, peer)).or_insert_with(|| FaultyLink::new(fault, seed));
        link.put(Instant::now(), bytes.to_vec());
        true
    }

    /// The next datagram of this direction that has made its way.
    pub(super) fn poll(&mut self, direction: Direction, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let mut links = self.links.iter_mut().filter(|((d, _), _)| *d == direction);
        links.find_map(|((_, peer), link)| Some((*peer, link.poll(now)?)))
    }

    /// Whether no link is emulated, so that there is nothing to poll.
    pub(super) fn is_idle(&self) -> bool {
        self.links.is_empty()
    }

    /// When the next datagram arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.links.values().filter_map(FaultyLink::due).min()
    }

    fn refresh(&mut self) {
        let version = self.faults.shared.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            self.rules = self.faults.rules().clone();
            self.links.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::faults::DELAY_MAX;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn passed(emulator: &mut Emulator, to: SocketAddr, count: usize) -> usize {
        let faulty = (0..count).filter(|_| emulator.take(Direction::Out, to, b"x")).count();
        let now = Instant::now();
        count - faulty + std::iter::from_fn(|| emulator.poll(Direction::Out, now)).count()
    }

    #[test]
    fn a_cut_is_a_cut_for_its_peer_and_direction_only() {
        let faults = LinkFaults::new(1);
        let mut emulator = Emulator::new(faults.clone());
        assert_eq!(passed(&mut emulator, peer(1), 10), 10);
        faults.set(Direction::Out, Some(peer(1)), Fault::CUT);
        assert_eq!(passed(&mut emulator, peer(1), 10), 0);
        assert_eq!(passed(&mut emulator, peer(2), 10), 10);
        assert!(!emulator.take(Direction::In, peer(1), b"x"));
        faults.heal_peer(peer(1));
        assert_eq!(passed(&mut emulator, peer(1), 10), 10);
    }

    #[test]
    fn loss_is_as_asked_and_a_peer_s_own_rule_comes_first() {
        let faults = LinkFaults::new(1);
        let mut emulator = Emulator::new(faults.clone());
        faults.set(Direction::Out, None, Fault { loss: 0.3, ..Fault::default() });
        faults.set(Direction::Out, Some(peer(2)), Fault { duplicate: 1.0, ..Fault::default() });
        let through = passed(&mut emulator, peer(1), 10_000);
        assert!((6_800..7_200).contains(&through), "{through}");
        assert_eq!(passed(&mut emulator, peer(2), 10), 20);
    }

    #[test]
    fn delayed_datagrams_come_when_they_are_due() {
        let faults = LinkFaults::new(1);
        let mut emulator = Emulator::new(faults.clone());
        let delay = Duration::from_secs(5);
        faults.set(Direction::In, None, Fault { delay, ..Fault::default() });
        let before = Instant::now();
        assert!(emulator.take(Direction::In, peer(1), b"late"));
        let due = emulator.due().expect("one under way");
        assert!(due >= before + delay);
        assert_eq!(emulator.poll(Direction::In, due - Duration::from_nanos(1)), None);
        assert_eq!(emulator.poll(Direction::In, due), Some((peer(1), b"late".to_vec())));
        assert_eq!(emulator.due(), None);
    }

    #[test]
    fn a_delay_without_end_is_no_reason_to_stop() {
        let faults = LinkFaults::new(1);
        faults.set(Direction::Out, None, Fault { delay: Duration::MAX, ..Fault::default() });
        let before = Instant::now();
        let mut emulator = Emulator::new(faults);
        assert!(emulator.take(Direction::Out, peer(1), b"late"));
        assert!(emulator.due().is_some_and(|due| due >= before + DELAY_MAX));
    }

    #[test]
    fn bursts_lose_as_much_as_asked_and_in_a_row() {
        let faults = LinkFaults::new(3);
        let mut emulator = Emulator::new(faults.clone());
        faults.set(Direction::Out, None, Fault { loss: 0.2, burst: 8.0, ..Fault::default() });
        let arrived: Vec<bool> = (0..40_000).map(|_| passed(&mut emulator, peer(1), 1) == 1).collect();
        let lost = arrived.iter().filter(|arrived| !**arrived).count();
        let bursts = arrived.windows(2).filter(|pair| pair[0] && !pair[1]).count();
        assert!((6_500..9_500).contains(&lost), "{lost}");
        let mean = lost as f64 / bursts as f64;
        assert!((6.5..9.5).contains(&mean), "{mean}");
    }

    #[test]
    fn every_third_datagram_overtakes_the_one_before() {
        let faults = LinkFaults::new(1);
        let mut emulator = Emulator::new(faults.clone());
        let delay = Duration::from_secs(5);
        faults.set(Direction::Out, None, Fault { delay, overtake: 3, ..Fault::default() });
        for byte in 1..=3u8 {
            assert!(emulator.take(Direction::Out, peer(1), &[byte]));
        }
        let later = Instant::now() + 2 * delay;
        let order: Vec<u8> =
            std::iter::from_fn(|| emulator.poll(Direction::Out, later)).map(|(_, bytes)| bytes[0]).collect();
        assert_eq!(order, [1, 3, 2]);
    }
}
