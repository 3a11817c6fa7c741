//! What a user chooses. Checked once, at [`ConfigBuilder::build`]; afterwards no value can be wrong.

use std::time::Duration;

use crate::core::identity::NodeId;
use crate::core::quorum::{Settings, VOTERS_MAX, VouchFor, lease_of};
use crate::error::ConfigError;
use crate::hash;

/// Everything a node is told before it starts. Make one with [`Config::builder`].
///
/// Fields marked *(same on all)* must be equal on all nodes of a cluster, or they disagree about who observes whom; it
/// then works, but at a higher cost.
///
/// ```
/// use std::time::Duration;
/// use gossip::Config;
///
/// let config = Config::builder("orders-prod").interval(Duration::from_millis(200)).threshold(8.0).build()?;
/// assert_eq!(config.interval(), Duration::from_millis(200));
///
/// let refused = Config::builder("orders-prod").interval(Duration::from_nanos(1)).build();
/// assert_eq!(refused.unwrap_err().to_string(), "interval = 1ns is outside 10ms..=60s");
/// # Ok::<(), gossip::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub(crate) cluster: Cluster,
    pub(crate) interval: Duration,
    pub(crate) threshold: f64,
    pub(crate) probe_threshold: f64,
    pub(crate) silence_max: Duration,
    pub(crate) probe_relays: usize,
    pub(crate) full_mesh_max: usize,
    pub(crate) rings: usize,
    pub(crate) retransmit: u32,
    pub(crate) members_max: usize,
    pub(crate) events_max: usize,
    pub(crate) pause_max: Duration,
    pub(crate) pause_reported: Duration,
    pub(crate) seed_retry_max: Duration,
    pub(crate) leave_timeout: Duration,
    pub(crate) left_kept: Duration,
    pub(crate) voters: Vec<NodeId>,
    pub(crate) lease: VouchFor,
    pub(crate) clock_drift_max: f64,
    pub(crate) lease_margin: Duration,
    pub(crate) ballot_timeout: Duration,
    pub(crate) deaf_after: Duration,
}

/// The name of a cluster and what is derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    pub(crate) name: NodeId,
    /// Mixed into every checksum and ring, never sent.
    pub(crate) hash: u64,
    /// Sent in every frame, to tell a stranger from a damaged friend.
    pub(crate) tag: u32,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Result<Self, ConfigError> {
        let name = NodeId::new(name)?;
        let hash = hash::bytes(name.as_str().as_bytes());
        Ok(Self { name, hash, tag: hash::mix(hash) as u32 })
    }
}

impl Config {
    /// Starts from the defaults, for the cluster of this name.
    ///
    /// The name is 1 to 64 bytes without control characters *(same on all)*. It is part of every datagram's
    /// checksum: nodes with different names never hear each other.
    pub fn builder(cluster: impl Into<String>) -> ConfigBuilder {
        ConfigBuilder {
            cluster: cluster.into(),
            interval: Duration::from_millis(100),
            threshold: 5.0,
            probe_threshold: None,
            silence_max: None,
            probe_relays: 3,
            full_mesh_max: 16,
            rings: 5,
            retransmit: 4,
            members_max: 16_384,
            events_max: 4_096,
            pause_max: Duration::from_secs(300),
            pause_reported: None,
            seed_retry_max: None,
            leave_timeout: None,
            left_kept: Duration::from_secs(24 * 3600),
            voters: Vec::new(),
            lease: None,
            clock_drift_max: 1e-3,
            lease_margin: None,
            ballot_timeout: None,
            deaf_after: None,
        }
    }

    pub(crate) fn quorum_settings(&self) -> Settings {
        Settings {
            founders: self.voters.clone(),
            vouch_for: self.lease,
            rho: self.clock_drift_max,
            margin: self.lease_margin,
            interval: self.interval,
            ballot_timeout: self.ballot_timeout,
            answer_max: 4 * self.ballot_timeout,
            deaf_after: self.deaf_after,
        }
    }

    /// The names of the nodes that are to found this cluster's history, sorted; empty if this node was not told.
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        self.cluster.name.as_str()
    }

    /// The time between two heartbeats to the same neighbour.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The suspicion level at which a node is suspected.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Up to how many members everybody observes everybody.
    pub fn full_mesh_max(&self) -> usize {
        self.full_mesh_max
    }
}

/// Collects choices for a [`Config`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConfigBuilder {
    cluster: String,
    interval: Duration,
    threshold: f64,
    probe_threshold: Option<f64>,
    silence_max: Option<Duration>,
    probe_relays: usize,
    full_mesh_max: usize,
    rings: usize,
    retransmit: u32,
    members_max: usize,
    events_max: usize,
    pause_max: Duration,
    pause_reported: Option<Duration>,
    seed_retry_max: Option<Duration>,
    leave_timeout: Option<Duration>,
    left_kept: Duration,
    voters: Vec<String>,
    lease: Option<Duration>,
    clock_drift_max: f64,
    lease_margin: Option<Duration>,
    ballot_timeout: Option<Duration>,
    deaf_after: Option<Duration>,
}

impl ConfigBuilder {
    /// Time between heartbeats to the same neighbour. Default 100 ms; 10 ms to 60 s in whole milliseconds.
    ///
    /// Cost is proportional to its inverse, detection time to itself. Nodes with different intervals understand
    /// each other: every heartbeat says its sender's.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Suspicion level φ at which an observer stops trusting. Default 5; 1 to 100.
    ///
    /// A level of 5 means: one live node in 10⁵ heartbeats is this silent. For one false suspicion in time T per
    /// neighbour take log₁₀(T / interval). Others who were asked and could not reach the node either count for up to two
    /// of these decades.
    pub fn threshold(mut self, phi: f64) -> Self {
        self.threshold = phi;
        self
    }

    /// Level at which others are asked whether they can reach the silent node. Default 0.5 × `threshold`; 0.5 up to
    /// `threshold`.
    ///
    /// The further below `threshold`, the more time an answer has before it is needed, and the more often one is
    /// asked for in vain. Nobody is asked about a silence of less than two intervals, or as much less as answers may need to
    /// count: the time there and back, and a tenth of a second, or an interval if that is less, for those who are at rest.
    pub fn probe_threshold(mut self, phi: f64) -> Self {
        self.probe_threshold = Some(phi);
        self
    }

    /// The longest silence that is put up with, whatever its level. Default 50 intervals, but at least 5 s; 5 intervals to
    /// 24 h.
    ///
    /// A level is a promise about what the network has been seen to do. After something it was never seen to do, such as
    /// the first minute of a storm, it is careful, and would be so for ever about a node that died in it.
    pub fn silence_max(mut self, longest: Duration) -> Self {
        self.silence_max = Some(longest);
        self
    }

    /// How many others are asked at a time. Default 3; 0 (never ask) to 8.
    pub fn probe_relays(mut self, relays: usize) -> Self {
        self.probe_relays = relays;
        self
    }

    /// Up to this many members everybody observes everybody; above it, neighbours on rings do *(same on all)*.
    /// Default 16; 2 to 48.
    ///
    /// A node's cost grows with its neighbours: most of a heartbeat's price is the kernel's. On rings a node has ten of
    /// them however large the cluster is; in a full mesh of 32 it has 31. In return, in a full mesh every node judges every other
    /// itself, and the voters vouch for every node all the time; above it they vouch for each other and for those who hold or
    /// want a lease, and the others learn from neighbours how the voters are.
    pub fn full_mesh_max(mut self, members: usize) -> Self {
        self.full_mesh_max = members;
        self
    }

    /// Hash rings, each giving two neighbours in a large cluster *(same on all)*. Default 5; 2 to 16.
    ///
    /// Fewer cost less and leave fewer witnesses: 2 rings are 4 observers a node.
    pub fn rings(mut self, rings: usize) -> Self {
        self.rings = rings;
        self
    }

    /// How often a piece of news is passed on, times ⌈log₂(members + 1)⌉. Default 4; 1 to 16.
    ///
    /// News that gets lost all the same is repaired by comparing digests, only later.
    pub fn retransmit(mut self, factor: u32) -> Self {
        self.retransmit = factor;
        self
    }

    /// The most members that are remembered, this node included. Default 16,384; 2 to 1,000,000.
    ///
    /// Beyond it newcomers are refused and counted: memory stays bounded whatever the network says.
    pub fn members_max(mut self, members: usize) -> Self {
        self.members_max = members;
        self
    }

    /// The most events that wait to be polled. Default 4,096; 16 to 1,000,000.
    ///
    /// When more happens the oldest are dropped, and an event says how many.
    pub fn events_max(mut self, events: usize) -> Self {
        self.events_max = events;
        self
    }

    /// The longest announced pause that is believed of others. Default 5 min; 0 to 1 h.
    pub fn pause_max(mut self, longest: Duration) -> Self {
        self.pause_max = longest;
        self
    }

    /// From which length a pause of one's own is reported as an event. Default 3 intervals; 1 interval to 1 h.
    ///
    /// Shorter ones are accounted for all the same.
    pub fn pause_reported(mut self, shortest: Duration) -> Self {
        self.pause_reported = Some(shortest);
        self
    }

    /// The longest time between two calls to a seed while none has answered. Default 10 s, but at least 1 interval; 1 interval
    /// to 1 h.
    ///
    /// Calls begin at twice the interval and slow down to this, for ever; once joined it is also the pace at which
    /// seeds and unreachable members are called, so that halves of a cluster find each other again. While nobody seems unreachable,
    /// some eight members of all call a seed in this time, however many there are.
    pub fn seed_retry_max(mut self, longest: Duration) -> Self {
        self.seed_retry_max = Some(longest);
        self
    }

    /// How long a leaving node waits for others to acknowledge it, and before that, where there are voters, for them to put it on
    /// record: twice as long in all. Default 20 intervals; 1 interval to 1 h.
    pub fn leave_timeout(mut self, longest: Duration) -> Self {
        self.leave_timeout = Some(longest);
        self
    }

    /// How long the record of a node that left is kept, against stale news of it. Default 24 h; 1 min to 30 days.
    ///
    /// Should be longer than any partition that is to heal without ghosts of nodes that left meanwhile.
    pub fn left_kept(mut self, kept: Duration) -> Self {
        self.left_kept = kept;
        self
    }

    /// A profile that spends little: a heartbeat every 0.8 s, to six neighbours, or to everybody up to 8 members.
    ///
    /// In a cluster of 20 a node sends some 0.5 kB/s, and once it has heard enough heartbeats to know its neighbours, all know of a
    /// failure within three seconds. Vouchers last for ten intervals unless [`lease`](Self::lease) says otherwise, so the death of
    /// a node that holds a lease takes eight seconds to be decided.
    pub fn economy(self) -> Self {
        self.interval(Duration::from_millis(800)).full_mesh_max(8).rings(3)
    }

    /// The names of all nodes that are to be the first voters *(same on all of them)*. Default none: this node follows a
    /// history that others found. 1 to 9 names.
    ///
    /// They count at the very first start of these nodes only. Nobody votes before every one of them has been heard, and has the
    /// same list on its disk, with the same [`lease`](Self::lease); [`Event::FoundersDiffer`](crate::Event::FoundersDiffer) says
    /// where that cannot come about. Afterwards voters are replaced by [`change_voters`](crate::core::Node::change_voters).
    pub fn voters(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.voters = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long a voter vouches for a node that it has heard *(same on all voters)*. Default 10 intervals; at least
    /// 5 intervals and 50 ms, at most 10 min.
    ///
    /// It is agreed on at the founding; what holds later is in the view. The handle has no call to change it.
    ///
    /// It is the price of a verdict: nobody is dead sooner than this after its last heartbeat. A node that hears no majority
    /// steps down a little earlier, by `clock_drift_max` and `lease_margin`.
    pub fn lease(mut self, length: Duration) -> Self {
        self.lease = Some(length);
        self
    }

    /// By how much the rate of any node's monotonic clock may be off. Default 10⁻³; 10⁻³ to 0.1.
    ///
    /// A slewed clock can be off by several per cent for a while; one that nobody slews, by a tenth of the default.
    pub fn clock_drift_max(mut self, rate: f64) -> Self {
        self.clock_drift_max = rate;
        self
    }

    /// How much of a lease its holder leaves unused. Default an eighth of an interval; 0 to a quarter of `lease`.
    pub fn lease_margin(mut self, margin: Duration) -> Self {
        self.lease_margin = Some(margin);
        self
    }

    /// How long voters give a ballot before they try another. Default 2 intervals, but at least 100 ms and at most 60 s; 10 ms to
    /// 60 s.
    ///
    /// It should exceed a few round trips and writes to disk.
    pub fn ballot_timeout(mut self, length: Duration) -> Self {
        self.ballot_timeout = Some(length);
        self
    }

    /// From when on a node that is heard, but hears nobody, or has no majority, counts as silent. Default 40 intervals;
    /// at least 5 intervals and `lease`.
    pub fn deaf_after(mut self, length: Duration) -> Self {
        self.deaf_after = Some(length);
        self
    }

    /// Checks all fields and their relations.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the field's name, its value, and what would be accepted.
    pub fn build(self) -> Result<Config, ConfigError> {
        let hour = Duration::from_secs(3600);
        let interval =
            duration("interval", self.interval, Duration::from_millis(10), Duration::from_secs(60))?;
        if !interval.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(ConfigError::Millis { field: "interval", value: interval });
        }
        let threshold = number("threshold", self.threshold, 1.0, 100.0)?;
        let probe = self.probe_threshold.unwrap_or(0.5 * threshold);
        if probe > threshold {
            return Err(ConfigError::Relation {
                field: "probe_threshold",
                value: probe.to_string(),
                relation: "above",
                other: "threshold",
                bound: threshold.to_string(),
            });
        }
        let votes = self.votes(interval)?;
        Ok(Config {
            cluster: Cluster::new(&self.cluster)?,
            interval,
            threshold,
            probe_threshold: number("probe_threshold", probe, 0.5, 100.0)?,
            silence_max: duration(
                "silence_max",
                self.silence_max.unwrap_or((50 * interval).max(Duration::from_secs(5))),
                5 * interval,
                24 * hour,
            )?,
            probe_relays: count("probe_relays", self.probe_relays, 0, 8)?,
            full_mesh_max: count("full_mesh_max", self.full_mesh_max, 2, 48)?,
            rings: count("rings", self.rings, 2, 16)?,
            retransmit: count("retransmit", self.retransmit as usize, 1, 16)? as u32,
            members_max: count("members_max", self.members_max, 2, 1_000_000)?,
            events_max: count("events_max", self.events_max, 16, 1_000_000)?,
            pause_max: duration("pause_max", self.pause_max, Duration::ZERO, hour)?,
            pause_reported: duration(
                "pause_reported",
                self.pause_reported.unwrap_or(3 * interval),
                interval,
                hour,
            )?,
            seed_retry_max: duration(
                "seed_retry_max",
                self.seed_retry_max.unwrap_or(interval.max(Duration::from_secs(10))),
                interval,
                hour,
            )?,
            leave_timeout: duration(
                "leave_timeout",
                self.leave_timeout.unwrap_or(20 * interval),
                interval,
                hour,
            )?,
            left_kept: duration("left_kept", self.left_kept, Duration::from_secs(60), 720 * hour)?,
            voters: votes.voters,
            lease: votes.lease,
            clock_drift_max: self.clock_drift_max,
            lease_margin: votes.margin,
            ballot_timeout: votes.ballot_timeout,
            deaf_after: votes.deaf_after,
        })
    }

    /// What concerns votes and leases.
    fn votes(&self, interval: Duration) -> Result<Votes, ConfigError> {
        let lease = self.lease.unwrap_or((10 * interval).max(VouchFor::MIN));
        if !lease.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(ConfigError::Millis { field: "lease", value: lease });
        }
        let margin = self.lease_margin.unwrap_or(interval / 8).min(self.lease_margin.unwrap_or(lease / 4));
        let drift = number("clock_drift_max", self.clock_drift_max, 1e-3, 0.1)?;
        let (ballot_min, ballot_max) = (Duration::from_millis(10), Duration::from_secs(60));
        let ballot = (2 * interval).clamp(Duration::from_millis(100), ballot_max);
        let ballot = self.ballot_timeout.unwrap_or(ballot);
        let deaf_after = self.deaf_after.unwrap_or((40 * interval).max(lease));
        let mut voters = Vec::new();
        for name in &self.voters {
            voters.push(NodeId::new(name).map_err(ConfigError::Voter)?);
        }
        voters.sort_unstable();
        count("voters", voters.len(), 0, VOTERS_MAX)?;
        if voters.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::VoterTwice);
        }
        Demands { interval, drift, margin, deaf_after }.check(lease)?;
        Ok(Votes {
            voters,
            lease: VouchFor::clamped(lease),
            margin,
            ballot_timeout: duration("ballot_timeout", ballot, ballot_min, ballot_max)?,
            deaf_after,
        })
    }
}

/// What a configuration demands of the length of vouchers: of the one that it begins with, and of any that is asked for later.
pub(crate) struct Demands {
    pub(crate) interval: Duration,
    pub(crate) drift: f64,
    pub(crate) margin: Duration,
    pub(crate) deaf_after: Duration,
}

impl Demands {
    /// Whether vouchers can be that long.
    pub(crate) fn check(&self, lease: Duration) -> Result<(), ConfigError> {
        let &Self { interval, drift, margin, deaf_after } = self;
        duration("lease", lease, (5 * interval).max(VouchFor::MIN), VouchFor::MAX)?;
        duration("lease_margin", margin, Duration::ZERO, lease / 4)?;
        let usable = lease_of(VouchFor::clamped(lease), drift, margin);
        duration("what drift and margin leave of lease", usable, 3 * interval, lease)?;
        let hour = Duration::from_secs(3600);
        duration("deaf_after", deaf_after, (5 * interval).max(lease), hour).map(|_| ())
    }
}

/// What concerns votes and leases, checked.
struct Votes {
    voters: Vec<NodeId>,
    lease: VouchFor,
    margin: Duration,
    ballot_timeout: Duration,
    deaf_after: Duration,
}

fn duration(
    field: &'static str,
    value: Duration,
    min: Duration,
    max: Duration,
) -> Result<Duration, ConfigError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::Duration { field, value, min, max })
    }
}

fn number(field: &'static str, value: f64, min: f64, max: f64) -> Result<f64, ConfigError> {
    // A NaN is in no range.
    if (min..=max).contains(&value) { Ok(value) } else { Err(ConfigError::Number { field, value, min, max }) }
}

fn count(field: &'static str, value: usize, min: usize, max: usize) -> Result<usize, ConfigError> {
    number(field, value as f64, min as f64, max as f64).map(|_| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_the_economy_profile_are_valid() {
        assert!(Config::builder("c").build().is_ok());
        assert!(Config::builder("c").economy().build().is_ok());
    }

    /// Nobody is told that a value is wrong that nobody has chosen.
    #[test]
    fn defaults_fit_every_interval() {
        for ms in [10, 100, 10_000, 10_001, 30_000, 30_001, 60_000] {
            let config = Config::builder("c").interval(Duration::from_millis(ms)).build();
            assert!(config.is_ok(), "{ms} ms: {config:?}");
        }
    }

    #[test]
    fn every_refusal_names_field_value_and_range() {
        let refused = |b: ConfigBuilder| b.build().expect_err("out of range").to_string();
        let c = || Config::builder("c");
        assert_eq!(refused(c().threshold(f64::NAN)), "threshold = NaN is outside 1..=100");
        assert_eq!(refused(c().threshold(0.5)), "threshold = 0.5 is outside 1..=100");
        assert_eq!(refused(c().probe_threshold(6.0)), "probe_threshold = 6 must not be above threshold = 5");
        assert_eq!(refused(c().rings(1)), "rings = 1 is outside 2..=16");
        assert_eq!(refused(c().full_mesh_max(49)), "full_mesh_max = 49 is outside 2..=48");
        assert_eq!(
            refused(c().interval(Duration::from_micros(10_500))),
            "interval = 10.5ms must be a whole number of milliseconds: it is sent to others as such"
        );
        assert_eq!(
            refused(c().pause_max(Duration::from_secs(3601))),
            "pause_max = 3601s is outside 0ns..=3600s"
        );
        assert_eq!(refused(Config::builder("")), "cluster: a name must have 1 to 64 bytes, this one has 0");
    }

    /// The interval is 100 ms and the lease 1 s unless said otherwise.
    #[test]
    fn what_would_break_the_arithmetic_of_leases_is_refused() {
        let ms = Duration::from_millis;
        let c = || Config::builder("c");
        let refused = |b: ConfigBuilder| b.build().expect_err("out of range").to_string();
        // Votes cost at least five intervals of silence, and 50 ms.
        assert_eq!(refused(c().lease(ms(499))), "lease = 499ms is outside 500ms..=600s");
        assert_eq!(refused(c().interval(ms(10)).lease(ms(49))), "lease = 49ms is outside 50ms..=600s");
        assert_eq!(refused(c().lease(ms(600_001))), "lease = 600.001s is outside 500ms..=600s");
        assert_eq!(
            refused(c().lease(Duration::from_micros(1_000_500))),
            "lease = 1.0005s must be a whole number of milliseconds: it is sent to others as such"
        );
        assert_eq!(refused(c().lease_margin(ms(251))), "lease_margin = 251ms is outside 0ns..=250ms");
        assert_eq!(refused(c().clock_drift_max(9e-4)), "clock_drift_max = 0.0009 is outside 0.001..=0.1");
        assert_eq!(refused(c().clock_drift_max(0.11)), "clock_drift_max = 0.11 is outside 0.001..=0.1");
        assert_eq!(refused(c().clock_drift_max(f64::NAN)), "clock_drift_max = NaN is outside 0.001..=0.1");
        // 500 ms are 409.09 ms by the slowest clock of those who rely on them, and the margin is not used.
        assert_eq!(
            refused(c().lease(ms(500)).clock_drift_max(0.1).lease_margin(ms(125))),
            "what drift and margin leave of lease = 284.090909ms is outside 300ms..=500ms"
        );
        assert_eq!(refused(c().deaf_after(ms(999))), "deaf_after = 999ms is outside 1s..=3600s");
        assert_eq!(
            refused(c().lease(ms(500)).deaf_after(ms(499))),
            "deaf_after = 499ms is outside 500ms..=3600s"
        );
        assert_eq!(refused(c().deaf_after(ms(3_600_001))), "deaf_after = 3600.001s is outside 1s..=3600s");
        // What is just within.
        for c in [
            c().lease(ms(500)).deaf_after(ms(500)),
            c().lease(ms(600_000)),
            c().lease_margin(ms(250)).clock_drift_max(1e-3),
            c().lease_margin(Duration::ZERO).clock_drift_max(0.1),
            c().lease(ms(500)).clock_drift_max(0.1).lease_margin(ms(109)),
        ] {
            assert!(c.clone().build().is_ok(), "{c:?}");
        }
    }
}
