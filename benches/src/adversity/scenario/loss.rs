//! Links that lose.

use super::{Claim, Need, Scenario, Stage};
use crate::adversity::network::{Impairment, Links};

const FLIP_EVERY_S: f64 = 20.0;

pub(super) fn scenarios() -> Vec<Scenario> {
    // Short mistakes are the price of speed; what must not be is one that lasts.
    let claims = || vec![Claim::NoMistakeLasts { seconds: 1.0 }, Claim::Recovers { seconds: 2.0 }];
    let lossy = Need::Network(Impairment::Loss(0.1));
    let burst = Impairment::Burst { loss: 0.2, length: 8.0 };
    vec![
        Scenario::new("loss-10", "10 % of all datagrams are lost at random for 60 s", claims(), |stage| {
            all_lossy(stage, Impairment::Loss(0.1))
        })
        .needs(lossy),
        Scenario::new(
            "loss-30",
            "30 % of all datagrams are lost at random for 60 s (20 s in a quick run)",
            claims(),
            |stage| all_lossy(stage, Impairment::Loss(0.3)),
        )
        .quick()
        .needs(lossy),
        Scenario::new(
            "loss-bursts",
            "20 % of all datagrams are lost, eight in a row on average (Gilbert and Elliott), each link by itself, for 60 s",
            // A burst is a silence: on one link in many it lasts for seconds, and is as long a mistake.
            vec![Claim::NoMistakeLasts { seconds: 5.0 }, Claim::Recovers { seconds: 2.0 }],
            |stage| all_lossy(stage, Impairment::Burst { loss: 0.2, length: 8.0 }),
        )
        .needs(Need::Network(burst)),
        Scenario::new(
            "one-way-loss",
            "80 % of what is sent to one node is lost, nothing of what it sends, for 60 s (20 s in a quick run)",
            vec![
                Claim::FewEvictions { evictions: 0, suspensions: 1 },
                Claim::NoMistakeLasts { seconds: 5.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            one_way,
        )
        .quick()
        .needs(lossy),
        Scenario::new(
            "one-way-flip",
            "between two nodes nothing passes one way, and every 20 s the other way instead, for 80 s; both hear all others",
            vec![Claim::NoMistakeLasts { seconds: 0.5 }, Claim::Recovers { seconds: 2.0 }],
            flip,
        )
        .needs(Need::Network(Impairment::Cut)),
        Scenario::new(
            "one-bad-link",
            "between two nodes nothing passes for 30 s; both hear all others, and others vouch for them",
            vec![Claim::NoMistakeLasts { seconds: 0.5 }, Claim::Recovers { seconds: 2.0 }],
            bad_link,
        )
        .needs(Need::Network(Impairment::Cut)),
    ]
}

fn all_lossy(stage: &mut Stage, impairment: Impairment) -> anyhow::Result<()> {
    stage.gather()?;
    everywhere(stage, impairment)
}

/// All links lose for a minute.
pub(super) fn everywhere(stage: &mut Stage, impairment: Impairment) -> anyhow::Result<()> {
    stage.fault("loss", Links::fine(stage.nodes()).everywhere(impairment))?;
    stage.wait(stage.length(60.0, 20.0));
    stage.mend("loss")?;
    stage.settle()?;
    Ok(())
}

fn one_way(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let deaf = stage.any()?;
    let links = Links::fine(stage.nodes()).towards(deaf, Impairment::Loss(0.8));
    stage.fault_of("one-way loss", links, deaf)?;
    stage.wait(stage.length(60.0, 20.0));
    stage.mend("one-way loss")?;
    stage.settle()?;
    Ok(())
}

/// Two nodes; who is at odds with one bad link must ask others, who can reach both.
fn pair(stage: &mut Stage) -> anyhow::Result<(usize, usize)> {
    let a = stage.any()?;
    Ok((a, (a + 1) % stage.nodes()))
}

fn flip(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let ((mut from, mut to), nodes) = (pair(stage)?, stage.nodes());
    let links = |from, to| Links::fine(nodes).one_way(from, to, Impairment::Cut);
    // Nobody is excused: all others hear both, and say so when asked.
    stage.fault_excusing("one way cut", links(from, to), Default::default())?;
    for _ in 0..3 {
        stage.wait(FLIP_EVERY_S);
        (from, to) = (to, from);
        stage.set_links(links(from, to))?;
    }
    stage.wait(FLIP_EVERY_S);
    stage.mend("one way cut")?;
    stage.settle()?;
    Ok(())
}

fn bad_link(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let (a, b) = pair(stage)?;
    let links = Links::fine(stage.nodes()).both_ways(a, b, Impairment::Cut);
    stage.fault_excusing("bad link", links, Default::default())?;
    stage.wait(30.0);
    stage.mend("bad link")?;
    stage.settle()?;
    Ok(())
}
