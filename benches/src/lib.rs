//! Programs that show the crates at work; see the `[[example]]` entries.
