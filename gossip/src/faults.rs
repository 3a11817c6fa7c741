//! Loss, delay, duplicates and wrong order on a link. **For tests and demonstrations only.**
//!
//! Flows in: what is wrong with a link ([`Fault`]), and what is sent over it, with the time. Flows out: what arrives, when it does
//! ([`FaultyLink`]). Neither sockets nor clocks are here; whoever has them, such as a node's driver, asks.

use std::fmt;
use std::time::{Duration, Instant};

use str0m_netem::{GilbertElliot, Input, Netem, NetemConfig, Output, Probability, RandomLoss};

#[cfg(feature = "faults")]
pub use crate::driver::faults::{Direction, LinkFaults};

/// What is wrong with a link.
///
/// ```
/// use gossip::faults::Fault;
///
/// let poor = Fault { loss: 0.1, delay: std::time::Duration::from_millis(50), ..Fault::default() };
/// assert!(poor.loss < Fault::CUT.loss);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fault {
    /// Probability that a datagram is lost, 0 to 1; beyond that it is cut to the range.
    pub loss: f64,
    /// Mean number of datagrams that are lost in a row, where `loss` comes in bursts (the model of Gilbert and Elliott: a
    /// good state that loses nothing, a bad one that loses all). Up to 1, each datagram is lost by itself.
    pub burst: f64,
    /// Probability that a datagram arrives twice, 0 to 1.
    pub duplicate: f64,
    /// How long every datagram takes; beyond a day it is cut to that.
    pub delay: Duration,
    /// By how much `delay` varies, up and down; beyond a day it is cut to that. Order is kept.
    pub jitter: Duration,
    /// Every datagram of this number overtakes the one before it, if that is still under way: `delay` has to be longer
    /// than the time between two datagrams. 0: none does.
    pub overtake: u32,
}

impl Fault {
    /// Nothing gets through.
    pub const CUT: Self = Self {
        loss: 1.0,
        burst: 0.0,
        duplicate: 0.0,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        overtake: 0,
    };
}

/// One link in one direction with a fault. What is put in comes out late, twice, in another order or not at all.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use gossip::faults::{Fault, FaultyLink};
///
/// let delay = Duration::from_millis(50);
/// let mut link = FaultyLink::new(&Fault { delay, ..Fault::default() }, 1);
/// let now = Instant::now();
/// link.put(now, b"late".to_vec());
/// assert_eq!(link.poll(now), None);
/// assert_eq!(link.poll(now + delay), Some(b"late".to_vec()));
/// ```
pub struct FaultyLink<T> {
    netem: Netem<T>,
}

impl<T> fmt::Debug for FaultyLink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyLink").finish_non_exhaustive()
    }
}

impl<T: Clone + AsRef<[u8]>> FaultyLink<T> {
    /// Nothing is under way. Equal seeds lose the same datagrams of equal streams.
    pub fn new(fault: &Fault, seed: u64) -> Self {
        Self { netem: Netem::new(netem_config(fault, seed)) }
    }

    /// A datagram is sent. Nothing bounds how many are under way but what is put in.
    pub fn put(&mut self, now: Instant, datagram: T) {
        self.netem.handle_input(Input::Packet(now, datagram));
    }

    /// The next datagram that has arrived by now.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        self.netem.handle_input(Input::Timeout(now));
        match self.netem.poll_output() {
            Some(Output::Packet(datagram)) => Some(datagram),
            _ => None,
        }
    }

    /// When the next datagram arrives.
    pub fn due(&self) -> Option<Instant> {
        (!self.netem.is_empty()).then(|| self.netem.poll_timeout())
    }

    /// How many datagrams are under way; one that arrives twice counts as two.
    pub fn under_way(&self) -> usize {
        self.netem.queue_len()
    }
}

/// Added to a moment, it still makes one.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(24 * 3600);

fn netem_config(fault: &Fault, seed: u64) -> NetemConfig {
    let probability = |p: f64| Probability::new(p.clamp(0.0, 1.0) as f32);
    let config = NetemConfig::new()
        .latency(fault.delay.min(DELAY_MAX))
        .jitter(fault.jitter.min(DELAY_MAX))
        .duplicate(probability(fault.duplicate))
        .seed(seed);
    let config = match fault.overtake {
        0 => config,
        every => config.reorder_gap(every),
    };
    // A link that loses everything has no good state to come back to.
    if fault.burst > 1.0 && fault.loss > 0.0 && fault.loss < 1.0 {
        let good = fault.burst * (1.0 - fault.loss) / fault.loss;
        // A good state shorter than one datagram cannot be: then the bad one is longer than asked.
        let (good, bad) = (good.max(1.0), fault.burst.max(fault.loss / (1.0 - fault.loss)));
        return config.loss(GilbertElliot::new().good_duration(good as f32).bad_duration(bad as f32));
    }
    config.loss(RandomLoss::new(probability(fault.loss)))
}
