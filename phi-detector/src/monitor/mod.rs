//! Many peers, one threshold, one deadline to sleep until.
//!
//! Heartbeats flow in, suspicions flow out. The detectors decide when a peer is due; what lives here is only which of
//! many is due first (`peers`), and that each change is told once. No clock and no I/O.

mod peers;

use crate::error::ConfigError;
use crate::{AccrualDetector, Arrival, PhiDetector};
use alloc::collections::BTreeMap;
use core::borrow::Borrow;
use core::time::Duration;
use peers::Peers;

/// Watches many peers, each with a detector of its own, and says which has become suspect and when to look again.
///
/// A peer is *trusted* until its level reaches the threshold and *suspected* from then until its next fresh heartbeat:
/// there is one threshold, no second one to return below. A suspicion is told once, by [`poll`](Self::poll); that it
/// has ended is told by the [`heartbeat`](Self::heartbeat) that ended it. A peer from which no heartbeat has ever come
/// is trusted for as long; to give it a time limit, count the moment it joined as its first heartbeat.
///
/// **Drain it:** after time has passed, call `poll` until it returns `None`, then sleep until
/// [`next_deadline`](Self::next_deadline). Poll before handing in a heartbeat, too, if a suspicion that this very
/// heartbeat would prevent is to be told.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Config, Heard, Monitor, PhiDetector};
///
/// let second = Duration::from_secs(1);
/// let mut monitor = Monitor::new(4.0)?;
/// for peer in ["ada", "bob"] {
///     monitor.watch(peer, PhiDetector::new(Config::new(second))?);
/// }
/// for seq in 0..10 {
///     monitor.heartbeat("ada", seq, second * seq as u32);
///     monitor.heartbeat("bob", seq, second * seq as u32);
/// }
///
/// // Ada goes on, Bob is silent.
/// monitor.heartbeat("ada", 10, second * 10);
/// let now = monitor.next_deadline().expect("somebody has been heard");
/// let suspicion = monitor.poll(now).expect("somebody is due");
/// assert_eq!((suspicion.peer, suspicion.since), ("bob", now));
/// assert_eq!(monitor.poll(now), None);
///
/// // Until Bob is back.
/// let heard = monitor.heartbeat("bob", 12, now + second);
/// assert_eq!(heard, Some(Heard::TrustedAgain { suspected_since: now }));
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
///
/// # Cost
///
/// With n peers, a heartbeat costs a look-up in a `BTreeMap` and a fixed amount of work: one update and one level of
/// that peer's detector. Its deadline nearly always moves later, and is then not even computed, but left until the old
/// one comes up; so `poll` and `next_deadline` compute at most one deadline, and take O(log n), for each heartbeat
/// since. Memory is one entry in each of four tables per watched peer, suspected or not; it is taken when the peer is
/// first watched, and neither heartbeats nor polls allocate.
///
/// Keys are ordered rather than hashed: `alloc` has no hash map, a tree has no worst case for peers to choose their
/// names by, and what is iterated over comes in the same order in every run. They are cloned once per peer and once per
/// suspicion.
///
/// A detector lies in the monitor's own table, so a big one ([`Normal`](crate::Normal) with a large window) is moved
/// when the table grows.
#[derive(Debug, Clone)]
pub struct Monitor<K, D = PhiDetector> {
    threshold: f64,
    index: BTreeMap<K, usize>,
    peers: Peers<K, D>,
}

impl<K: Ord + Clone, D: AccrualDetector> Monitor<K, D> {
    /// A monitor without peers, that suspects a peer when its level reaches `threshold`: from 0.01 to 1,000,000.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Number`] if `threshold` is out of its range or NaN.
    ///
    /// ```
    /// use phi_detector::Monitor;
    ///
    /// assert!(Monitor::<String>::new(4.0).is_ok());
    /// assert!(Monitor::<String>::new(0.0).is_err());
    /// ```
    pub fn new(threshold: f64) -> Result<Self, ConfigError> {
        ConfigError::check_number("threshold", threshold, 0.01, 1e6)?;
        Ok(Self { threshold, index: BTreeMap::new(), peers: Peers::new() })
    }

    /// Watches `peer` with `detector`, which may have heard from it before. The peer is trusted.
    ///
    /// If the peer was already watched, this starts anew with it, and its old detector is returned. That is what to do
    /// when a peer was restarted and counts its heartbeats from the beginning.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Exponential, ExponentialConfig, Heard, Monitor};
    /// let fresh = || Exponential::new(ExponentialConfig::new(Duration::from_secs(1)));
    /// let mut monitor = Monitor::new(8.0)?;
    /// assert!(monitor.watch("ada", fresh()?).is_none());
    /// monitor.heartbeat("ada", 1000, Duration::from_secs(1));
    ///
    /// assert!(monitor.watch("ada", fresh()?).is_some());
    /// assert_eq!(monitor.heartbeat("ada", 1, Duration::from_secs(2)), Some(Heard::Fresh));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn watch(&mut self, peer: K, detector: D) -> Option<D> {
        let old = self.unwatch(&peer);
        let due = detector.deadline(self.threshold);
        let slot = self.peers.push(peer.clone(), detector, due);
        self.index.insert(peer, slot);
        old
    }

    /// Stops watching `peer` and returns its detector, or `None` if it was not watched.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Exponential, ExponentialConfig, Monitor};
    /// let mut monitor = Monitor::new(8.0)?;
    /// monitor.watch("ada", Exponential::new(ExponentialConfig::new(Duration::from_secs(1)))?);
    /// assert!(monitor.unwatch("ada").is_some());
    /// assert!(monitor.unwatch("ada").is_none());
    /// assert!(monitor.is_empty());
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn unwatch<Q>(&mut self, peer: &Q) -> Option<D>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let slot = self.index.remove(peer)?;
        let detector = self.peers.remove(slot);
        // The last peer was moved into the gap, unless it was itself the one to go.
        if let Some(moved) = self.peers.get(slot)
            && let Some(moved_slot) = self.index.get_mut(moved.key.borrow())
        {
            *moved_slot = slot;
        }
        Some(detector)
    }

    /// Records the heartbeat `seq` of `peer` at `now`, as [`AccrualDetector::heartbeat`] does; `None` if the peer is
    /// not watched.
    pub fn heartbeat<Q>(&mut self, peer: &Q, seq: u64, now: Duration) -> Option<Heard>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.arrive(peer, |detector| detector.heartbeat(seq, now))
    }

    /// Records a heartbeat of `peer` by another method of its detector than [`AccrualDetector::heartbeat`]; `None` if the
    /// peer is not watched.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Config, Heard, Monitor, PhiDetector};
    /// let second = Duration::from_secs(1);
    /// let mut monitor = Monitor::new(4.0)?;
    /// monitor.watch("ada", PhiDetector::new(Config::learning())?);
    /// let (sent, now) = (second, second * 7);
    /// let heard = monitor.arrive("ada", |detector| detector.heartbeat_sent(0, sent, now));
    /// assert_eq!(heard, Some(Heard::Fresh));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn arrive<Q>(&mut self, peer: &Q, arrival: impl FnOnce(&mut D) -> Arrival) -> Option<Heard>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let slot = *self.index.get(peer)?;
        let peer = self.peers.get_mut(slot)?;
        if arrival(&mut peer.detector) == Arrival::Stale {
            return Some(Heard::Stale);
        }
        Some(match peer.suspected_since {
            None => {
                self.deadline_may_have_moved(slot);
                Heard::Fresh
            }
            Some(suspected_since) => {
                let due = peer.detector.deadline(self.threshold);
                self.peers.trust(slot, due);
                Heard::TrustedAgain { suspected_since }
            }
        })
    }

    /// The next peer that has become suspect by `now`, or `None` if there is no more.
    ///
    /// Peers come in the order in which they became suspect, those of the same instant in the order of their keys.
    pub fn poll(&mut self, now: Duration) -> Option<Suspicion<K>> {
        // A deadline that is out of date is too early, never too late: if the first is not due, none is.
        while let Some((slot, first)) = self.peers.first()
            && first.due <= now
            && first.due < Duration::MAX
        {
            if first.exact {
                let suspicion = Suspicion { peer: first.key.clone(), since: first.due };
                self.peers.suspect(slot);
                return Some(suspicion);
            }
            let due = first.detector.deadline(self.threshold);
            self.peers.reschedule(slot, due);
        }
        None
    }

    /// When the next peer will become suspect if no heartbeat arrives before, or `None` if none ever will.
    ///
    /// It is in the past as long as there is something to [`poll`](Self::poll).
    pub fn next_deadline(&mut self) -> Option<Duration> {
        while let Some((slot, first)) = self.peers.first() {
            if first.exact {
                return (first.due < Duration::MAX).then_some(first.due);
            }
            let due = first.detector.deadline(self.threshold);
            self.peers.reschedule(slot, due);
        }
        None
    }

    /// Changes the detector of `peer` other than by a heartbeat; `None` if the peer is not watched. A heartbeat handed to
    /// the detector in here would not end a suspicion: that is what [`arrive`](Self::arrive) is for.
    ///
    /// A trusted peer becomes suspect when the changed detector says so. A suspected one remains so until its next
    /// fresh heartbeat.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Exponential, ExponentialConfig, Monitor};
    /// let detector = |seconds| Exponential::new(ExponentialConfig::new(Duration::from_secs(seconds)));
    /// let mut monitor = Monitor::new(8.0)?;
    /// monitor.watch("ada", detector(1)?);
    /// let patient = detector(60)?;
    /// let old = monitor.adjust("ada", |detector| std::mem::replace(detector, patient));
    /// assert_eq!(old.map(|old| old.mean()), Some(Duration::from_secs(1)));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn adjust<Q, R>(&mut self, peer: &Q, change: impl FnOnce(&mut D) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let slot = *self.index.get(peer)?;
        let result = change(&mut self.peers.get_mut(slot)?.detector);
        self.deadline_may_have_moved(slot);
        Some(result)
    }

    /// Changes the detectors of all peers, in the order of their keys, as [`adjust`](Self::adjust) does for one: as
    /// when the observer itself was stalled. It looks at each peer once.
    pub fn adjust_all(&mut self, mut change: impl FnMut(&K, &mut D)) {
        for (key, &slot) in &self.index {
            if let Some(peer) = self.peers.get_mut(slot) {
                change(key, &mut peer.detector);
            }
        }
        for slot in 0..self.peers.len() {
            self.deadline_may_have_moved(slot);
        }
    }

    /// The detector of `peer`, or `None` if the peer is not watched.
    pub fn detector<Q>(&self, peer: &Q) -> Option<&D>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(*self.index.get(peer)?).map(|peer| &peer.detector)
    }

    /// What was last told of `peer`, or `None` if the peer is not watched.
    pub fn status<Q>(&self, peer: &Q) -> Option<Status>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.peers.get(*self.index.get(peer)?).map(|peer| Status::new(peer.suspected_since))
    }

    /// All peers with what was last told of them and their detectors, in the order of their keys.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{AccrualDetector, Exponential, ExponentialConfig, Monitor, Status};
    /// let mut monitor = Monitor::new(8.0)?;
    /// for peer in ["bob", "ada"] {
    ///     monitor.watch(peer, Exponential::new(ExponentialConfig::new(Duration::from_secs(1)))?);
    /// }
    /// monitor.heartbeat("bob", 1, Duration::from_secs(1));
    /// monitor.poll(Duration::from_secs(60));
    ///
    /// let suspected = monitor.iter().filter(|(_, status, _)| *status != Status::Trusted);
    /// assert!(suspected.map(|(peer, _, _)| *peer).eq(["bob"]));
    /// assert!(monitor.iter().map(|(peer, _, _)| *peer).eq(["ada", "bob"]));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&K, Status, &D)> {
        self.index.iter().filter_map(|(key, &slot)| {
            self.peers.get(slot).map(|peer| (key, Status::new(peer.suspected_since), &peer.detector))
        })
    }

    /// The level at which a peer becomes suspect.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The number of peers that are watched.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no peer is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the deadlines of trusted peers true or too early, after the detector in `slot` has changed.
    ///
    /// Too early is cheap: when it comes up, the true one is computed. A detector may also have become less patient, as
    /// when an outlier leaves its window; a deadline left too late would delay the suspicion. One level tells the two
    /// cases apart.
    fn deadline_may_have_moved(&mut self, slot: usize) {
        let Some(peer) = self.peers.get_mut(slot) else {
            return;
        };
        if peer.suspected_since.is_some() {
            return;
        }
        if peer.detector.phi(peer.due) < self.threshold {
            peer.exact = false;
        } else {
            let due = peer.detector.deadline(self.threshold);
            self.peers.reschedule(slot, due);
        }
    }
}

/// A peer that has become suspect, as [`Monitor::poll`] tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion<K> {
    /// The key with which the peer is watched.
    pub peer: K,
    /// The instant at which its level reached the threshold; how long ago that is shows how late the poll was.
    pub since: Duration,
}

/// What a heartbeat turned out to be, as [`Monitor::heartbeat`] tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The newest heartbeat of a trusted peer.
    Fresh,
    /// A duplicate, or one that a newer heartbeat had overtaken; nothing changed.
    Stale,
    /// The newest heartbeat of a peer that was suspected and no longer is.
    TrustedAgain {
        /// The instant at which its level had reached the threshold.
        suspected_since: Duration,
    },
}

/// What was last told of a peer, as [`Monitor::status`] repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No suspicion, or none any more.
    Trusted,
    /// A suspicion was polled, and no fresh heartbeat has come since.
    Suspected {
        /// The instant at which the level reached the threshold.
        since: Duration,
    },
}

impl Status {
    fn new(suspected_since: Option<Duration>) -> Self {
        suspected_since.map_or(Self::Trusted, |since| Self::Suspected { since })
    }
}
