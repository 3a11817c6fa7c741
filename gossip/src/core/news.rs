//! What has changed lately and is still being passed on.
//!
//! Each piece of news rides on heartbeats a bounded number of times, those told least first. It names what changed,
//! not how: what is sent is always the newest there is. One thing does not wait for heartbeats that are far apart: who suspects
//! somebody tells its neighbours at once.

use std::collections::VecDeque;

use super::identity::{Incarnation, Key, Version};
use super::members::Members;
use crate::wire::{Encoder, Item};

/// One thing that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    /// The version that made it news. Once a newer one is known, that one is news of its own.
    pub(crate) stamp: (Incarnation, Version),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Record,
    Opinions,
}

/// Topics by how often they have been told.
#[derive(Debug, Clone)]
pub(crate) struct News {
    told: Vec<VecDeque<Topic>>,
    len: usize,
    max: usize,
    /// Dropped because there was too much news at once; comparing digests will have to bring it.
    pub(crate) dropped: u64,
}

impl News {
    pub(crate) fn new(max: usize) -> Self {
        Self { told: Vec::new(), len: 0, max, dropped: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, topic: Topic) {
        if self.len >= self.max {
            // What has been told most often is missed least.
            let oldest = self.told.iter_mut().rev().find_map(VecDeque::pop_front);
            self.len -= usize::from(oldest.is_some());
            self.dropped += 1;
        }
        self.insert(0, topic);
    }

    fn insert(&mut self, times: usize, topic: Topic) {
        if self.told.len() <= times {
            self.told.resize_with(times + 1, VecDeque::new);
        }
        self.told[times].push_back(topic);
        self.len += 1;
    }

    /// Fills a datagram with news, each told `limit` times at most over its life, and never twice in one datagram.
    pub(crate) fn fill(&mut self, to: &mut Encoder<'_>, members: &Members, limit: usize) {
        let mut waiting = self.told.first().map_or(0, VecDeque::len);
        for times in 0..self.told.len() {
            // What is told now moves to the next queue's end, beyond those that were waiting in it before.
            let waiting_next = self.told.get(times + 1).map_or(0, VecDeque::len);
            for _ in 0..waiting {
                let Some(&topic) = self.told[times].front() else { break };
                match current(topic, members) {
                    Some(item) if !to.push(&item) => return,
                    item => {
                        self.told[times].pop_front();
                        self.len -= 1;
                        if item.is_some() && times + 1 < limit {
                            self.insert(times + 1, topic);
                        }
                    }
                }
            }
            waiting = waiting_next;
        }
    }
}

/// The item a topic stands for, if nothing newer has taken its place.
fn current(topic: Topic, members: &Members) -> Option<Item> {
    match topic.kind {
        Kind::Record => {
            let record = members.record(topic.key)?;
            (record.stamp() == topic.stamp).then(|| Item::Record(record.clone()))
        }
        Kind::Opinions => {
            let opinions = members.of(topic.key)?.opinions.as_ref()?;
            (opinions.stamp() == topic.stamp).then(|| Item::Opinions(opinions.clone()))
        }
    }
}
