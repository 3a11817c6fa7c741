//! One detector on one trace, at many settings of its knob.

use crate::detector::{Detector, Spec};
use crate::qos::{Gap, Tally};
use crate::replay::Replay;

/// What happened at each of the `knobs`.
pub fn run(spec: &Spec, replay: &Replay, knobs: &[f64]) -> Vec<Tally> {
    if !spec.feedback {
        return settings(&mut *(spec.build)(&replay.link, spec.knob.default), spec, replay, knobs);
    }
    let one = |knob: &f64| settings(&mut *(spec.build)(&replay.link, *knob), spec, replay, &[*knob]);
    knobs.iter().flat_map(one).collect()
}

/// The score at each judged arrival, for a detector built with `knob`.
pub fn scores(spec: &Spec, replay: &Replay, knob: f64) -> Vec<f64> {
    let mut detector = (spec.build)(&replay.link, knob);
    let gaps = replay.gaps();
    for arrival in &replay.arrivals[..gaps.start] {
        detector.arrive(arrival);
    }
    gaps.map(|gap| {
        detector.arrive(&replay.arrivals[gap]);
        detector.score(replay.arrivals[gap + 1].received_ns as f64)
    })
    .collect()
}

/// Mistakes at one setting, in order of the gaps; cheaper than [`run`].
pub fn mistakes(spec: &Spec, replay: &Replay, knob: f64) -> Vec<bool> {
    let mut detector = (spec.build)(&replay.link, knob);
    let level = (spec.knob.level)(knob);
    let gaps = replay.gaps();
    for arrival in &replay.arrivals[..gaps.start] {
        detector.arrive(arrival);
    }
    gaps.map(|gap| {
        detector.arrive(&replay.arrivals[gap]);
        detector.deadline(level) < replay.arrivals[gap + 1].received_ns as f64
    })
    .collect()
}

/// One setting under way.
struct Setting {
    level: f64,
    tally: Tally,
    /// When the detector last went over to suspecting, or will if nothing more arrives.
    suspected_from_ns: f64,
    /// It was suspecting when the last heartbeat arrived.
    suspecting: bool,
}

impl Setting {
    /// A heartbeat at `now` moved the deadline. Without one in the future the peer is suspected at once; if it was
    /// before, that suspicion merely goes on.
    fn arrived(&mut self, now: f64, deadline: f64) {
        if deadline > now {
            self.suspected_from_ns = deadline;
        } else if !self.suspecting {
            self.suspected_from_ns = now;
        }
    }
}

fn settings(detector: &mut dyn Detector, spec: &Spec, replay: &Replay, knobs: &[f64]) -> Vec<Tally> {
    let mut settings: Vec<Setting> = knobs
        .iter()
        .map(|knob| Setting {
            level: (spec.knob.level)(*knob),
            tally: Tally::new(replay.crashes.len()),
            suspected_from_ns: 0.0,
            suspecting: false,
        })
        .collect();
    let gaps = replay.gaps();
    for arrival in &replay.arrivals[..gaps.start] {
        detector.arrive(arrival);
    }
    let mut crashes = replay.crashes.iter().peekable();
    for index in gaps {
        let arrival = &replay.arrivals[index];
        detector.arrive(arrival);
        let from_ns = arrival.received_ns as f64;
        let gap =
            Gap { from_ns, to_ns: replay.arrivals[index + 1].received_ns as f64, block: replay.block(index) };
        for setting in &mut settings {
            let deadline = detector.deadline(setting.level);
            setting.arrived(from_ns, deadline);
            setting.tally.gap(gap, deadline);
            setting.suspecting = deadline < gap.to_ns;
        }
        while let Some(crash) = crashes.next_if(|crash| crash.last_arrival == index) {
            for setting in &mut settings {
                let time = (setting.suspected_from_ns - crash.at_ns).max(0.0);
                setting.tally.detection(time / replay.link.interval_ns);
            }
        }
    }
    settings.into_iter().map(|setting| setting.tally).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines;
    use crate::qos::Segment;
    use crate::trace::{Nature, Row, Trace};

    /// Sent every 10 ns, arriving 1 ns later, but for number 5, lost, and number 8, 6 ns late.
    fn replay(crashes: usize) -> Replay {
        let rows = (0..11u64)
            .map(|seq| Row {
                seq,
                sent_ns: seq * 10,
                received_ns: match seq {
                    5 => None,
                    8 => Some(87),
                    _ => Some(seq * 10 + 1),
                },
            })
            .collect();
        let trace = Trace { name: "hand".into(), nature: Nature::Recorded, rows, nominal_ns: None };
        Replay::with_warm_up(&trace, 1, 2, crashes, 1).unwrap()
    }

    #[test]
    fn mistakes_durations_and_accuracy_by_hand() {
        // Gaps: 10 10 10 10 20 10 16 4 10, together 100. A timeout of 12 is exceeded by 20 (for 8) and 16 (for 4).
        let replay = replay(0);
        let qos = run(&baselines::fixed::SPEC, &replay, &[1.2])[0].qos(&replay, Segment::All, 1);
        assert_eq!((qos.gaps, qos.mistakes), (9, 2));
        assert!((qos.per_second - 2.0 / 100e-9).abs() < 1e-3);
        assert!((qos.mistake_seconds - 6e-9).abs() < 1e-20);
        assert!((qos.query_accuracy - 0.88).abs() < 1e-12);
        assert!((qos.timeout - 1.2).abs() < 1e-12);
        // Strictly before: a deadline that is met to the nanosecond is no mistake.
        let strict: Vec<u64> = run(&baselines::fixed::SPEC, &replay, &[1.0, 1.6, 2.0])
            .iter()
            .map(|tally| tally.mistakes(Segment::All))
            .collect();
        assert_eq!(strict, [2, 1, 0]);
    }

    #[test]
    fn halves_add_up() {
        let replay = replay(0);
        let tally = &run(&baselines::fixed::SPEC, &replay, &[1.2])[0];
        // Nine gaps from 0, the middle at 4: the gaps of 20 and 16 are both in the second half.
        assert_eq!(replay.middle_gap, 4);
        assert_eq!((tally.mistakes(Segment::First), tally.mistakes(Segment::Second)), (0, 2));
        assert_eq!(tally.qos(&replay, Segment::First, 1).gaps, 4);
        assert_eq!(tally.qos(&replay, Segment::Second, 1).gaps, 5);
    }

    #[test]
    fn detection_time_is_the_timeout_less_the_age_of_the_last_heartbeat() {
        // A timeout of 30: a crash u after a send (u uniform over 10) is detected 1 + 30 - u later, except in the
        // send interval of the lost heartbeat, where the last arrival is 10 older, and after number 8, 6 later.
        let replay = replay(10_000);
        let tally = &run(&baselines::fixed::SPEC, &replay, &[3.0])[0];
        let detection = tally.qos(&replay, Segment::All, 1).detection;
        let mean = (10.0 * (31.0 - 5.0) - 10.0 + 6.0) / 10.0 / 10.0;
        assert!((detection.mean - mean).abs() < 1e-3, "{} {mean}", detection.mean);
        assert!((detection.max - 3.7).abs() < 0.01, "{}", detection.max);
        assert_eq!(detection.never, 0.0);
        // A crash is detected in no time if the peer is already suspected for good.
        let tally = &run(&baselines::fixed::SPEC, &replay, &[0.2])[0];
        assert_eq!(tally.qos(&replay, Segment::All, 1).detection.p50, 0.0);
    }

    #[test]
    fn scores_and_deadlines_count_the_same_mistakes() {
        let replay = replay(0);
        for knob in [0.9, 1.1, 1.5, 1.9] {
            let by_score =
                scores(&baselines::fixed::SPEC, &replay, knob).iter().filter(|s| **s > knob).count();
            let by_deadline = mistakes(&baselines::fixed::SPEC, &replay, knob).iter().filter(|m| **m).count();
            let by_run = run(&baselines::fixed::SPEC, &replay, &[knob])[0].mistakes(Segment::All);
            assert_eq!((by_score, by_score as u64), (by_deadline, by_run), "{knob}");
        }
    }
}
