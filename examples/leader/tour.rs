//! A story that checks itself: the leader is killed, then the next one is paused.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::stage::{Actor, Checks, Member, free_addrs, say};

const NAMES: [&str; 3] = ["anna", "boris", "clara"];
/// How long anything that must happen may take, even on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn play() -> anyhow::Result<bool> {
    let dir = tempfile::Builder::new().prefix("gossip-leader-").tempdir().context("no directory")?;
    let members = Member::all(&NAMES, &free_addrs(NAMES.len())?, dir.path());
    let mut tour = Tour { actors: Vec::new(), members, work: BTreeMap::new(), checks: Checks::default() };
    say("Three processes want to lead. Whoever holds the lease \"leader\" does.\n");
    for index in 0..NAMES.len() {
        let actor = tour.start(index)?;
        tour.actors.push(Some(actor));
    }
    let first = tour.next_leader(0).await?;
    tour.listen(Duration::from_secs(1)).await?;
    let second = tour.kill(first).await?;
    let third = tour.pause(second).await?;
    tour.listen(Duration::from_secs(1)).await?;
    tour.check_order(third.token);
    for actor in tour.actors.iter_mut().flatten() {
        actor.kill().await?;
    }
    Ok(tour.checks.conclude())
}

struct Tour {
    actors: Vec<Option<Actor>>,
    members: Vec<Member>,
    /// By token: the first and the last time that somebody worked with it, in microseconds.
    work: BTreeMap<u64, (u64, u64)>,
    checks: Checks,
}

#[derive(Debug, Clone, Copy)]
struct Leader {
    index: usize,
    token: u64,
}

/// What a candidate said.
enum Said {
    Leads(u64),
    SteppedDown(u64),
    Other,
}

/// The chapters.
impl Tour {
    async fn kill(&mut self, leader: Leader) -> anyhow::Result<Leader> {
        let name = NAMES[leader.index];
        say(&format!("\n  {name} leads with token {}, and is killed (SIGKILL).", leader.token));
        if let Some(mut actor) = self.actors[leader.index].take() {
            actor.kill().await?;
        }
        let next = self.next_leader(leader.token).await?;
        let what = format!("{} took over with token {} > {}", NAMES[next.index], next.token, leader.token);
        self.checks.check(&what, next.index != leader.index && next.token > leader.token);
        say(&format!("\n  {name} is started again, from the same disk: it waits for its turn."));
        self.actors[leader.index] = Some(self.start(leader.index)?);
        self.listen(Duration::from_secs(2)).await?;
        Ok(next)
    }

    async fn pause(&mut self, leader: Leader) -> anyhow::Result<Leader> {
        let name = NAMES[leader.index];
        say(&format!("\n  {name} leads with token {}, and is paused (SIGSTOP).", leader.token));
        self.actor(leader.index)?.pause()?;
        let next = self.next_leader(leader.token).await?;
        let what = format!("{} took over with token {} > {}", NAMES[next.index], next.token, leader.token);
        self.checks.check(&what, next.index != leader.index && next.token > leader.token);
        self.listen(Duration::from_secs(1)).await?;
        say(&format!("\n  {name} wakes up (SIGCONT)."));
        self.actor(leader.index)?.resume()?;
        let end = Instant::now() + LIMIT;
        loop {
            match self.hear(end).await? {
                Some((by, Said::SteppedDown(token))) if by == leader.index => {
                    self.checks.check(
                        &format!("{name} found by its own clock that it leads no more"),
                        token == leader.token,
                    );
                    return Ok(next);
                }
                Some(_) => {}
                None => bail!("{name} has not stepped down within {LIMIT:?}"),
            }
        }
    }

    /// Whether nobody worked after somebody with a higher token had begun to.
    fn check_order(&mut self, last: u64) {
        say("\n  Who worked when:");
        let spans: Vec<_> = self.work.iter().map(|(token, span)| (*token, *span)).collect();
        let origin = spans.first().map_or(0, |(_, (first, _))| *first);
        let ms = |at: u64| at.saturating_sub(origin) / 1000;
        for (token, (first, last)) in &spans {
            say(&format!("    token {token:>3}: from {:>6} ms to {:>6} ms", ms(*first), ms(*last)));
        }
        let apart = spans.windows(2).all(|pair| pair[0].1.1 < pair[1].1.0);
        self.checks.check("no two worked at the same time", apart && spans.len() >= 3);
        self.checks
            .check("the last one is still at it", spans.last().is_some_and(|(token, _)| *token >= last));
    }
}

/// What chapters are made of.
impl Tour {
    fn start(&self, index: usize) -> anyhow::Result<Actor> {
        let mut args = vec!["run".to_owned(), "--exit-with-parent".to_owned()];
        args.extend(self.members[index].args());
        Actor::start(NAMES[index], &args)
    }

    fn actor(&self, index: usize) -> anyhow::Result<&Actor> {
        self.actors[index].as_ref().with_context(|| format!("{} is gone", NAMES[index]))
    }

    /// The next thing that anybody says, until then.
    async fn hear(&mut self, end: Instant) -> anyhow::Result<Option<(usize, Said)>> {
        let [a, b, c] = &mut self.actors[..] else { bail!("there are three") };
        let any = async {
            tokio::select! {
                line = next(a) => (0, line),
                line = next(b) => (1, line),
                line = next(c) => (2, line),
            }
        };
        let Ok((by, line)) = timeout_at(end, any).await else { return Ok(None) };
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &str| text.parse::<u64>().with_context(|| format!("\"{line}\" says no number"));
        if words.first() != Some(&"works") {
            say(&format!("    {:>8}: {line}", NAMES[by]));
        }
        let said = match words[..] {
            ["leads", token] => Said::Leads(number(token)?),
            ["stepped", "down", token] => Said::SteppedDown(number(token)?),
            ["works", token, at] => {
                let at = number(at)?;
                let span = self.work.entry(number(token)?).or_insert((at, at));
                *span = (span.0.min(at), span.1.max(at));
                Said::Other
            }
            _ => Said::Other,
        };
        Ok(Some((by, said)))
    }

    /// Waits until somebody leads with a higher token.
    async fn next_leader(&mut self, above: u64) -> anyhow::Result<Leader> {
        let end = Instant::now() + LIMIT;
        loop {
            match self.hear(end).await? {
                Some((index, Said::Leads(token))) if token > above => return Ok(Leader { index, token }),
                Some(_) => {}
                None => bail!("nobody leads within {LIMIT:?}"),
            }
        }
    }

    /// Lets time pass, and listens.
    async fn listen(&mut self, length: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + length;
        while self.hear(end).await?.is_some() {}
        sleep_until(end).await;
        Ok(())
    }
}

async fn next(actor: &mut Option<Actor>) -> anyhow::Result<String> {
    match actor {
        Some(actor) => actor.next().await,
        None => std::future::pending().await,
    }
}
