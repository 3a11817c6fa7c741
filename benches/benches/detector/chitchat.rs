//! A reproduction of chitchat's sampling window, to be timed.
//!
//! chitchat 0.13 keeps the type private, so it cannot be called. What is here does the same arithmetic on the same data
//! types, written anew from what `failure_detector.rs` does: a boxed slice of 1,000 intervals as seconds in `f64`, their
//! running sum, five intervals of 5 s mixed into the mean, intervals above 10 s left out, φ = elapsed / mean. What
//! surrounds it in chitchat (a hash map from the peer's identity, sets of live and dead peers) is left out, to its favour.

use std::time::{Duration, Instant};

const SAMPLES: usize = 1_000;
const INTERVAL_MAX: Duration = Duration::from_secs(10);
const PRIOR_WEIGHT: f64 = 5.0;
const PRIOR_MEAN_S: f64 = 5.0;

/// What a window measures with: the caller's time, or the clock that chitchat reads.
pub(crate) trait Moment: Copy {
    fn since(self, earlier: Self) -> Duration;
}

impl Moment for Duration {
    fn since(self, earlier: Self) -> Duration {
        self.saturating_sub(earlier)
    }
}

impl Moment for Instant {
    fn since(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

pub(crate) struct SamplingWindow<M> {
    seconds: Box<[f64]>,
    next: usize,
    full: bool,
    sum: f64,
    last: Option<M>,
    interval_max: Duration,
    prior_mean_s: f64,
    prior_weight: f64,
}

impl<M: Moment> SamplingWindow<M> {
    pub(crate) fn new() -> Self {
        Self {
            seconds: vec![0.0; SAMPLES].into_boxed_slice(),
            next: 0,
            full: false,
            sum: 0.0,
            last: None,
            interval_max: INTERVAL_MAX,
            prior_mean_s: PRIOR_MEAN_S,
            prior_weight: PRIOR_WEIGHT,
        }
    }

    #[inline]
    pub(crate) fn heartbeat(&mut self, now: M) {
        if let Some(last) = self.last {
            let interval = now.since(last);
            if interval <= self.interval_max {
                self.append(interval.as_secs_f64());
            }
        }
        self.last = Some(now);
    }

    fn append(&mut self, seconds: f64) {
        if self.full {
            self.sum -= self.seconds[self.next];
        }
        self.seconds[self.next] = seconds;
        self.sum += seconds;
        if self.next == self.seconds.len() - 1 {
            self.full = true;
            self.next = 0;
        } else {
            self.next += 1;
        }
    }

    fn mean_s(&self) -> Option<f64> {
        let samples = if self.full { self.seconds.len() } else { self.next };
        (samples > 0).then(|| {
            (self.sum + self.prior_weight * self.prior_mean_s) / (samples as f64 + self.prior_weight)
        })
    }

    #[inline]
    pub(crate) fn phi(&self, now: impl FnOnce() -> M) -> Option<f64> {
        let (last, mean_s) = (self.last?, self.mean_s()?);
        Some(now().since(last).as_secs_f64() / mean_s)
    }

    /// Its own answer to "how long may this peer be silent", which chitchat computes in closed form.
    #[inline]
    pub(crate) fn timeout(&self, threshold: f64) -> Option<Duration> {
        Duration::try_from_secs_f64(self.mean_s()? * threshold).ok()
    }
}
