//! Accuracy of failure detectors against timeout length.
//!
//! In flow: recorded or [synthetic] heartbeat [traces](trace). Each is [replayed](replay) to every detector of the
//! [registry], whose own knob is [swept](sweep) and [tuned](tune); what comes out is [quality of service](qos) with
//! [block-bootstrap](bootstrap) intervals and a check of [calibration], put together by a [study] and written by the
//! [report]. Out flow CSV, SVG and Markdown.
//!
//! Nothing there reads a clock or a random source of its own: two runs with the same traces and the same seed write
//! the same numbers.
//!
//! Beside it, and apart from it, `adversity` watches real processes under faults; it needs signals, and so Unix; and `scale` measures
//! simulated clusters of many nodes.

pub mod ablation;
#[cfg(unix)]
pub mod adversity;
pub mod bare_loop;
pub mod baselines;
pub mod bootstrap;
pub mod calibration;
pub mod command_line;
pub mod detector;
mod number;
pub mod ours;
mod out;
pub mod parallel;
mod plot;
pub mod qos;
pub mod registry;
pub mod replay;
pub mod report;
pub mod scale;
pub mod study;
pub mod sweep;
pub mod synthetic;
pub mod trace;
pub mod tune;
