//! Every figure for other programs, as it was measured: one in each row, and none of what was not.

use std::fmt::Write as _;

use super::Results;
use super::figure::{Figure, OF_BOOTSTRAP, OF_PARTED, OF_SIZE};

pub(super) fn figures(results: &Results, seed: u64) -> String {
    let mut text = String::from("nodes,seed,figure,value,unit\n");
    for size in &results.sizes {
        rows(size.nodes, seed, size, &OF_SIZE, &mut text);
    }
    for parted in results.parted() {
        rows(parted.nodes, seed, parted, &OF_PARTED, &mut text);
    }
    for bootstrap in &results.bootstraps {
        rows(bootstrap.nodes, seed, bootstrap, &OF_BOOTSTRAP, &mut text);
    }
    text
}

fn rows<T>(nodes: usize, seed: u64, measured: &T, figures: &[Figure<T>], text: &mut String) {
    for figure in figures {
        let Some(value) = (figure.of)(measured) else { continue };
        // To the nanosecond, and without what is left of arithmetic beyond.
        let value = (value * 1e9).round() / 1e9;
        let _ = writeln!(text, "{nodes},{seed},{},{value},{}", figure.name, figure.unit);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::results;
    use super::figures;

    #[test]
    fn every_figure_has_a_row_with_its_unit() {
        let text = figures(&results(), 7);
        assert_eq!(text.lines().count(), 1 + 2 * 9 - 1 + 2 * 3 + 3);
        assert!(text.contains("\n1000,7,bytes,6000,B/s\n"), "{text}");
        assert!(text.contains("\n200,7,one_again_after_healing,2,s\n"), "{text}");
        assert!(text.contains("\n100,7,newcomer_knows_all,1,s\n"), "{text}");
        assert!(text.contains("\n300,7,strangers_know_all,4,s\n"), "{text}");
        assert!(!text.contains("\n1000,7,newcomer_knows_all"), "it was not waited for: {text}");
    }
}
