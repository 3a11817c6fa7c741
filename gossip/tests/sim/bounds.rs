//! Checkers of moderation: what nodes send, and what voters decide, is bounded by time and by what happens to them, and
//! not by what others answer.

use std::collections::{BTreeMap, VecDeque};

use gossip::{Epoch, Event, Incarnation, NodeId};

use super::check::Check;
use super::world::World;
use super::{Nanos, SECOND};

/// No node sends more in a second than its neighbours and its questions account for. Two nodes that answer each other's
/// answers break this within moments, however rare the first word is.
#[derive(Debug, Clone, Default)]
pub struct FewDatagrams {
    /// Of each host: when its present window began, and how much it had sent before.
    windows: Vec<Option<(Nanos, u64)>>,
}

impl FewDatagrams {
    /// Datagrams for each other host: once, as when a partition heals, and in every interval.
    const ONCE: u64 = 80;
    const PER_INTERVAL: u64 = 10;
}

impl Check for FewDatagrams {
    fn after(&mut self, world: &World, host: usize, _: &[Event]) -> Result<(), String> {
        let sent = world.hosts[host].sent;
        if self.windows.len() <= host {
            self.windows.resize(host + 1, None);
        }
        let window = self.windows[host].get_or_insert((world.now, sent));
        if world.now >= window.0 + SECOND.max(world.interval()) {
            *window = (world.now, sent);
        }
        let (sent, each) =
            (sent - window.1, Self::ONCE + Self::PER_INTERVAL * SECOND.div_ceil(world.interval()));
        if sent > each * world.hosts.len() as u64 {
            let since = (world.now - window.0) as f64 / 1e9;
            return Err(format!("storm: n{host} has sent {sent} datagrams in {since:.3} s"));
        }
        Ok(())
    }
}

/// No life is suspended, and restored, again and again: verdicts follow what happens to a node, not each other.
#[derive(Debug, Clone, Default)]
pub struct FewSuspensions {
    /// When each life was suspended lately.
    suspended: BTreeMap<(NodeId, Incarnation), VecDeque<Nanos>>,
    newest: Option<Epoch>,
}

impl FewSuspensions {
    /// So many are one too many, within so many intervals.
    const MAX: usize = 4;
    const WITHIN: Nanos = 50;
}

impl Check for FewSuspensions {
    fn after(&mut self, world: &World, host: usize, _: &[Event]) -> Result<(), String> {
        let Some(view) = world.view(host).filter(|view| Some(view.epoch) > self.newest) else {
            return Ok(());
        };
        self.newest = Some(view.epoch);
        let since = world.now.saturating_sub(Self::WITHIN * world.interval());
        for (id, suspension) in view.suspended.iter().filter(|(_, s)| s.since == view.epoch) {
            let times = self.suspended.entry((id.clone(), suspension.incarnation)).or_default();
            times.retain(|&at| at >= since);
            times.push_back(world.now);
            if times.len() >= Self::MAX {
                return Err(format!("flapping: view {} suspends {id} once more: {times:?}", view.epoch));
            }
        }
        Ok(())
    }
}
