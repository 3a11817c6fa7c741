//! How far a run is, for whoever waits.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal; elsewhere, such as in a log, a line whenever something else is begun.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    /// What is measured, and how many nodes that are.
    what: String,
    nodes: u64,
    doing: &'static str,
    /// Work before this measurement, and after it, in nodes times nanoseconds of virtual time.
    before: u64,
    after: u64,
}

impl Progress {
    /// Of so much work, which is nodes times nanoseconds of virtual time.
    pub(super) fn new(work: u64) -> Self {
        let bar = ProgressBar::new(work);
        let style = "{bar:20} {percent:>3} %, {elapsed}, about {eta} to go | {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        // A moment of many nodes takes long.
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar, began: Instant::now(), what: String::new(), nodes: 0, doing: "", before: 0, after: 0 }
    }

    /// A measurement begins, of so many nodes for about so long.
    pub(super) fn begin(&mut self, what: String, nodes: usize, takes: u64) {
        (self.what, self.nodes, self.doing) = (what, nodes as u64, "");
        self.before = self.after;
        self.after = self.before + self.nodes * takes;
    }

    /// It has come to this moment of virtual time.
    pub(super) fn at(&mut self, doing: &'static str, now: u64) {
        self.bar.set_position((self.before + self.nodes * now).min(self.after));
        self.bar.set_message(format!("{}: {doing}, {:.1} s simulated", self.what, now as f64 / 1e9));
        if self.bar.is_hidden() && doing != self.doing {
            eprintln!("{:>4} s  {}: {doing}", self.began.elapsed().as_secs(), self.what);
        }
        self.doing = doing;
    }

    /// The measurement has ended.
    pub(super) fn end(&self) {
        self.bar.set_position(self.after);
        let line = format!("{:>4} s  {}: measured", self.began.elapsed().as_secs(), self.what);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
