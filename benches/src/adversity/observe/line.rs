//! One line of a process, understood.

use serde_json::Value;

/// What a line says. The schema is in `docs/node-events.md`; what is not needed here is [`Line::Other`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// The process has met a node.
    Joined(usize),
    /// A node has left on purpose.
    Left(usize),
    Suspected(usize),
    Trusted(usize),
    Unsure(usize),
    /// This process did not run for so long.
    Paused {
        seconds: f64,
    },
    Counters {
        sent_bytes: u64,
        sent: u64,
        rejected: u64,
    },
    /// A numbered verdict of the quorum.
    Verdict {
        target: usize,
        verdict: String,
        epoch: u64,
    },
    /// The content of a view, as text that is equal when the view is.
    View {
        epoch: u64,
        content: String,
    },
    Standing {
        standing: String,
    },
    Lease {
        name: String,
        token: u64,
        state: LeaseState,
    },
    /// A command was not understood, or not obeyed.
    Error(String),
    /// A line that is not JSON, or one on standard error.
    Complaint(String),
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseState {
    Granted,
    Lost,
    Expired,
    Released,
}

/// Understands a line; names are `n1` to `nN`.
pub(crate) fn parse(text: &str, nodes: usize) -> Line {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Line::Complaint(text.to_owned()) };
    let event = value["event"].as_str().unwrap_or_default();
    let node = value["node"].as_str().and_then(|name| index(name, nodes));
    let number = |field: &str| value[field].as_u64().unwrap_or_default();
    let word = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    match (event, node) {
        ("joined", Some(node)) => Line::Joined(node),
        ("left", Some(node)) => Line::Left(node),
        ("suspected", Some(node)) => Line::Suspected(node),
        ("trusted", Some(node)) => Line::Trusted(node),
        ("unsure", Some(node)) => Line::Unsure(node),
        ("paused", _) => Line::Paused { seconds: value["seconds"].as_f64().unwrap_or_default() },
        ("counters", _) => Line::Counters {
            sent_bytes: number("sent_bytes"),
            sent: number("sent"),
            rejected: number("rejected"),
        },
        ("verdict", Some(target)) => {
            Line::Verdict { target, verdict: word("verdict"), epoch: number("epoch") }
        }
        ("view", _) => Line::View { epoch: number("epoch"), content: content(&value) },
        ("standing", _) => Line::Standing { standing: word("standing") },
        ("lease", _) => match lease_state(&word("state")) {
            Some(state) => Line::Lease { name: word("name"), token: number("token"), state },
            None => Line::Other,
        },
        ("error", _) => Line::Error(word("message")),
        _ => Line::Other,
    }
}

/// The place of a node called `n1` to `nN`.
fn index(name: &str, nodes: usize) -> Option<usize> {
    let number: usize = name.strip_prefix('n')?.parse().ok()?;
    (1..=nodes).contains(&number).then(|| number - 1)
}

/// What all nodes must agree on, which is everything that does not depend on who says it and when.
fn content(view: &Value) -> String {
    ["voters", "dead", "leases"].map(|field| view[field].to_string()).join(" ")
}

fn lease_state(word: &str) -> Option<LeaseState> {
    Some(match word {
        "granted" => LeaseState::Granted,
        "lost" => LeaseState::Lost,
        "expired" => LeaseState::Expired,
        "released" => LeaseState::Released,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_and_strange_ones_are_kept() {
        assert_eq!(parse(r#"{"t":1,"event":"suspected","node":"n3","phi":5.1}"#, 5), Line::Suspected(2));
        // A node that is none of ours is nobody.
        assert_eq!(parse(r#"{"t":1,"event":"suspected","node":"n6"}"#, 5), Line::Other);
        assert_eq!(
            parse(r#"{"t":1,"event":"lease","name":"a","token":7,"state":"granted"}"#, 5),
            Line::Lease { name: "a".into(), token: 7, state: LeaseState::Granted }
        );
        assert_eq!(parse("oops", 5), Line::Complaint("oops".into()));
        assert_eq!(parse(r#"{"t":1,"event":"of next year"}"#, 5), Line::Other);
    }

    #[test]
    fn views_are_equal_whoever_says_them() {
        let view = |t, dead| {
            parse(
                &format!(
                    r#"{{"t":{t},"event":"view","epoch":4,"voters":["n1"],"dead":{dead},"leases":{{}}}}"#
                ),
                5,
            )
        };
        assert_eq!(view(1, "{}"), view(2, "{}"));
        assert_ne!(view(1, "{}"), view(2, r#"{"n2":1}"#));
    }
}
