//! Where a scenario plays: everything that its script does goes through here, and into the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::ProgressBar;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

use super::contest::Contest;
use crate::adversity::fleet::{Fleet, Heard, HeardText, State, Throttling, Trouble};
use crate::adversity::interrupt;
use crate::adversity::network::{Backend, Links};
use crate::adversity::observe::{
    BareLoops, Beliefs, Deed, Fault, LINKS_ARE_SET, LINKS_CHANGE, LeaseState, Line, Log, What, parse,
};

/// What a run is like, beside its scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) nodes: usize,
    /// Shorter, for a machine that checks every change.
    pub(crate) quick: bool,
    /// Whether three nodes want the lease all the time.
    pub(crate) contested: bool,
    /// The longest that the scenario may take.
    pub(crate) longest: Duration,
}

/// The longest that a scenario waits for its cluster to come together before it begins.
const READY_MAX_S: f64 = 60.0;
/// The longest that a scenario waits for recovery; claims are stricter.
const SETTLE_MAX_S: f64 = 45.0;
/// The longest wait for a contender's turn to hold the lease.
const TURN_MAX_S: f64 = 20.0;
/// How long a new holder is let write before the end.
const WRITES_S: f64 = 0.3;
/// How often nodes that have ended by themselves are started again before a scenario goes on without them.
const REVIVALS_MAX: usize = 3;
/// Until bare loops run as they will.
const BARE_LOOPS_SETTLE_S: f64 = 3.0;
/// How often a waiting script looks at the time.
const GLANCE: Duration = Duration::from_millis(20);

/// The processes, their network and the log of one scenario.
pub(crate) struct Stage {
    pub(crate) setting: Setting,
    pub(crate) rng: SmallRng,
    fleet: Fleet,
    links: Links,
    log: Log,
    /// Kept up with the log, to wait for.
    beliefs: Beliefs,
    progress: ProgressBar,
    /// Nodes that want the lease or hold it, and with which token, as far as they have been heard: who asks twice is refused.
    wanting: BTreeMap<usize, Option<u64>>,
    contest: Contest,
    /// Nodes that have said that they have started, and so can be asked for things.
    speaking: BTreeSet<usize>,
    /// Nodes that have ended by themselves, as one must that is evicted.
    ended: BTreeSet<usize>,
    /// Past this moment every wait is over at once: no loop outlives it.
    deadline: Instant,
}

impl Stage {
    pub(crate) fn new(setting: Setting, fleet: Fleet, rng: SmallRng, progress: ProgressBar) -> Self {
        let deadline = Instant::now() + setting.longest;
        let log = Log::new(setting.nodes, fleet.system().full_mesh_max());
        let beliefs = Beliefs::of(&log);
        let links = Links::fine(setting.nodes);
        Self {
            setting,
            rng,
            fleet,
            links,
            log,
            beliefs,
            progress,
            wanting: BTreeMap::new(),
            contest: Contest::default(),
            speaking: BTreeSet::new(),
            ended: BTreeSet::new(),
            deadline,
        }
    }

    /// Hands out the log; the processes end with the stage.
    ///
    /// # Errors
    ///
    /// If the script has outlived its time: what it did after that was not waited for, and would be judged all the same.
    pub(crate) fn close(mut self) -> anyhow::Result<Log> {
        if self.setting.contested {
            self.note("waiting for another holder");
            self.contest.let_nobody_keep();
            self.wait_until(TURN_MAX_S, |stage| stage.contest.has_moved_since());
            self.wait(WRITES_S);
        }
        anyhow::ensure!(
            Instant::now() < self.deadline || !self.fleet.system().is_claimed(),
            "the script took longer than {} s",
            self.setting.longest.as_secs()
        );
        // What stands now has stood until now.
        self.did(Deed::Mark("end"));
        for (by, line, at, raw) in self.fleet.written()? {
            self.log.push(at, What::Said { by, line, raw });
        }
        for write in self.fleet.slow_writes() {
            self.log.push(write.at, What::DiskTook { seconds: write.seconds });
        }
        Ok(self.log)
    }

    pub(crate) fn backend(&self) -> Backend {
        self.fleet.network().backend()
    }

    pub(crate) fn nodes(&self) -> usize {
        self.setting.nodes
    }

    pub(crate) fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// Seconds since the beginning.
    pub(crate) fn now(&self) -> f64 {
        self.fleet.elapsed()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn has_verdicts(&self) -> bool {
        self.fleet.system().has_verdicts()
    }

    /// A shorter length in a quick run.
    pub(crate) fn length(&self, full: f64, quick: f64) -> f64 {
        if self.setting.quick { quick } else { full }
    }

    /// A running node, at random.
    pub(crate) fn any(&mut self) -> anyhow::Result<usize> {
        let running = self.fleet.in_state(State::Running);
        running.choose(&mut self.rng).copied().ok_or_else(|| anyhow::anyhow!("no node is running"))
    }

    /// Starts all, waits until they trust each other, and lets them run for a while.
    pub(crate) fn gather(&mut self) -> anyhow::Result<()> {
        self.progress.set_message("gathering");
        for node in 0..self.nodes() {
            self.start(node)?;
        }
        let begun = self.fleet.elapsed();
        let ready = self.wait_until(READY_MAX_S, Self::all_well);
        anyhow::ensure!(
            ready,
            "the cluster of {} has not come together within {READY_MAX_S} s: is the machine very busy?",
            self.nodes()
        );
        self.note(&format!("together after {:.1} s", self.fleet.elapsed() - begun));
        self.contest();
        // Left alone: detectors learn what is usual.
        self.wait(self.length(self.young_s(), self.young_s().min(3.0)));
        // A lease that has not moved before the fault need not move after it.
        if self.setting.contested {
            self.wait_until(TURN_MAX_S, |stage| stage.contest.has_moved());
        }
        Ok(())
    }

    /// From now on three nodes want the lease, if it is contested here at all.
    pub(crate) fn contest(&mut self) {
        if self.setting.contested {
            self.contest.begin(self.nodes());
        }
    }

    /// For how long after a start those concerned have heard too little to be judged.
    pub(crate) fn young_s(&self) -> f64 {
        self.fleet.system().young_s()
    }

    pub(crate) fn start(&mut self, node: usize) -> anyhow::Result<()> {
        self.fleet.start(node)?;
        self.did(Deed::Started(node));
        self.wanting.remove(&node);
        self.speaking.remove(&node);
        self.beliefs.forget(self.fleet.elapsed(), node);
        // A new process knows nothing of the faults of its links.
        if self.links.sent_by(node).next().is_some() {
            self.apply(node)?;
        }
        Ok(())
    }

    pub(crate) fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        self.listen(Duration::ZERO);
        // From here on nothing that it says counts, although it may live for a moment more.
        self.did(Deed::Killed(node));
        self.fleet.kill(node)?;
        self.beliefs.forget(self.fleet.elapsed(), node);
        self.note(&format!("n{} killed", node + 1));
        Ok(())
    }

    /// Removes all that a node that is down has on disk.
    pub(crate) fn wipe(&mut self, node: usize) -> anyhow::Result<()> {
        self.fleet.wipe(node)?;
        self.did(Deed::Wiped(node));
        self.note(&format!("n{} wiped", node + 1));
        Ok(())
    }

    /// Asks a node to leave and waits until it is gone.
    pub(crate) fn dismiss(&mut self, node: usize) -> anyhow::Result<()> {
        self.fleet.tell(node, "leave");
        self.did(Deed::Dismissed(node));
        self.fleet.await_end(node, Duration::from_secs(10))?;
        self.beliefs.forget(self.fleet.elapsed(), node);
        Ok(())
    }

    pub(crate) fn stop(&mut self, node: usize) -> anyhow::Result<()> {
        self.fleet.stop(node)?;
        self.did(Deed::Stopped(node));
        self.note(&format!("n{} stopped", node + 1));
        Ok(())
    }

    pub(crate) fn go_on(&mut self, node: usize) -> anyhow::Result<()> {
        // Written first: what it says on waking comes after.
        self.did(Deed::Continued(node));
        self.fleet.go_on(node)
    }

    /// Sets the wall clock of a node that has one of its own: ahead of the true time by so much.
    pub(crate) fn step_clock(&mut self, node: usize, ahead_s: i64) -> anyhow::Result<()> {
        // Written first: what it shows of it comes after.
        self.did(Deed::ClockStepped { node, ahead_s });
        self.fleet.step_clock(node, ahead_s)?;
        self.note(&format!("clock of n{} {ahead_s:+} s", node + 1));
        Ok(())
    }

    /// Breaks links. Whoever can hear nothing of another is excused for suspecting it.
    pub(crate) fn fault(&mut self, text: &str, links: Links) -> anyhow::Result<()> {
        let excused = links.silent_pairs().collect();
        self.fault_excusing(text, links, excused)
    }

    /// Breaks the links of a node so that it can be reached and is yet of little use.
    pub(crate) fn fault_of(&mut self, text: &str, links: Links, sick: usize) -> anyhow::Result<()> {
        self.note(text);
        let fault = Fault { text: text.to_owned(), sick: [sick].into(), ..Fault::default() };
        self.did(Deed::FaultBegins(fault));
        self.set_links(links)
    }

    /// Breaks links; these pairs of observer and target are excused.
    pub(crate) fn fault_excusing(
        &mut self,
        text: &str,
        links: Links,
        excused: BTreeSet<(usize, usize)>,
    ) -> anyhow::Result<()> {
        self.note(text);
        self.did(Deed::FaultBegins(Fault { text: text.to_owned(), excused, ..Fault::default() }));
        self.set_links(links)
    }

    /// Mends all links.
    pub(crate) fn mend(&mut self, text: &str) -> anyhow::Result<()> {
        self.set_links(Links::fine(self.nodes()))?;
        self.did(Deed::FaultEnds(text.to_owned()));
        self.note("mended");
        Ok(())
    }

    /// Trouble that is not of the links begins, or ends.
    pub(crate) fn trouble(&mut self, text: &str, begins: bool) {
        self.note(text);
        self.did(match begins {
            true => Deed::FaultBegins(Fault { text: text.to_owned(), ..Fault::default() }),
            false => Deed::FaultEnds(text.to_owned()),
        });
    }

    /// A node has trouble that is not of its links, to be ended by its text.
    pub(crate) fn trouble_of(&mut self, text: &str, sick: usize) {
        self.note(text);
        let fault = Fault { text: text.to_owned(), sick: [sick].into(), ..Fault::default() };
        self.did(Deed::FaultBegins(fault));
    }

    /// These nodes get too little processor time, until the trouble of this text ends.
    pub(crate) fn starve(&mut self, text: &str, nodes: &[usize]) {
        self.note(text);
        let sick = nodes.iter().copied().collect();
        self.did(Deed::FaultBegins(Fault { text: text.to_owned(), sick, slow: true, ..Fault::default() }));
    }

    /// Notes how often a node was held back, and by what means.
    pub(crate) fn throttled(
        &mut self,
        node: usize,
        means: String,
        Throttling { periods, throttled }: Throttling,
    ) {
        self.log.push(self.fleet.elapsed(), What::Throttled { node, means, periods, throttled });
    }

    /// Notes how many datagrams a node's buffer had no room for since it was so many, and says how many it is now; nothing of a
    /// node that is gone.
    pub(crate) fn dropped_since(&mut self, node: usize, before: Option<u64>) -> Option<u64> {
        let now = self.fleet.dropped(node)?;
        let datagrams = now.saturating_sub(before?);
        self.log.push(self.fleet.elapsed(), What::Dropped { node, datagrams });
        Some(now)
    }

    /// Makes a node ask for the one lease that there is, unless it does already.
    pub(crate) fn want_lease(&mut self, node: usize) {
        let can = self.speaking.contains(&node) && self.fleet.in_state(State::Running).contains(&node);
        if can && !self.wanting.contains_key(&node) {
            self.wanting.insert(node, None);
            self.fleet.tell(node, "acquire lock");
        }
    }

    /// Has one give back the lease that it holds.
    pub(crate) fn give_back_lease(&mut self, node: usize) {
        self.log.push(self.fleet.elapsed(), What::GivesBack { node, lease: "lock".into() });
        self.fleet.tell(node, "release lock");
    }

    /// Waits until a contender has its turn, and lets it keep the lease from then on.
    pub(crate) fn let_keep_lease(&mut self, node: usize) {
        self.contest.let_keep(node);
        self.wait_until(TURN_MAX_S, |stage| stage.contest.is_kept());
    }

    /// Those who contend for the lease ask again, and who has had it for long enough gives it back.
    fn contend(&mut self) {
        for node in self.contest.by(self.fleet.elapsed()) {
            self.want_lease(node);
        }
        let running = self.fleet.in_state(State::Running);
        if let Some(holder) = self.contest.due(self.fleet.elapsed(), &running) {
            self.give_back_lease(holder);
        }
    }

    /// Changes links within a fault that has begun.
    pub(crate) fn set_links(&mut self, links: Links) -> anyhow::Result<()> {
        self.links = links;
        self.did(Deed::Mark(LINKS_CHANGE));
        let commands = self.fleet.network().apply_all(&self.links, self.nodes())?;
        for (node, commands) in commands.iter().enumerate() {
            for command in commands {
                self.fleet.tell(node, command);
            }
        }
        self.did(Deed::Mark(LINKS_ARE_SET));
        Ok(())
    }

    fn apply(&mut self, node: usize) -> anyhow::Result<()> {
        for command in self.fleet.network().apply(&self.links, node)? {
            self.fleet.tell(node, &command);
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, node: usize, command: &str) {
        self.fleet.tell(node, command);
    }

    /// Looks at what all running nodes have cost so far.
    pub(crate) fn measure(&mut self, mark: &'static str) {
        self.did(Deed::Mark(mark));
        for node in self.fleet.in_state(State::Running) {
            if let Some(sample) = self.fleet.sample(node) {
                self.log.push(self.fleet.elapsed(), What::Sampled { node, sample });
            }
            if self.fleet.system().is_ours() {
                self.fleet.tell(node, "counters");
            }
        }
        // Their answers.
        self.wait(0.5);
    }

    /// Measures what bare loops take of a processor, of which there are as many, and what the nodes take at the same time.
    pub(crate) fn measure_bare_loops(&mut self, count: usize, seconds: f64) -> anyhow::Result<()> {
        self.note("measuring bare loops");
        let loops = self.fleet.bare_loops(count, BARE_LOOPS_SETTLE_S + 2.0 * seconds)?;
        self.wait(BARE_LOOPS_SETTLE_S);
        let of_loops =
            || loops.iter().map(Trouble::cpu_s).sum::<Option<f64>>().context("a bare loop has ended");
        let (begun, loops_before, nodes_before) = (self.now(), of_loops()?, self.cpu_s_of_nodes()?);
        self.wait(seconds);
        let (loops_after, nodes_after) = (of_loops()?, self.cpu_s_of_nodes()?);
        let percent = |taken: f64, of: usize| 100.0 * taken / (self.now() - begun) / of as f64;
        let measured = BareLoops {
            count,
            loop_percent: percent(loops_after - loops_before, count),
            node_percent: percent(nodes_after - nodes_before, self.fleet.in_state(State::Running).len()),
        };
        self.log.push(self.fleet.elapsed(), What::BareLoops(measured));
        Ok(())
    }

    /// The processor time that all running nodes have taken since they started.
    fn cpu_s_of_nodes(&self) -> anyhow::Result<f64> {
        let nodes = self.fleet.in_state(State::Running).into_iter();
        nodes
            .map(|node| Some(self.fleet.sample(node)?.cpu_s))
            .sum::<Option<f64>>()
            .context("a node has ended")
    }

    pub(crate) fn wait(&mut self, seconds: f64) {
        self.wait_until(seconds, |_| false);
    }

    /// Starts again what has ended by itself, and waits until all running nodes trust each other, or for long enough to say
    /// that they do not.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        self.note("waiting for trust");
        // A node that hears only now that it is evicted ends now, and is started again as whatever supervises processes would.
        for _ in 0..REVIVALS_MAX {
            self.listen(Duration::ZERO);
            for node in std::mem::take(&mut self.ended) {
                self.start(node)?;
            }
            self.wait_until(SETTLE_MAX_S, |stage| !stage.ended.is_empty() || stage.all_well());
            if self.ended.is_empty() {
                break;
            }
        }
        // Long enough to be told apart from what is done next.
        self.wait(1.5);
        Ok(())
    }

    /// Listens until something is the case, or for that long; whether it is.
    pub(crate) fn wait_until(&mut self, seconds: f64, holds: impl Fn(&Self) -> bool) -> bool {
        let until = (Instant::now() + Duration::from_secs_f64(seconds)).min(self.deadline);
        loop {
            if holds(self) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || interrupt::happened() {
                return false;
            }
            self.contend();
            self.listen(left.min(GLANCE));
        }
    }

    /// Whether all running nodes know and trust each other now, in their present lives.
    pub(crate) fn all_well(&self) -> bool {
        let nodes = self.fleet.in_state(State::Running);
        self.beliefs.all_well(&nodes, self.log.full_mesh, f64::INFINITY)
    }

    /// Whether everybody who runs has said something about decisions that fulfils this, since that moment.
    pub(crate) fn all_say_since(&self, since: f64, except: usize, wanted: impl Fn(&Line) -> bool) -> bool {
        let recent = self.log.entries.iter().rev().take_while(|entry| entry.at >= since);
        let said: BTreeSet<usize> = recent
            .filter_map(|entry| match &entry.what {
                What::Said { by, line, .. } if wanted(line) => Some(*by),
                _ => None,
            })
            .collect();
        self.fleet.in_state(State::Running).iter().all(|node| *node == except || said.contains(node))
    }

    /// Whether everybody has reported that a node is dead, since that moment.
    pub(crate) fn all_bury(&self, target: usize, since: f64) -> bool {
        self.all_say_since(since, target, |line| {
            matches!(line, Line::Verdict { target: t, verdict, .. } if *t == target && verdict == "dead")
        })
    }

    /// Whether everybody reads a node as alive, since that moment.
    pub(crate) fn all_revive(&self, target: usize, since: f64) -> bool {
        self.all_say_since(since, target, |line| {
            matches!(line, Line::Verdict { target: t, verdict, .. } if *t == target && verdict == "alive")
        })
    }

    /// Whether everybody who runs suspects a node.
    pub(crate) fn all_suspect(&self, target: usize) -> bool {
        use crate::adversity::observe::Held;
        let observers = self.fleet.in_state(State::Running);
        observers.iter().filter(|o| **o != target).all(|&o| match self.beliefs.now(o, target) {
            Held::Suspect => true,
            Held::Nothing | Held::Met => !self.log.full_mesh,
            _ => false,
        })
    }

    fn did(&mut self, deed: Deed) {
        let at = self.fleet.elapsed();
        self.contest.see(at, &deed);
        self.log.push(at, What::Did(deed));
    }

    fn note(&mut self, text: &str) {
        self.progress.set_message(text.to_owned());
        self.progress.tick();
    }

    /// Takes in what is said within this time.
    fn listen(&mut self, within: Duration) {
        let until = Instant::now() + within;
        // What waits already is taken in even if there is no time.
        while let Some(heard) = self.fleet.hear(until.saturating_duration_since(Instant::now())) {
            self.take(heard);
            if Instant::now() >= until && !within.is_zero() {
                break;
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        let Heard { at, by, text } = heard;
        let (line, raw) = match text {
            HeardText::Line(raw) => (parse(&raw, self.nodes()), raw),
            HeardText::Complaint(raw) => {
                let raw = self.fleet.without_paths(&raw);
                (Line::Complaint(raw.clone()), raw)
            }
            HeardText::End => {
                self.fleet.bury(by);
                self.beliefs.forget(at, by);
                self.ended.insert(by);
                self.did(Deed::Ended(by));
                return;
            }
        };
        self.beliefs.hear(at, by, &line);
        match line {
            // Also a later life of the same process, which goes on asking for what the former one asked for.
            Line::Started { .. } => _ = self.speaking.insert(by),
            Line::Lease { token, state: LeaseState::Granted, .. } => {
                self.wanting.insert(by, Some(token));
                self.contest.granted(at, by);
            }
            // The end of a hold. That an earlier one has been given back may be decided long after it is over, and after the
            // next request.
            Line::Lease { token, .. } if self.wanting.get(&by) == Some(&Some(token)) => {
                self.wanting.remove(&by);
                self.contest.over(by);
            }
            _ => {}
        }
        self.log.push(at, What::Said { by, line, raw });
    }
}
