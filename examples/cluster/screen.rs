//! The table on the terminal, drawn over itself.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{cursor, execute, queue};

use crate::fleet::{Fleet, State};
use crate::model::{Held, Model, Opinion};

/// What the table shows besides what nodes say.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The node that keys are for.
    pub(crate) chosen: usize,
    /// The links that are cut, lower number first.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// The share of datagrams that every node loses.
    pub(crate) loss: f64,
    pub(crate) message: String,
}

/// The terminal, taken over. Dropping it gives it back.
pub(crate) struct Screen {
    frame: Vec<u8>,
}

const CELL: usize = 7;
const HELP: &str = "1-9 ↑↓ choose   k kill   r restart   p pause/go on   v leave   a lease   \
    c cut link to next   s cut sides   l loss   h heal   q quit";

impl Screen {
    pub(crate) fn open() -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Else the message would vanish with the alternate screen.
            close();
            before(panic);
        }));
        terminal::enable_raw_mode()?;
        let screen = Self { frame: Vec::new() };
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    pub(crate) fn draw(&mut self, fleet: &Fleet, model: &Model, shown: &Shown) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let (width, height) = (usize::from(width), usize::from(height));
        self.frame.clear();
        queue!(self.frame, BeginSynchronizedUpdate, cursor::MoveTo(0, 0))?;
        let mut lines = Lines { out: &mut self.frame, width, left: height };
        draw_head(&mut lines, fleet, model, shown)?;
        for index in 0..fleet.len() {
            draw_row(&mut lines, fleet, model, shown, index)?;
        }
        draw_foot(&mut lines, model, shown)?;
        queue!(self.frame, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        let mut out = io::stdout().lock();
        out.write_all(&self.frame)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        close();
    }
}

fn close() {
    // If the terminal is gone there is nothing to give back.
    _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
    _ = terminal::disable_raw_mode();
}

/// Lines of the frame, never more than fit.
struct Lines<'a> {
    out: &'a mut Vec<u8>,
    width: usize,
    left: usize,
}

impl Lines<'_> {
    /// Prints pieces of text in their colours, cut at the edge.
    fn line(&mut self, pieces: &[(Color, Attribute, String)]) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let mut room = self.width;
        for (color, attribute, text) in pieces {
            // Every character used here is one column wide.
            let text: String = text.chars().take(room).collect();
            room -= text.chars().count();
            queue!(self.out, SetForegroundColor(*color), SetAttribute(*attribute), Print(text))?;
            queue!(self.out, SetAttribute(Attribute::Reset), ResetColor)?;
        }
        queue!(self.out, Clear(ClearType::UntilNewLine))?;
        self.left -= 1;
        if self.left > 0 {
            queue!(self.out, cursor::MoveToNextLine(1))?;
        }
        Ok(())
    }

    fn text(&mut self, color: Color, text: impl Into<String>) -> io::Result<()> {
        self.line(&[(color, Attribute::Reset, text.into())])
    }
}

fn draw_head(lines: &mut Lines<'_>, fleet: &Fleet, model: &Model, shown: &Shown) -> io::Result<()> {
    let plan = fleet.plan();
    let title = format!(
        " gossip cluster   {} nodes   heartbeat {:?}   suspects at φ = {}   loss {:.0} %   {:.0} s",
        fleet.len(),
        plan.interval,
        plan.threshold,
        100.0 * shown.loss,
        model.elapsed().as_secs_f64()
    );
    lines.line(&[(Color::Reset, Attribute::Bold, title)])?;
    lines.text(
        Color::DarkGrey,
        " Verdicts are decided by a majority of voters (*), in numbered views. Numbers are each row's own suspicion (φ).",
    )?;
    lines.text(Color::Reset, "")?;
    let names: String = (0..fleet.len()).map(|i| format!("{:>CELL$}", Fleet::name(i))).collect();
    let heads = "   node    process   life  verdict     stands      view  suspected by";
    lines.text(Color::DarkGrey, format!("{heads}   {names}   lease (token)"))
}

fn draw_row(
    lines: &mut Lines<'_>,
    fleet: &Fleet,
    model: &Model,
    shown: &Shown,
    index: usize,
) -> io::Result<()> {
    let count = fleet.len();
    let state = fleet.state(index);
    let (process, color) = match state {
        State::Running if model.ready[index] => ("running", Color::Green),
        State::Running => ("joining", Color::Cyan),
        State::Paused => ("paused", Color::Yellow),
        State::Down => ("down", Color::DarkGrey),
    };
    let running = |i: usize| fleet.state(i) == State::Running;
    let accusers = (0..count).filter(|&by| running(by) && model.holds(by, index, Opinion::Suspect)).count();
    let observers = (0..count).filter(|&by| by != index && running(by)).count();
    let accused = match accusers {
        0 => (Color::DarkGrey, "nobody".to_owned()),
        n if n == observers => (Color::Red, format!("all {n}")),
        n => (Color::Yellow, format!("{n} of {observers}")),
    };
    let (verdict, standing) = (verdict_of(fleet, model, index), standing_of(model, index, state));
    let epoch = model.quorum[index].epoch.map_or(String::new(), |epoch| epoch.to_string());
    let voter = if index < fleet.plan().voters() { "*" } else { "" };
    let chosen = if index == shown.chosen { " ▸ " } else { "   " };
    let plain = Attribute::Reset;
    let mut pieces = vec![
        (Color::Cyan, Attribute::Bold, chosen.to_owned()),
        (Color::Reset, Attribute::Bold, format!("{:<8}", Fleet::name(index) + voter)),
        (color, plain, format!("{process:<10}")),
        (Color::Reset, plain, format!("{:>4}  ", model.incarnations[index])),
        (verdict.0, plain, format!("{:<12}", verdict.1)),
        (standing.0, plain, format!("{:<10}", standing.1)),
        (Color::Reset, plain, format!("{epoch:>6}  ")),
        (accused.0, plain, format!("{:<15}", accused.1)),
    ];
    for target in 0..count {
        let cut = shown.cut.contains(&(index.min(target), index.max(target)));
        let held = model.held(index, target).filter(|_| state == State::Running);
        pieces.push(cell(held, index == target, cut));
    }
    for (lease, token) in model.quorum[index].held.iter().filter(|_| state != State::Down) {
        pieces.push((Color::Cyan, Attribute::Bold, format!("   {lease} ({token})")));
    }
    lines.line(&pieces)
}

/// What the running node that has seen the most says of a node.
fn verdict_of(fleet: &Fleet, model: &Model, index: usize) -> (Color, String) {
    let others = fleet.in_state(State::Running).into_iter().filter(|&by| by != index);
    let verdict = others.max_by_key(|&by| model.quorum[by].epoch).map_or("", |by| model.verdict(by, index));
    let color = match verdict {
        "alive" => Color::Green,
        "suspended" => Color::Yellow,
        "dead" => Color::Red,
        _ => Color::DarkGrey,
    };
    (color, verdict.to_owned())
}

/// Where a node itself says it stands. A paused one does not know better yet.
fn standing_of(model: &Model, index: usize, state: State) -> (Color, String) {
    let standing = model.quorum[index].standing.replace('_', " ");
    let color = match (state, standing.as_str()) {
        (State::Running, "in quorum") => Color::Green,
        (State::Running, "isolated" | "evicted") => Color::Red,
        _ => Color::DarkGrey,
    };
    (color, standing)
}

fn cell(held: Option<Held>, own: bool, cut: bool) -> (Color, Attribute, String) {
    let mark = if cut { "╱" } else { " " };
    let (color, text) = match held {
        _ if own => (Color::DarkGrey, "·".to_owned()),
        None => (Color::DarkGrey, String::new()),
        Some(Held { opinion: Opinion::Suspect, phi }) => (Color::Red, format!("{}!", level(phi))),
        Some(Held { opinion: Opinion::Unsure, phi }) => (Color::Yellow, format!("{}?", level(phi))),
        Some(Held { phi, .. }) if phi >= 1.0 => (Color::Yellow, format!("{} ", level(phi))),
        Some(Held { phi, .. }) => (Color::Green, format!("{} ", level(phi))),
    };
    let bold = if color == Color::Red { Attribute::Bold } else { Attribute::Reset };
    (color, bold, format!("{mark}{text:>width$}", width = CELL - 1))
}

fn level(phi: f64) -> String {
    if phi < 100.0 { format!("{phi:.1}") } else { format!("{phi:.0}") }
}

fn draw_foot(lines: &mut Lines<'_>, model: &Model, shown: &Shown) -> io::Result<()> {
    lines.text(Color::Reset, "")?;
    let legend = " ! suspects   ? unsure   ╱ link cut";
    lines.line(&[
        (Color::DarkGrey, Attribute::Reset, format!("{legend}      ")),
        (Color::Cyan, Attribute::Bold, shown.message.clone()),
    ])?;
    lines.text(Color::Reset, "")?;
    // One line is for the help.
    let room = lines.left.saturating_sub(1);
    let facts = &model.facts[model.facts.len().saturating_sub(room)..];
    for fact in facts {
        let color = match fact.event.as_str() {
            "suspected" => Color::Red,
            "verdict" | "standing" | "lease" => Color::Cyan,
            "trusted" | "ready" => Color::Green,
            "complaint" | "error" | "garbled" => Color::Magenta,
            _ => Color::Reset,
        };
        lines.line(&[
            (Color::DarkGrey, Attribute::Reset, format!("{:8.2} s  ", fact.at.as_secs_f64())),
            (color, Attribute::Reset, format!("{:>4} {}", Fleet::name(fact.by), fact.text)),
        ])?;
    }
    for _ in facts.len()..room {
        lines.text(Color::Reset, "")?;
    }
    lines.line(&[(Color::Reset, Attribute::Reverse, format!(" {HELP:<width$}", width = lines.width))])
}
