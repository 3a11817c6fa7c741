//! The log of a scenario: what processes said and what was done to them, in the order in which it was seen.

use std::collections::BTreeSet;

use super::Line;

/// Everything that happened, oldest first. Times are seconds since the scenario began.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) nodes: usize,
    /// Whether every node observes every other, so that an opinion of each about each is to be expected.
    pub(crate) full_mesh: bool,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: f64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A line of a process, and the line as it was.
    Said {
        by: usize,
        line: Line,
        raw: String,
    },
    Did(Deed),
    /// A look at a process through `/proc`.
    Sampled {
        node: usize,
        sample: Sample,
    },
    /// How often a node was held back because its share of a processor was used up, and by what means.
    Throttled {
        node: usize,
        means: String,
        periods: u64,
        throttled: u64,
    },
    /// Datagrams to a node that the system threw away because the node's buffer was full.
    Dropped {
        node: usize,
        datagrams: u64,
    },
    /// A node was told to give a lease back.
    GivesBack {
        node: usize,
        lease: String,
    },
    /// A write to the disk on which the nodes keep their state, by the harness, took long.
    DiskTook {
        seconds: f64,
    },
    /// The mean shares of a processor that bare loops took, which do nothing but exchange heartbeats, and nodes at the same time.
    BareLoops(BareLoops),
}

/// Mean shares of a processor, of bare loops and of nodes beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BareLoops {
    pub count: usize,
    pub loop_percent: f64,
    pub node_percent: f64,
}

/// Something done to the processes or to their network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    Started(usize),
    /// SIGKILL.
    Killed(usize),
    /// All that it had on disk is gone.
    Wiped(usize),
    /// Asked to leave.
    Dismissed(usize),
    /// Nothing was done: it ended by itself.
    Ended(usize),
    /// SIGSTOP.
    Stopped(usize),
    /// SIGCONT.
    Continued(usize),
    /// From now on its wall clock is ahead by so much.
    ClockStepped {
        node: usize,
        ahead_s: i64,
    },
    FaultBegins(Fault),
    FaultEnds(String),
    /// From here to the next mark is what costs are measured over.
    Mark(&'static str),
}

/// Marks: from the one to the other nobody knows which links are as before.
pub(crate) const LINKS_CHANGE: &str = "links change";
pub(crate) const LINKS_ARE_SET: &str = "links are set";

impl Deed {
    /// For a person.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Started(node) => format!("start {}", name(*node)),
            Self::Killed(node) => format!("kill {}", name(*node)),
            Self::Wiped(node) => format!("wipe {}", name(*node)),
            Self::Dismissed(node) => format!("dismiss {}", name(*node)),
            Self::Ended(node) => format!("{} ends", name(*node)),
            Self::Stopped(node) => format!("stop {}", name(*node)),
            Self::Continued(node) => format!("continue {}", name(*node)),
            Self::ClockStepped { node, ahead_s } => format!("clock of {} {ahead_s:+} s", name(*node)),
            Self::FaultBegins(fault) => format!("{} begins", fault.text),
            Self::FaultEnds(text) => format!("{text} ends"),
            Self::Mark(text) => (*text).to_owned(),
        }
    }
}

/// A fault of the network or the machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fault {
    pub(crate) text: String,
    /// Observers and targets whose suspicion of each other is right while it lasts: they cannot reach each other.
    pub(crate) excused: BTreeSet<(usize, usize)>,
    /// Nodes that are the trouble themselves, though they can be reached: a majority may evict them.
    pub(crate) sick: BTreeSet<usize>,
    /// Whether processes get too little processor time, so that their lines come late. To suspect the sick ones is right.
    pub(crate) slow: bool,
}

/// What `/proc` says about a process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sample {
    /// User and system time since it started.
    pub(crate) cpu_s: f64,
    pub(crate) resident_kb: u64,
    pub(crate) descriptors: u64,
    /// Bytes sent by all of its network namespace, headers included, if that is its own.
    pub(crate) wire_bytes: Option<u64>,
    /// Likewise datagrams.
    pub(crate) wire_datagrams: Option<u64>,
}

impl Log {
    pub(crate) fn new(nodes: usize, full_mesh_max: usize) -> Self {
        Self { nodes, full_mesh: nodes <= full_mesh_max, entries: Vec::new() }
    }

    pub(crate) fn push(&mut self, at: f64, what: What) {
        self.entries.push(Entry { at, what });
    }

    /// When the last thing happened.
    pub(crate) fn end(&self) -> f64 {
        self.entries.iter().map(|entry| entry.at).fold(0.0, f64::max)
    }

    pub(crate) fn said(&self) -> impl Iterator<Item = (f64, usize, &Line)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Said { by, line, .. } => Some((entry.at, *by, line)),
            _ => None,
        })
    }

    pub(crate) fn deeds(&self) -> impl Iterator<Item = (f64, &Deed)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Did(deed) => Some((entry.at, deed)),
            _ => None,
        })
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = (f64, usize, &Sample)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Sampled { node, sample } => Some((entry.at, *node, sample)),
            _ => None,
        })
    }

    /// Node, means, periods, and those in which it was held back.
    pub(crate) fn throttled(&self) -> impl Iterator<Item = (usize, &str, u64, u64)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Throttled { node, means, periods, throttled } => {
                Some((*node, means.as_str(), *periods, *throttled))
            }
            _ => None,
        })
    }

    /// Node, and how many datagrams its buffer had no room for.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (usize, u64)> {
        self.entries.iter().filter_map(|entry| match entry.what {
            What::Dropped { node, datagrams } => Some((node, datagrams)),
            _ => None,
        })
    }

    /// The longest that the disk took, if that was long.
    pub(crate) fn disk_took(&self) -> Option<f64> {
        let took = self.entries.iter().filter_map(|entry| match entry.what {
            What::DiskTook { seconds } => Some(seconds),
            _ => None,
        });
        took.reduce(f64::max)
    }

    /// What bare loops took of a processor, and nodes at the same time, if that was measured.
    pub(crate) fn bare_loops(&self) -> Option<BareLoops> {
        self.entries.iter().find_map(|entry| match entry.what {
            What::BareLoops(measured) => Some(measured),
            _ => None,
        })
    }

    /// Whether processes were kept from writing their lines in time.
    pub(crate) fn lines_come_late(&self) -> bool {
        self.deeds().any(|(_, deed)| matches!(deed, Deed::FaultBegins(fault) if fault.slow))
    }

    /// Whether this one in particular was kept from it.
    pub(crate) fn is_slow(&self, node: usize) -> bool {
        let slows = |fault: &Fault| fault.slow && fault.sick.contains(&node);
        self.deeds().any(|(_, deed)| matches!(deed, Deed::FaultBegins(fault) if slows(fault)))
    }

    /// Whether anybody speaks of verdicts, so that claims about them can be judged.
    pub(crate) fn speaks_of_verdicts(&self) -> bool {
        self.said().any(|(_, _, line)| matches!(line, Line::Verdict { .. } | Line::View(_)))
    }
}

/// `n1` for the first.
pub(crate) fn name(node: usize) -> String {
    format!("n{}", node + 1)
}
