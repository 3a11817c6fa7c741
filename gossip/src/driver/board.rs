//! What the task and the handles of leases share: until when this node may count itself in, and which handles are dead.
//!
//! A handle must know where it stands without asking the task: the task may wait in a queue, or for a processor, while the lease
//! runs out. So the task publishes a bound, and every look at a handle compares it with the clocks, under one small lock: what
//! one thread has been told is over, no other is told otherwise (T1, T2).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::Clocks;
use crate::core::quorum::Moment;
use crate::{Epoch, GenesisId, LeaseName, Now, Standing, StorageState};

/// One per node.
#[derive(Debug)]
pub(crate) struct Board {
    /// The task's own: a bound means nothing on clocks that count from elsewhere.
    clocks: Clocks,
    published: Mutex<Published>,
}

#[derive(Debug, Default)]
struct Published {
    until: Moment,
    standing: Standing,
    storage: StorageState,
    /// The latest that any handle has read: clocks that seem to go back do not revive anything (V6).
    seen: Moment,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { clocks: Clocks::start(), published: Mutex::default() }
    }

    pub(crate) fn clocks(&self) -> Clocks {
        self.clocks
    }

    /// For the task, after the handles that have ended are dead, and before anything is sent.
    pub(super) fn publish(&self, standing: Standing, until: Moment) {
        let mut published = self.lock();
        (published.standing, published.until) = (standing, until);
    }

    /// For the task, whenever it publishes a standing.
    pub(super) fn publish_storage(&self, storage: StorageState) {
        self.lock().storage = storage;
    }

    /// The task has ended: nobody counts this node in any more that it would know of.
    pub(super) fn close(&self) {
        self.lock().until = Moment::default();
    }

    /// Where the node stands, by the clocks and not only by what the task has found time to publish.
    pub(crate) fn standing(&self) -> Standing {
        let mut published = self.lock();
        let now = published.read(&self.clocks);
        match published.standing {
            Standing::InQuorum if published.until.passed_on_either(now) => Standing::Isolated,
            standing => standing,
        }
    }

    /// What there is to write to, as the task has published it last.
    pub(crate) fn storage(&self) -> StorageState {
        self.lock().storage
    }

    /// A reading of the clocks that handles can be compared with.
    pub(crate) fn now(&self) -> Now {
        self.clocks.now()
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        // Nothing in there can be half done.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    fn read(&mut self, clocks: &Clocks) -> Moment {
        self.seen = self.seen.latest(clocks.now().into());
        self.seen
    }
}

/// What the task and the owner of one grant share.
#[derive(Debug)]
pub(crate) struct Grip {
    board: Arc<Board>,
    lease: LeaseName,
    token: Epoch,
    genesis: GenesisId,
    /// Changed under the board's lock. Never taken back.
    dead: std::sync::atomic::AtomicBool,
    ended: Notify,
}

/// How long a grant is good if nothing more is heard, as of one look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Good {
    pub(crate) until: Moment,
    pub(crate) remaining: Duration,
}

impl Grip {
    pub(super) fn new(board: Arc<Board>, lease: LeaseName, token: Epoch, genesis: GenesisId) -> Self {
        Self { board, lease, token, genesis, dead: false.into(), ended: Notify::new() }
    }

    pub(crate) fn lease(&self) -> &LeaseName {
        &self.lease
    }

    pub(crate) fn token(&self) -> Epoch {
        self.token
    }

    pub(crate) fn genesis(&self) -> GenesisId {
        self.genesis
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Ends it, for ever.
    pub(crate) fn kill(&self) {
        let published = self.board.lock();
        self.kill_locked(&published);
    }

    fn kill_locked(&self, _lock: &MutexGuard<'_, Published>) {
        self.dead.store(true, std::sync::atomic::Ordering::Release);
        self.ended.notify_waiters();
    }

    /// Whether it is good at this very moment, or at a later one that is given. Once it is not, it never is again.
    pub(crate) fn look(&self, at: Option<Now>) -> Option<Good> {
        let mut published = self.board.lock();
        let read = published.read(&self.board.clocks);
        let now = at.map_or(read, |at| read.latest(at.into()));
        let until = published.until;
        if self.is_dead() || until.passed_on_either(now) {
            self.kill_locked(&published);
            return None;
        }
        let remaining = until.boot.saturating_sub(now.boot).min(until.raw.saturating_sub(now.raw));
        Some(Good { until, remaining })
    }

    /// Waits until it is good no more.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From here on no end is missed.
            ended.as_mut().enable();
            let Some(good) = self.look(None) else { return };
            // The task may be late to say so, and the clock is not.
            _ = tokio::time::timeout(good.remaining, ended).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(until: Duration) -> (Arc<Board>, Grip) {
        let board = Arc::new(Board::new());
        let grip = grip(&board);
        board.publish(Standing::InQuorum, Moment { boot: until, raw: until });
        (board, grip)
    }

    fn grip(board: &Arc<Board>) -> Grip {
        let lease = LeaseName::new("db").expect("a name");
        Grip::new(board.clone(), lease, Epoch::GENESIS.next(), GenesisId(1))
    }

    const FAR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_grip_is_good_until_either_clock_says_otherwise() {
        let (board, _) = board(FAR);
        let late = Now { boot: FAR, raw: Duration::ZERO, wall: None };
        let late_raw = Now { boot: Duration::ZERO, raw: FAR, wall: None };
        for now in [late, late_raw, Now::from(FAR)] {
            let grip = grip(&board);
            assert!(grip.look(None).is_some_and(|good| good.remaining <= FAR && good.until.boot == FAR));
            assert!(grip.look(Some(now)).is_none());
            assert!(grip.look(None).is_none(), "what was over is over");
        }
    }

    #[test]
    fn what_has_run_out_is_not_revived_by_a_later_bound() {
        let (board, first) = board(Duration::ZERO);
        assert!(first.look(None).is_none());
        assert_eq!(board.standing(), Standing::Isolated);
        board.publish(Standing::InQuorum, Now::from(FAR).into());
        assert!(first.look(None).is_none());
        assert_eq!(board.standing(), Standing::InQuorum);
        assert!(grip(&board).look(None).is_some(), "another grant is another grip");
    }

    #[test]
    fn a_reading_from_the_past_is_no_way_back() {
        let (board, grip) = board(FAR);
        board.lock().seen = Now::from(FAR).into();
        assert!(grip.look(Some(Now::from(Duration::ZERO))).is_none());
    }

    #[tokio::test]
    async fn the_end_is_noticed_by_the_clock_alone_or_when_it_is_told() {
        let (first_board, by_clock) = board(Duration::ZERO);
        let soon = first_board.now();
        first_board.publish(Standing::InQuorum, Moment::from(soon).plus(Duration::from_millis(20)));
        by_clock.ended().await;
        assert!(by_clock.is_dead());
        let (_, told) = board(FAR);
        tokio::join!(told.ended(), async { told.kill() });
    }
}
