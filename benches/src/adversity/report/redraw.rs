//! The pictures of systems beside each other, from the figures as they are on disk.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};

use super::beside::{self, Figures};
use crate::out::write;

/// Draws the pictures of a report anew, from its figures.csv: several reports can be put together by adding the lines of one to
/// those of another.
///
/// # Errors
///
/// If there is no such file, it is none of this program's, or a picture cannot be written.
pub(crate) fn redraw(report: &Path) -> anyhow::Result<()> {
    let path = report.join("figures.csv");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{}: give the directory of a report with --redraw", path.display()))?;
    pictures(&text, report).with_context(|| path.display().to_string())
}

/// Draws one picture for each scenario that several systems have played, of the first repetition.
pub(super) fn pictures(figures_csv: &str, out: &Path) -> anyhow::Result<()> {
    for (scenario, systems) in by_scenario(figures_csv)? {
        let drawn =
            beside::draw(&scenario, &systems).map_err(|error| anyhow!("drawing {scenario}: {error}"))?;
        if let Some(svg) = drawn {
            write(out, &format!("{scenario}.beside.svg"), svg.as_bytes())?;
        }
    }
    Ok(())
}

/// Scenarios and systems in the order in which they come.
type Scenarios = Vec<(String, Vec<(String, Figures)>)>;

fn by_scenario(text: &str) -> anyhow::Result<Scenarios> {
    let mut scenarios = Scenarios::new();
    for (number, row) in text.lines().enumerate().skip(1) {
        let line = number + 1;
        let cells = cells(row);
        ensure!(cells.len() == 8, "line {line} has {} cells, not 8", cells.len());
        let [scenario, system, repeat, _, _, figure, value, _] = &cells[..] else { continue };
        if repeat != "1" {
            continue;
        }
        ensure!(scenario.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "line {line}: no scenario");
        let value: f64 = value.parse().with_context(|| format!("line {line}: {value} is no number"))?;
        let systems = entry(&mut scenarios, scenario);
        entry(systems, system).insert(figure.clone(), value);
    }
    Ok(scenarios)
}

fn entry<'a, T: Default>(among: &'a mut Vec<(String, T)>, name: &str) -> &'a mut T {
    let at = among.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        among.push((name.to_owned(), T::default()));
        among.len() - 1
    });
    &mut among[at].1
}

/// The cells of one row; quoted ones may have commas and doubled quotes in them.
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = cells.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells[cell].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells[cell].push(c),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "scenario,system,repeat,nodes,load,figure,value,unit\n";

    #[test]
    fn rows_become_figures_by_scenario_and_system() {
        let text = format!(
            "{HEAD}loss-30,gossip,1,20,0.1 0.2 0.3,mistakes,3.0000,\nloss-30,\"foca, \"\"tuned\"\"\",1,20,1 1 1,mistakes,9,\n\
             loss-30,gossip,2,20,0.1 0.2 0.3,mistakes,7,\ncrash,gossip,1,20,1 1 1,detection last,0.5,s\n"
        );
        let scenarios = by_scenario(&text).unwrap();
        assert_eq!(scenarios.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["loss-30", "crash"]);
        let systems = &scenarios[0].1;
        assert_eq!((systems[0].1["mistakes"], systems[1].0.as_str()), (3.0, "foca, \"tuned\""));
        assert!(by_scenario("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for (row, why) in [
            ("a,b", "line 2 has 2 cells"),
            ("../x,g,1,20,,f,1,", "no scenario"),
            ("x,g,1,20,,f,y,", "y is no number"),
        ] {
            let error = format!("{:#}", by_scenario(&format!("{HEAD}{row}\n")).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
        let error = redraw(Path::new("nowhere")).unwrap_err();
        assert!(error.to_string().contains("--redraw"), "{error}");
    }
}
