//! A story that checks itself: what is done to the cluster, and what must come of it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use crate::fleet::{Fleet, State};
use crate::model::{Model, Opinion};

/// How long anything that must happen may take, even on a machine with other things to do. What it took is printed.
const LIMIT: Duration = Duration::from_secs(15);
/// The lease that is handed around.
const LEASE: &str = "tour";

/// Plays the story; whether all was as it should be.
pub(crate) async fn play(fleet: &mut Fleet, model: &mut Model) -> anyhow::Result<bool> {
    let last = fleet.len() - 1;
    let mut tour = Tour { fleet, model, failures: 0, chapter: 0 };
    tour.begin().await?;
    tour.crash_and_restart(2).await?;
    tour.pause(1, Duration::from_secs(3)).await?;
    tour.partition().await;
    tour.move_lease(0, 1).await;
    tour.loss(0.2, Duration::from_secs(5)).await;
    tour.farewell(last).await;
    let failures = tour.failures;
    say("");
    match failures {
        0 => say("all as expected"),
        1 => say("1 difference"),
        n => say(&format!("{n} differences")),
    }
    Ok(failures == 0)
}

struct Tour<'a> {
    fleet: &'a mut Fleet,
    model: &'a mut Model,
    failures: usize,
    /// Where the facts of the present chapter begin.
    chapter: usize,
}

/// The chapters.
impl Tour<'_> {
    async fn begin(&mut self) -> anyhow::Result<()> {
        let count = self.fleet.len();
        self.chapter(&format!("start: {count} nodes, each a process"));
        for index in 0..count {
            self.fleet.start(index)?;
        }
        self.until("all are ready and trust each other", |tour| {
            tour.model.ready.iter().all(|&ready| ready) && tour.all_trust()
        })
        .await;
        self.all_in_quorum("all have stored the same first view, and are in quorum").await;
        // A detector that has heard little is careful; let it hear a little more.
        self.wait(30 * self.fleet.plan().interval).await;
        self.nobody_else_is_suspected("nobody is suspected", |_, _| false);
        Ok(())
    }

    async fn crash_and_restart(&mut self, victim: usize) -> anyhow::Result<()> {
        let name = Fleet::name(victim);
        self.chapter(&format!("crash: SIGKILL for {name}"));
        self.fleet.kill(victim).await?;
        self.model.forget(victim);
        self.until(&format!("all others suspect {name}"), |tour| tour.all_others_suspect(victim)).await;
        self.dead_everywhere(victim).await;
        self.nobody_else_is_suspected("and nobody else", |_, target| target == victim);

        self.chapter(&format!("restart: {name} again, from the same disk"));
        let before = self.model.incarnations[victim];
        self.model.forget(victim);
        self.fleet.start(victim)?;
        self.until(&format!("all trust {name} again, and it trusts them"), |tour| {
            tour.model.ready[victim] && tour.all_trust()
        })
        .await;
        let after = self.model.incarnations[victim];
        self.check(&format!("its incarnation rose from {before} to {after}"), after > before);
        self.alive_everywhere(victim).await;
        self.nobody_else_is_suspected("nobody else was suspected meanwhile", |_, target| target == victim);
        self.wait(30 * self.fleet.plan().interval).await;
        Ok(())
    }

    async fn pause(&mut self, victim: usize, length: Duration) -> anyhow::Result<()> {
        let (name, heir) = (Fleet::name(victim), (victim + 1) % self.fleet.len());
        self.chapter(&format!("lease: {name} asks for it, then {}", Fleet::name(heir)));
        let before = self.model.incarnations[victim];
        let token = self.acquire(victim).await;
        self.fleet.command(heir, format!("acquire {LEASE}"));

        self.chapter(&format!("pause: SIGSTOP for {name}, {length:?} long"));
        let begun = Instant::now();
        self.fleet.pause(victim)?;
        self.until(&format!("all others suspect {name}"), |tour| tour.all_others_suspect(victim)).await;
        self.dead_everywhere(victim).await;
        self.until_with(
            &format!("{} has the lease, with a higher token", Fleet::name(heir)),
            |tour| tour.token(heir) > token,
            |tour| format!("{name} had {}, {}", words(token), tour.token_of(heir)),
        )
        .await;
        self.wait(length.saturating_sub(begun.elapsed())).await;
        self.nobody_else_is_suspected("and nobody else", |_, target| target == victim);

        self.chapter(&format!("resume: SIGCONT for {name}"));
        self.fleet.resume(victim)?;
        self.until(&format!("{name} finds that it was paused"), |tour| tour.has_said(victim, "paused", ""))
            .await;
        let expired = format!("expired, {}", words(token));
        self.until(
            &format!(
                "{name} finds by its own clock that its lease is over, and steps down: {expired}, isolated"
            ),
            |tour| tour.has_said(victim, "lease", &expired) && tour.has_said(victim, "standing", "isolated"),
        )
        .await;
        self.until_with(
            &format!("{name} returns by itself, with a higher incarnation than {before}"),
            |tour| tour.model.incarnations[victim] > before,
            |tour| tour.model.incarnations[victim].to_string(),
        )
        .await;
        self.until(&format!("all trust {name} again"), |tour| tour.all_trust()).await;
        self.alive_everywhere(victim).await;
        self.wait(20 * self.fleet.plan().interval).await;
        let others = |by, target| by != victim && target == victim;
        self.nobody_else_is_suspected(
            &format!("{name} accused nobody of the silence that was its own"),
            others,
        );
        self.fleet.command(heir, format!("release {LEASE}"));
        // Else what is decided of it may come in the middle of what follows.
        self.until("the lease is given back, and all know it", |tour| {
            (0..tour.fleet.len()).all(|index| tour.model.is_free(index, LEASE))
        })
        .await;
        Ok(())
    }

    /// The last ones, fewer than half and with fewer than half of the voters, from the others.
    async fn partition(&mut self) {
        let (count, cut) = (self.fleet.len(), self.fleet.len().div_ceil(2).max(self.fleet.len() / 2 + 1));
        let across = move |a: usize, b: usize| (a < cut) != (b < cut);
        self.chapter(&format!("partition: the first {cut} nodes from the other {}", count - cut));
        let before: Vec<_> = self.model.quorum.iter().map(|quorum| quorum.epoch).collect();
        let incarnations = self.model.incarnations.clone();
        self.cut_where(across, true);
        self.until("each side suspects all of the other", |tour| {
            pairs(count).all(|(a, b)| !across(a, b) || tour.suspects(a, b))
        })
        .await;
        self.until_with(
            "the smaller side is isolated, each node by its own clock",
            |tour| (cut..count).all(|index| tour.stands(index, "isolated")),
            |tour| tour.standings(cut..count),
        )
        .await;
        self.until_with(
            "the larger side declares all of the smaller dead",
            |tour| (0..cut).all(|by| (cut..count).all(|node| tour.is_dead(by, node))),
            |tour| tour.deaths(0, cut..count),
        )
        .await;
        self.same_order(&(0..cut).collect::<Vec<_>>());
        let idle = (cut..count).all(|index| self.model.quorum[index].epoch == before[index]);
        let (larger, smaller) = (self.standings(0..1), self.standings(cut..count));
        self.check(&format!("the smaller side has decided nothing: {smaller}, while {larger}"), idle);
        self.nobody_else_is_suspected("and nobody of its own is suspected", across);

        self.chapter("heal");
        self.cut_where(across, false);
        self.until("all trust each other again", |tour| tour.all_trust()).await;
        self.until_with(
            "those who were declared dead are back, with higher incarnations",
            |tour| (cut..count).all(|index| tour.model.incarnations[index] > incarnations[index]),
            |tour| {
                let rise = |i: usize| {
                    format!("{} from {} to {}", Fleet::name(i), incarnations[i], tour.model.incarnations[i])
                };
                (cut..count).map(rise).collect::<Vec<_>>().join(", ")
            },
        )
        .await;
        self.all_in_quorum("all agree on one view, and are in quorum").await;
        self.nobody_else_is_suspected("nobody of the own side was suspected meanwhile", across);
    }

    async fn move_lease(&mut self, from: usize, to: usize) {
        self.chapter(&format!("lease: from {} to {}", Fleet::name(from), Fleet::name(to)));
        let token = self.acquire(from).await;
        self.fleet.command(to, format!("acquire {LEASE}"));
        self.wait(5 * self.fleet.plan().interval).await;
        let held =
            format!("while it is held nobody else gets it: {}, {}", self.token_of(from), self.token_of(to));
        self.check(&held, self.token(to).is_none());
        self.fleet.command(from, format!("release {LEASE}"));
        self.until_with(
            &format!("given back, it is {}'s, with a higher token", Fleet::name(to)),
            |tour| tour.token(to) > token && tour.token(from).is_none(),
            |tour| format!("{} had {}, {}", Fleet::name(from), words(token), tour.token_of(to)),
        )
        .await;
        self.fleet.command(to, format!("release {LEASE}"));
        self.until("and free again", |tour| tour.token(to).is_none()).await;
    }

    async fn loss(&mut self, loss: f64, length: Duration) {
        self.chapter(&format!(
            "loss: every node loses {:.0} % of what it sends, for {length:?}",
            100.0 * loss
        ));
        for index in 0..self.fleet.len() {
            self.fleet.command(index, format!("fault loss {loss}"));
        }
        self.wait(length).await;
        let suspected = self.facts().iter().filter(|f| f.event == "suspected").count();
        say(&format!("    {suspected} suspicions came up"));
        self.until("none of them lasts", |tour| tour.all_trust()).await;
        for index in 0..self.fleet.len() {
            self.fleet.command(index, "fault heal");
        }
        self.until("without loss all trust each other", |tour| tour.all_trust()).await;
    }

    async fn farewell(&mut self, leaver: usize) {
        let name = Fleet::name(leaver);
        self.chapter(&format!("farewell: {name} leaves"));
        self.fleet.command(leaver, "leave");
        self.until(&format!("all others have heard that {name} left"), |tour| {
            tour.others(leaver).all(|by| {
                // A farewell, or the decision that it left, whichever comes first.
                tour.facts().iter().any(|f| f.by == by && f.event == "left" && f.node == Some(leaver))
                    || tour.model.verdict(by, leaver) == "left"
            })
        })
        .await;
        self.until(&format!("the process of {name} has ended"), |tour| {
            tour.fleet.state(leaver) == State::Down
        })
        .await;
        self.wait(20 * self.fleet.plan().interval).await;
        self.nobody_else_is_suspected("nobody took it for a failure", |_, _| false);
    }
}

/// What chapters are made of.
impl Tour<'_> {
    fn chapter(&mut self, title: &str) {
        say(&format!("\n{:6.1} s  {title}", self.model.elapsed().as_secs_f64()));
        self.chapter = self.model.facts.len();
    }

    fn facts(&self) -> &[crate::model::Fact] {
        &self.model.facts[self.chapter..]
    }

    fn others(&self, but: usize) -> impl Iterator<Item = usize> {
        (0..self.fleet.len()).filter(move |&i| i != but)
    }

    fn all_trust(&self) -> bool {
        pairs(self.fleet.len()).all(|(a, b)| self.model.holds(a, b, Opinion::Trust))
    }

    fn all_others_suspect(&self, victim: usize) -> bool {
        self.others(victim).all(|by| self.suspects(by, victim))
    }

    /// Whether one suspects another, or has learnt of its death before it came to that.
    fn suspects(&self, by: usize, node: usize) -> bool {
        self.model.holds(by, node, Opinion::Suspect) || self.is_dead(by, node)
    }

    /// Whether the present life of a node is on record as dead, in the view that another has.
    fn is_dead(&self, by: usize, node: usize) -> bool {
        self.model.on_record(by, "dead", node, self.model.incarnations[node]).is_some()
    }

    fn stands(&self, index: usize, standing: &str) -> bool {
        self.model.quorum[index].standing == standing
    }

    fn token(&self, index: usize) -> Option<u64> {
        self.model.quorum[index].held.get(LEASE).copied()
    }

    /// The view that a node has stored, in words.
    fn view(&self, index: usize) -> String {
        self.model.quorum[index].epoch.map_or("no view".to_owned(), |epoch| format!("view {epoch}"))
    }

    /// A node's token, in words.
    fn token_of(&self, index: usize) -> String {
        format!("{} has {}", Fleet::name(index), words(self.token(index)))
    }

    /// In which views these were declared dead, as one node has them.
    fn deaths(&self, by: usize, nodes: impl Iterator<Item = usize>) -> String {
        let death = |node: usize| {
            let incarnation = self.model.incarnations[node];
            let epoch = self.model.on_record(by, "dead", node, incarnation).unwrap_or_default();
            format!("{}, incarnation {incarnation}, dead in view {epoch}", Fleet::name(node))
        };
        nodes.map(death).collect::<Vec<_>>().join("; ")
    }

    /// How nodes stand, and the newest view of each.
    fn standings(&self, nodes: impl Iterator<Item = usize>) -> String {
        let stands = |index: usize| {
            let standing = self.model.quorum[index].standing.replace('_', " ");
            format!("{} {standing} at {}", Fleet::name(index), self.view(index))
        };
        nodes.map(stands).collect::<Vec<_>>().join(", ")
    }

    fn has_said(&self, by: usize, event: &str, what: &str) -> bool {
        self.facts().iter().any(|f| f.by == by && f.event == event && f.text.contains(what))
    }

    /// Lets a node have the lease; its token.
    async fn acquire(&mut self, index: usize) -> Option<u64> {
        self.fleet.command(index, format!("acquire {LEASE}"));
        self.until_with(
            &format!("{} is granted the lease", Fleet::name(index)),
            |tour| tour.token(index).is_some(),
            |tour| words(tour.token(index)),
        )
        .await;
        self.token(index)
    }

    async fn all_in_quorum(&mut self, what: &str) {
        let all: Vec<usize> = (0..self.fleet.len()).collect();
        self.until_with(
            what,
            |tour| tour.model.agree(&all) && all.iter().all(|&index| tour.stands(index, "in_quorum")),
            |tour| tour.view(0),
        )
        .await;
    }

    async fn dead_everywhere(&mut self, victim: usize) {
        let name = Fleet::name(victim);
        let by = (victim + 1) % self.fleet.len();
        self.until_with(
            &format!("{name} is declared dead, by decision, at all others"),
            |tour| tour.others(victim).all(|by| tour.is_dead(by, victim)),
            |tour| tour.deaths(by, std::iter::once(victim)),
        )
        .await;
        self.same_order(&self.others(victim).collect::<Vec<_>>());
    }

    async fn alive_everywhere(&mut self, node: usize) {
        self.until(&format!("all find {} alive", Fleet::name(node)), |tour| {
            (0..tour.fleet.len()).all(|by| tour.model.verdict(by, node) == "alive")
        })
        .await;
    }

    /// Whether all of these have learnt of the same decisions in the same order, in this chapter.
    fn same_order(&mut self, nodes: &[usize]) {
        let decided = |by: usize| -> Vec<&str> {
            let of = self.facts().iter().filter(|f| f.by == by && f.event == "verdict");
            of.map(|f| f.text.as_str()).filter(|text| text.contains("(view ")).collect()
        };
        let said: Vec<_> = nodes.iter().map(|&by| decided(by)).collect();
        // Some may be a decision ahead of others.
        let longest = said.iter().max_by_key(|said| said.len()).cloned().unwrap_or_default();
        let same = said.iter().all(|said| !said.is_empty() && longest.starts_with(said));
        self.check("all of them have learnt of the same decisions, in the same order", same);
    }

    fn cut_where(&self, across: impl Fn(usize, usize) -> bool, cut: bool) {
        for (a, b) in pairs(self.fleet.len()).filter(|&(a, b)| a < b && across(a, b)) {
            self.fleet.cut(a, b, cut);
        }
    }

    fn check(&mut self, what: &str, good: bool) {
        if good {
            say(&format!("  ✓ {what}"));
        } else {
            self.failures += 1;
            say(&format!("  ✗ NOT: {what}"));
        }
    }

    /// Waits until it is so.
    async fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        self.until_with(what, is, |_| String::new()).await;
    }

    /// The same, and says with which numbers.
    async fn until_with(
        &mut self,
        what: &str,
        is: impl Fn(&Self) -> bool,
        numbers: impl Fn(&Self) -> String,
    ) {
        let begun = Instant::now();
        let end = tokio::time::Instant::now() + LIMIT;
        while !is(self) {
            let Ok(said) = timeout_at(end, self.fleet.next()).await else {
                self.check(&format!("{what} (within {LIMIT:?})"), false);
                self.explain();
                return;
            };
            self.model.hear(said);
        }
        let (numbers, seconds) = (numbers(self), begun.elapsed().as_secs_f64());
        let colon = if numbers.is_empty() { "" } else { ": " };
        self.check(&format!("{what}{colon}{numbers} ({seconds:.2} s)"), true);
    }

    /// Lets time pass, and listens.
    async fn wait(&mut self, length: Duration) {
        let end = sleep_until(tokio::time::Instant::now() + length);
        tokio::pin!(end);
        loop {
            tokio::select! {
                said = self.fleet.next() => { self.model.hear(said); }
                () = &mut end => return,
            }
        }
    }

    /// Whether all suspicions of this chapter are among those that were to be expected.
    fn nobody_else_is_suspected(&mut self, what: &str, expected: impl Fn(usize, usize) -> bool) {
        let surprises: Vec<String> = self
            .facts()
            .iter()
            .filter(|f| f.event == "suspected" && f.node.is_some_and(|target| !expected(f.by, target)))
            .map(|f| format!("{:.1} s: {} {}", f.at.as_secs_f64(), Fleet::name(f.by), f.text))
            .collect();
        self.check(what, surprises.is_empty());
        for surprise in surprises {
            say(&format!("      {surprise}"));
        }
    }

    /// After a failure: what was said in this chapter.
    fn explain(&self) {
        for fact in self.facts().iter().rev().take(40).rev() {
            say(&format!("      {:.1} s: {} {}", fact.at.as_secs_f64(), Fleet::name(fact.by), fact.text));
        }
    }
}

/// Prints a line. A reader that has gone away changes nothing: the exit status still tells.
fn say(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

fn words(token: Option<u64>) -> String {
    token.map_or("no token".to_owned(), |token| format!("token {token}"))
}

/// All ordered pairs of different nodes.
fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (0..count).filter(move |&b| b != a).map(move |b| (a, b)))
}
