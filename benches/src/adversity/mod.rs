//! Real processes under faults, watched from outside.
//!
//! In flow: a `scenario` that says beforehand what must and must not happen, and a `fleet` of processes, ours or a peer's,
//! all of which speak the JSON lines of `docs/node-events.md`. A `network` breaks the links between them. What the
//! processes say and what is done to them becomes one log (`observe`); each `claim` judges the log, and the `report` writes
//! it down: Markdown, CSV, time lines as SVG and the raw lines.
//!
//! Nothing here looks inside a process: what is not on its standard output or in `/proc` is not known. A claim never
//! decides what happens next; a scenario never judges.

mod claim;
mod fleet;
mod interrupt;
mod network;
mod observe;
mod program;
mod report;
mod run;
mod scenario;
mod soak;

pub use program::{Arguments, run};
