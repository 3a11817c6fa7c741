//! A holder at work, for tests: it writes to a storage that all holders share, and looks at its lease before each write.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use gossip::{Lease, Node};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const EVERY: Duration = Duration::from_millis(20);

/// Sends `MICROSECONDS NODE LEASE GENESIS TOKEN`, the time being that of the host's clock before the check, and waits for the
/// answer, until a check says no. That the storage refuses a write is an error if the lease is still held after that.
pub(crate) async fn write_while_held(node: &Node, lease: &Lease, storage: &Path) -> anyhow::Result<()> {
    let mut storage = BufReader::new(connect(storage).await?);
    loop {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if lease.check().is_err() {
            return Ok(());
        }
        let (micros, genesis) = (now.as_micros(), lease.genesis());
        let line = format!("{micros} {} {} {genesis} {}\n", node.id(), lease.name(), lease.token());
        storage.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        storage.read_line(&mut answer).await.context("no answer")?;
        if answer != "ok\n" && lease.check().is_ok() {
            bail!("a holder with token {} was answered `{}`", lease.token(), answer.trim());
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(unix)]
async fn connect(storage: &Path) -> io::Result<tokio::net::UnixStream> {
    tokio::net::UnixStream::connect(storage).await
}

#[cfg(not(unix))]
async fn connect(_: &Path) -> io::Result<tokio::net::TcpStream> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Unix-domain sockets are needed"))
}
