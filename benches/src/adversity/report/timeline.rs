//! A time line: who held what of whom, when, and what was done meanwhile.
//!
//! Colours are those of Okabe and Ito (2008), which stay distinct under colour blindness.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::adversity::observe::{Beliefs, Deed, Held, Log, Presence, name};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

const FONT: &str = "sans-serif";
const WIDTH: i32 = 1400;
const LEFT: i32 = 110;
const RIGHT: i32 = 20;
/// Title, how to read it, legend, and what was done.
const TOP: i32 = 150;
const BOTTOM: i32 = 34;
const ROW: i32 = 15;
const BAR: i32 = 12;
/// So many pairs of observer and target are shown below rows that are about all observers.
const DOUBTS_MAX: usize = 60;

const TRUST: RGBColor = RGBColor(190, 222, 240);
const SUSPECT: RGBColor = RGBColor(213, 94, 0);
const UNSURE: RGBColor = RGBColor(240, 228, 66);
const DOWN: RGBColor = RGBColor(70, 70, 70);
const STOPPED: RGBColor = RGBColor(160, 160, 160);

/// One row of the picture.
struct Row {
    label: String,
    /// Whose opinions, and of whom.
    observers: Vec<usize>,
    target: usize,
    /// Whose absence shows as grey.
    present: usize,
}

impl Row {
    fn of_pair(observer: usize, target: usize) -> Self {
        Self {
            label: format!("{} of {}", name(observer), name(target)),
            observers: vec![observer],
            target,
            present: observer,
        }
    }
}

/// Draws a log: one row for each pair of observer and target, or one for each target and then one for each pair in which somebody
/// doubted a node that ran.
pub(super) fn draw(log: &Log, title: &str, about: &str, pairs: bool) -> Drawn<String> {
    let (beliefs, presence) = (Beliefs::of(log), Presence::of(log));
    let rows = rows(log.nodes, pairs);
    let mut doubts = if pairs { Vec::new() } else { doubts(&beliefs, &presence) };
    let left_out = doubts.len().saturating_sub(DOUBTS_MAX);
    doubts.truncate(DOUBTS_MAX);
    let lines = rows.len() + doubts.len() + usize::from(!doubts.is_empty());
    let height = TOP + ROW * i32::try_from(lines).unwrap_or(i32::MAX / ROW / 2) + BOTTOM;
    let mut svg = String::new();
    {
        let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        head(&area, title, about, pairs)?;
        let scale = Scale { end: log.end().max(1.0) };
        let draw_rows = |rows: &[Row], mut y: i32| -> Drawn<i32> {
            for row in rows {
                opinions(&area, &beliefs, row, y, scale)?;
                absences(&area, &presence, row, y, scale)?;
                area.draw(&Text::new(row.label.clone(), (8, y - 1), (FONT, 11)))?;
                y += ROW;
            }
            Ok(y)
        };
        let mut y = draw_rows(&rows, TOP)?;
        if !doubts.is_empty() {
            area.draw(&Text::new(doubts_head(left_out), (8, y + 1), (FONT, 11)))?;
            let top = y + ROW;
            y = draw_rows(&doubts, top)?;
            for (row, top) in doubts.iter().zip((top..).step_by(ROW.unsigned_abs() as usize)) {
                moments(&area, &beliefs, row, top, scale)?;
            }
        }
        deeds(&area, log, y, scale)?;
        axis(&area, y, scale)?;
        area.present()?;
    }
    Ok(svg)
}

fn rows(nodes: usize, pairs: bool) -> Vec<Row> {
    let others = |node: usize| (0..nodes).filter(move |other| *other != node);
    if pairs {
        return (0..nodes).flat_map(|o| others(o).map(move |t| Row::of_pair(o, t))).collect();
    }
    (0..nodes)
        .map(|t| Row {
            label: format!("all of {}", name(t)),
            observers: others(t).collect(),
            target: t,
            present: t,
        })
        .collect()
}

/// One row for each pair in which the observer suspected a node that ran, or was unsure of it, by when it first did.
fn doubts(beliefs: &Beliefs, presence: &Presence) -> Vec<Row> {
    let first = |o: usize, t: usize| {
        let mut changes = beliefs.changes(o, t).iter();
        let doubted = changes
            .find(|(at, held)| matches!(held, Held::Suspect | Held::Unsure) && presence.runs(t, *at))?;
        Some((doubted.0, o, t))
    };
    let mut doubts: Vec<(f64, usize, usize)> = beliefs.pairs().filter_map(|(o, t)| first(o, t)).collect();
    doubts.sort_by(|a, b| a.0.total_cmp(&b.0));
    doubts.into_iter().map(|(_, o, t)| Row::of_pair(o, t)).collect()
}

fn doubts_head(left_out: usize) -> String {
    let more = if left_out > 0 { format!("; {left_out} more are left out") } else { String::new() };
    format!("Who suspected a node that ran, or was unsure of it, by when{more}:")
}

/// Seconds to pixels.
#[derive(Clone, Copy)]
struct Scale {
    end: f64,
}

impl Scale {
    fn x(self, at: f64) -> i32 {
        let share = (at / self.end).clamp(0.0, 1.0);
        LEFT + (share * f64::from(WIDTH - LEFT - RIGHT)).round() as i32
    }
}

fn head(area: &Area<'_>, title: &str, about: &str, pairs: bool) -> Drawn {
    let small =
        |text: &str, at| Text::new(text.to_owned(), at, (FONT, 13).into_font().color(&BLACK.mix(0.75)));
    area.draw(&Text::new(title.to_owned(), (14, 10), (FONT, 20).into_font().style(FontStyle::Bold)))?;
    area.draw(&small(about, (14, 36)))?;
    let reading = if pairs {
        "Each row is what one node holds of another, in its own words. Lines across: what was done."
    } else {
        "Each row is a node; the height of a colour is the share of those who hold that of it. Lines across: what was done."
    };
    area.draw(&small(reading, (14, 54)))?;
    let legend = [
        (TRUST, "trust"),
        (SUSPECT, "suspect"),
        (UNSURE, "unsure"),
        (DOWN, "not running"),
        (STOPPED, "stopped"),
    ];
    let mut x = 14;
    for (colour, word) in legend {
        area.draw(&Rectangle::new([(x, 76), (x + 22, 88)], colour.filled()))?;
        area.draw(&small(word, (x + 28, 75)))?;
        x += 120;
    }
    Ok(())
}

/// From one change of any opinion to the next: the shares of suspicion, doubt and trust, from below.
fn opinions(area: &Area<'_>, beliefs: &Beliefs, row: &Row, y: i32, scale: Scale) -> Drawn {
    let mut times: Vec<f64> = row
        .observers
        .iter()
        .flat_map(|&o| beliefs.changes(o, row.target).iter().map(|(at, _)| *at))
        .collect();
    times.sort_by(f64::total_cmp);
    // Of changes within one pixel the last decides.
    let last_of_pixel = |i: usize, at: f64| times.get(i + 1).is_none_or(|next| scale.x(*next) != scale.x(at));
    let times: Vec<f64> =
        times.iter().enumerate().filter(|(i, at)| last_of_pixel(*i, **at)).map(|(_, at)| *at).collect();
    for (i, &from) in times.iter().enumerate() {
        let to = times.get(i + 1).copied().unwrap_or(scale.end);
        let (left, right) = (scale.x(from), scale.x(to).max(scale.x(from) + 1));
        let share = |held: Held| {
            let holders = row.observers.iter().filter(|o| beliefs.at(**o, row.target, from) == held).count();
            holders as f64 / row.observers.len().max(1) as f64
        };
        let mut bottom = y + BAR;
        for (held, colour) in [(Held::Suspect, SUSPECT), (Held::Unsure, UNSURE), (Held::Trust, TRUST)] {
            let share = share(held);
            // One of many is to be seen too.
            let height = if share > 0.0 { (share * f64::from(BAR)).round().max(1.0) as i32 } else { 0 };
            let top = (bottom - height).max(y);
            if top < bottom {
                area.draw(&Rectangle::new([(left, top), (right, bottom)], colour.filled()))?;
            }
            bottom = top;
        }
    }
    Ok(())
}

/// Doubts shorter than a pixel, which are what such a row is there for.
fn moments(area: &Area<'_>, beliefs: &Beliefs, row: &Row, y: i32, scale: Scale) -> Drawn {
    for &(at, held) in row.observers.iter().flat_map(|&o| beliefs.changes(o, row.target)) {
        let colour = match held {
            Held::Suspect => SUSPECT,
            Held::Unsure => UNSURE,
            Held::Nothing | Held::Met | Held::Trust => continue,
        };
        let x = scale.x(at);
        area.draw(&Rectangle::new([(x, y), (x + 1, y + BAR)], colour.filled()))?;
    }
    Ok(())
}

fn absences(area: &Area<'_>, presence: &Presence, row: &Row, y: i32, scale: Scale) -> Drawn {
    for (from, to, stopped) in presence.breaks(row.present, scale.end) {
        let colour = if stopped { STOPPED } else { DOWN };
        // In a row of one node's own opinions nothing is under it; else what others held must be seen.
        let (top, bottom) = if row.observers.len() == 1 { (y, y + BAR) } else { (y, y + 3) };
        let corners = [(scale.x(from), top), (scale.x(to).max(scale.x(from) + 1), bottom)];
        area.draw(&Rectangle::new(corners, colour.filled()))?;
    }
    Ok(())
}

/// What was done, written along the top; deeds at the same place share one text.
fn deeds(area: &Area<'_>, log: &Log, bottom: i32, scale: Scale) -> Drawn {
    let mut last: Option<i32> = None;
    let mut lane = 0;
    for (at, deed) in log.deeds().filter(|(_, deed)| !matches!(deed, Deed::Mark(_))) {
        let x = scale.x(at);
        area.draw(&PathElement::new(vec![(x, TOP - 4), (x, bottom)], BLACK.mix(0.35).stroke_width(1)))?;
        if last.is_some_and(|last| x - last < 3) {
            continue;
        }
        lane = if last.is_some_and(|last| x - last < 90) { (lane + 1) % 4 } else { 0 };
        last = Some(x);
        let at = ((x + 2).min(WIDTH - 90), TOP - 50 + lane * 11);
        area.draw(&Text::new(deed.text(), at, (FONT, 10)))?;
    }
    Ok(())
}

fn axis(area: &Area<'_>, y: i32, scale: Scale) -> Drawn {
    let steps = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let step = steps.into_iter().find(|step| scale.end / step <= 16.0).unwrap_or(36_000.0);
    area.draw(&PathElement::new(vec![(LEFT, y + 2), (WIDTH - RIGHT, y + 2)], BLACK.stroke_width(1)))?;
    let mut at = 0.0;
    while at <= scale.end {
        let x = scale.x(at);
        area.draw(&PathElement::new(vec![(x, y + 2), (x, y + 7)], BLACK.stroke_width(1)))?;
        area.draw(&Text::new(format!("{at} s"), (x - 8, y + 10), (FONT, 11)))?;
        at += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::Line;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn every_state_has_its_colour() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Killed(1));
        log.says(6.0, 0, Line::Suspected(1));
        log.says(7.0, 2, Line::Unsure(1));
        log.did(8.0, Deed::Stopped(2));
        log.did(9.0, Deed::Continued(2));
        for pairs in [true, false] {
            let svg = draw(&log, "title", "about", pairs).unwrap();
            assert!(svg.contains("title") && svg.contains("kill n2") && !svg.contains("NaN"));
            let bars = |colour: &str| svg.matches(colour).count();
            // The legend has each once.
            for colour in ["#D55E00", "#F0E442", "#BEDEF0", "#464646", "#A0A0A0"] {
                assert!(bars(colour) >= 2, "{colour} is not drawn");
            }
        }
    }

    #[test]
    fn below_rows_about_all_stands_who_doubted_a_node_that_ran() {
        let labels = |log: &Log| -> Vec<String> {
            doubts(&Beliefs::of(log), &Presence::of(log)).into_iter().map(|row| row.label).collect()
        };
        let mut log = healthy(10);
        log.did(5.0, Deed::Killed(1));
        log.all_say(5.5, 1, Line::Suspected);
        assert!(
            labels(&log).is_empty() && !draw(&log, "title", "about", false).unwrap().contains("n1 of n3")
        );
        log.says(7.0, 0, Line::Suspected(2));
        log.says(6.0, 3, Line::Unsure(4));
        assert_eq!(labels(&log), ["n4 of n5", "n1 of n3"]);
        let svg = draw(&log, "title", "about", false).unwrap();
        assert!(svg.contains("n1 of n3") && svg.contains("unsure of it, by when:"));
        // Over at once, and seen all the same.
        let mut brief = healthy(10);
        brief.says(50.0, 0, Line::Suspected(2));
        brief.says(50.000_1, 0, Line::Trusted(2));
        let svg = draw(&brief, "title", "about", false).unwrap();
        assert_eq!(svg.matches("#D55E00").count(), 2, "the legend and the row of the pair");
        for target in 2..10 {
            log.all_say(9.0, target, Line::Suspected);
        }
        let svg = draw(&log, "title", "about", false).unwrap();
        // All but those of one that does not run.
        assert_eq!(svg.matches(" of n").count(), 10 + DOUBTS_MAX);
        assert!(svg.contains("12 more are left out"), "of {}", labels(&log).len());
    }

    #[test]
    fn of_changes_at_one_moment_the_last_is_drawn() {
        let mut log = healthy(2);
        log.says(50.0, 0, Line::Suspected(1));
        log.says(50.000_1, 0, Line::Trusted(1));
        log.did(100.0, Deed::Mark("end"));
        let svg = draw(&log, "title", "about", true).unwrap();
        assert_eq!(svg.matches("#D55E00").count(), 1, "only the legend has it");
    }

    #[test]
    fn few_nodes_have_a_row_for_each_pair() {
        assert_eq!(rows(5, true).len(), 20);
        assert_eq!(rows(20, false).len(), 20);
    }
}
