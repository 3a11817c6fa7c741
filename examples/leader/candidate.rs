//! One candidate: waits to be the leader, works while it is, steps down when it is not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gossip::{Lease, NodeError};

use crate::stage::Member;

/// Between two pieces of work.
const PACE: Duration = Duration::from_millis(50);

pub(crate) async fn run(member: &Member) -> anyhow::Result<()> {
    let node = member.start("leader-example").await?;
    println!("runs");
    loop {
        let lease = match node.acquire("leader").await {
            Ok(lease) => lease,
            Err(NodeError::Stopped(stopped)) => return Err(stopped.into()),
            Err(error) => {
                eprintln!("{error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        println!("leads {}", lease.token());
        lead(&lease).await;
        println!("stepped down {}", lease.token());
    }
}

/// Works for as long as it leads. It asks before every piece of work, and never remembers the answer.
async fn lead(lease: &Lease) {
    while let Ok(permit) = lease.check() {
        // All processes of this story share the host's clock, so that what they say can be put in order. To the work itself this
        // clock means nothing.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        println!("works {} {}", permit.token(), now.as_micros());
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            _ = lease.expired() => {}
        }
    }
}
