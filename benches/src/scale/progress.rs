//! How far a run is, for whoever waits.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a bar, something is said at least this often.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A bar on a terminal; elsewhere, such as in a log, a line whenever something else is begun, and now and then.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    /// What is measured, and how many nodes that are.
    what: String,
    nodes: u64,
    doing: &'static str,
    /// When a line was last written, where there is no bar.
    told: Instant,
    /// Work before this measurement, and after it: nodes times how far each goes.
    before: u64,
    after: u64,
}

impl Progress {
    /// Of so much work: nodes times how far each goes.
    pub(super) fn new(work: u64) -> Self {
        let bar = ProgressBar::new(work);
        let style = "{bar:20} {percent:>3} %, {elapsed}, about {eta} to go | {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        // A moment of many nodes takes long.
        bar.enable_steady_tick(Duration::from_secs(1));
        let now = Instant::now();
        Self { bar, began: now, what: String::new(), nodes: 0, doing: "", told: now, before: 0, after: 0 }
    }

    /// A measurement begins, of so many nodes that go about so far.
    pub(super) fn begin(&mut self, what: String, nodes: usize, takes: u64) {
        (self.what, self.nodes, self.doing) = (what, nodes as u64, "");
        self.before = self.after;
        self.after = self.before + self.nodes * takes;
    }

    /// It has come so far.
    pub(super) fn at(&mut self, doing: &'static str, done: u64) {
        let position = (self.before + self.nodes * done).min(self.after);
        self.bar.set_position(position);
        if self.bar.is_hidden() && (doing != self.doing || self.told.elapsed() >= SILENCE_MAX) {
            let percent = 100 * u128::from(position) / u128::from(self.bar.length().unwrap_or(1).max(1));
            let seconds = self.began.elapsed().as_secs();
            eprintln!("{seconds:>4} s, {percent:>3} %  {}: {doing}", self.what);
            self.told = Instant::now();
        }
        if doing != self.doing {
            self.bar.set_message(format!("{}: {doing}", self.what));
            self.doing = doing;
        }
    }

    /// The measurement has ended.
    pub(super) fn end(&self) {
        self.bar.set_position(self.after);
        let line = format!("{:>4} s         {}: measured", self.began.elapsed().as_secs(), self.what);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
