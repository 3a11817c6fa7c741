//! What the links are to be like, handed from whoever breaks them to the thread that carries frames.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Links;

/// The links as they should be, from whoever breaks them.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Numbered, so that it shows when they have changed.
    links: Mutex<(u64, Links)>,
}

impl Wanted {
    pub(super) fn new(links: Links) -> Self {
        Self { links: Mutex::new((0, links)) }
    }

    pub(super) fn set(&self, links: Links) {
        let mut guard = self.lock();
        *guard = (guard.0 + 1, links);
    }

    pub(super) fn now(&self) -> (u64, Links) {
        self.lock().clone()
    }

    /// What is wanted, if that has another number.
    pub(super) fn newer_than(&self, version: u64) -> Option<(u64, Links)> {
        let guard = self.lock();
        (guard.0 != version).then(|| guard.clone())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Links)> {
        // It is replaced whole, whatever panicked beside it.
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
