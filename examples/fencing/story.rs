//! The story, told twice.

use anyhow::Context;

use crate::stage::{Actor, Checks, Member, free_addrs, say};

const NAMES: [&str; 3] = ["storage", "first", "second"];

pub(crate) async fn tell() -> anyhow::Result<bool> {
    let mut checks = Checks::default();
    say("Two clients add money to one balance. Whoever holds the lease may read it, add, and write it back.");
    say("The balance is 100. The first client adds 10, the second 20: it must become 130.");
    say("\nFirst without a gate: the storage believes whoever comes.\n");
    without(&mut checks).await?;
    say("\nNow with a gate: the storage remembers the highest token it has seen, and refuses lower ones.\n");
    with(&mut checks).await?;
    Ok(checks.conclude())
}

/// The three processes of one telling.
struct Cast {
    storage: Actor,
    first: Actor,
    second: Actor,
    /// Removed when this is dropped.
    _dir: tempfile::TempDir,
}

impl Cast {
    async fn start(options: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("gossip-fencing-").tempdir().context("no directory")?;
        let members = Member::all(&NAMES, &free_addrs(NAMES.len())?, dir.path());
        let role = |role: &str, member: &Member, more: &[&str]| {
            let mut args = vec![role.to_owned()];
            args.extend(member.args());
            args.extend(more.iter().map(ToString::to_string));
            args
        };
        let mut storage = Actor::start("storage", &role("storage", &members[0], options))?;
        // Clients need its address, and it needs them to be a cluster: so it is asked only when all run.
        let client = |index: usize, deposit: &str| {
            Actor::start(NAMES[index], &role("client", &members[index], &["--deposit", deposit]))
        };
        let (mut first, mut second) = (client(1, "10")?, client(2, "20")?);
        let addr = storage.says("listens").await?;
        for client in [&mut first, &mut second] {
            client.tell(&addr).await?;
        }
        Ok(Self { storage, first, second, _dir: dir })
    }

    /// Up to the moment at which the first client wakes: both have read 100, and the second has written.
    async fn pause_the_first(&mut self, checks: &mut Checks) -> anyhow::Result<()> {
        self.first.tell("deposit").await?;
        let first = token(&self.first.says("holds the lease, token").await?)?;
        self.first.says("is about to write 110").await?;
        say(
            "\n  … and at this very moment the first client is paused (SIGSTOP), as a garbage collector or a busy host may do.",
        );
        say(
            "  Its lease runs out. The voters do not wait for it, and the second client asks for the lease.\n",
        );
        self.first.pause()?;
        // Found when it wakes: it goes on exactly where it was.
        self.first.tell("go on").await?;
        self.second.tell("deposit").await?;
        let second = token(&self.second.says("holds the lease, token").await?)?;
        checks.check(&format!("the second client's token {second} is higher than {first}"), second > first);
        self.second.says("is about to write 120").await?;
        self.second.tell("go on").await?;
        self.second.says("wrote 120").await?;
        self.second.says("still holds").await?;
        say(
            "\n  … now the first client wakes (SIGCONT). It checked its lease, it is about to write: so it writes.\n",
        );
        self.first.resume()
    }

    async fn end(mut self) -> anyhow::Result<()> {
        for actor in [&mut self.first, &mut self.second, &mut self.storage] {
            actor.kill().await?;
        }
        Ok(())
    }
}

async fn without(checks: &mut Checks) -> anyhow::Result<()> {
    let mut cast = Cast::start(&["--without-gate"]).await?;
    cast.pause_the_first(checks).await?;
    let answer = cast.first.says("wrote 110:").await?;
    cast.first.says("notices").await?;
    checks.check(
        "the late write went through, and the second client's 20 are gone: the balance is 110",
        answer == "110",
    );
    say(
        "    The first client did nothing wrong. It noticed at the first look at its clock; there was none in between.",
    );
    cast.end().await
}

async fn with(checks: &mut Checks) -> anyhow::Result<()> {
    let mut cast = Cast::start(&[]).await?;
    cast.pause_the_first(checks).await?;
    let answer = cast.first.says("wrote 110:").await?;
    cast.first.says("notices").await?;
    checks.check(
        "the gate refused the late write",
        answer.starts_with("refused") && answer.contains("outdated"),
    );
    say("\n  … so it starts over, with a new lease, as its error message says.\n");
    cast.first.tell("deposit").await?;
    cast.first.says("read 120").await?;
    cast.first.says("is about to write 130").await?;
    cast.first.tell("go on").await?;
    let answer = cast.first.says("wrote 130:").await?;
    checks.check("nothing is lost: the balance is 130", answer == "130");
    cast.end().await
}

fn token(text: &str) -> anyhow::Result<u64> {
    text.parse().with_context(|| format!("\"{text}\" is no token"))
}
