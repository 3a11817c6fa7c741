//! Every state of the real quorum's state machine within stated bounds, and mutants that must be caught.
//!
//! ```text
//! cargo test -p gossip --test model                          # the short form: a minute
//! GOSSIP_MODEL=full cargo test --release -p gossip --test model -- --nocapture --test-threads 1
//! ```
//!
//! What is explored, within which bounds, with what result, and which rule is covered by what: `model/README.md`.

#[path = "model/mod.rs"]
mod machines;
