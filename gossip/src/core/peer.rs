//! One neighbour: everything that this node keeps about somebody it exchanges heartbeats with.

use std::net::SocketAddr;
use std::time::Duration;

use super::detector::Detector;
use super::identity::{Incarnation, Key, Life};
use super::opinion::{Level, Opinion};
use super::quorum::{Epoch, Moment};
use super::record::{Record, Status};
use crate::wire::Tag;

/// One life of a neighbour, or of somebody who takes this node for one.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) key: Key,
    pub(crate) life: Life,
    pub(crate) incarnation: Incarnation,
    /// Where it was last heard; until then, where its record says.
    pub(crate) addr: SocketAddr,
    /// Whether it is one by this node's own reckoning. Otherwise it is only answered, and not judged.
    pub(crate) neighbour: bool,
    pub(crate) detector: Detector,
    /// The newest heartbeat: its number and when it got to this host.
    pub(crate) heard: Option<(u64, Duration)>,
    /// When it was received, on both clocks.
    pub(crate) heard_at: Option<Moment>,
    /// How much of the time since was this node's own pause, or announced.
    pub(crate) stalled: Duration,
    /// The newest of this node's heartbeats that it acknowledged.
    pub(crate) acked: Option<u64>,
    /// The number of this node's own newest heartbeat when it was met.
    pub(crate) met_at_beat: u64,
    /// How many of its own heartbeats lie between its newest and the newest acknowledgement it has from here.
    pub(crate) ack_lag: u16,
    /// Since when it says that no majority vouches for it.
    pub(crate) isolated: Option<Duration>,
    /// When it was last restored by a view, and how often lately.
    pub(crate) restored: Option<(Duration, u32)>,
    /// The newest view that it has stored.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) rtt: Option<Duration>,
    pub(crate) met: Duration,
    pub(crate) opinion: Opinion,
    pub(crate) level: Level,
    /// When it was first heard, or last again after it had been doubted.
    pub(crate) returned: Option<Duration>,
    /// Whether the opinion is one to publish if it is not trust.
    pub(crate) published: bool,
    /// How often it was suspected lately, for how many heartbeats it must now show, and how many it has shown.
    pub(crate) lapses: u32,
    pub(crate) lapsed: Duration,
    pub(crate) shown: u32,
    pub(crate) probe: Option<Probe>,
    /// Until when its silence is announced.
    pub(crate) excused: Option<Duration>,
    /// When the present silence has to be looked at.
    pub(crate) look_at: Duration,
    /// Since when its digest differs from ours.
    pub(crate) differs: Option<Duration>,
}

/// Others being asked about a silent neighbour.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) nonce: Tag,
    /// When they were last asked, and how many of them.
    pub(crate) asked: Duration,
    pub(crate) pending: u32,
    /// How many questions had time to be answered and were not, since one last was.
    pub(crate) unanswered: u32,
    /// All questions of this silence that had time to be answered, and all answers.
    pub(crate) questions: u32,
    pub(crate) answers: u32,
    /// When one of them last reached it.
    pub(crate) reached: Option<Duration>,
}

impl Peer {
    /// Restorations in a row after which it gets no longer to be vouched for again.
    const RESTORATIONS_MAX: u32 = 6;

    pub(crate) fn new(record: &Record, neighbour: bool, detector: Detector, now: Duration) -> Self {
        Self {
            key: record.identity.id.key(),
            life: record.identity.life(),
            incarnation: record.identity.incarnation,
            addr: record.addr,
            neighbour,
            detector,
            heard: None,
            heard_at: None,
            stalled: Duration::ZERO,
            acked: None,
            met_at_beat: 0,
            ack_lag: u16::MAX,
            isolated: None,
            restored: None,
            epoch: None,
            rtt: None,
            met: now,
            opinion: Opinion::Unsure,
            level: Level::of(0.0),
            returned: None,
            published: false,
            lapses: 0,
            lapsed: Duration::ZERO,
            shown: 0,
            probe: None,
            excused: None,
            look_at: Duration::MAX,
            differs: None,
        }
    }

    /// Takes a heartbeat that `arrived` at this host and was received `now`; false if it is not fresher than those before.
    pub(crate) fn beat(
        &mut self,
        (seq, sent): (u64, Duration),
        interval: Duration,
        arrived: Duration,
        now: Moment,
    ) -> bool {
        if interval != self.detector.interval() {
            self.detector = Detector::new(interval, None);
        }
        // Not before what it has done already: it was met, or heard, or excused.
        let arrived = arrived.max(self.last_sign());
        let fresh = self.detector.heartbeat(seq, sent, arrived);
        if fresh {
            self.heard = Some((seq, arrived));
            self.heard_at = Some(now);
            self.stalled = Duration::ZERO;
        }
        fresh
    }

    /// The suspicion level: what its silence says, and what others' failure to reach it adds.
    pub(crate) fn level(&self, now: Duration, reach: f64) -> f64 {
        self.detector.phi(now) + self.probe.as_ref().map_or(0.0, |probe| probe.evidence(reach))
    }

    /// Makes it a neighbour or a guest; whether that is a change. Of a guest heartbeats are not expected, so a silence from that
    /// time means nothing.
    pub(crate) fn be_neighbour(&mut self, neighbour: bool, now: Duration) -> bool {
        if neighbour && !self.neighbour {
            self.stall(now.saturating_sub(self.last_sign()));
            self.met = now;
            if self.heard.is_none() {
                // Its silence begins now.
                self.stalled = Duration::ZERO;
            }
            self.look_at = Duration::MAX;
            if self.opinion != Opinion::Trust {
                // It is of another time; one that counts will be formed.
                self.opinion = Opinion::Unsure;
                self.published = false;
            }
        }
        std::mem::replace(&mut self.neighbour, neighbour) != neighbour
    }

    /// Whether its silence is announced.
    pub(crate) fn waits_for_pause(&self, now: Duration) -> bool {
        self.excused.is_some_and(|until| now < until)
    }

    /// A view has restored it. Nobody vouched for it until now, so it is still isolated for a while, or deaf to some; and if it
    /// is suspended and restored again and again, it gets longer each time before that counts against it.
    pub(crate) fn be_restored(&mut self, now: Duration, deaf_after: Duration) {
        let lately = |&(at, often): &(Duration, u32)| now < at + 2 * Self::patience(deaf_after, often);
        let often = self.restored.filter(lately).map_or(0, |(_, often)| often);
        self.restored = Some((now, (often + 1).min(Self::RESTORATIONS_MAX)));
    }

    /// Whether it has been deaf for so long that it counts as silent, `deaf` being for how long it has been, and `deaf_after` the
    /// shortest time for which one must be.
    pub(crate) fn is_deaf(&self, now: Duration, deaf: Duration, deaf_after: Duration) -> bool {
        let again =
            |&(restored, often): &(Duration, u32)| now >= restored + Self::patience(deaf_after, often);
        deaf >= deaf_after && self.restored.as_ref().is_none_or(again)
    }

    /// Whether it has said for so long that no majority vouches for it that it counts as silent, `deaf_after` being the
    /// shortest time for which one must say so.
    pub(crate) fn is_zombie(&self, now: Duration, deaf_after: Duration) -> bool {
        let (restored, often) = self.restored.unwrap_or_default();
        let since = |isolated: Duration| isolated.max(restored);
        self.isolated.is_some_and(|isolated| now >= since(isolated) + Self::patience(deaf_after, often))
    }

    fn patience(deaf_after: Duration, restored: u32) -> Duration {
        deaf_after * (1 << restored.saturating_sub(1))
    }

    /// Whether it is worth telling news to.
    pub(crate) fn listens(&self) -> bool {
        self.opinion == Opinion::Trust
    }

    /// What is to be said of it where lives are decided about: whoever is heard is not accused of silence, though it has to
    /// show more before it is trusted.
    pub(crate) fn testimony(&self) -> Opinion {
        match self.opinion {
            Opinion::Suspect if self.shown > 0 => Opinion::Unsure,
            opinion => opinion,
        }
    }

    /// Takes time out of its silence.
    pub(crate) fn stall(&mut self, length: Duration) {
        self.detector.stalled(length);
        self.stalled += length;
    }

    /// When its silence will have lasted so long, without what has been taken out of it.
    pub(crate) fn silent_for(&self, length: Duration) -> Duration {
        self.last_sign().saturating_add(self.stalled).saturating_add(length)
    }

    /// When it was last heard, or met.
    pub(crate) fn last_sign(&self) -> Duration {
        self.heard.map_or(self.met, |(_, at)| at)
    }

    /// Takes over what a newer record of the same life says.
    pub(crate) fn update(&mut self, before: &Record, record: &Record, pause_max: Duration, now: Duration) {
        if before.addr != record.addr {
            self.addr = record.addr;
        }
        if before.status != record.status {
            self.excuse_ends(now);
            self.look_at = Duration::MAX;
            self.pausing(record, pause_max, now);
        }
    }

    /// Excuses the silence of somebody who has announced it before it was met.
    pub(crate) fn pausing(&mut self, record: &Record, pause_max: Duration, now: Duration) {
        if let Status::Pausing { max } = record.status {
            self.excused = Some(now + max.get().min(pause_max));
        }
    }

    /// The announced silence is over: what of it has passed is not counted.
    pub(crate) fn excuse_ends(&mut self, now: Duration) {
        if let Some(until) = self.excused.take() {
            self.stall(now.min(until).saturating_sub(self.last_sign()));
        }
    }
}

/// Peers, found by their lives. There are at most a few dozen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers {
    lives: Vec<Life>,
    peers: Vec<Peer>,
}

impl Peers {
    /// Neighbours on 16 rings, or in the largest full mesh, the voters, and as many that are only answered as there may
    /// be leases.
    pub(crate) const MAX: usize = 64 + super::quorum::LEASES_MAX;

    pub(crate) fn position(&self, life: Life) -> Option<usize> {
        self.lives.iter().position(|&l| l == life)
    }

    pub(crate) fn by_life(&mut self, life: Life) -> Option<&mut Peer> {
        self.position(life).map(|at| &mut self.peers[at])
    }

    pub(crate) fn by_key(&mut self, key: Key) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.key == key)
    }

    pub(crate) fn at(&mut self, at: usize) -> &mut Peer {
        &mut self.peers[at]
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Peer> {
        self.peers.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Peer> {
        self.peers.iter_mut()
    }

    /// Adds a peer whose key is not there yet; false if there is no room.
    pub(crate) fn add(&mut self, peer: Peer) -> bool {
        if self.peers.len() >= Self::MAX {
            return false;
        }
        self.lives.push(peer.life);
        self.peers.push(peer);
        true
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Peer> {
        let at = self.peers.iter().position(|peer| peer.key == key)?;
        self.lives.swap_remove(at);
        Some(self.peers.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity::{BootId, Identity, NodeId, StorageId, Version};
    use crate::core::record::Metadata;

    const W: Duration = Duration::from_secs(2);

    fn peer() -> Peer {
        let record = Record {
            identity: Identity {
                id: NodeId::new("n1").expect("a name"),
                storage: StorageId([1; 16]),
                incarnation: Incarnation::FIRST,
                boot: BootId([1; 16]),
            },
            version: Version::FIRST,
            addr: SocketAddr::from(([10, 0, 0, 1], 7000)),
            status: Status::Running,
            metadata: Metadata::default(),
        };
        Peer::new(&record, true, Detector::new(W / 20, None), Duration::ZERO)
    }

    /// The rest of a peer that is deaf and isolated all the time, and is restored as often as it is suspended: when it counts as
    /// silent again.
    fn accused_again(peer: &mut Peer, restored: Duration) -> Duration {
        peer.be_restored(restored, W);
        let mut now = restored;
        while !peer.is_deaf(now, now, W) {
            now += W / 10;
        }
        assert!(peer.is_zombie(now, W) && !peer.is_zombie(now - W / 10, W));
        now
    }

    #[test]
    fn the_silence_of_a_guest_that_was_never_heard_begins_when_it_becomes_a_neighbour() {
        let mut peer = peer();
        peer.stall(W);
        peer.be_neighbour(false, 10 * W);
        peer.be_neighbour(true, 20 * W);
        assert_eq!(peer.silent_for(W), 21 * W);
        // What this process sleeps through from then on is taken out.
        peer.stall(3 * W);
        assert_eq!(peer.silent_for(W), 24 * W);
    }

    /// T4: a view that restores somebody starts W anew, and doubles it each time if that happens again soon.
    #[test]
    fn who_is_suspended_and_restored_again_and_again_is_left_alone_for_longer_each_time() {
        let mut peer = peer();
        peer.isolated = Some(Duration::ZERO);
        assert!(!peer.is_deaf(W, W - W / 10, W) && peer.is_deaf(W, W, W));
        let mut restored = 2 * W;
        for doubled in [1, 2, 4, 8, 16, 32, 32] {
            let accused = accused_again(&mut peer, restored);
            assert_eq!(accused, restored + doubled * W);
            restored = accused + W / 2;
        }
        // What was long ago does not count.
        let later = restored + 100 * W;
        assert_eq!(accused_again(&mut peer, later), later + W);
    }
}
