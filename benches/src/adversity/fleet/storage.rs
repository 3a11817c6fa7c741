//! What all holders of leases write to: a storage behind a gate, which lets in nobody with a token lower than one it has seen.
//!
//! It lives in this process, and is reached by a socket in the file system, since nodes may be in network namespaces.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use fencing_gate::{FencingGate, Token};

/// Dropping it ends the service; who is connected notices when it asks next.
#[derive(Debug)]
pub(super) struct Storage {
    path: PathBuf,
    written: Arc<Mutex<Written>>,
    over: Arc<AtomicBool>,
}

/// One gate for each lease, and what came to them, in that order, each line with what became of it.
#[derive(Debug, Default)]
struct Written {
    gates: BTreeMap<String, FencingGate>,
    lines: Vec<String>,
}

impl Storage {
    /// Serves at this path, where nothing must be yet.
    pub(super) fn serve(path: PathBuf) -> anyhow::Result<Self> {
        let listener = UnixListener::bind(&path).context("holders of leases have no storage")?;
        let written = Arc::new(Mutex::new(Written::default()));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (written.clone(), over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, ended) = (shared.clone(), ended.clone());
                std::thread::spawn(move || attend(stream, &shared, &ended));
            }
        });
        Ok(Self { path, written, over })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All writes, each with `ok` or `refused` behind it.
    pub(super) fn written(&self) -> Vec<String> {
        lock(&self.written).lines.clone()
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // It waits for somebody to connect.
        _ = UnixStream::connect(&self.path);
    }
}

/// One holder, for as long as it writes. One that is killed says no more; one that is stopped says it later.
fn attend(stream: UnixStream, written: &Mutex<Written>, over: &AtomicBool) {
    let Ok(mut answers) = stream.try_clone() else { return };
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let answer = match lock(written).write(&line) {
            Ok(()) => "ok\n".to_owned(),
            Err(error) => format!("refused: {error:#}\n"),
        };
        if answers.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    // Nothing in it is half done when a thread ends.
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Written {
    /// `MICROSECONDS NODE LEASE GENESIS TOKEN`: admitted, and kept, or refused, and kept as that.
    fn write(&mut self, line: &str) -> anyhow::Result<()> {
        let result = self.admit(line);
        self.lines.push(format!("{line} {}", if result.is_ok() { "ok" } else { "refused" }));
        result
    }

    fn admit(&mut self, line: &str) -> anyhow::Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, _, lease, genesis, token] = words[..] else {
            anyhow::bail!("write MICROSECONDS NODE LEASE GENESIS TOKEN")
        };
        let genesis = u64::from_str_radix(genesis, 16).context("the history")?;
        let token = Token::new(token.parse().context("the token")?);
        let gate = match self.gates.entry(lease.to_owned()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            // The history of whoever comes first is that of the resource.
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(FencingGate::new(genesis, lease)?)
            }
        };
        Ok(gate.admit(genesis, lease, token)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(connection: &mut BufReader<UnixStream>, line: &str) -> String {
        let mut answer = String::new();
        connection.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the storage listens");
        connection.read_line(&mut answer).expect("it answers");
        answer
    }

    #[test]
    fn a_token_that_has_been_overtaken_is_refused_and_both_are_kept_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = Storage::serve(dir.path().join("storage")).expect("a socket");
        let connect = || BufReader::new(UnixStream::connect(storage.path()).expect("it listens"));
        let (mut one, mut other) = (connect(), connect());
        assert_eq!(ask(&mut one, "1 n1 lock 00ff 7"), "ok\n");
        assert_eq!(ask(&mut other, "2 n2 lock 00ff 8"), "ok\n");
        assert!(ask(&mut one, "3 n1 lock 00ff 7").starts_with("refused: "));
        assert_eq!(ask(&mut one, "4 n1 other 00ff 7"), "ok\n", "every lease has its gate");
        assert!(ask(&mut other, "5 n2 lock 00fe 9").starts_with("refused: "), "another history");
        assert!(ask(&mut other, "oops").starts_with("refused: "));
        let ends: Vec<bool> = storage.written().iter().map(|line| line.ends_with(" ok")).collect();
        assert_eq!(ends, [true, true, false, true, false, false]);
        assert_eq!(storage.written()[0], "1 n1 lock 00ff 7 ok");
    }

    #[test]
    fn nobody_is_served_after_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = Storage::serve(dir.path().join("storage")).expect("a socket");
        let mut late = BufReader::new(UnixStream::connect(storage.path()).expect("it listens"));
        assert_eq!(ask(&mut late, "1 n1 lock 00ff 7"), "ok\n");
        drop(storage);
        late.get_mut().write_all(b"2 n1 lock 00ff 7\n").expect("it is still open");
        let mut answer = String::new();
        assert_eq!(late.read_line(&mut answer).expect("it is closed"), 0, "{answer}");
    }
}
