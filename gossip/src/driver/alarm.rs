//! The one moment that the task waits for, on the `boot` clock.
//!
//! On Linux it is a timer of the kernel's. One of tokio's would do, and does elsewhere; but it wakes the thread up now and
//! then to move through its wheel, and again to notice that an earlier moment is wanted.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::clock::Clocks;

pub(super) use system::Alarm;

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    use super::*;

    #[derive(Debug)]
    pub(in super::super) struct Alarm {
        timer: AsyncFd<OwnedFd>,
    }

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
            Ok(Self { timer: super::super::readable::watch(timer)? })
        }

        /// Lets it ring at `at`, or at once if that is over; and not at any moment set before.
        pub(in super::super) fn set(&mut self, at: Duration, clocks: &Clocks) -> io::Result<()> {
            const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
            let at = clocks.host_boot(at).max(Duration::from_nanos(1));
            let at = Itimerspec { it_interval: NEVER, it_value: at.try_into().unwrap_or(NEVER) };
            timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &at)?;
            Ok(())
        }

        /// Ready when it rings, and perhaps when it was about to and was set anew: look at the clock.
        pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            // It is not read: that it is set again makes it silent.
            self.timer.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::future::Future;
    use std::pin::Pin;

    use tokio::time::{Instant, Sleep, sleep_until};

    use super::*;

    #[derive(Debug)]
    pub(in super::super) struct Alarm {
        sleep: Pin<Box<Sleep>>,
    }

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self { sleep: Box::pin(sleep_until(Instant::now())) })
        }

        pub(in super::super) fn set(&mut self, at: Duration, clocks: &Clocks) -> io::Result<()> {
            self.sleep.as_mut().reset(Instant::now() + at.saturating_sub(clocks.boot()));
            Ok(())
        }

        pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.sleep.as_mut().poll(cx).map(Ok)
        }
    }
}
