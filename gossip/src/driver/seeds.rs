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
    /// Of a node whose socket is bound there.
    ///
    /// # Errors
    ///
    /// [`StartError::SeedFamily`] if one is an address that this socket cannot send to: a node that left it out in silence
    /// might take itself for the first of a new cluster.
    pub(crate) fn new(seeds: Vec<Seed>, bound: SocketAddr) -> Result<Self, StartError> {
        let seeds = Self { seeds, bound };
        let foreign = seeds.seeds.iter().find_map(|seed| match seed {
            Seed::Addr(addr) => Some(*addr).filter(|addr| !seeds.can_call(addr)),
            Seed::Name(_) => None,
        });
        match foreign {
            Some(seed) => {
                let family = if bound.is_ipv4() { "IPv4" } else { "IPv6" };
                Err(StartError::SeedFamily { seed, bound, family })
            }
            None => Ok(seeds),
        }
    }

    /// A socket of one family cannot call the other.
    fn can_call(&self, addr: &SocketAddr) -> bool {
        addr.is_ipv4() == self.bound.is_ipv4()
    }

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
        // All, until they have given something: a lookup may also end without a word.
        let mut failed = BTreeSet::new();
        for seed in &self.seeds {
            match seed {
                Seed::Addr(addr) => _ = found.insert(*addr),
                Seed::Name(name) => {
                    let name = name.clone();
                    failed.insert(name.clone());
                    lookups.spawn(async move {
                        let answer = timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host(&name)).await;
                        let addrs = answer.ok().and_then(Result::ok).map(Vec::from_iter);
                        (name, addrs.unwrap_or_default())
                    });
                }
            }
        }
        while let Some(answer) = lookups.join_next().await {
            let Ok((name, mut addrs)) = answer else { continue };
            addrs.retain(|addr| self.can_call(addr));
            if !addrs.is_empty() {
                failed.remove(&name);
            }
            found.extend(addrs);
        }
        found.retain(|addr| !is_own(*addr, self.bound));
        Resolved { others: found.into_iter().collect(), failed: failed.into_iter().collect() }
    }
}

/// What a round of lookups gave.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// Addresses of nodes other than this one.
    pub(crate) others: Vec<SocketAddr>,
    /// Names without an answer, or without an address that this node's socket can call.
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

    fn of(list: &[&str], bound: SocketAddr) -> Result<Seeds, StartError> {
        Seeds::new(list.iter().map(|s| s.parse().expect("a seed")).collect(), bound)
    }

    #[test]
    fn an_address_of_the_other_family_is_refused() {
        let error = of(&["10.0.0.1:7001", "[fd00::7]:7003"], "0.0.0.0:7001".parse().expect("an address"));
        let error = error.expect_err("two families").to_string();
        assert!(error.starts_with("seed [fd00::7]:7003 cannot be called from 0.0.0.0:7001"), "{error}");
        assert!(error.contains("the seed's IPv4 address"), "{error}");
    }

    /// The resolver answers this one without asking anybody.
    #[tokio::test]
    async fn a_name_of_the_other_family_only_has_not_been_resolved() {
        for (bound, others, failed) in
            [("[::1]:7001", 0, 1), ("127.0.0.1:7001", 1, 0), ("127.0.0.1:7002", 0, 0)]
        {
            let seeds = of(&["127.1:7002"], bound.parse().expect("an address")).expect("a name");
            let resolved = seeds.resolve().await;
            assert_eq!(
                (resolved.others.len(), resolved.failed.len()),
                (others, failed),
                "{bound}: {resolved:?}"
            );
        }
    }

    #[tokio::test]
    async fn names_resolve_and_the_node_itself_is_left_out() {
        let bound = "127.0.0.1:7001".parse().expect("an address");
        let seeds = |list: &[&str]| of(list, bound).expect("one family");
        let both = seeds(&["127.0.0.1:7001", "localhost:7002"]);
        assert_eq!(both.resolve_some().await, ["127.0.0.1:7002".parse().expect("an address")]);
        assert!(both.can_change());

        let alone = seeds(&["127.0.0.1:7001"]);
        assert!(alone.resolve_some().await.is_empty());
        assert!(!alone.can_change());
    }
}
