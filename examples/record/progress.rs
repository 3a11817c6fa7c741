//! A line on the terminal that says how far we are. It has a thread of its own, so that a slow terminal delays nothing
//! that is being measured.

use crate::stop::Stop;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(250);

/// Redraws the line until dropped; draws nothing if standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    over: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn show(describe: impl Fn() -> String + Send + 'static) -> Self {
        let over = Arc::new(Stop::default());
        let thread = std::io::stderr().is_terminal().then(|| {
            let over = over.clone();
            std::thread::spawn(move || draw(&over, describe))
        });
        Self { over, thread }
    }
}

fn draw(over: &Stop, describe: impl Fn() -> String) {
    let mut next = Instant::now();
    let mut terminal = std::io::stderr();
    while !over.sleep_until(next) {
        next += EVERY;
        // To the start of the line, and clear what was there. A terminal that fails is no reason to stop.
        let _ = write!(terminal, "\r\x1b[K{}", describe());
    }
    let _ = write!(terminal, "\r\x1b[K");
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.over.raise();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Says something that is to stay on the screen.
pub(crate) fn note(text: &str) {
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    eprintln!("{clear}{text}");
}
