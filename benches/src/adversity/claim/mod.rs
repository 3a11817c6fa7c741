//! What must and must not happen, said before it can.
//!
//! A [`Claim`] has words for a person and a judgement of a log. In flow a log; out flows whether the claim holds, with what
//! was measured either way.

mod cost;
mod lease;
mod suspicion;
mod verdict;

use super::observe::Log;

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
    /// Two nodes never hold different views under one number.
    ViewsAgree,
    /// No two nodes hold the lease at once.
    OneHolder,
    /// Each grant of a lease has a higher token than all before it.
    TokensIncrease,
    /// When the holder of a lease is killed, stopped or cut off for long enough, another is granted it within this.
    LeasePasses { seconds: f64 },
    /// Mean share of one processor.
    Cpu { percent: f64 },
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
    pub(crate) const ALWAYS: [Self; 5] =
        [Self::NoHealthyDead, Self::ViewsAgree, Self::OneHolder, Self::TokensIncrease, Self::NoSurprise];

    /// The statement, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Detected { all_s, median_s } => {
                format!(
                    "a killed node is suspected by every survivor within {all_s} s, by half within {median_s} s"
                )
            }
            Self::Noticed { seconds } => {
                format!("whoever cannot hear a node any more suspects it within {seconds} s")
            }
            Self::FloodArrives { datagrams } => format!("one node rejects more than {datagrams} datagrams"),
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
            Self::ViewsAgree => "no two nodes hold different views under one number".into(),
            Self::OneHolder => "no two nodes hold a lease at once".into(),
            Self::TokensIncrease => "tokens only grow".into(),
            Self::LeasePasses { seconds } => {
                format!("when its holder is killed, stopped or cut off, a lease passes on within {seconds} s")
            }
            Self::Cpu { percent } => format!("a node takes at most {percent} % of a processor"),
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
                | Self::ViewsAgree
                | Self::OneHolder
                | Self::TokensIncrease
                | Self::LeasePasses { .. }
        )
    }

    /// Judges a finished log.
    pub(crate) fn judge(&self, log: &Log) -> Judgement {
        match *self {
            Self::Detected { all_s, median_s } => suspicion::detected(log, all_s, median_s),
            Self::Noticed { seconds } => suspicion::noticed(log, seconds),
            Self::FloodArrives { datagrams } => cost::flood_arrives(log, datagrams),
            Self::NoMistakeLasts { seconds } => suspicion::no_mistake_lasts(log, seconds),
            Self::WakesWithoutAccusing => suspicion::wakes_without_accusing(log),
            Self::KnowsOfItsPause => suspicion::knows_of_its_pause(log),
            Self::Recovers { seconds } => suspicion::recovers(log, seconds),
            Self::AllKnown { seconds } => suspicion::all_known(log, seconds),
            Self::LeavesUnsuspected => suspicion::leaves_unsuspected(log),
            Self::NoHealthyDead => verdict::no_healthy_dead(log),
            Self::DeclaredDead { seconds } => verdict::declared_dead(log, seconds),
            Self::ViewsAgree => verdict::views_agree(log),
            Self::OneHolder => lease::one_holder(log),
            Self::TokensIncrease => lease::tokens_increase(log),
            Self::LeasePasses { seconds } => lease::passes(log, seconds),
            Self::Cpu { percent } => cost::cpu(log, percent),
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
