//! What the node says: JSON Lines, one event a line. The schema is in `docs/node-events.md`; keep them the same.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::decided::{LeaseReport, ViewReport, denial_name, standing_name, storage_name, verdict_name};
use gossip::{
    Counters, Epoch, Event, HeldOpinion, Incarnation, Member, NodeId, Opinion, Refusal, Standing, Status,
    StopReason, StorageState, Verdict,
};
use serde::Serialize;
use tokio::sync::mpsc;

/// One line, without its time.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report {
    Started {
        node: String,
        incarnation: u64,
        addr: SocketAddr,
        pid: u32,
    },
    Ready {
        node: String,
        members: usize,
    },
    Joined {
        node: String,
        incarnation: u64,
        addr: SocketAddr,
    },
    Left {
        node: String,
        incarnation: u64,
    },
    Unobserved {
        node: String,
        incarnation: u64,
    },
    Suspected {
        node: String,
        incarnation: u64,
        phi: f64,
    },
    Trusted {
        node: String,
        incarnation: u64,
        phi: f64,
    },
    Unsure {
        node: String,
        incarnation: u64,
        phi: f64,
    },
    Opinion {
        observer: String,
        node: String,
        incarnation: u64,
        opinion: &'static str,
        phi: f64,
    },
    Metadata {
        node: String,
        status: &'static str,
        metadata: BTreeMap<String, String>,
    },
    Moved {
        node: String,
        addr: SocketAddr,
    },
    Paused {
        node: String,
        seconds: f64,
    },
    SeedsSilent {
        rounds: u32,
    },
    Refused {
        by: SocketAddr,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        highest: Option<u64>,
    },
    Conflict {
        node: String,
        incarnation: u64,
    },
    Superseded {
        node: String,
        incarnation: u64,
    },
    Verdict {
        node: String,
        incarnation: u64,
        verdict: &'static str,
        /// Of the view that decided it; none for what is only read.
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
    },
    View(ViewReport),
    Standing {
        node: String,
        standing: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// Only in answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        storage: Option<&'static str>,
    },
    Lease(LeaseReport),
    FoundersDiffer {
        by: String,
        theirs: Vec<String>,
        ours: Vec<String>,
        /// In seconds; none if only names have been said.
        #[serde(skip_serializing_if = "Option::is_none")]
        their_lease: Option<f64>,
        our_lease: f64,
        message: String,
    },
    RequestDenied {
        reason: &'static str,
    },
    StorageFailed {
        node: String,
    },
    Lagged {
        lost: u64,
    },
    Members {
        members: Vec<MemberReport>,
    },
    Suspicions {
        suspicions: Vec<Suspicion>,
    },
    Counters {
        #[serde(flatten)]
        counters: BTreeMap<&'static str, u64>,
    },
    Fault {
        fault: String,
    },
    Help {
        commands: &'static [&'static str],
    },
    Error {
        message: String,
    },
    Stopped {
        node: String,
        reason: String,
    },
}

#[derive(Debug, Serialize)]
pub(crate) struct MemberReport {
    node: String,
    incarnation: u64,
    addr: SocketAddr,
    status: &'static str,
    opinion: Option<&'static str>,
    accusers: usize,
    verdict: &'static str,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Suspicion {
    observer: String,
    node: String,
    opinion: &'static str,
    phi: f64,
}

impl Report {
    /// What to print for an event that says all by itself; none for one that nobody has a use for.
    pub(crate) fn of(own: &NodeId, event: Event) -> Option<Self> {
        Some(match event {
            Event::Joined { id, incarnation, addr } => {
                Self::Joined { node: id.to_string(), incarnation: incarnation.get(), addr }
            }
            Event::Left { id, incarnation } => {
                Self::Left { node: id.to_string(), incarnation: incarnation.get() }
            }
            Event::Unobserved { id, incarnation } => {
                Self::Unobserved { node: id.to_string(), incarnation: incarnation.get() }
            }
            Event::AddrChanged { id, addr } => Self::Moved { node: id.to_string(), addr },
            Event::Opinion { observer, target, incarnation, opinion, phi } => {
                let (node, incarnation, phi) = (target.to_string(), incarnation.get(), rounded(phi));
                match opinion {
                    _ if observer != *own => {
                        let (observer, opinion) = (observer.to_string(), opinion_name(opinion));
                        Self::Opinion { observer, node, incarnation, opinion, phi }
                    }
                    Opinion::Suspect => Self::Suspected { node, incarnation, phi },
                    Opinion::Trust => Self::Trusted { node, incarnation, phi },
                    Opinion::Unsure => Self::Unsure { node, incarnation, phi },
                }
            }
            Event::ProcessPaused { length } => {
                Self::Paused { node: own.to_string(), seconds: length.as_secs_f64() }
            }
            Event::SeedsSilent { rounds } => Self::SeedsSilent { rounds },
            Event::Refused { by, reason } => {
                let highest = reason.highest().map(Incarnation::get);
                let reason = match reason {
                    Refusal::Incarnation { .. } => "incarnation",
                    Refusal::NameConflict => "name_conflict",
                    Refusal::Rewound { .. } => "rewound",
                    Refusal::BelowFloor { .. } => "below_floor",
                    Refusal::Full => "full",
                    _ => "other",
                };
                Self::Refused { by, reason, highest }
            }
            Event::NameConflict { id, incarnation, .. } => {
                Self::Conflict { node: id.to_string(), incarnation: incarnation.get() }
            }
            Event::Superseded { incarnation } => {
                Self::Superseded { node: own.to_string(), incarnation: incarnation.get() }
            }
            Event::Lagged { lost } => Self::Lagged { lost },
            event => return Self::of_decided(own, event),
        })
    }

    /// What concerns a quorum.
    fn of_decided(own: &NodeId, event: Event) -> Option<Self> {
        let names = |ids: Vec<NodeId>| ids.iter().map(NodeId::to_string).collect();
        Some(match event {
            Event::Verdict { id, incarnation, verdict } => Self::verdict(&id, incarnation, verdict),
            Event::View { view } => Self::View(ViewReport::of(&view)),
            Event::Standing { standing, epoch } => Self::standing(own, standing, Some(epoch), None),
            Event::Lease { lease, token, state } => Self::Lease(LeaseReport::of(&lease, token, state)),
            Event::FoundersDiffer { by, theirs, ours, their_lease, our_lease } => Self::FoundersDiffer {
                by: by.0.iter().map(|byte| format!("{byte:02x}")).collect(),
                message: advice_to_founders(theirs == ours, their_lease.map(|theirs| theirs == our_lease)),
                theirs: names(theirs),
                ours: names(ours),
                their_lease: their_lease.map(|length| length.as_secs_f64()),
                our_lease: our_lease.as_secs_f64(),
            },
            Event::RequestDenied { reason } => Self::RequestDenied { reason: denial_name(reason) },
            Event::StorageFailed => Self::StorageFailed { node: own.to_string() },
            _ => return None,
        })
    }

    fn verdict(id: &NodeId, incarnation: Incarnation, verdict: Verdict) -> Self {
        let (verdict, epoch) = verdict_name(verdict);
        Self::Verdict {
            node: id.to_string(),
            incarnation: incarnation.get(),
            verdict,
            epoch: epoch.map(Epoch::get),
        }
    }

    pub(crate) fn standing(
        own: &NodeId,
        standing: Standing,
        epoch: Option<Epoch>,
        storage: Option<StorageState>,
    ) -> Self {
        let (node, standing, storage) = (own.to_string(), standing_name(standing), storage.map(storage_name));
        Self::Standing { node, standing, epoch: epoch.map(Epoch::get), storage }
    }

    pub(crate) fn members(members: &[Member]) -> Self {
        let mut members: Vec<_> = members.iter().map(MemberReport::of).collect();
        members.sort_by(|a, b| a.node.cmp(&b.node));
        Self::Members { members }
    }

    pub(crate) fn suspicions(matrix: &[HeldOpinion]) -> Self {
        let mut suspicions: Vec<_> = matrix
            .iter()
            .map(|held| Suspicion {
                observer: held.observer.to_string(),
                node: held.target.to_string(),
                opinion: opinion_name(held.opinion),
                phi: rounded(held.phi),
            })
            .collect();
        suspicions.sort_by(|a, b| (&a.observer, &a.node).cmp(&(&b.observer, &b.node)));
        Self::Suspicions { suspicions }
    }

    pub(crate) fn metadata(member: &Member) -> Self {
        let MemberReport { node, status, metadata, .. } = MemberReport::of(member);
        Self::Metadata { node, status, metadata }
    }

    pub(crate) fn counters(counters: &Counters) -> Self {
        Self::Counters {
            counters: BTreeMap::from([
                ("received", counters.received),
                ("received_bytes", counters.received_bytes),
                ("sent", counters.sent),
                ("sent_bytes", counters.sent_bytes),
                ("rejected", counters.rejected_all()),
                ("heartbeats", counters.heartbeats),
                ("heartbeats_stale", counters.heartbeats_stale),
                ("strangers", counters.strangers),
                ("senseless", counters.senseless),
                ("members_refused", counters.members_refused),
                ("conflicts", counters.conflicts),
                ("syncs", counters.syncs),
                ("probes", counters.probes),
                ("pauses", counters.pauses),
                ("news_dropped", counters.news_dropped),
                ("sends_dropped", counters.sends_dropped),
            ]),
        }
    }

    pub(crate) fn stopped(own: &NodeId, reason: &StopReason) -> Self {
        let reason = match reason {
            StopReason::Left { .. } => "left".to_owned(),
            StopReason::Shutdown => "quit".to_owned(),
            other => other.to_string(),
        };
        Self::Stopped { node: own.to_string(), reason }
    }
}

impl MemberReport {
    fn of(member: &Member) -> Self {
        let record = &member.record;
        Self {
            node: record.identity.id.to_string(),
            incarnation: record.identity.incarnation.get(),
            addr: record.addr,
            status: match record.status {
                Status::Running => "running",
                Status::Pausing { .. } => "pausing",
                Status::Left => "left",
                _ => "other",
            },
            opinion: member.opinion.map(opinion_name),
            accusers: member.accusers,
            verdict: verdict_name(member.verdict).0,
            metadata: record.metadata.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        }
    }
}

/// In what two lists of founders differ, and what to do about it; whether the leases agree is not always known.
fn advice_to_founders(same_names: bool, same_lease: Option<bool>) -> String {
    let differ = match (same_names, same_lease) {
        (false, _) => "--voters differ",
        (true, Some(false)) => "--voters agree, --lease differs",
        (true, Some(true)) => "--voters and --lease agree, a data directory is another one",
        (true, None) => "--voters agree, so --lease or a data directory differs",
    };
    format!(
        "{differ}: give all founders the same --voters and --lease; if this comes again, start every one of them once with \
         --abandon-founding"
    )
}

fn opinion_name(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Trust => "trust",
        Opinion::Suspect => "suspect",
        Opinion::Unsure => "unsure",
    }
}

/// JSON has no infinity, and nobody needs more than three places.
fn rounded(phi: f64) -> f64 {
    (phi.min(1e6) * 1e3).round() / 1e3
}

#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) t: f64,
    #[serde(flatten)]
    pub(crate) report: Report,
}

/// Lines that may wait for a reader that is slow. When there are more, lines are lost, and a line says how many.
const LINES_MAX: usize = 4096;

/// Prints on standard output, from a thread of its own: a reader that does not read must not stop the node.
pub(crate) struct Printer {
    started: Instant,
    lines: mpsc::Sender<Line>,
    lost: u64,
    thread: JoinHandle<()>,
}

impl Printer {
    pub(crate) fn start() -> Self {
        let (lines, receiver) = mpsc::channel(LINES_MAX);
        let thread = std::thread::spawn(move || _ = write_lines(receiver, io::stdout().lock()));
        Self { started: Instant::now(), lines, lost: 0, thread }
    }

    pub(crate) fn print(&mut self, report: Report) {
        let t = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        if self.lost > 0
            && self.lines.try_send(Line { t, report: Report::Lagged { lost: self.lost } }).is_ok()
        {
            self.lost = 0;
        }
        if self.lines.try_send(Line { t, report }).is_err() {
            self.lost += 1;
        }
    }

    /// Waits until nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.lines.closed().await;
    }

    /// Waits until all has been written.
    pub(crate) fn finish(self) {
        drop(self.lines);
        // A panic there has been reported there.
        _ = self.thread.join();
    }
}

fn write_lines(mut lines: mpsc::Receiver<Line>, out: impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    while let Some(line) = lines.blocking_recv() {
        let mut next = Some(line);
        while let Some(line) = next {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
            next = lines.try_recv().ok();
        }
        out.flush()?;
    }
    Ok(())
}
