//! The child: reads serf's log and writes the harness's lines; reads the harness's commands and obeys them.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::thread;

use agent::Report;
use anyhow::Context as _;
use rustix::process::{Signal, getppid, kill_process};

use crate::log::{self, Event};

/// So many lines of a serf that has never run are shown.
const LAST_WORDS_MAX: usize = 20;

/// Until the log ends, as it does with serf. `fd` is the number of the file descriptor that it comes from.
pub(crate) fn run(fd: &str, serf: i32, name: &str) -> anyhow::Result<()> {
    let input = File::open(format!("/dev/fd/{fd}")).context("cannot open serf's log")?;
    thread::spawn(move || obey(serf));
    let mut report = Report::of(name);
    // None once it has run.
    let mut words = Some(Vec::new());
    for line in BufReader::new(input).lines() {
        let line = line.context("cannot read serf's log")?;
        if log::is_running(&line) {
            words = None;
        }
        if let Some(words) = words.as_mut().filter(|words| words.len() < LAST_WORDS_MAX) {
            words.push(line.clone());
        }
        match log::parse(&line) {
            // It does not say which life of a node this is.
            Some(Event::Up(name)) => report.up(name, 0),
            Some(Event::Down(name)) => report.down(name),
            Some(Event::Left(name)) => report.left(name),
            None => {}
        }
    }
    for line in words.into_iter().flatten() {
        eprintln!("{line}");
    }
    Ok(())
}

/// Waits for a command to leave. serf leaves in good order when it is interrupted.
fn obey(serf: i32) {
    if agent::commands().recv().is_err() {
        return;
    }
    // If serf has ended, its number may be another's by now; but then it is not the parent any more.
    if let Some(pid) = getppid().filter(|parent| parent.as_raw_nonzero().get() == serf)
        && let Err(error) = kill_process(pid, Signal::INT)
    {
        eprintln!("cannot ask serf to leave: {error}");
    }
}
