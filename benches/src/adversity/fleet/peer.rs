//! The other projects: what their agents are called and run with, and what must be installed for them.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A project whose agent, a package of its own under `benches/peers` and outside the workspace, is put beside our node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(super) name: &'static str,
    /// Its profiles, as the report calls them and as its agent does.
    pub(super) profiles: [(&'static str, &'static str); 2],
    /// What its agent runs, where the project is a program and no library.
    program: Option<Installed>,
}

/// A program that is installed, or not.
#[derive(Debug, PartialEq, Eq)]
struct Installed {
    name: &'static str,
    advice: &'static str,
    /// Why a library that is loaded into it cannot give it a wall clock of its own.
    only_true_clock: &'static str,
}

const DEFAULT_AND_TUNED: [(&str, &str); 2] = [("default", "default"), ("tuned", "tuned")];

/// All of them.
pub(crate) static PEERS: [Peer; 4] = [
    Peer { name: "foca", profiles: DEFAULT_AND_TUNED, program: None },
    Peer { name: "chitchat", profiles: DEFAULT_AND_TUNED, program: None },
    Peer { name: "memberlist", profiles: DEFAULT_AND_TUNED, program: None },
    Peer {
        name: "serf",
        // It cannot be tuned: this is the fastest of the three profiles that it has.
        profiles: [("default", "default"), ("local", "tuned")],
        program: Some(Installed {
            name: "serf",
            advice: "install the package serf (Debian, Ubuntu), or put the program of its authors into PATH",
            only_true_clock: "is a program in Go, which asks the kernel for the time and not the C library",
        }),
    },
];

impl Peer {
    /// Why it cannot run here, if so.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let Installed { name, advice, .. } = self.program.as_ref()?;
        let path = env::var_os("PATH").unwrap_or_default();
        (!is_in_path(name, &path)).then(|| format!("{name} is not installed: {advice}"))
    }

    /// Why its processes cannot have a wall clock of their own, if so.
    pub(crate) fn only_true_clock(&self) -> Option<String> {
        self.program.as_ref().map(|program| program.only_true_clock.to_owned())
    }

    /// Where its package lies.
    pub(super) fn package(&self) -> PathBuf {
        home().join(self.name)
    }

    /// Its agent, when it has been built.
    pub(super) fn agent(&self) -> PathBuf {
        home().join("target/release").join(format!("{}-agent", self.name))
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn is_in_path(program: &str, path: &OsStr) -> bool {
    env::split_paths(path).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_where_a_shell_would() {
        let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(full.path().join("serf"), "").unwrap();
        let path = env::join_paths([empty.path(), full.path()]).unwrap();
        assert!(is_in_path("serf", &path));
        assert!(!is_in_path("serf", empty.path().as_os_str()) && !is_in_path("serf", OsStr::new("")));
    }

    #[test]
    fn only_a_program_that_is_installed_can_be_missing() {
        for peer in &PEERS {
            assert!(peer.program.is_some() || peer.obstacle().is_none(), "{}", peer.name);
            assert!(peer.package().join("Cargo.toml").is_file(), "{}", peer.name);
        }
    }
}
