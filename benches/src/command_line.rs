//! The two ends of a program that makes a report: the command line, for the report, and the exit status.

use std::path::Path;
use std::process::ExitCode;

/// Whether everything was as promised, or why that is not known, as an exit status.
pub fn exit_status(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// As it can be typed again, without the directories of this machine.
pub fn command_line(program: &str, arguments: impl Iterator<Item = String>) -> String {
    let mut text = format!("cargo run --release -p benches --bin {program}");
    for (place, argument) in arguments.enumerate() {
        text.push_str(if place == 0 { " -- " } else { " " });
        let path = Path::new(&argument);
        match path.file_name() {
            Some(name) if path.is_absolute() => text.push_str(&format!("…/{}", name.to_string_lossy())),
            _ => text.push_str(&argument),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::command_line;

    #[test]
    fn the_command_line_is_shown_without_machine_paths() {
        let arguments = ["--trace", "/home/me/a.csv", "--seed", "2"].map(String::from);
        let shown = command_line("accuracy", arguments.into_iter());
        assert_eq!(shown, "cargo run --release -p benches --bin accuracy -- --trace …/a.csv --seed 2");
    }
}
