//! One line of a process, understood.

use serde_json::Value;

/// What a line says. The schema is in `docs/node-events.md`; what is not needed here is [`Line::Other`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A life of the process begins, or another in the same process.
    Started {
        incarnation: u64,
    },
    /// The process has met a node, in this life of it; 0 where lives are not numbered.
    Joined {
        target: usize,
        incarnation: u64,
    },
    /// A node has left on purpose.
    Left(usize),
    Suspected(usize),
    Trusted(usize),
    Unsure(usize),
    /// The process does not observe that node any more.
    Unobserved(usize),
    /// The process has been told that another node suspects it.
    ToldOf(usize),
    /// This process did not run for so long.
    Paused {
        seconds: f64,
    },
    Counters {
        sent_bytes: u64,
        sent: u64,
        rejected: u64,
    },
    /// A verdict of the quorum, numbered; one that is only a reading has the number 0.
    Verdict {
        target: usize,
        incarnation: u64,
        verdict: String,
        epoch: u64,
    },
    View(View),
    /// The disk has failed.
    StorageFailed,
    Standing {
        standing: String,
    },
    Lease {
        name: String,
        token: u64,
        state: LeaseState,
    },
    /// Not said: written to the common storage of all holders, after a check at that moment, and whether its gate let it in. Writes
    /// stand at the end of a log, in the order in which they came. The moment is the true one: by so much the writer's clock was
    /// ahead.
    Wrote {
        name: String,
        token: u64,
        admitted: bool,
        ahead_s: i64,
    },
    /// From now on the process's wall clock is ahead by so much of what it was at the start. Only the agents of peers say so, where
    /// clocks are stepped.
    Clock {
        ahead_s: i64,
    },
    /// A command was not understood, or not obeyed.
    Error(String),
    /// A line that is not JSON, or one on standard error.
    Complaint(String),
    Other,
}

/// A numbered state of the quorum's chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    pub(crate) epoch: u64,
    pub(crate) voters: Vec<usize>,
    /// The voters to come; none while no change is under way.
    pub(crate) next: Vec<usize>,
    /// All of it that does not depend on who says it and when: equal when the view is.
    pub(crate) content: String,
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
        ("started", _) => Line::Started { incarnation: number("incarnation") },
        ("joined", Some(target)) => Line::Joined { target, incarnation: number("incarnation") },
        ("left", Some(node)) => Line::Left(node),
        ("suspected", Some(node)) => Line::Suspected(node),
        ("trusted", Some(node)) => Line::Trusted(node),
        ("unsure", Some(node)) => Line::Unsure(node),
        ("unobserved", Some(node)) => Line::Unobserved(node),
        ("opinion", Some(node)) if value["opinion"] == "suspect" => Line::ToldOf(node),
        ("paused", _) => Line::Paused { seconds: value["seconds"].as_f64().unwrap_or_default() },
        ("counters", _) => Line::Counters {
            sent_bytes: number("sent_bytes"),
            sent: number("sent"),
            rejected: number("rejected"),
        },
        ("verdict", Some(target)) => Line::Verdict {
            target,
            incarnation: number("incarnation"),
            verdict: word("verdict"),
            epoch: number("epoch"),
        },
        ("view", _) => {
            let names = |field: &str| {
                let names = value[field].as_array().into_iter().flatten();
                names.filter_map(|name| index(name.as_str()?, nodes)).collect()
            };
            Line::View(View {
                epoch: number("epoch"),
                voters: names("voters"),
                next: names("next"),
                content: content(&value),
            })
        }
        ("storage_failed", _) => Line::StorageFailed,
        ("standing", _) => Line::Standing { standing: word("standing") },
        ("lease", _) => match lease_state(&word("state")) {
            Some(state) => Line::Lease { name: word("name"), token: number("token"), state },
            None => Line::Other,
        },
        ("clock", _) => Line::Clock { ahead_s: value["ahead_s"].as_i64().unwrap_or_default() },
        ("error", _) => Line::Error(word("message")),
        _ => Line::Other,
    }
}

/// Understands what a holder has written after the time: node, lease, history, token, and what became of it. By how much the node's
/// clock was ahead is asked for.
pub(crate) fn parse_write(
    text: &str,
    nodes: usize,
    ahead_s: impl FnOnce(usize) -> Option<i64>,
) -> Option<(usize, Line)> {
    let mut words = text.split(' ');
    let by = index(words.next()?, nodes)?;
    let (name, _genesis) = (words.next()?.to_owned(), words.next()?);
    let token = words.next()?.parse().ok()?;
    let admitted = match words.next()? {
        "ok" => true,
        "refused" => false,
        _ => return None,
    };
    Some((by, Line::Wrote { name, token, admitted, ahead_s: ahead_s(by)? }))
}

/// The place of a node called `n1` to `nN`.
fn index(name: &str, nodes: usize) -> Option<usize> {
    let number: usize = name.strip_prefix('n')?.parse().ok()?;
    (1..=nodes).contains(&number).then(|| number - 1)
}

/// What all nodes must agree on, which is everything that does not depend on who says it and when.
fn content(view: &Value) -> String {
    ["genesis", "voters", "next", "suspended", "dead", "left", "leases"]
        .map(|field| view[field].to_string())
        .join(" ")
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
        assert_eq!(
            parse(
                r#"{"t":1,"event":"standing","node":"n1","standing":"isolated","epoch":1,"storage":"failed"}"#,
                5
            ),
            Line::Standing { standing: "isolated".into() }
        );
        assert_eq!(parse("oops", 5), Line::Complaint("oops".into()));
        assert_eq!(parse(r#"{"t":1,"event":"of next year"}"#, 5), Line::Other);
    }

    #[test]
    fn writes_are_understood() {
        for (word, admitted) in [("ok", true), ("refused", false)] {
            let line = Line::Wrote { name: "lock".into(), token: 7, admitted, ahead_s: 60 };
            let text = format!("n2 lock 00ff 7 {word}");
            assert_eq!(parse_write(&text, 5, |by| (by == 1).then_some(60)), Some((1, line)));
        }
        for strange in ["n2 lock 00ff 7", "n2 lock 00ff 7 perhaps", "n6 lock 00ff 7 ok"] {
            assert_eq!(parse_write(strange, 5, |_| Some(0)), None);
        }
    }

    #[test]
    fn views_are_equal_whoever_says_them() {
        let view = |t, dead| {
            parse(
                &format!(
                    r#"{{"t":{t},"event":"view","epoch":4,"voters":["n1","n3"],"next":null,"dead":{dead},"leases":[]}}"#
                ),
                5,
            )
        };
        assert_eq!(view(1, "[]"), view(2, "[]"));
        assert_ne!(view(1, "[]"), view(2, r#"[{"node":"n2"}]"#));
        let Line::View(View { epoch, voters, next, .. }) = view(1, "[]") else { panic!("a view") };
        assert_eq!((epoch, voters, next), (4, vec![0, 2], vec![]));
    }
}
