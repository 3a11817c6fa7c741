//! What the nodes have said so far.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::{Fleet, Said, What};

/// One opinion of one node, in its own words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    pub(crate) opinion: Opinion,
    pub(crate) phi: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opinion {
    Trust,
    Suspect,
    Unsure,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) at: Duration,
    /// Who said it.
    pub(crate) by: usize,
    pub(crate) event: String,
    /// Whom it is about.
    pub(crate) node: Option<usize>,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Model {
    start: Instant,
    /// By observer and target.
    held: Vec<Vec<Option<Held>>>,
    pub(crate) ready: Vec<bool>,
    pub(crate) incarnations: Vec<u64>,
    /// Everything, oldest first.
    pub(crate) facts: Vec<Fact>,
}

impl Model {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            start: Instant::now(),
            held: vec![vec![None; count]; count],
            ready: vec![false; count],
            incarnations: vec![0; count],
            facts: Vec::new(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn held(&self, observer: usize, target: usize) -> Option<Held> {
        self.held[observer][target]
    }

    pub(crate) fn holds(&self, observer: usize, target: usize, opinion: Opinion) -> bool {
        self.held(observer, target).is_some_and(|h| h.opinion == opinion)
    }

    /// A process has been started or killed: what it thought is gone.
    pub(crate) fn forget(&mut self, index: usize) {
        self.held[index].fill(None);
        self.ready[index] = false;
    }

    /// Takes in what a process said; the fact, if it is one.
    pub(crate) fn hear(&mut self, said: Said) -> Option<&Fact> {
        let Said { by, what } = said;
        let (event, node, text) = match what {
            What::Line(line) => {
                let Ok(line) = serde_json::from_str::<Value>(&line) else {
                    return self.note(by, "garbled", None, format!("is not JSON: {line}"));
                };
                let event = line["event"].as_str().unwrap_or_default().to_owned();
                let node = line["node"].as_str().and_then(|name| self.index(name));
                self.learn(by, node, &event, &line);
                let text = describe(&event, &line)?;
                (event, node, text)
            }
            What::Complaint(line) => ("complaint".to_owned(), None, line),
            What::End => {
                self.forget(by);
                ("ended".to_owned(), Some(by), "has ended".to_owned())
            }
        };
        self.note(by, &event, node, text)
    }

    fn note(&mut self, by: usize, event: &str, node: Option<usize>, text: String) -> Option<&Fact> {
        let at = self.elapsed();
        self.facts.push(Fact { at, by, event: event.to_owned(), node, text });
        self.facts.last()
    }

    fn learn(&mut self, by: usize, node: Option<usize>, event: &str, line: &Value) {
        let phi = line["phi"].as_f64().unwrap_or_default();
        let opinion = match event {
            "suspected" => Opinion::Suspect,
            "trusted" => Opinion::Trust,
            "unsure" => Opinion::Unsure,
            "started" => {
                self.incarnations[by] = line["incarnation"].as_u64().unwrap_or_default();
                return;
            }
            "ready" => return self.ready[by] = true,
            "suspicions" => return self.learn_matrix(by, line),
            "left" => {
                if let Some(target) = node {
                    self.held[by][target] = None;
                }
                return;
            }
            _ => return,
        };
        if let Some(target) = node {
            self.held[by][target] = Some(Held { opinion, phi });
        }
    }

    /// Every node lists what it knows of all; only its own words are first hand.
    fn learn_matrix(&mut self, by: usize, line: &Value) {
        for cell in line["suspicions"].as_array().into_iter().flatten() {
            let index = |field: &str| cell[field].as_str().and_then(|name| self.index(name));
            let (observer, target) = (index("observer"), index("node"));
            let opinion = match cell["opinion"].as_str() {
                Some("trust") => Opinion::Trust,
                Some("suspect") => Opinion::Suspect,
                _ => Opinion::Unsure,
            };
            if let (Some(observer), Some(target)) = (observer, target)
                && observer == by
            {
                let phi = cell["phi"].as_f64().unwrap_or_default();
                self.held[by][target] = Some(Held { opinion, phi });
            }
        }
    }

    fn index(&self, name: &str) -> Option<usize> {
        (0..self.held.len()).find(|&i| Fleet::name(i) == name)
    }
}

/// What a person wants to read of it; none for answers that are shown otherwise.
fn describe(event: &str, line: &Value) -> Option<String> {
    let node = line["node"].as_str().unwrap_or("?");
    let phi = line["phi"].as_f64().unwrap_or_default();
    Some(match event {
        "started" => format!("has started, incarnation {}", line["incarnation"]),
        "ready" => format!("is ready and knows {} nodes", line["members"]),
        "joined" => format!("has met {node}, incarnation {}", line["incarnation"]),
        "left" => format!("has heard the farewell of {node}"),
        "suspected" => format!("suspects {node}, φ = {phi:.1}"),
        "trusted" => format!("trusts {node}"),
        "unsure" => format!("is unsure of {node}, φ = {phi:.1}"),
        "paused" => {
            format!("finds that it was paused for {:.1} s", line["seconds"].as_f64().unwrap_or_default())
        }
        "stopped" => format!("has stopped: {}", line["reason"].as_str().unwrap_or_default()),
        "error" => format!("says: {}", line["message"].as_str().unwrap_or_default()),
        "suspicions" | "members" | "counters" | "fault" | "help" | "seeds_silent" => return None,
        other => format!("{other} {line}"),
    })
}
