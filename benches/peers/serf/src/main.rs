//! One node of serf, the program: this process *becomes* `serf agent`, and a child of it turns its log into lines.
//!
//! So the process that the harness started is serf itself: what is done to it is done to serf, and what it costs is serf's
//! cost. The child ends when serf does, because serf's log then ends.

mod listen;
mod log;

use std::io::PipeWriter;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use agent::{Args, Profile};
use anyhow::Context as _;

/// The first argument of the child; the file descriptor of the log, serf's process and the name of the node follow.
const LISTEN: &str = "listen";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, first, fd, serf, name] = &words[..]
        && first == LISTEN
    {
        return listen::run(fd, serf.parse().context("serf's process has a number")?, name);
    }
    let args = Args::parse();
    let log = start_listener(&args.name)?;
    let error = Command::new("serf").args(options(&args)).stdout(log).exec();
    Err(error).context("cannot run serf: is it installed?")
}

/// What it writes, the child turns into lines.
///
/// The child has standard input, output and error of this process, for commands, lines and complaints.
fn start_listener(name: &str) -> anyhow::Result<PipeWriter> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    // The copy, unlike the original, stays open in the child. Here it is closed when serf's turn comes.
    let inherited = rustix::io::dup(&reader).context("cannot hand on a pipe")?;
    Command::new(std::env::current_exe().context("cannot tell where this program lies")?)
        .args([LISTEN, &inherited.as_raw_fd().to_string(), &std::process::id().to_string(), name])
        .spawn()
        .context("cannot start the process that reads serf's log")?;
    Ok(writer)
}

fn options(args: &Args) -> Vec<String> {
    // Its timing is a choice of three: `lan`, the default, `wan` and `local`, the fastest. There is nothing finer.
    let profile = match args.profile {
        Profile::Default => "lan",
        Profile::Tuned => "local",
    };
    let mut options: Vec<String> =
        ["agent", "-log-level=info", "-retry-interval=1s"].map(String::from).to_vec();
    options.push(format!("-node={}", args.name));
    options.push(format!("-bind={}", args.bind));
    options.push(format!("-profile={profile}"));
    // Not used, but it cannot be had without; any free port will do.
    options.push("-rpc-addr=127.0.0.1:0".into());
    // Seeds may not have started yet.
    options.extend(args.seeds.iter().map(|seed| format!("-retry-join={seed}")));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serf_is_called_with_what_the_harness_gave() {
        let args = Args {
            cluster: "c".into(),
            name: "n2".into(),
            bind: "10.77.0.2:7946".parse().unwrap(),
            seeds: vec!["10.77.0.1:7946".parse().unwrap()],
            profile: Profile::Tuned,
        };
        let options = options(&args);
        for option in ["-node=n2", "-bind=10.77.0.2:7946", "-profile=local", "-retry-join=10.77.0.1:7946"] {
            assert!(options.iter().any(|o| o == option), "{option} in {options:?}");
        }
    }
}
