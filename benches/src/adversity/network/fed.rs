//! Commands of the system that are told on their standard input what to do.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

/// Runs a command with this input.
pub(super) fn feed(command: &[&str], input: &str) -> anyhow::Result<()> {
    Fed::begin(command, input)?.end()
}

/// A command that runs, and has been given its input.
pub(super) struct Fed {
    command: String,
    child: Child,
}

impl Fed {
    pub(super) fn begin(command: &[&str], input: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command[0]))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(Self { command: command.join(" "), child })
    }

    pub(super) fn end(self) -> anyhow::Result<()> {
        let output = self.child.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", self.command, complaint.trim());
        Ok(())
    }
}
