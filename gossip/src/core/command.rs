//! What the user of a node tells it to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::clock::Now;
use super::leave::Phase;
use super::record::{Record, Status};
use crate::error::{CommandError, SetError};

impl Node {
    /// Sets one of this node's metadata; true if that changed anything.
    ///
    /// # Errors
    ///
    /// [`SetError`] if it breaks a limit or the node has stopped; nothing is changed then.
    pub fn set_metadata(&mut self, now: Now, key: &str, value: &str) -> Result<bool, SetError> {
        self.advance(now);
        self.check_running()?;
        let mut metadata = self.record().metadata.clone();
        let changed = metadata.set(key, value)?;
        if changed {
            self.rewrite(|record| record.metadata = metadata);
        }
        Ok(changed)
    }

    /// Removes one of this node's metadata; true if it was there.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn remove_metadata(&mut self, now: Now, key: &str) -> Result<bool, CommandError> {
        self.advance(now);
        self.check_running()?;
        let mut metadata = self.record().metadata.clone();
        let changed = metadata.remove(key);
        if changed {
            self.rewrite(|record| record.metadata = metadata);
        }
        Ok(changed)
    }

    /// Tells everybody that this node is now reached at another address.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn set_addr(&mut self, now: Now, addr: SocketAddr) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        if self.record().addr != addr {
            self.rewrite(|record| record.addr = addr);
        }
        Ok(())
    }

    /// Replaces the addresses to call, for instance after their names have been resolved again.
    pub fn set_seeds(&mut self, now: Now, seeds: Vec<SocketAddr>) {
        self.advance(now);
        self.seeds.replace(seeds);
    }

    /// Takes in members from a list that was saved in an earlier life, or comes with the deployment.
    ///
    /// They are hearsay: their owners' newer records replace these, and none of them counts as heard.
    pub fn introduce(&mut self, now: Now, records: impl IntoIterator<Item = Arc<Record>>) {
        self.advance(now);
        for record in records {
            if record.identity.id != self.identity.id && record.status != Status::Left {
                self.introduce_one(record);
            }
        }
        self.meet_neighbours();
        self.revision += 1;
    }

    /// Says that this node will be silent for up to `max` on purpose; its observers hold back that long.
    ///
    /// It ends when [`resume`](Self::resume) is called, when the node notices that it has been paused, or by itself.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn announce_pause(&mut self, now: Now, max: Duration) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.on_announce_pause(max);
        Ok(())
    }

    /// Ends an announced pause.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn resume(&mut self, now: Now) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.on_resume();
        Ok(())
    }

    /// Leaves the cluster for good: tells it so, waits for acknowledgements ([`Event::LeaveDone`](crate::Event::LeaveDone)), and stops.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has left already.
    pub fn leave(&mut self, now: Now) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.begin_leave();
        Ok(())
    }

    pub(super) fn check_running(&self) -> Result<(), CommandError> {
        match self.phase {
            Phase::Running => Ok(()),
            Phase::Departing { .. } | Phase::Leaving(_) | Phase::Stopped { superseded: false } => {
                Err(CommandError::Left)
            }
            Phase::Stopped { superseded: true } => Err(CommandError::Superseded),
        }
    }
}
