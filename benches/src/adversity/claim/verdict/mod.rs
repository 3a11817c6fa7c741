//! Claims about what the quorum decides.

mod death;
mod eviction;
mod mistake;
mod order;
mod service;
mod view;

pub(crate) use death::quantile;
pub(super) use death::{dead_soon, declared_dead};
pub(super) use eviction::{evicted_return, few_evictions, steps_down_first};
pub(super) use mistake::{no_healthy_dead, nobody_dies};
pub(super) use order::same_order;
pub(super) use service::{grants_again, tells_of_full_disk};
pub(super) use view::{agrees_on_one_view, majorities_decide, views_agree, views_never_go_back};

/// A line is on its way for a while, and a node that has just gone on may have been declared dead before it did.
const GRACE_S: f64 = 1.0;

/// What a node says of one that the second view declares dead.
#[cfg(test)]
fn dead(target: usize) -> crate::adversity::observe::Line {
    crate::adversity::observe::Line::Verdict { target, incarnation: 1, verdict: "dead".into(), epoch: 2 }
}
