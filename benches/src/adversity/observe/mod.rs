//! What was said and done, when, and what follows from it.
//!
//! In flow lines of processes and deeds of the harness; out flow beliefs and figures. Everything here is a function of the
//! log, so that a log written by hand can show that a claim catches what it should.

mod belief;
mod lease;
mod line;
mod log;
mod metrics;
mod presence;
mod quorum;
mod recovery;
#[cfg(test)]
pub(crate) mod synthetic;

pub(crate) use belief::{Beliefs, Held};
pub(crate) use lease::holder;
pub(crate) use line::{LeaseState, Line, View, parse, parse_write};
pub(crate) use log::{BareLoops, Deed, Fault, LINKS_ARE_SET, LINKS_CHANGE, Log, Sample, What, name};
pub(crate) use metrics::{Cost, accusations, burials, costs, detections, mistakes, notices};
pub(crate) use presence::Presence;
pub(crate) use quorum::{Quorum, deaths};
pub(crate) use recovery::{known_by_all, recoveries};
