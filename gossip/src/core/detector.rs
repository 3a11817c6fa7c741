//! How silence becomes a number: the one place that knows the failure detector.
//!
//! A stand-in with the interface of `phi_detector::PhiDetector`: lateness as mean and deviation, loss as a rate, and
//! the odds that a live node is silent for k further intervals as that rate to the power of k.

use std::time::Duration;

/// The suspicion level of one life of one neighbour.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    interval: f64,
    last: Option<(u64, Duration)>,
    /// Lateness against "last + interval", in seconds.
    mean: f64,
    deviation: f64,
    loss: f64,
    censored: bool,
}

const GAIN: f64 = 1.0 / 32.0;
const LOSS_MIN: f64 = 0.01;
const LOSS_MAX: f64 = 0.7;

impl Detector {
    pub(crate) fn new(interval: Duration) -> Self {
        let interval = interval.as_secs_f64();
        Self { interval, last: None, mean: 0.0, deviation: interval / 2.0, loss: 0.03, censored: false }
    }

    /// Takes a heartbeat; false if it is not fresher than those before.
    pub(crate) fn heartbeat_sent(&mut self, seq: u64, _sent: Duration, now: Duration) -> bool {
        if let Some((last_seq, last)) = self.last {
            if seq <= last_seq {
                return false;
            }
            if !self.censored {
                let lost = (seq - last_seq - 1).min(32);
                for _ in 0..lost {
                    self.loss += GAIN * (1.0 - self.loss);
                }
                self.loss -= GAIN * self.loss;
                let gaps = (lost + 1) as f64;
                let late = now.saturating_sub(last).as_secs_f64() - gaps * self.interval;
                self.mean += GAIN * (late - self.mean);
                self.deviation += GAIN * ((late - self.mean).abs() - self.deviation);
            }
        }
        self.censored = false;
        self.last = Some((seq, now));
        true
    }

    pub(crate) fn phi(&self, now: Duration) -> f64 {
        let Some((_, last)) = self.last else { return 0.0 };
        let silent = now.saturating_sub(last).as_secs_f64();
        ((silent - self.expected()) / self.interval * self.decades()).max(0.0)
    }

    pub(crate) fn deadline(&self, threshold: f64) -> Duration {
        let Some((_, last)) = self.last else { return Duration::MAX };
        let silent = self.expected() + threshold / self.decades() * self.interval;
        Duration::try_from_secs_f64(silent + 1e-9).map_or(Duration::MAX, |d| last.saturating_add(d))
    }

    /// Takes a pause of the observer out of the silence.
    pub(crate) fn stalled(&mut self, length: Duration) {
        if let Some((_, last)) = &mut self.last {
            *last = last.saturating_add(length);
            self.censored = true;
        }
    }

    fn expected(&self) -> f64 {
        self.interval + self.mean.max(0.0) + 4.0 * self.deviation
    }

    fn decades(&self) -> f64 {
        -(1.5 * self.loss).clamp(LOSS_MIN, LOSS_MAX).log10()
    }
}
