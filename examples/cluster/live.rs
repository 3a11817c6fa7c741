//! The cluster as it is, for as long as somebody watches: a table with keys on a terminal, lines elsewhere.

use std::io::{self, Write};
use std::time::Duration;

use crossterm::event::{self, Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::fleet::{Fleet, State};
use crate::model::Model;
use crate::screen::{Screen, Shown};

const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// Redraws between two questions to the nodes.
const ASK_EVERY: u32 = 2;
/// The lease that nodes can be made to ask for.
const LEASE: &str = "lead";
const LOSSES: [f64; 4] = [0.0, 0.1, 0.3, 0.6];

/// Prints what happens, line by line, for as long as somebody reads it.
pub(crate) async fn print(fleet: &mut Fleet, model: &mut Model) -> anyhow::Result<()> {
    for index in 0..fleet.len() {
        fleet.start(index)?;
    }
    loop {
        let said = fleet.next().await;
        if let Some(fact) = model.hear(said)
            && writeln!(
                io::stdout(),
                "{:8.3} s  {:>4} {}",
                fact.at.as_secs_f64(),
                Fleet::name(fact.by),
                fact.text
            )
            .is_err()
        {
            return Ok(());
        }
    }
}

/// Shows the table until the user has seen enough.
pub(crate) async fn show(fleet: &mut Fleet, model: &mut Model) -> anyhow::Result<()> {
    for index in 0..fleet.len() {
        fleet.start(index)?;
    }
    let mut screen = Screen::open()?;
    let mut keys = read_keys();
    let mut ticks = interval(REDRAW_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut live = Live { fleet, model, shown: Shown::default(), loss: 0 };
    let mut tick = 0_u32;
    loop {
        tokio::select! {
            said = live.fleet.next() => { live.model.hear(said); }
            key = keys.recv() => match key {
                Some(key) if wants_out(key) => return Ok(()),
                Some(key) => {
                    live.shown.message = live.on_key(key.code).await.unwrap_or_else(|e| format!("{e:#}"));
                    screen.draw(live.fleet, live.model, &live.shown)?;
                }
                // The terminal is gone.
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                tick = tick.wrapping_add(1);
                if tick.is_multiple_of(ASK_EVERY) {
                    for index in live.fleet.in_state(State::Running) {
                        live.fleet.command(index, "suspicions");
                    }
                }
                screen.draw(live.fleet, live.model, &live.shown)?;
            }
        }
    }
}

fn wants_out(key: KeyEvent) -> bool {
    let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

/// Keys, read by a thread of its own: reading blocks.
fn read_keys() -> mpsc::Receiver<KeyEvent> {
    let (keys, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(input) = event::read() {
            let Input::Key(key) = input else { continue };
            if key.kind == KeyEventKind::Press && keys.blocking_send(key).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Live<'a> {
    fleet: &'a mut Fleet,
    model: &'a mut Model,
    shown: Shown,
    /// Which of `LOSSES` is on.
    loss: usize,
}

impl Live<'_> {
    /// Does what a key asks for; what to tell the user.
    async fn on_key(&mut self, key: KeyCode) -> anyhow::Result<String> {
        let count = self.fleet.len();
        let chosen = self.shown.chosen;
        let name = Fleet::name(chosen);
        Ok(match key {
            KeyCode::Up => self.choose((chosen + count - 1) % count),
            KeyCode::Down | KeyCode::Tab => self.choose((chosen + 1) % count),
            KeyCode::Char(digit @ '1'..='9') => {
                let index = digit as usize - '1' as usize;
                if index < count { self.choose(index) } else { format!("there are only {count} nodes") }
            }
            KeyCode::Char('k') => {
                self.fleet.kill(chosen).await?;
                self.model.forget(chosen);
                format!("{name} killed (SIGKILL)")
            }
            KeyCode::Char('r') => {
                self.fleet.kill(chosen).await?;
                self.model.forget(chosen);
                self.fleet.start(chosen)?;
                self.restore_faults(chosen);
                format!("{name} started again")
            }
            KeyCode::Char('p') => match self.fleet.state(chosen) {
                State::Running => {
                    self.fleet.pause(chosen)?;
                    format!("{name} paused (SIGSTOP); p again lets it go on")
                }
                State::Paused => {
                    self.fleet.resume(chosen)?;
                    format!("{name} goes on (SIGCONT)")
                }
                State::Down => format!("{name} is down; r starts it"),
            },
            KeyCode::Char('v') => {
                self.fleet.command(chosen, "leave");
                format!("{name} was asked to leave")
            }
            KeyCode::Char('a') => self.toggle_lease(chosen),
            KeyCode::Char('c') => self.toggle_link(chosen, (chosen + 1) % count),
            KeyCode::Char('s') => self.toggle_sides(),
            KeyCode::Char('l') => self.next_loss(),
            KeyCode::Char('h') => {
                self.shown.cut.clear();
                self.loss = 0;
                self.shown.loss = 0.0;
                (0..count).for_each(|index| self.fleet.command(index, "fault heal"));
                "all links are whole again".to_owned()
            }
            _ => String::new(),
        })
    }

    fn choose(&mut self, index: usize) -> String {
        self.shown.chosen = index;
        String::new()
    }

    fn set_link(&mut self, a: usize, b: usize, cut: bool) {
        let pair = (a.min(b), a.max(b));
        let changed = if cut { self.shown.cut.insert(pair) } else { self.shown.cut.remove(&pair) };
        if changed {
            self.fleet.cut(a, b, cut);
        }
    }

    fn toggle_link(&mut self, a: usize, b: usize) -> String {
        let cut = !self.shown.cut.contains(&(a.min(b), a.max(b)));
        self.set_link(a, b, cut);
        let what = if cut { "cut" } else { "mended" };
        format!("link {}–{} {what}", Fleet::name(a), Fleet::name(b))
    }

    fn toggle_lease(&mut self, index: usize) -> String {
        let name = Fleet::name(index);
        if self.model.quorum[index].held.contains_key(LEASE) {
            self.fleet.command(index, format!("release {LEASE}"));
            return format!("{name} gives the lease back");
        }
        self.fleet.command(index, format!("acquire {LEASE}"));
        format!("{name} asks for the lease, and waits while another holds it")
    }

    fn toggle_sides(&mut self) -> String {
        let (count, half) = (self.fleet.len(), self.fleet.len() / 2 + 1);
        let across: Vec<_> = (0..half).flat_map(|a| (half..count).map(move |b| (a, b))).collect();
        let cut = !across.iter().all(|pair| self.shown.cut.contains(pair));
        across.into_iter().for_each(|(a, b)| self.set_link(a, b, cut));
        if cut {
            format!("the first {half} nodes cut off from the rest")
        } else {
            "both sides joined".to_owned()
        }
    }

    fn next_loss(&mut self) -> String {
        self.loss = (self.loss + 1) % LOSSES.len();
        self.shown.loss = LOSSES[self.loss];
        for index in 0..self.fleet.len() {
            self.fleet.command(index, format!("fault loss {}", self.shown.loss));
        }
        format!("every node loses {:.0} % of what it sends", 100.0 * self.shown.loss)
    }

    /// A process that has just started knows of no faults.
    fn restore_faults(&self, index: usize) {
        if self.shown.loss > 0.0 {
            self.fleet.command(index, format!("fault loss {}", self.shown.loss));
        }
        for &(a, b) in self.shown.cut.iter().filter(|(a, b)| *a == index || *b == index) {
            self.fleet.cut(a, b, true);
        }
    }
}
