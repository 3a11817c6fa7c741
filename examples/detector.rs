//! The detector in thirty lines: a peer's heartbeats, how suspicious its silence is, and what a threshold costs.
//!
//!     cargo run --release --example detector
//!
//! Time is whatever the caller says it is, so a day of heartbeats takes a moment here.

use phi_detector::{Config, ConfigError, PhiDetector};
use std::time::Duration;

fn main() -> Result<(), ConfigError> {
    let interval = Duration::from_millis(100);
    let mut detector = PhiDetector::new(Config::new(interval))?;

    // A day of heartbeats. Each is delayed a little, one in fifty by up to 40 ms more, and one in a hundred is lost.
    let mut last = Duration::ZERO;
    for seq in 0..864_000 {
        let luck = (f64::from(seq) * 0.618_033_988_749_895).fract();
        let stall_ms = if luck < 0.02 { luck * 2_000.0 } else { 0.0 };
        if luck < 0.99 {
            last = interval * seq + Duration::from_secs_f64((20.0 + 5.0 * luck + stall_ms) / 1e3);
            detector.heartbeat(u64::from(seq), last);
        }
    }

    println!(
        "A peer that sends every {interval:?} has just crashed.\n\nsilence   level   as if one heartbeat in"
    );
    for silence_ms in [50, 100, 120, 150, 200, 300, 500, 1_000] {
        let phi = detector.phi(last + Duration::from_millis(silence_ms));
        println!("{silence_ms:>4} ms {phi:>8.2}   {:.0} were this late", 10f64.powf(phi));
    }

    println!("\nthreshold   suspected after   a false suspicion about every");
    for threshold in [2.0, 3.0, 4.0, 4.94, 6.0] {
        let silence = detector.deadline(threshold) - last;
        let between = interval.mul_f64(10f64.powf(threshold));
        println!(
            "{threshold:>9}   {:>12} ms   {:.1} minutes",
            silence.as_millis(),
            between.as_secs_f64() / 60.0
        );
    }

    let (kept, level) = (detector.calibration(), 2);
    println!(
        "\nIts own record: {} of {} heartbeats came above level {level}; the promise allows {:.0}.",
        kept.exceeded(level).unwrap_or_default(),
        kept.heartbeats(),
        kept.expected(level),
    );
    Ok(())
}
