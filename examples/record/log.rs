//! Arrivals on disk as they come in, so that a crash costs no more than the last second.
//!
//! One line an arrival, `seq,sent_ns,received_ns`, each time on its own host's clock; a line without an arrival is the
//! sender's last heartbeat, as the sender tells it. When the recording is over the trace is written from memory and this
//! file removed; after a crash `finish` makes the trace from it.

use crate::recording::Recording;
use anyhow::{Context as _, bail};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

const HEADER: &str = "heartbeat arrivals 1: seq,sent_ns,received_ns";

/// The log of a recording in progress.
#[derive(Debug)]
pub(crate) struct Log(BufWriter<File>);

impl Log {
    /// A new file; one that is there already is left alone.
    pub(crate) fn create(path: &Path) -> std::io::Result<Self> {
        let mut log = Self(BufWriter::new(File::create_new(path)?));
        writeln!(log.0, "{HEADER}")?;
        log.flush()?;
        Ok(log)
    }

    pub(crate) fn heartbeat(&mut self, seq: u64, sent_ns: u64, received_ns: u64) -> std::io::Result<()> {
        writeln!(self.0, "{seq},{sent_ns},{received_ns}")
    }

    pub(crate) fn end(&mut self, seq: u64, sent_ns: u64) -> std::io::Result<()> {
        writeln!(self.0, "{seq},{sent_ns},")
    }

    /// Hands everything so far to the operating system: it then survives this program, though not a power cut.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The recording that a log tells of. A last line that was cut short is passed over.
pub(crate) fn read(path: &Path) -> anyhow::Result<Recording> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut recording = Recording::with_limit(None);
    let mut text = String::new();
    for line in 1_u64.. {
        text.clear();
        reader.read_line(&mut text).with_context(|| format!("{}: line {line}", path.display()))?;
        let Some(whole) = text.strip_suffix('\n') else {
            break;
        };
        if line == 1 {
            if whole != HEADER {
                bail!(
                    "{}: it does not begin with `{HEADER}`; give the .part file of `record listen`",
                    path.display()
                );
            }
        } else if take(&mut recording, whole).is_none() {
            bail!(
                "{}: line {line}: `{whole}` is not seq,sent_ns,received_ns; delete the line to go on",
                path.display()
            );
        }
    }
    Ok(recording)
}

fn take(recording: &mut Recording, line: &str) -> Option<()> {
    let (seq, times) = line.split_once(',')?;
    let (sent, received) = times.split_once(',')?;
    let (seq, sent_ns) = (seq.parse().ok()?, sent.parse().ok()?);
    if received.is_empty() {
        recording.end(seq, sent_ns);
    } else {
        recording.heartbeat(seq, sent_ns, received.parse().ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("record-log-{}-{name}", std::process::id()))
    }

    #[test]
    fn what_was_logged_is_what_is_read_and_half_a_line_is_passed_over() {
        let path = scratch("whole");
        let mut log = Log::create(&path).unwrap();
        log.heartbeat(4, 40, 1_041).unwrap();
        log.heartbeat(6, 60, 1_060).unwrap();
        log.end(7, 70).unwrap();
        log.0.write_all(b"8,80,10").unwrap();
        log.flush().unwrap();
        let rows: Vec<_> =
            read(&path).unwrap().rows().unwrap().map(|row| (row.sent_ns, row.received_ns)).collect();
        assert_eq!(rows, [(0, Some(1)), (10, None), (20, Some(20)), (30, None)]);
        assert!(Log::create(&path).is_err(), "a log is not overwritten");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_no_log_is_refused_with_its_line() {
        let path = scratch("bad");
        std::fs::write(&path, "seq,send_ns,recv_ns\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("give the .part file"));
        std::fs::write(&path, format!("{HEADER}\n1,2,3\n4,x,5\n")).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("line 3: `4,x,5` is not seq,sent_ns,received_ns"), "{message}");
        std::fs::remove_file(path).unwrap();
    }
}
