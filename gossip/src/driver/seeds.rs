//! Seeds: addresses, or names that may stand for other addresses tomorrow.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::StartError;
use super::socket::is_own;

/// A resolver that has not answered by then will be asked again.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Where to look for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seed {
    Addr(SocketAddr),
    /// `host:port`
    Name(String),
}

impl FromStr for Seed {
    type Err = StartError;

    fn from_str(seed: &str) -> Result<Self, StartError> {
        if let Ok(addr) = seed.parse::<SocketAddr>() {
            return if addr.port() == 0 || addr.ip().is_unspecified() {
                Err(StartError::Seed { seed: seed.to_owned() })
            } else {
                Ok(Self::Addr(addr))
            };
        }
        let valid = seed.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty()
                && !host.contains(|c: char| c == ':' || c == '[' || c.is_whitespace() || c.is_control())
                && port.parse::<u16>().is_ok_and(|p| p != 0)
        });
        if valid { Ok(Self::Name(seed.to_owned())) } else { Err(StartError::Seed { seed: seed.to_owned() }) }
    }
}

/// All seeds of a node, and where the node itself is.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    pub(crate) seeds: Vec<Seed>,
    pub(crate) bound: SocketAddr,
}

impl Seeds {
    /// Whether asking again could give another answer.
    pub(crate) fn can_change(&self) -> bool {
        self.seeds.iter().any(|s| matches!(s, Seed::Name(_)))
    }

    /// Resolves until at least one seed has an address. A node that has seeds is not the first of its cluster, and must
    /// not found another one because the resolver was not up yet.
    ///
    /// Empty if there are no seeds but the node itself: then it is the first.
    pub(crate) async fn resolve_some(&self) -> Vec<SocketAddr> {
        let mut pause = RETRY_MIN;
        loop {
            let resolved = self.resolve().await;
            if !resolved.others.is_empty() || resolved.failed.is_empty() {
                return resolved.others;
            }
            tracing::warn!(seeds = ?resolved.failed, retry_in = ?pause, "no seed can be resolved");
            sleep(pause).await;
            pause = (2 * pause).min(RETRY_MAX);
        }
    }

    /// Resolves every name once, all at the same time.
    pub(crate) async fn resolve(&self) -> Resolved {
        let mut lookups = JoinSet::new();
        let mut found = BTreeSet::new();
        let mut failed = Vec::new();
        for seed in &self.seeds {
            match seed {
                Seed::Addr(addr) => _ = found.insert(*addr),
                Seed::Name(name) => {
                    let name = name.clone();
                    lookups.spawn(async move {
                        let answer = timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host(&name)).await;
                        answer.ok().and_then(Result::ok).map(Vec::from_iter).ok_or(name)
                    });
                }
            }
        }
        while let Some(answer) = lookups.join_next().await {
            match answer {
                Ok(Ok(addrs)) => found.extend(addrs),
                Ok(Err(name)) => failed.push(name),
                // The runtime is shutting down.
                Err(_) => {}
            }
        }
        // A socket of one family cannot call the other.
        found.retain(|a| a.is_ipv4() == self.bound.is_ipv4() && !is_own(*a, self.bound));
        Resolved { others: found.into_iter().collect(), failed }
    }
}

/// What a round of lookups gave.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Addresses of nodes other than this one.
    pub(crate) others: Vec<SocketAddr>,
    /// Names without an answer.
    pub(crate) failed: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_address_or_a_name_with_a_port() {
        for good in ["10.0.0.1:7001", "[::1]:7001", "db-1.internal:7001", "localhost:1"] {
            assert!(good.parse::<Seed>().is_ok(), "{good}");
        }
        for bad in
            ["", "10.0.0.1", "10.0.0.1:0", "0.0.0.0:7001", "::1:7001", "db-1", ":7001", "a b:1", "db:70000"]
        {
            let error = bad.parse::<Seed>().expect_err(bad);
            assert!(error.to_string().contains(&format!("\"{bad}\"")), "{error}");
        }
    }

    #[tokio::test]
    async fn names_resolve_and_the_node_itself_is_left_out() {
        let bound = "127.0.0.1:7001".parse().expect("an address");
        let seeds =
            |list: &[&str]| Seeds { seeds: list.iter().map(|s| s.parse().expect("a seed")).collect(), bound };
        let both = seeds(&["127.0.0.1:7001", "localhost:7002", "[::1]:7003"]);
        assert_eq!(both.resolve_some().await, ["127.0.0.1:7002".parse().expect("an address")]);
        assert!(both.can_change());

        let alone = seeds(&["127.0.0.1:7001"]);
        assert!(alone.resolve_some().await.is_empty());
        assert!(!alone.can_change());
    }
}
