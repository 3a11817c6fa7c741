//! Ctrl-C and SIGTERM: whatever was started or made must be taken down again.
//!
//! A signal only sets a flag. Every wait of a scenario is then over at once, the script runs out, and what it used is dropped
//! as always; no further scenario begins.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// From here on signals do not end this process.
pub(super) fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| HAPPENED.store(true, Ordering::Relaxed)).context("cannot listen for signals")
}

/// Whether there was one.
pub(super) fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}
