//! Watching a descriptor for one thing: that there is something to read.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the runtime watch it, which must be there. Only for what stays open as long as it lives, as all that the standard library
/// owns does.
#[allow(
    deprecated,
    reason = "its successor is unsafe for types that may close early, which none given here does"
)]
pub(super) fn watch<T: AsRawFd>(descriptor: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}
