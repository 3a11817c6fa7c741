//! One quorum's state machine by itself, on a disk that takes its time. Each test is an execution that once broke it, or that
//! would if a rule were taken out.
#![allow(unreachable_pub, reason = "a program of its own, in several files")]
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod ballots;
mod bench;
mod cases;
mod catchup;
mod deaths;
mod founders;
mod founding;
mod leases;
mod leaves;
mod names;
mod opinions;
mod requests;
mod rest;
mod sees;
mod standing;
mod verdicts;
mod views;
mod writes;
