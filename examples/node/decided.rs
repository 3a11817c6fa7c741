//! How decided things are written: views, verdicts, standings and leases. Part of the schema in `docs/node-events.md`.

use gossip::core::quorum::{Cause, Voters};
use gossip::{Denial, Epoch, LeaseName, LeaseState, NodeId, Standing, StorageState, Verdict, View};
use serde::Serialize;

/// All that a view says.
#[derive(Debug, Serialize)]
pub(crate) struct ViewReport {
    epoch: u64,
    genesis: String,
    voters: Vec<String>,
    /// The voters to come, while a change is under way.
    next: Option<Vec<String>>,
    suspended: Vec<LifeReport>,
    dead: Vec<LifeReport>,
    left: Vec<LifeReport>,
    leases: Vec<GrantReport>,
}

/// A life of a node, and all before it, and since which view.
#[derive(Debug, Serialize)]
struct LifeReport {
    node: String,
    incarnation: u64,
    epoch: u64,
}

#[derive(Debug, Serialize)]
struct GrantReport {
    name: String,
    owner: String,
    incarnation: u64,
    token: u64,
}

impl ViewReport {
    pub(crate) fn of(view: &View) -> Self {
        let life = |id: &NodeId, incarnation: gossip::Incarnation, epoch: Epoch| LifeReport {
            node: id.to_string(),
            incarnation: incarnation.get(),
            epoch: epoch.get(),
        };
        let gone = |cause: Cause| {
            let of_cause = view.gone.iter().filter(|(_, gone)| gone.cause == cause);
            of_cause.map(|(id, gone)| life(id, gone.incarnation, gone.epoch)).collect()
        };
        Self {
            epoch: view.epoch.get(),
            genesis: view.genesis.to_string(),
            voters: names(&view.electorate.voters),
            next: view.electorate.next.as_ref().map(names),
            suspended: view.suspended.iter().map(|(id, s)| life(id, s.incarnation, s.since)).collect(),
            dead: gone(Cause::Dead),
            left: gone(Cause::Left),
            leases: view
                .leases
                .iter()
                .map(|(name, grant)| GrantReport {
                    name: name.to_string(),
                    owner: grant.owner.id.to_string(),
                    incarnation: grant.owner.incarnation.get(),
                    token: grant.token.get(),
                })
                .collect(),
        }
    }
}

/// Voters are kept by their disks; people know them by name.
fn names(voters: &Voters) -> Vec<String> {
    let mut names: Vec<String> = voters.iter().map(|(_, name)| name.to_string()).collect();
    names.sort_unstable();
    names
}

/// What has become of one of this node's own leases.
#[derive(Debug, Serialize)]
pub(crate) struct LeaseReport {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl LeaseReport {
    pub(crate) fn of(lease: &LeaseName, token: Option<Epoch>, state: LeaseState) -> Self {
        let (state, remaining, reason) = match state {
            LeaseState::Granted => ("granted", None, None),
            LeaseState::Endangered { remaining } => ("endangered", Some(remaining.as_secs_f64()), None),
            LeaseState::Expired => ("expired", None, None),
            LeaseState::Lost => ("lost", None, None),
            LeaseState::Released => ("released", None, None),
            LeaseState::Denied(denial) => ("denied", None, Some(denial_name(denial))),
        };
        Self { name: lease.to_string(), token: token.map(Epoch::get), state, remaining, reason }
    }
}

/// The verdict's name, and the view that decided it, if one did.
pub(crate) fn verdict_name(verdict: Verdict) -> (&'static str, Option<Epoch>) {
    match verdict {
        Verdict::Alive => ("alive", None),
        Verdict::Suspended { epoch } => ("suspended", Some(epoch)),
        Verdict::Dead { epoch } => ("dead", Some(epoch)),
        Verdict::Left { epoch } => ("left", Some(epoch)),
        Verdict::Undecided => ("undecided", None),
    }
}

pub(crate) fn storage_name(storage: StorageState) -> &'static str {
    match storage {
        StorageState::None => "none",
        StorageState::Good => "ok",
        StorageState::Failed => "failed",
    }
}

pub(crate) fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Unvoted => "unvoted",
        Standing::InQuorum => "in_quorum",
        Standing::Isolated => "isolated",
        Standing::Evicted => "evicted",
    }
}

pub(crate) fn denial_name(denial: Denial) -> &'static str {
    match denial {
        Denial::Full => "full",
        Denial::EarlierLife => "earlier_life",
        Denial::Unchanged => "unchanged",
        Denial::Voters => "voters",
        _ => "other",
    }
}
