//! What must and must not happen, said before it can.
//!
//! A [`Claim`] has words for a person and a judgement of a log. In flow a log; out flows whether the claim holds, with what
//! was measured either way.

mod calm;
mod clock;
mod cost;
mod lease;
mod suspicion;
mod verdict;

pub(crate) use verdict::quantile;

use super::observe::Log;

/// What the fault is called by which a claim about disks is judged.
pub(crate) const FULL_DISK: &str = "disk full";

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Claim {
    /// A killed node is suspected by every survivor within `all_s`, and by half of them within `median_s`.
    Detected { all_s: f64, median_s: f64 },
    /// Whoever is kept from hearing another suspects it within this, and so does everybody who observes a stopped node: a fault
    /// that nobody notices is no test.
    Noticed { seconds: f64 },
    /// Some node is sent at least so many datagrams that it rejects.
    FloodArrives { datagrams: u64 },
    /// Each time that this is tried, the system throws away at least so many datagrams because a node's buffer is full.
    Overflows { datagrams: u64 },
    /// No suspicion of a healthy, reachable node lasts longer than this; 0: there is none.
    NoMistakeLasts { seconds: f64 },
    /// After it has gone on, a stopped node suspects no node that is running, for ten seconds.
    WakesWithoutAccusing,
    /// A stopped node says that it was, once it goes on, right to a tenth.
    KnowsOfItsPause,
    /// After each end of a fault, and each start, all running nodes trust each other within this.
    Recovers { seconds: f64 },
    /// Every running node has met every other so soon after the last start.
    AllKnown { seconds: f64 },
    /// Nobody suspects a node that leaves.
    LeavesUnsuspected,
    /// The quorum declares no running node dead.
    NoHealthyDead,
    /// The quorum declares every killed node that stays away dead, and every survivor hears of it, within this.
    DeclaredDead { seconds: f64 },
    /// Every survivor reports that a killed node is dead no later than `slack_s` after the later of detection by all and the end
    /// of all promises, and in 99 of 100 cases within `p99_s`.
    DeadSoon { promise_s: f64, slack_s: f64, p99_s: f64 },
    /// Two nodes never hold different views under one number.
    ViewsAgree,
    /// All nodes report the same verdicts in the same order.
    SameOrder,
    /// Nobody reports a decision that no majority of voters with their disks can have made.
    MajoritiesDecide,
    /// No node is back at an earlier view than it has reported, but for one whose disk was wiped.
    ViewsNeverGoBack,
    /// Who is declared dead while it runs has said before that it is isolated, and that its lease is over.
    StepsDownFirst,
    /// After each fault all hold one view within this.
    AgreesOnOneView { seconds: f64 },
    /// Who was declared dead while it ran is back in a higher incarnation, so soon after it could know.
    EvictedReturn { seconds: f64 },
    /// A sick node is evicted and suspended at most so often a minute.
    FewEvictions { evictions: usize, suspensions: usize },
    /// A lease is granted so soon after the last start.
    GrantsAgain { seconds: f64 },
    /// A node whose disk is full says so and goes on watching.
    TellsOfFullDisk,
    /// No two nodes hold the lease at once.
    OneHolder,
    /// Each grant of a lease has a higher token than all before it.
    TokensIncrease,
    /// A gate that every holder passes with its token, again and again while it holds, refuses nobody.
    GateRefusesNobody,
    /// By the storage that all holders write to after a check: one holder at a time, and its gate refuses no write but of one that
    /// was stopped after the check.
    WritesInTurn,
    /// Nobody writes under a lease longer than this after it could last reach a majority of voters that ran.
    WritesInTouch { seconds: f64 },
    /// No verdict declares anybody dead.
    NobodyDies,
    /// Holders of a lease write with at least so many different tokens: a lease that nobody gets shows nothing.
    LeaseUsed { tokens: usize },
    /// After the last fault, and the last start, somebody is granted the lease, and writes.
    LeaseUsedAfterAll,
    /// Every holder keeps its lease until it gives it back.
    LeasesKept,
    /// Nobody is suspended, declared dead or isolated.
    NobodyCondemned,
    /// Each step of a node's wall clock shows in what the node writes.
    StepsShow,
    /// When the holder of a lease is killed, stopped or cut off for long enough, another is granted it within this.
    LeasePasses { seconds: f64 },
    /// Nodes with a quota of processor time are held back in at least this share of all periods.
    QuotaBites { share: f64 },
    /// Mean share of one processor, as a part of what a bare loop takes.
    Cpu { of_bare_loop: f64 },
    /// Mean share of one processor.
    Processor { percent: f64 },
    /// Mean of what is sent, with all headers, as the kernel counts it.
    Wire { bytes_s: f64 },
    /// Mean payload sent.
    Payload { bytes_s: f64 },
    /// Memory of no process grows by more.
    MemoryGrowth { kb: u64 },
    /// No process holds more descriptors afterwards than before, but for so many.
    DescriptorGrowth { count: u64 },
    /// No process ends by itself, writes something that is not JSON, or refuses a command.
    NoSurprise,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judgement {
    /// It holds; what was measured.
    Held(String),
    /// It does not; what happened instead.
    Broken(String),
    /// It cannot be judged here; why.
    Open(String),
}

impl Claim {
    /// What holds in every scenario.
    pub(crate) const ALWAYS: [Self; 11] = [
        Self::NoHealthyDead,
        Self::ViewsAgree,
        Self::SameOrder,
        Self::MajoritiesDecide,
        Self::ViewsNeverGoBack,
        Self::StepsDownFirst,
        Self::OneHolder,
        Self::TokensIncrease,
        Self::GateRefusesNobody,
        Self::WritesInTurn,
        Self::NoSurprise,
    ];

    /// The statement, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Detected { all_s, median_s } => {
                format!(
                    "a killed node is suspected by every survivor within {all_s} s, by half within {median_s} s; where not all watch all, to be told counts"
                )
            }
            Self::Noticed { seconds } => {
                format!(
                    "whoever cannot hear a node any more suspects it within {seconds} s; where not all watch all, to be told counts"
                )
            }
            Self::FloodArrives { datagrams } => format!("one node rejects more than {datagrams} datagrams"),
            Self::Overflows { datagrams } => {
                format!(
                    "the system drops at least {datagrams} datagrams because a node's buffer is full, while it runs and while it is stopped"
                )
            }
            Self::NoMistakeLasts { seconds: 0.0 } => "nobody suspects a healthy node".into(),
            Self::NoMistakeLasts { seconds } => {
                format!("no suspicion of a healthy node lasts longer than {seconds} s")
            }
            Self::WakesWithoutAccusing => "a node that was stopped accuses nobody when it goes on".into(),
            Self::KnowsOfItsPause => "a node that was stopped says so, and for how long".into(),
            Self::Recovers { seconds } => format!("all trust each other again within {seconds} s"),
            Self::AllKnown { seconds } => format!("everybody knows everybody within {seconds} s"),
            Self::LeavesUnsuspected => "nobody suspects a node that leaves".into(),
            Self::NoHealthyDead => "no verdict declares a healthy node dead".into(),
            Self::DeclaredDead { seconds } => {
                format!("a node that stays away is declared dead, to all, within {seconds} s")
            }
            Self::DeadSoon { promise_s, slack_s, p99_s } => format!(
                "a killed node is declared dead, to all, within {slack_s} s of the later of detection and {promise_s} s, and in \
                 99 of 100 cases within {p99_s} s"
            ),
            Self::SameOrder => "all report the same verdicts in the same order".into(),
            Self::MajoritiesDecide => "nothing is decided without a majority of voters".into(),
            Self::ViewsNeverGoBack => "no node forgets a view that it has reported".into(),
            Self::StepsDownFirst => "who is declared dead while it runs has stepped down before".into(),
            Self::AgreesOnOneView { seconds } => {
                format!("all hold one view within {seconds} s of a fault's end")
            }
            Self::EvictedReturn { seconds } => {
                format!(
                    "who was declared dead while it ran is back, higher, within {seconds} s of a fault's end"
                )
            }
            Self::FewEvictions { evictions, suspensions } => format!(
                "a sick node is evicted at most {evictions} times a minute, and suspended at most {suspensions} times"
            ),
            Self::GrantsAgain { seconds } => {
                format!("a lease is granted within {seconds} s of the last start")
            }
            Self::TellsOfFullDisk => "a node whose disk is full says so and goes on watching".into(),
            Self::ViewsAgree => "no two nodes hold different views under one number".into(),
            Self::OneHolder => "no two nodes hold a lease at once".into(),
            Self::TokensIncrease => "tokens only grow".into(),
            Self::WritesInTurn => {
                "holders write one after the other, and the storage's gate refuses none that has not slept"
                    .into()
            }
            Self::WritesInTouch { seconds } => {
                format!(
                    "nobody writes under a lease who has not reached a majority of voters for {seconds} s"
                )
            }
            Self::NobodyDies => "no verdict declares anybody dead".into(),
            Self::LeaseUsed { tokens } => {
                format!("holders of a lease write, with {} at least", counted(*tokens, "token"))
            }
            Self::LeaseUsedAfterAll => {
                "when all is over the lease is granted once more, and its holder writes".into()
            }
            Self::GateRefusesNobody => "a gate refuses no holder of a lease".into(),
            Self::LeasesKept => "who is granted a lease keeps it until it gives it back".into(),
            Self::NobodyCondemned => "nobody is suspended, declared dead or isolated".into(),
            Self::StepsShow => "a step of a node's wall clock shows in what the node writes or says".into(),
            Self::LeasePasses { seconds } => {
                format!("when its holder is killed, stopped or cut off, a lease passes on within {seconds} s")
            }
            Self::QuotaBites { share } => {
                format!("nodes with a quota are held back in at least {} % of all periods", share * 100.0)
            }
            Self::Cpu { of_bare_loop } => format!(
                "a node takes at most {of_bare_loop} of the processor time of a loop beside it that only exchanges heartbeats with 19 others"
            ),
            Self::Processor { percent } => format!("a node takes at most {percent} % of a processor"),
            Self::Wire { bytes_s } => format!("a node sends at most {} kB/s with all headers", bytes_s / 1e3),
            Self::Payload { bytes_s } => format!("a node sends at most {} kB/s", bytes_s / 1e3),
            Self::MemoryGrowth { kb } => format!("no process grows by more than {} MB", *kb as f64 / 1e3),
            Self::DescriptorGrowth { count } => {
                format!("no process holds more than {count} descriptors more than before")
            }
            Self::NoSurprise => "no process ends, complains or refuses a command unasked".into(),
        }
    }

    /// Whether it is about what only a quorum can say, and so about nothing where there is none.
    pub(crate) fn needs_verdicts(&self) -> bool {
        matches!(
            self,
            Self::NoHealthyDead
                | Self::DeclaredDead { .. }
                | Self::DeadSoon { .. }
                | Self::ViewsAgree
                | Self::SameOrder
                | Self::MajoritiesDecide
                | Self::ViewsNeverGoBack
                | Self::StepsDownFirst
                | Self::AgreesOnOneView { .. }
                | Self::EvictedReturn { .. }
                | Self::FewEvictions { .. }
                | Self::GrantsAgain { .. }
                | Self::TellsOfFullDisk
                | Self::GateRefusesNobody
                | Self::WritesInTurn
                | Self::WritesInTouch { .. }
                | Self::NobodyDies
                | Self::LeaseUsed { .. }
                | Self::LeaseUsedAfterAll
                | Self::OneHolder
                | Self::TokensIncrease
                | Self::LeasePasses { .. }
                | Self::LeasesKept
                | Self::NobodyCondemned
        )
    }

    /// Judges a finished log.
    pub(crate) fn judge(&self, log: &Log) -> Judgement {
        match *self {
            Self::Detected { all_s, median_s } => suspicion::detected(log, all_s, median_s),
            Self::Noticed { seconds } => suspicion::noticed(log, seconds),
            Self::FloodArrives { datagrams } => cost::flood_arrives(log, datagrams),
            Self::Overflows { datagrams } => cost::overflows(log, datagrams),
            Self::NoMistakeLasts { seconds } => suspicion::no_mistake_lasts(log, seconds),
            Self::WakesWithoutAccusing => suspicion::wakes_without_accusing(log),
            Self::KnowsOfItsPause => suspicion::knows_of_its_pause(log),
            Self::Recovers { seconds } => suspicion::recovers(log, seconds),
            Self::AllKnown { seconds } => suspicion::all_known(log, seconds),
            Self::LeavesUnsuspected => suspicion::leaves_unsuspected(log),
            Self::NoHealthyDead => verdict::no_healthy_dead(log),
            Self::DeclaredDead { seconds } => verdict::declared_dead(log, seconds),
            Self::DeadSoon { promise_s, slack_s, p99_s } => {
                verdict::dead_soon(log, promise_s, slack_s, p99_s)
            }
            Self::ViewsAgree => verdict::views_agree(log),
            Self::SameOrder => verdict::same_order(log),
            Self::MajoritiesDecide => verdict::majorities_decide(log),
            Self::ViewsNeverGoBack => verdict::views_never_go_back(log),
            Self::StepsDownFirst => verdict::steps_down_first(log),
            Self::AgreesOnOneView { seconds } => verdict::agrees_on_one_view(log, seconds),
            Self::EvictedReturn { seconds } => verdict::evicted_return(log, seconds),
            Self::FewEvictions { evictions, suspensions } => {
                verdict::few_evictions(log, evictions, suspensions)
            }
            Self::GrantsAgain { seconds } => verdict::grants_again(log, seconds),
            Self::TellsOfFullDisk => verdict::tells_of_full_disk(log),
            Self::WritesInTurn => lease::writes_in_turn(log),
            Self::WritesInTouch { seconds } => lease::writes_in_touch(log, seconds),
            Self::NobodyDies => verdict::nobody_dies(log),
            Self::LeaseUsed { tokens } => lease::used(log, tokens),
            Self::LeaseUsedAfterAll => lease::used_after_all(log),
            Self::GateRefusesNobody => lease::gate_refuses_nobody(log),
            Self::OneHolder => lease::one_holder(log),
            Self::TokensIncrease => lease::tokens_increase(log),
            Self::LeasePasses { seconds } => lease::passes(log, seconds),
            Self::LeasesKept => calm::leases_kept(log),
            Self::NobodyCondemned => calm::nobody_condemned(log),
            Self::StepsShow => clock::steps_show(log),
            Self::QuotaBites { share } => cost::quota_bites(log, share),
            Self::Cpu { of_bare_loop } => cost::cpu(log, of_bare_loop),
            Self::Processor { percent } => cost::processor(log, percent),
            Self::Wire { bytes_s } => cost::wire(log, bytes_s),
            Self::Payload { bytes_s } => cost::payload(log, bytes_s),
            Self::MemoryGrowth { kb } => cost::memory_growth(log, kb),
            Self::DescriptorGrowth { count } => cost::descriptor_growth(log, count),
            Self::NoSurprise => cost::no_surprise(log),
        }
    }
}

impl Judgement {
    /// Held or broken, with the same words for what was measured.
    fn of(holds: bool, measured: String) -> Self {
        if holds { Self::Held(measured) } else { Self::Broken(measured) }
    }

    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(crate) fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Held(text) => ("holds", text),
            Self::Broken(text) => ("BROKEN", text),
            Self::Open(text) => ("not judged", text),
        }
    }
}

/// `1 kill`, `3 kills`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The middle of some figures; of two, the upper.
pub(crate) fn median(figures: &mut [f64]) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
