//! What every failure detector here can be asked, and how one enters the comparison.
//!
//! Times are nanoseconds on the receiver's clock as `f64`: traces end before 2^53 ns, where they stop being exact.

/// A heartbeat as a detector sees it when it arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heartbeat {
    /// The sender's counter.
    pub seq: u64,
    /// When it was sent, on a clock that may be offset against the receiver's.
    pub sent_ns: u64,
    /// When it arrived.
    pub received_ns: u64,
}

/// What is configured rather than learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The nominal heartbeat interval.
    pub interval_ns: f64,
}

/// A failure detector under replay, before it is told how cautious to be.
pub trait Detector {
    /// Learns from a fresh heartbeat; one not above the last sequence number is never shown to it.
    fn arrive(&mut self, heartbeat: &Heartbeat);

    /// The instant from which the peer is suspected unless another heartbeat comes first.
    ///
    /// `level` is the knob as [`Knob::level`] turned it over. It may lie before the last arrival (the peer is suspected
    /// at once) and may be infinite (never).
    fn deadline(&self, level: f64) -> f64;

    /// The level of suspicion at `now_ns`, in the knob's own unit.
    ///
    /// It does not fall between two heartbeats, and exceeds a knob exactly where that knob's deadline has passed.
    fn score(&self, now_ns: f64) -> f64;
}

/// The one parameter by which a detector trades mistakes against time.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// What it counts, for tables.
    pub unit: &'static str,
    /// The least value worth sweeping.
    pub min: f64,
    /// The greatest value worth sweeping.
    pub max: f64,
    /// The authors' own setting; where they give none, a usual one.
    pub default: f64,
    /// Does the part of the arithmetic that depends on the knob alone, once instead of at every heartbeat.
    pub level: fn(f64) -> f64,
}

impl Knob {
    /// `points` values over the whole range, evenly spaced in the logarithm.
    pub fn grid(&self, points: usize) -> Vec<f64> {
        let (low, high) = (self.min.ln(), self.max.ln());
        let last = points.saturating_sub(1).max(1) as f64;
        (0..points).map(|i| (low + (high - low) * i as f64 / last).exp()).collect()
    }
}

/// Whether a detector's knob claims to be a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claim {
    /// A knob of k promises at most one mistake in 10^k gaps, for k up to `phi_max`.
    Phi {
        /// Beyond it the detector itself makes no claim.
        phi_max: f64,
    },
    /// It is a length of time or a factor.
    None,
}

/// One line of the registry: a detector, where it is from, and how to build it.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Short name: command line, CSV.
    pub name: &'static str,
    /// Name in legends and tables.
    pub label: &'static str,
    /// The paper and section, or the program and version.
    pub source: &'static str,
    /// What is swept.
    pub knob: Knob,
    /// What the knob promises.
    pub claim: Claim,
    /// The knob decides what the detector learns, so that each setting needs a replay of its own.
    pub feedback: bool,
    /// This project's own.
    pub ours: bool,
    /// A new instance; the knob matters only with `feedback`.
    pub build: fn(&Link, f64) -> Box<dyn Detector>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_spans_the_range_in_equal_ratios() {
        let knob = Knob { unit: "φ", min: 1.0, max: 100.0, default: 8.0, level: |k| k };
        let grid = knob.grid(3);
        for (found, wanted) in grid.iter().zip([1.0, 10.0, 100.0]) {
            assert!((found - wanted).abs() < 1e-9, "{grid:?}");
        }
    }
}
