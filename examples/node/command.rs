//! Commands, one a line.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use gossip::faults::{Direction, Fault, LinkFaults};

use crate::args::parse_duration;

/// What can be asked of a running node.
#[derive(Debug)]
pub(crate) enum Command {
    Members,
    Suspicions,
    Counters,
    Set {
        key: String,
        value: String,
    },
    Remove {
        key: String,
    },
    Pause {
        max: Duration,
    },
    Resume,
    View,
    Standing,
    Acquire {
        lease: String,
    },
    Release {
        lease: String,
    },
    Voters {
        names: Vec<String>,
    },
    Leave,
    Quit,
    Fault(FaultCommand),
    Help,
    /// An empty line.
    Nothing,
}

impl Command {
    pub(crate) const HELP: &[&str] = &[
        "members",
        "suspicions",
        "counters",
        "set KEY VALUE",
        "remove KEY",
        "pause DURATION",
        "resume",
        "view",
        "standing",
        "acquire LEASE",
        "release LEASE",
        "voters NAME,NAME,...",
        "leave",
        "quit",
        "fault cut IP:PORT [in|out|both]",
        "fault loss PROBABILITY [IP:PORT] [in|out|both]",
        "fault burst PROBABILITY LENGTH [IP:PORT] [in|out|both]",
        "fault delay DURATION [IP:PORT] [in|out|both]",
        "fault duplicate PROBABILITY [IP:PORT] [in|out|both]",
        "fault reorder EVERY DELAY [IP:PORT] [in|out|both]",
        "fault heal [IP:PORT]",
    ];
}

impl FromStr for Command {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let line = line.trim();
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let command = match verb {
            "" => Self::Nothing,
            "members" => Self::Members,
            "suspicions" => Self::Suspicions,
            "counters" => Self::Counters,
            "resume" => Self::Resume,
            "view" => Self::View,
            "standing" => Self::Standing,
            "leave" => Self::Leave,
            "quit" => Self::Quit,
            "help" => Self::Help,
            // The value is the rest of the line, blanks included.
            "set" => {
                let (key, value) = rest.split_once(char::is_whitespace).context("write: set KEY VALUE")?;
                return Ok(Self::Set { key: key.to_owned(), value: value.trim().to_owned() });
            }
            "acquire" => return Ok(Self::Acquire { lease: word(verb, rest)? }),
            "release" => return Ok(Self::Release { lease: word(verb, rest)? }),
            "voters" => {
                let names: Vec<String> = rest.split(',').map(|name| name.trim().to_owned()).collect();
                ensure!(names.iter().all(|name| !name.is_empty()), "write: voters NAME,NAME,...");
                return Ok(Self::Voters { names });
            }
            "remove" => {
                ensure!(!rest.is_empty() && !rest.contains(char::is_whitespace), "write: remove KEY");
                return Ok(Self::Remove { key: rest.to_owned() });
            }
            "pause" => {
                return Ok(Self::Pause { max: parse_duration(rest).context("write: pause DURATION")? });
            }
            "fault" => return rest.parse().map(Self::Fault),
            other => bail!("unknown command \"{other}\": one of {}", Self::HELP.join("; ")),
        };
        ensure!(rest.is_empty(), "{verb} takes no arguments, not \"{rest}\"");
        Ok(command)
    }
}

/// The name of a lease.
fn word(verb: &str, rest: &str) -> anyhow::Result<String> {
    ensure!(!rest.is_empty() && !rest.contains(char::is_whitespace), "write: {verb} LEASE");
    Ok(rest.to_owned())
}

/// A change of the faults on this node's links. A later one for the same link and direction replaces an earlier one.
#[derive(Debug)]
pub(crate) enum FaultCommand {
    Set { kind: &'static str, fault: Fault, peer: Option<SocketAddr>, directions: &'static [Direction] },
    Heal { peer: Option<SocketAddr> },
}

impl FaultCommand {
    pub(crate) fn apply(&self, faults: &LinkFaults) {
        match self {
            Self::Set { fault, peer, directions, .. } => {
                for &direction in *directions {
                    faults.set(direction, *peer, *fault);
                }
            }
            Self::Heal { peer: Some(peer) } => faults.heal_peer(*peer),
            Self::Heal { peer: None } => faults.heal(),
        }
    }
}

impl FromStr for FaultCommand {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next().context(USAGE)?;
        if kind == "heal" {
            let peer = words.next().map(peer).transpose()?;
            ensure!(words.next().is_none(), "write: fault heal [IP:PORT]");
            return Ok(Self::Heal { peer });
        }
        let (kind, fault) = fault(kind, &mut words)?;
        // Where all nodes have the same fault, a datagram meets it once.
        let mut directions: &[_] = if kind == "cut" { BOTH } else { &[Direction::Out] };
        let mut to = None;
        for word in words {
            match word {
                "in" => directions = &[Direction::In],
                "out" => directions = &[Direction::Out],
                "both" => directions = BOTH,
                addr => to = Some(peer(addr)?),
            }
        }
        ensure!(
            kind != "cut" || to.is_some(),
            "write: fault cut IP:PORT (to cut all links: fault loss 1 both)"
        );
        Ok(Self::Set { kind, fault, peer: to, directions })
    }
}

const USAGE: &str = "write: fault cut IP:PORT, fault loss PROBABILITY, fault burst PROBABILITY LENGTH, fault delay DURATION, \
    fault duplicate PROBABILITY, fault reorder EVERY DELAY, or fault heal";
const BOTH: &[Direction] = &[Direction::In, Direction::Out];

/// The kind of a fault, and what it does with the numbers that follow.
fn fault<'a>(kind: &str, words: &mut impl Iterator<Item = &'a str>) -> anyhow::Result<(&'static str, Fault)> {
    let none = Fault::default();
    Ok(match kind {
        "cut" => ("cut", Fault::CUT),
        "loss" => {
            let loss = probability(words.next()).context("write: fault loss PROBABILITY, from 0 to 1")?;
            ("loss", Fault { loss, ..none })
        }
        "burst" => {
            let usage = "write: fault burst PROBABILITY LENGTH, for instance fault burst 0.2 10";
            let loss = probability(words.next()).context(usage)?;
            let burst = words.next().and_then(|w| w.parse().ok()).unwrap_or(f64::NAN);
            ensure!((1.0..=1e6).contains(&burst), usage);
            ("burst", Fault { loss, burst, ..none })
        }
        "delay" => {
            let delay = delay(words.next()).context("write: fault delay DURATION, for instance 50ms")?;
            ("delay", Fault { delay, ..none })
        }
        "duplicate" => {
            let duplicate =
                probability(words.next()).context("write: fault duplicate PROBABILITY, from 0 to 1")?;
            ("duplicate", Fault { duplicate, ..none })
        }
        "reorder" => {
            let usage = "write: fault reorder EVERY DELAY, for instance fault reorder 3 250ms";
            let overtake = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
            ensure!(overtake >= 2, usage);
            let delay = delay(words.next()).context(usage)?;
            ("reorder", Fault { overtake, delay, ..none })
        }
        other => bail!("unknown fault \"{other}\": {USAGE}"),
    })
}

/// How long a datagram may be held back: what is longer is no delay any more.
const DELAY_MAX: Duration = Duration::from_secs(3600);

fn delay(word: Option<&str>) -> anyhow::Result<Duration> {
    let delay = parse_duration(word.unwrap_or_default())?;
    ensure!(delay <= DELAY_MAX, "a delay is at most 1h (to let nothing through: fault cut)");
    Ok(delay)
}

fn probability(word: Option<&str>) -> Option<f64> {
    word.and_then(|word| word.parse().ok()).filter(|p| (0.0..=1.0).contains(p))
}

fn peer(word: &str) -> anyhow::Result<SocketAddr> {
    word.parse().ok().with_context(|| format!("\"{word}\" is neither IP:PORT nor in, out or both"))
}

impl fmt::Display for FaultCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, directions) = match self {
            Self::Heal { peer } => {
                f.write_str("heal")?;
                (peer, &[][..])
            }
            Self::Set { kind, fault, peer, directions } => {
                match *kind {
                    "loss" => write!(f, "loss {}", fault.loss)?,
                    "burst" => write!(f, "burst {} {}", fault.loss, fault.burst)?,
                    "delay" => write!(f, "delay {:?}", fault.delay)?,
                    "duplicate" => write!(f, "duplicate {}", fault.duplicate)?,
                    "reorder" => write!(f, "reorder {} {:?}", fault.overtake, fault.delay)?,
                    kind => f.write_str(kind)?,
                }
                (peer, *directions)
            }
        };
        if let Some(peer) = peer {
            write!(f, " {peer}")?;
        }
        match directions {
            [Direction::In] => f.write_str(" in"),
            [Direction::Out] => f.write_str(" out"),
            [] => Ok(()),
            _ => f.write_str(" both"),
        }
    }
}
