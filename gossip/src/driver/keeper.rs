//! Writing to the storage without holding up the task: one write at a time, on a thread that may block.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{JoinHandle, spawn_blocking};

use super::error::StorageError;
use super::storage::Storage;
use crate::core::quorum::Durable;
use crate::{Incarnation, StorageId};

/// The storage again, and what came of it: a life, if one was to begin.
type Written = (Box<Storage>, Result<Option<Incarnation>, StorageError>);

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
        if let Self::Idle(storage) = std::mem::take(self) {
            *self = Self::write(storage, |storage| storage.keep(durable).map(|()| None));
        }
    }

    /// A disk can take its time, and other tasks must not wait for it.
    fn write(
        mut storage: Box<Storage>,
        write: impl FnOnce(&mut Storage) -> Result<Option<Incarnation>, StorageError> + Send + 'static,
    ) -> Self {
        Self::Writing(spawn_blocking(move || {
            let outcome = write(&mut storage);
            (storage, outcome)
        }))
    }

    /// Whether the write under way went well, once that is known.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.poll_outcome(cx).map(|outcome| outcome.is_ok())
    }

    /// The outcome of the write under way, once it is known.
    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Incarnation>, Failed>> {
        let Self::Writing(write) = self else { return Poll::Pending };
        match Pin::new(write).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((storage, outcome))) => {
                *self = Self::Idle(storage);
                if let Err(error) = &outcome {
                    let source = std::error::Error::source(error).map(ToString::to_string);
                    tracing::error!(%error, source, "gossip.storage_failed");
                }
                Poll::Ready(outcome.map_err(Failed::Storage))
            }
            Poll::Ready(Err(_)) => {
                *self = Self::Lost;
                Poll::Ready(Err(Failed::Lost))
            }
        }
    }

    /// Waits for the write under way, if there is one; whether it went well.
    pub(super) async fn settle(&mut self) -> Option<bool> {
        if matches!(self, Self::Writing(_)) {
            return Some(self.outcome().await.is_ok());
        }
        None
    }

    /// Begins another life above `seen`: on the disk, if there is one, and if that has been rewound, as another disk. If nobody
    /// waits for it to the end the write goes on, and whoever asks next gets that life.
    pub(super) async fn next_life(&mut self, seen: Incarnation, rewound: bool) -> Result<NextLife, Failed> {
        if matches!(self, Self::Writing(_))
            && let Ok(Some(incarnation)) = self.outcome().await
        {
            return self.begun(incarnation);
        }
        let storage = match std::mem::replace(self, Self::Lost) {
            Self::Idle(storage) => storage,
            Self::None => {
                *self = Self::None;
                return Ok(NextLife { incarnation: seen.next(), storage: None });
            }
            // It counts nothing any more, so that a life above the last would look like one of an older state of it.
            Self::Lost | Self::Writing(_) => return Err(Failed::Lost),
        };
        *self = Self::write(storage, move |storage| match rewound {
            true => storage.renounce(seen.get()).map(Some),
            false => storage.next_incarnation(seen.get()).map(Some),
        });
        let begun = self.outcome().await?;
        self.begun(begun.ok_or(Failed::Lost)?)
    }

    /// Waits for the write under way.
    async fn outcome(&mut self) -> Result<Option<Incarnation>, Failed> {
        std::future::poll_fn(|cx| self.poll_outcome(cx)).await
    }

    /// A life that is on the disk.
    fn begun(&self, incarnation: Incarnation) -> Result<NextLife, Failed> {
        let Self::Idle(storage) = self else { return Err(Failed::Lost) };
        Ok(NextLife { incarnation, storage: Some(storage.id()) })
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
