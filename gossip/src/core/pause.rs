//! This process' own pauses: noticing them, accounting for them, announcing them.
//!
//! A process that did not run heard nothing, which says nothing about others. The core compares when it asked to be
//! woken with when it was; what lies between is taken out of everybody's silence before anything is judged.

use std::time::Duration;

use super::Node;
use super::event::Event;
use super::record::{Pause, Status};
use super::timer::Timer;

/// How punctual this process has been lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// Up to here lateness has been accounted for.
    accounted: Duration,
    /// Until then nobody is judged: what others sent meanwhile may still be on its way in.
    pub(super) quiet_until: Duration,
    /// 0 while punctual, up to [`Pace::UNWELL_MAX`] while hardly ever scheduled in time.
    unwell: u32,
}

impl Pace {
    const UNWELL_MAX: u32 = 8;

    /// After a pause, judges nobody for an interval. Not again and again: a process that is always late would never judge
    /// anybody.
    fn be_quiet(&mut self, now: Duration, late: Duration, interval: Duration) {
        if late >= interval && now >= self.quiet_until + 4 * interval {
            self.quiet_until = now + interval;
        }
    }

    /// Up to when this process' own pauses have been taken out of others' silences.
    pub(super) fn accounted(&self) -> Duration {
        self.accounted
    }

    /// How much more evidence against others is asked for.
    pub(super) fn caution(&self) -> f64 {
        1.0 + f64::from(self.unwell) / f64::from(2 * Self::UNWELL_MAX)
    }

    /// Called at every tick that was in time.
    pub(super) fn recover(&mut self) {
        self.unwell = self.unwell.saturating_sub(1);
    }
}

impl Node {
    /// Takes a reading of the clocks; one that goes back is taken as the highest seen.
    pub(super) fn advance(&mut self, now: super::Now) {
        let (boot, raw) = (now.boot.max(self.now.boot), now.raw.max(self.now.raw));
        self.now = super::Now { boot, raw, wall: now.wall };
        // A lease that has run out has done so before whatever comes in now.
        self.quorum.advance(self.now);
        let now = self.now.boot;
        let Some(due) = self.timers.next() else { return };
        let late = now.saturating_sub(due.max(self.pace.accounted));
        // Below that it is the grain of the scheduler, and less than any silence that matters.
        if late > self.config.interval / 2 {
            self.on_late(late, now);
        }
    }

    fn on_late(&mut self, late: Duration, now: Duration) {
        self.pace.accounted = now;
        self.pace.be_quiet(now, late, self.config.interval);
        self.pace.unwell = (self.pace.unwell + 2).min(Pace::UNWELL_MAX);
        self.counters.pauses += 1;
        for peer in self.peers.iter_mut() {
            peer.stall(late);
        }
        if late >= self.config.pause_reported {
            self.events.push(Event::ProcessPaused { length: late });
            self.on_resume();
        }
    }

    pub(super) fn on_announce_pause(&mut self, max: Duration) {
        let max = Pause::clamped(max);
        self.rewrite(|record| record.status = Status::Pausing { max });
        self.timers.set(Timer::Resume, self.now.boot + max.get());
        // Not with the next heartbeat: by then this process may be stopped already.
        self.push_own_record();
    }

    /// An announced pause is over.
    pub(super) fn on_resume(&mut self) {
        if matches!(self.record().status, Status::Pausing { .. }) {
            self.rewrite(|record| record.status = Status::Running);
        }
    }
}
