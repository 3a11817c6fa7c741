//! Real processes under faults: see `benches::adversity`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    use benches::adversity::{Arguments, run};
    use clap::Parser as _;

    benches::command_line::exit_status(run(&Arguments::parse()))
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("error: this program stops and continues processes: run it on Linux");
    ExitCode::FAILURE
}
