//! Clusters of many simulated nodes: see `benches::scale`.

use std::process::ExitCode;

use benches::command_line::exit_status;
use benches::scale::{Arguments, run};
use clap::Parser as _;

fn main() -> ExitCode {
    exit_status(run(&Arguments::parse()))
}
