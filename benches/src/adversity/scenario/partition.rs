//! Networks that fall apart and come together again.

use super::{Claim, Need, Scenario, Stage, WRITES_IN_TOUCH};
use crate::adversity::network::{Impairment, Links};

pub(super) fn scenarios() -> Vec<Scenario> {
    let claims = || {
        vec![
            WRITES_IN_TOUCH,
            Claim::AgreesOnOneView { seconds: 2.0 },
            Claim::Noticed { seconds: 2.0 },
            Claim::NoMistakeLasts { seconds: 1.0 },
            Claim::Recovers { seconds: 2.0 },
        ]
    };
    let of_a_majority = [Claim::EvictedReturn { seconds: 1.0 }, Claim::LeasePasses { seconds: 4.0 }];
    let needs = Need::Network(Impairment::Cut);
    vec![
        Scenario::new(
            "partition-3-2",
            "three fifths of the nodes, three voters of five among them, and the rest, who hold a lease, cannot reach each other for \
             20 s (10 s in a quick run)",
            [&claims()[..], &of_a_majority].concat(),
            |stage| split(stage, &[3, 2], stage.length(20.0, 10.0)),
        )
        .quick()
        .needs(needs),
        Scenario::new(
            "partition-2-2-1",
            "two fifths, two fifths and one fifth of the nodes cannot reach each other for 20 s: no majority of voters anywhere",
            [claims(), vec![Claim::NobodyDies]].concat(),
            |stage| split(stage, &[2, 2, 1], 20.0),
        )
        .needs(needs),
        // Whoever was suspected often of late has to show more before it is trusted: 32 heartbeats, from the sixth time on.
        Scenario::new(
            "partition-again",
            "two fifths, two fifths and one fifth of the nodes cannot reach each other for 7 s, eight times, with 6 s between",
            vec![
                WRITES_IN_TOUCH,
                Claim::AgreesOnOneView { seconds: 2.0 },
                // Silences that come again and again are taken for usual, up to five seconds.
                Claim::Noticed { seconds: 5.5 },
                Claim::NoMistakeLasts { seconds: 4.0 },
                Claim::Recovers { seconds: 4.5 },
                Claim::NobodyDies,
            ],
            split_again,
        )
        .needs(needs),
        Scenario::new(
            "partition-10min",
            "three fifths of the nodes and the rest cannot reach each other for ten minutes",
            [&claims()[..], &of_a_majority].concat(),
            |stage| split(stage, &[3, 2], 600.0),
        )
        .long()
        .needs(needs),
    ]
}

/// Splits by fifths. The last node, on the smallest side, holds the lease, which contenders on other sides want.
fn split(stage: &mut Stage, fifths: &[usize], seconds: f64) -> anyhow::Result<()> {
    stage.gather()?;
    let nodes = stage.nodes();
    if stage.setting.contested {
        stage.let_keep_lease(nodes - 1);
        stage.wait(0.5);
    }
    stage.fault("partition", Links::fine(nodes).apart(|node| side(node, fifths)))?;
    stage.wait(seconds);
    stage.mend("partition")?;
    stage.settle()?;
    Ok(())
}

fn split_again(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let parts = Links::fine(stage.nodes()).apart(|node| side(node, &[2, 2, 1]));
    for _ in 0..8 {
        stage.fault("partition", parts.clone())?;
        stage.wait(7.0);
        stage.mend("partition")?;
        stage.wait(6.0);
    }
    stage.settle()?;
    Ok(())
}

/// Which side a node is on, as many fifths of the nodes being on each, and of the voters, who are the first five.
fn side(node: usize, fifths: &[usize]) -> usize {
    let fifth = node % 5;
    let mut end = 0;
    let at = fifths.iter().position(|share| {
        end += share;
        fifth < end
    });
    at.unwrap_or(fifths.len())
}

#[cfg(test)]
mod tests {
    use super::side;

    #[test]
    fn sides_are_as_large_as_said() {
        let sizes = |nodes: usize, fifths: &[usize]| -> Vec<usize> {
            (0..fifths.len()).map(|s| (0..nodes).filter(|n| side(*n, fifths) == s).count()).collect()
        };
        assert_eq!(sizes(5, &[3, 2]), [3, 2]);
        assert_eq!((0..5).map(|voter| side(voter, &[3, 2])).collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
        assert_eq!(sizes(20, &[2, 2, 1]), [8, 8, 4]);
    }
}
