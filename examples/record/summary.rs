//! What was recorded, and what to do with it.

use crate::output::Output;
use crate::recording::Recording;
use std::fmt;
use std::time::Duration;

/// As many heartbeats as the accuracy program needs to have arrived before it judges a trace.
pub(crate) const ARRIVALS_MIN: u64 = 2_100;

/// The lines printed at the end.
pub(crate) struct Summary<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) output: &'a Output,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recording, tally) = (self.recording, self.recording.tally());
        let (heartbeats, lost) = (recording.len(), recording.missing());
        let percent = 100.0 * lost as f64 / heartbeats.max(1) as f64;
        writeln!(f, "{heartbeats} heartbeats: {} received, {lost} lost ({percent:.2} %)", tally.received)?;
        if tally.overtaken + tally.duplicates > 0 {
            writeln!(
                f,
                "{} came after a later one, {} further copies were ignored",
                tally.overtaken, tally.duplicates
            )?;
        }
        write!(f, "delays are relative: the smallest of them is taken as zero")?;
        if let Some((drift_ns, apart_ns)) = recording.floor_drift_ns() {
            let (drift_ms, parts) = (drift_ns as f64 / 1e6, drift_ns as f64 / apart_ns as f64 * 1e6);
            let apart = humantime::format_duration(Duration::from_secs(apart_ns / 1_000_000_000));
            write!(
                f,
                "\nthe smallest delay changed by {drift_ms:+.3} ms within {apart}: the clocks run {parts:+.1} millionths \
                 apart, or the path has changed"
            )?;
        }
        if tally.received < ARRIVALS_MIN {
            write!(f, "\nthe accuracy program needs {ARRIVALS_MIN} that arrived: record for longer")?;
        }
        match self.output {
            Output::Stdout => Ok(()),
            Output::File { path, .. } => {
                write!(
                    f,
                    "\nnext:\n  cargo run --release -p benches --bin accuracy -- --trace {}",
                    path.display()
                )
            }
        }
    }
}
