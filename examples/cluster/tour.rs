//! A story that checks itself: what is done to the cluster, and what must come of it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};

use crate::fleet::{Fleet, State};
use crate::model::{Model, Opinion};

/// How long anything that must happen may take, even on a machine with other things to do. What it took is printed.
const LIMIT: Duration = Duration::from_secs(15);

/// Plays the story; whether all was as it should be.
pub(crate) async fn play(fleet: &mut Fleet, model: &mut Model) -> anyhow::Result<bool> {
    let last = fleet.len() - 1;
    let mut tour = Tour { fleet, model, failures: 0, chapter: 0 };
    tour.begin().await?;
    tour.crash_and_restart(2).await?;
    tour.pause(1, Duration::from_secs(3)).await?;
    tour.partition().await;
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
        self.nobody_else_is_suspected("and nobody else", |_, target| target == victim);

        self.chapter(&format!("restart: {name} again, from the same disk"));
        let before = self.model.incarnations[victim];
        self.fleet.start(victim)?;
        self.until(&format!("all trust {name} again, and it trusts them"), |tour| {
            tour.model.ready[victim] && tour.all_trust()
        })
        .await;
        let after = self.model.incarnations[victim];
        self.check(&format!("its incarnation rose from {before} to {after}"), after > before);
        self.nobody_else_is_suspected("nobody else was suspected meanwhile", |_, target| target == victim);
        self.wait(30 * self.fleet.plan().interval).await;
        Ok(())
    }

    async fn pause(&mut self, victim: usize, length: Duration) -> anyhow::Result<()> {
        let name = Fleet::name(victim);
        self.chapter(&format!("pause: SIGSTOP for {name}, {length:?} long"));
        let begun = Instant::now();
        self.fleet.pause(victim)?;
        self.until(&format!("all others suspect {name}"), |tour| tour.all_others_suspect(victim)).await;
        self.wait(length.saturating_sub(begun.elapsed())).await;
        self.nobody_else_is_suspected("and nobody else", |_, target| target == victim);

        self.chapter(&format!("resume: SIGCONT for {name}"));
        self.fleet.resume(victim)?;
        self.until(&format!("{name} finds that it was paused"), |tour| {
            tour.facts().iter().any(|f| f.by == victim && f.event == "paused")
        })
        .await;
        self.until(&format!("all trust {name} again"), |tour| tour.all_trust()).await;
        self.wait(20 * self.fleet.plan().interval).await;
        let others = |by, target| by != victim && target == victim;
        self.nobody_else_is_suspected(
            &format!("{name} accused nobody of the silence that was its own"),
            others,
        );
        Ok(())
    }

    async fn partition(&mut self) {
        let (count, cut) = (self.fleet.len(), self.fleet.len() / 2);
        let across = move |a: usize, b: usize| (a < cut) != (b < cut);
        self.chapter(&format!("partition: the first {cut} nodes from the other {}", count - cut));
        self.cut_where(across, true);
        self.until("each side suspects all of the other", |tour| {
            pairs(count).all(|(a, b)| !across(a, b) || tour.model.holds(a, b, Opinion::Suspect))
        })
        .await;
        self.nobody_else_is_suspected("and nobody of its own", across);

        self.chapter("heal");
        self.cut_where(across, false);
        self.until("all trust each other again", |tour| tour.all_trust()).await;
        self.nobody_else_is_suspected("nobody of the own side was suspected meanwhile", across);
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
                tour.facts().iter().any(|f| f.by == by && f.event == "left" && f.node == Some(leaver))
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
        self.others(victim).all(|by| self.model.holds(by, victim, Opinion::Suspect))
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
        self.check(&format!("{what} ({:.2} s)", begun.elapsed().as_secs_f64()), true);
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

/// All ordered pairs of different nodes.
fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (0..count).filter(move |&b| b != a).map(move |b| (a, b)))
}
