//! Programs that show the crates at work; see the `[[example]]` entries.

/// The programs in the README, so that they are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
