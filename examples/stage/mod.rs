//! What `fencing` and `leader` share: a program that starts itself several times, tells the processes what to do, listens to
//! what they say, and leaves none behind.

#![allow(dead_code, reason = "compiled into two programs, each of which uses a part of it")]

mod actor;
mod member;

pub(crate) use actor::{Actor, act_until_interrupted};
pub(crate) use member::{Member, die_with_parent};

use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};

use anyhow::Context;

/// So many addresses that are free, held at the same time so that they differ.
pub(crate) fn free_addrs(count: usize) -> anyhow::Result<Vec<SocketAddr>> {
    let sockets: Result<Vec<_>, _> = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0")).collect();
    let addrs = sockets.and_then(|sockets| sockets.iter().map(UdpSocket::local_addr).collect());
    addrs.context("cannot find free ports on loopback")
}

/// Prints a line. A reader that has gone away changes nothing: the exit status still tells.
pub(crate) fn say(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

/// What was expected, and whether it came about.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    failures: usize,
}

impl Checks {
    pub(crate) fn check(&mut self, what: &str, good: bool) {
        if good {
            say(&format!("  ✓ {what}"));
        } else {
            self.failures += 1;
            say(&format!("  ✗ NOT: {what}"));
        }
    }

    /// The last line; whether all was as expected.
    pub(crate) fn conclude(&self) -> bool {
        say(&match self.failures {
            0 => "\nall as expected".to_owned(),
            1 => "\n1 difference".to_owned(),
            n => format!("\n{n} differences"),
        });
        self.failures == 0
    }
}
