//! A holder at work, for tests: it writes to a file that all holders share, and looks at its lease before each write.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use gossip::{Lease, Node};

const EVERY: Duration = Duration::from_millis(20);

/// Appends `MICROSECONDS NODE LEASE TOKEN`, the time being that of the host's clock before the check, until a check says no.
pub(crate) async fn write_while_held(node: &Node, lease: &Lease, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if lease.check().is_err() {
            return Ok(());
        }
        // One call each: lines of several processes do not mix.
        let line = format!("{} {} {} {}\n", now.as_micros(), node.id(), lease.name(), lease.token());
        file.write_all(line.as_bytes())?;
        tokio::time::sleep(EVERY).await;
    }
}
