//! What the nodes have said so far.

use std::collections::BTreeMap;
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

/// What one node knows of the quorum's decisions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quorum {
    /// The number of the newest view it has stored, if any.
    pub(crate) epoch: Option<u64>,
    /// That view, as it was written.
    pub(crate) view: Value,
    pub(crate) standing: String,
    /// By node: its verdict, and of which incarnation.
    pub(crate) verdicts: BTreeMap<usize, (String, u64)>,
    /// The leases that it holds, with their tokens.
    pub(crate) held: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(crate) struct Model {
    start: Instant,
    /// By observer and target.
    held: Vec<Vec<Option<Held>>>,
    pub(crate) ready: Vec<bool>,
    pub(crate) incarnations: Vec<u64>,
    pub(crate) quorum: Vec<Quorum>,
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
            quorum: vec![Quorum::default(); count],
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
        self.quorum[index] = Quorum::default();
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
                self.learn_decided(by, node, &event, &line);
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
                // Perhaps another life of the same process, which has yet to form its opinions.
                self.forget(by);
                self.incarnations[by] = line["incarnation"].as_u64().unwrap_or_default();
                return;
            }
            "ready" => return self.ready[by] = true,
            "suspicions" => return self.learn_matrix(by, line),
            "left" | "unobserved" => {
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

    /// What a node knows of decisions.
    fn learn_decided(&mut self, by: usize, node: Option<usize>, event: &str, line: &Value) {
        let quorum = &mut self.quorum[by];
        let number = |field: &str| line[field].as_u64();
        let word = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        match event {
            // After a start older ones may still be on their way.
            "view" if number("epoch") >= quorum.epoch => {
                quorum.epoch = number("epoch");
                quorum.view = line.clone();
            }
            "standing" => quorum.standing = word("standing"),
            "verdict" => {
                if let Some(target) = node {
                    let incarnation = number("incarnation").unwrap_or_default();
                    quorum.verdicts.insert(target, (word("verdict"), incarnation));
                }
            }
            "lease" => match (line["state"].as_str(), number("token")) {
                (Some("granted"), Some(token)) => _ = quorum.held.insert(word("name"), token),
                (Some("expired" | "lost" | "released"), _) => _ = quorum.held.remove(&word("name")),
                _ => {}
            },
            _ => {}
        }
    }

    /// Since which view a node's life, or a later one, is on record as `what` (`suspended`, `dead`, `left`) in the newest view of
    /// `by`.
    pub(crate) fn on_record(&self, by: usize, what: &str, node: usize, incarnation: u64) -> Option<u64> {
        let lives = self.quorum[by].view[what].as_array()?;
        let of = |life: &&Value| {
            life["node"].as_str() == Some(&Fleet::name(node))
                && life["incarnation"].as_u64() >= Some(incarnation)
        };
        lives.iter().find(of)?["epoch"].as_u64()
    }

    /// Whether nobody holds a lease by the newest view of `by`.
    pub(crate) fn is_free(&self, by: usize, lease: &str) -> bool {
        let leases = self.quorum[by].view["leases"].as_array();
        leases.is_some_and(|leases| leases.iter().all(|granted| granted["name"] != lease))
    }

    /// Whether these nodes have all stored the same view.
    pub(crate) fn agree(&self, nodes: &[usize]) -> bool {
        let known = |&index: &usize| {
            let quorum = &self.quorum[index];
            (quorum.epoch, &quorum.view["genesis"])
        };
        let Some(first) = nodes.first().map(known) else { return true };
        first.0.is_some() && nodes.iter().all(|index| known(index) == first)
    }

    /// What `by` says of a node.
    pub(crate) fn verdict(&self, by: usize, node: usize) -> &str {
        self.quorum[by].verdicts.get(&node).map_or("", |(verdict, _)| verdict)
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
        "verdict" => match &line["epoch"] {
            Value::Null => format!("finds {node} {}", line["verdict"].as_str().unwrap_or_default()),
            epoch => {
                let (verdict, life) = (line["verdict"].as_str().unwrap_or_default(), &line["incarnation"]);
                format!("learns that {node}, incarnation {life}, is {verdict} (view {epoch})")
            }
        },
        "standing" => format!("is now {}", line["standing"].as_str().unwrap_or_default().replace('_', " ")),
        "lease" => {
            let (name, state) = (line["name"].as_str(), line["state"].as_str().unwrap_or_default());
            format!("lease {}: {state}, token {}", name.unwrap_or_default(), line["token"])
        }
        "view" => return None,
        "stopped" => format!("has stopped: {}", line["reason"].as_str().unwrap_or_default()),
        "error" => format!("says: {}", line["message"].as_str().unwrap_or_default()),
        "suspicions" | "members" | "counters" | "fault" | "help" | "seeds_silent" => return None,
        other => format!("{other} {line}"),
    })
}
