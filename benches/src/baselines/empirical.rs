//! The empirical distribution of the last thousand inter-arrival times.
//!
//! Satzger, Pietzowski, Trumler and Ungerer, *A New Adaptive Accrual Failure Detector for Dependable Distributed
//! Systems*, SAC 2007, section 3: suspicion is the share of the sampled inter-arrival times that the silence has
//! outlasted. Put as φ this is −log10 of the share not yet outlasted, which ends at log10 of the window's size. Past
//! the longest sample the paper's detector is certain; so that its knob can be swept on, φ grows there by one for
//! every tenfold of the longest sample, which is the same as the scaling factor its authors give to users.

use super::window::Window;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

const WINDOW: usize = 1_000;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "empirical",
    label: "empirical (Satzger)",
    source: "Satzger et al., SAC 2007, section 3; window 1,000",
    knob: Knob { unit: "φ", min: 0.3, max: 9.0, default: 3.0, level: |phi| 10f64.powf(-phi) },
    // log10 of the window
    claim: Claim::Phi { phi_max: 3.0 },
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Empirical::new(link)),
};

#[derive(Debug)]
struct Empirical {
    window: Window,
    ascending: Vec<i64>,
    last: Option<u64>,
    interval_ns: f64,
}

impl Empirical {
    fn new(link: &Link) -> Self {
        let ascending = Vec::with_capacity(WINDOW + 1);
        Self { window: Window::new(WINDOW), ascending, last: None, interval_ns: link.interval_ns }
    }

    fn last_ns(&self) -> f64 {
        self.last.unwrap_or(0) as f64
    }

    /// The longest sample; the interval as long as there is none.
    fn longest_ns(&self) -> f64 {
        self.ascending.last().map_or(self.interval_ns, |longest| (*longest).max(1) as f64)
    }
}

impl Detector for Empirical {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if let Some(last) = self.last {
            let sample = (heartbeat.received_ns - last).cast_signed();
            if let Some(left) = self.window.push(sample) {
                let place = self.ascending.partition_point(|x| *x < left);
                self.ascending.remove(place);
            }
            let place = self.ascending.partition_point(|x| *x < sample);
            self.ascending.insert(place, sample);
        }
        self.last = Some(heartbeat.received_ns);
    }

    fn deadline(&self, share_left: f64) -> f64 {
        let n = self.ascending.len();
        // A hair more, so that the rounding of a whole number of samples cannot ask for the next longer one.
        let outlasting = n as f64 * share_left * (1.0 + 1e-12);
        if outlasting < 1.0 {
            return self.last_ns() + self.longest_ns() / outlasting.max(f64::MIN_POSITIVE);
        }
        match n.checked_sub((outlasting as usize).saturating_add(1)) {
            Some(rank) => self.last_ns() + self.ascending[rank] as f64,
            None => self.last_ns(),
        }
    }

    fn score(&self, now_ns: f64) -> f64 {
        let silence = now_ns - self.last_ns();
        let n = self.ascending.len();
        let outlasting = n - self.ascending.partition_point(|x| (*x as f64) < silence);
        if outlasting > 0 {
            return (n as f64 / outlasting as f64).log10();
        }
        (n.max(1) as f64).log10() + (silence / self.longest_ns()).max(1.0).log10()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;

    fn level(phi: f64) -> f64 {
        (SPEC.knob.level)(phi)
    }

    /// Inter-arrivals 10, 20, …, 100, shuffled: each tenth of the window has its own.
    fn tenths() -> Box<dyn Detector> {
        let mut detector = (SPEC.build)(&Link { interval_ns: 50.0 }, 0.0);
        let mut received = vec![0];
        for step in [30, 100, 10, 70, 50, 90, 20, 80, 60, 40] {
            received.push(received[received.len() - 1] + step);
        }
        show(&mut *detector, 50, &received);
        detector
    }

    #[test]
    fn phi_is_the_share_of_samples_the_silence_has_not_outlasted() {
        let detector = tenths();
        let last = 550.0;
        assert_eq!(detector.score(last + 49.0), -0.6f64.log10());
        assert_eq!(detector.score(last + 50.0), -0.6f64.log10(), "as long as a sample has not outlasted it");
        assert_eq!(detector.score(last + 51.0), 2f64.log10());
        assert_eq!(detector.score(last + 100.0), 1.0);
        assert_eq!(detector.deadline(level(2f64.log10() - 1e-9)), last + 50.0);
    }

    #[test]
    fn past_the_longest_sample_phi_grows_by_one_for_each_tenfold() {
        let detector = tenths();
        assert!((detector.score(550.0 + 1_000.0) - 2.0).abs() < 1e-12);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[1.5, 2.0, 4.0]);
    }

    #[test]
    fn the_window_forgets() {
        let mut detector = Empirical::new(&Link { interval_ns: 10.0 });
        let received: Vec<u64> =
            (0..WINDOW as u64 + 2).map(|i| if i == 0 { 0 } else { 990 + i * 10 }).collect();
        show(&mut detector, 10, &received);
        assert_eq!(detector.ascending.len(), WINDOW);
        assert_eq!(detector.longest_ns(), 10.0);
    }
}
