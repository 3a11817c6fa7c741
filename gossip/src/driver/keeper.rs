//! Writing to the storage without holding up the task: one write at a time, on a thread that may block.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{JoinHandle, spawn_blocking};

use super::error::StorageError;
use super::storage::Storage;
use crate::core::quorum::Durable;
use crate::{Incarnation, StorageId};

type Written = (Box<Storage>, Result<(), StorageError>);

/// The storage, or the write that has it.
#[derive(Debug, Default)]
pub(super) enum Keeper {
    /// There is no storage.
    #[default]
    None,
    /// It was lost with a thread that panicked.
    Lost,
    Idle(Box<Storage>),
    Writing(JoinHandle<Written>),
}

impl Keeper {
    pub(super) fn new(storage: Option<Storage>) -> Self {
        storage.map_or(Self::None, |storage| Self::Idle(Box::new(storage)))
    }

    /// What was written last.
    pub(super) fn durable(&self) -> Durable {
        match self {
            Self::Idle(storage) => storage.durable().clone(),
            Self::None | Self::Lost | Self::Writing(_) => Durable::default(),
        }
    }

    /// Begins a write. The core asks for one at a time.
    pub(super) fn begin(&mut self, durable: Durable) {
        if let Self::Idle(mut storage) = std::mem::take(self) {
            *self = Self::Writing(spawn_blocking(move || {
                let outcome = storage.keep(durable);
                (storage, outcome)
            }));
        }
    }

    /// The outcome of the write under way, once it is known.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Self::Writing(write) = self else { return Poll::Pending };
        match Pin::new(write).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((storage, outcome))) => {
                *self = Self::Idle(storage);
                if let Err(error) = &outcome {
                    let source = std::error::Error::source(error).map(ToString::to_string);
                    tracing::error!(%error, source, "gossip.storage_failed");
                }
                Poll::Ready(outcome.is_ok())
            }
            Poll::Ready(Err(_)) => {
                *self = Self::Lost;
                Poll::Ready(false)
            }
        }
    }

    /// Waits for the write under way, if there is one; whether it went well.
    pub(super) async fn settle(&mut self) -> Option<bool> {
        if matches!(self, Self::Writing(_)) {
            return Some(std::future::poll_fn(|cx| self.poll(cx)).await);
        }
        None
    }

    /// Begins another life above `seen`: on the disk, if there is one, and if that has been rewound, as another disk.
    pub(super) async fn next_life(&mut self, seen: Incarnation, rewound: bool) -> Result<NextLife, Failed> {
        self.settle().await;
        let mut storage = match std::mem::replace(self, Self::Lost) {
            Self::Idle(storage) => storage,
            Self::None => {
                *self = Self::None;
                return Ok(NextLife { incarnation: seen.next(), storage: None });
            }
            // It counts nothing any more, so that a life above the last would look like one of an older state of it.
            Self::Lost | Self::Writing(_) => return Err(Failed::Lost),
        };
        // A disk can take its time, and other tasks must not wait for it.
        let write = move || {
            let next = match rewound {
                true => storage.renounce(seen.get()),
                false => storage.next_incarnation(seen.get()),
            };
            (storage, next)
        };
        let Ok((storage, next)) = spawn_blocking(write).await else { return Err(Failed::Lost) };
        let id = storage.id();
        *self = Self::Idle(storage);
        let incarnation = next.map_err(Failed::Storage)?;
        Ok(NextLife { incarnation, storage: Some(id) })
    }
}

/// What another life begins with.
#[derive(Debug)]
pub(super) struct NextLife {
    pub(super) incarnation: Incarnation,
    /// From which disk, if there is one.
    pub(super) storage: Option<StorageId>,
}

/// Why there is no further life.
#[derive(Debug)]
pub(super) enum Failed {
    /// The thread that wrote is gone.
    Lost,
    /// The storage refused.
    Storage(StorageError),
}
