//! Claims about leases and their tokens.

use std::collections::{BTreeMap, BTreeSet};

use fencing_gate::{FencingGate, Token};

use super::Judgement;
use crate::adversity::observe::{Deed, LeaseState, Line, Log, Quorum, What, name};

/// A holder's handle is void at a moment of its own clock, and its line about that comes a little later, later still on a
/// busy machine. Only an overlap longer than this is a fact of the lease and not of the pipe.
const LINE_DELAY_S: f64 = 0.5;

/// A time during which a node said that it held a lease and could act on it.
pub(super) struct Hold {
    name: String,
    pub(super) by: usize,
    /// None for one that went on after a stop: it uses the token that it had.
    token: Option<u64>,
    pub(super) from: f64,
    pub(super) until: f64,
}

pub(super) fn one_holder(log: &Log) -> Judgement {
    let holds = holds(log);
    if holds.is_empty() {
        return Judgement::Open("nobody was granted a lease".into());
    }
    if log.lines_come_late() {
        return late();
    }
    for (i, a) in holds.iter().enumerate() {
        for b in holds[i + 1..].iter().filter(|b| b.name == a.name && b.by != a.by) {
            let overlap = a.until.min(b.until) - a.from.max(b.from);
            if overlap > LINE_DELAY_S {
                return Judgement::Broken(format!(
                    "{} and {} both hold {} for {overlap:.2} s from {:.1} s",
                    name(a.by),
                    name(b.by),
                    a.name,
                    a.from.max(b.from)
                ));
            }
        }
    }
    Judgement::Held(format!("{} times granted", holds.len()))
}

/// By the time at which a line arrives nothing can be said.
fn late() -> Judgement {
    Judgement::Open(
        "lines come late, of processes that get too little processor time: judged by its writes instead"
            .into(),
    )
}

type Open = BTreeMap<(usize, String), (f64, Option<u64>)>;

/// A stopped process cannot act on what it holds: its hold ends with the stop, and begins again when it goes on, unless it
/// then finds that the lease has run out.
pub(super) fn holds(log: &Log) -> Vec<Hold> {
    let mut open = Open::new();
    let mut asleep: BTreeMap<(usize, String), ()> = BTreeMap::new();
    let mut holds = Vec::new();
    let mut close = |open: &mut Open, key: (usize, String), until: f64| {
        if let Some((from, token)) = open.remove(&key) {
            holds.push(Hold { by: key.0, name: key.1, token, from, until });
        }
    };
    for entry in &log.entries {
        match &entry.what {
            What::Said { by, line: Line::Lease { name, state, token }, .. } => {
                let key = (*by, name.clone());
                asleep.remove(&key);
                match state {
                    LeaseState::Granted => _ = open.entry(key).or_insert((entry.at, Some(*token))),
                    _ => close(&mut open, key, entry.at),
                }
            }
            // That it has been given back is said when it has been decided and the news has come; nobody may use it until then.
            What::GivesBack { node, lease } => close(&mut open, (*node, lease.clone()), entry.at),
            What::Did(
                Deed::Killed(node) | Deed::Dismissed(node) | Deed::Ended(node) | Deed::Stopped(node),
            ) => {
                let stopped = matches!(entry.what, What::Did(Deed::Stopped(_)));
                let keys: Vec<_> = open.keys().filter(|(by, _)| by == node).cloned().collect();
                for key in keys {
                    if stopped {
                        asleep.insert(key.clone(), ());
                    }
                    close(&mut open, key, entry.at);
                }
                if !stopped {
                    asleep.retain(|(by, _), ()| by != node);
                }
            }
            What::Did(Deed::Continued(node)) => {
                let keys: Vec<_> = asleep.keys().filter(|(by, _)| by == node).cloned().collect();
                for key in keys {
                    asleep.remove(&key);
                    open.insert(key, (entry.at, None));
                }
            }
            _ => {}
        }
    }
    let rest: Vec<_> = open.keys().cloned().collect();
    for key in rest {
        close(&mut open, key, log.end());
    }
    holds
}

/// How often a holder writes.
const WRITE_S: f64 = 0.02;

/// Every holder passes one gate with its token when it is granted the lease and then every 20 ms, until the moment at which it is
/// known to hold it no more, all on the clock of the harness.
pub(super) fn gate_refuses_nobody(log: &Log) -> Judgement {
    let mut passages: BTreeMap<String, Vec<(f64, u64, usize)>> = BTreeMap::new();
    if log.lines_come_late() {
        return late();
    }
    for hold in holds(log) {
        // Refusing one that has slept is what a gate is for.
        let Some(token) = hold.token else { continue };
        let writes = ((hold.until - hold.from) / WRITE_S).floor() as usize;
        let times = (0..=writes).map(|i| (hold.from + i as f64 * WRITE_S, token, hold.by));
        passages.entry(hold.name).or_default().extend(times);
    }
    let (mut admitted, mut holders) = (0, BTreeSet::new());
    for (lease, mut passages) in passages {
        passages.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Ok(mut gate) = FencingGate::new(0, &lease) else { continue };
        for (at, token, by) in passages {
            if let Err(why) = gate.admit(0, &lease, Token::new(token)) {
                return Judgement::Broken(format!("{} is refused at {at:.3} s: {why}", name(by)));
            }
            admitted += 1;
            holders.insert((by, token));
        }
    }
    match holders.len() {
        0 => Judgement::Open("nobody was granted a lease".into()),
        count => Judgement::Held(format!("{admitted} passages with {}", super::counted(count, "token"))),
    }
}

/// A process that is stopped so soon after a check may have written only when it went on.
const IN_HAND_S: f64 = 0.1;

/// Nothing here depends on when a line of a process was read: the times are those of checks, by one clock, and the order is that
/// in which writes came to one storage, whose gate has let each in or not.
pub(super) fn writes_in_turn(log: &Log) -> Judgement {
    let mut turns = Turns::new();
    let stops: Vec<(f64, &Deed)> = log.deeds().filter(|(_, deed)| matches!(deed, Deed::Stopped(_))).collect();
    let stopped =
        |by, at| stops.iter().any(|(t, d)| **d == Deed::Stopped(by) && (at..at + IN_HAND_S).contains(t));
    let (mut writes, mut refused) = (0, 0);
    for (at, by, line) in log.said() {
        let Line::Wrote { name: lease, token, admitted, .. } = line else { continue };
        writes += 1;
        refused += usize::from(!admitted);
        // Refusing one that has slept is what a gate is for.
        if !admitted && !stopped(by, at) {
            let by = name(by);
            return Judgement::Broken(format!("a write of {by} at {at:.3} s with token {token} is refused"));
        }
        let turn = turns.entry((lease, *token)).or_insert(Turn { by, first: at, last: at });
        if turn.by != by {
            return Judgement::Broken(format!(
                "{} and {} both write with token {token}",
                name(turn.by),
                name(by)
            ));
        }
        turn.first = turn.first.min(at);
        turn.last = turn.last.max(at);
    }
    let mut tokens = super::counted(turns.len(), "token");
    if refused > 0 {
        tokens += &format!(" (of one that had slept, {refused} refused)");
    }
    match least_apart(&turns) {
        _ if turns.is_empty() => Judgement::Open("nobody has written".into()),
        Err(overlap) => Judgement::Broken(overlap),
        Ok(None) => Judgement::Held(format!("{writes} writes with {tokens}, all of one node")),
        Ok(Some(least)) => Judgement::Held(format!(
            "{writes} writes with {tokens}; from one node to another at least {:.0} ms",
            least * 1e3
        )),
    }
}

/// What was written with one token.
struct Turn {
    by: usize,
    first: f64,
    last: f64,
}

type Turns<'a> = BTreeMap<(&'a str, u64), Turn>;

/// The shortest time from the last write of one node to the first of another; which two overlap, if any do.
fn least_apart(turns: &Turns<'_>) -> Result<Option<f64>, String> {
    let mut least: Option<f64> = None;
    for (((lease, token), turn), ((other, later), next)) in turns.iter().zip(turns.iter().skip(1)) {
        if lease != other {
            continue;
        }
        if next.first <= turn.last {
            return Err(format!(
                "{} holds {lease} with token {later} at {:.3} s, {} with {token} until {:.3} s",
                name(next.by),
                next.first,
                name(turn.by),
                turn.last
            ));
        }
        if next.by != turn.by {
            let apart = next.first - turn.last;
            least = Some(least.map_or(apart, |least| least.min(apart)));
        }
    }
    Ok(least)
}

/// Judged by the last write with each token: whoever loses the lease gets another.
pub(super) fn writes_in_touch(log: &Log, seconds: f64) -> Judgement {
    let mut last: BTreeMap<u64, (f64, usize)> = BTreeMap::new();
    for (at, by, line) in log.said() {
        if let Line::Wrote { token, admitted: true, .. } = line {
            let known = last.entry(*token).or_insert((at, by));
            known.0 = known.0.max(at);
        }
    }
    let quorum = Quorum::of(log);
    for (&token, &(at, by)) in &last {
        if quorum.could_decide(token, by, at, seconds) == Some(false) {
            return Judgement::Broken(format!(
                "{} writes with token {token} at {at:.3} s, and has not reached a majority of voters for {seconds} s",
                name(by)
            ));
        }
    }
    match last.len() {
        0 => Judgement::Open("nobody has written".into()),
        tokens => Judgement::Held(format!("the last writes with {}", super::counted(tokens, "token"))),
    }
}

pub(super) fn used(log: &Log, tokens: usize) -> Judgement {
    let written: BTreeSet<u64> = log
        .said()
        .filter_map(|(_, _, line)| if let Line::Wrote { token, .. } = line { Some(*token) } else { None })
        .collect();
    Judgement::of(written.len() >= tokens, super::counted(written.len(), "token"))
}

pub(super) fn used_after_all(log: &Log) -> Judgement {
    let deeds = log.deeds().filter(|(_, deed)| !matches!(deed, Deed::Mark(_)));
    let over = deeds.map(|(at, _)| at).fold(0.0, f64::max);
    let written: BTreeSet<u64> = log
        .said()
        .filter_map(|(_, _, line)| if let Line::Wrote { token, .. } = line { Some(*token) } else { None })
        .collect();
    let granted = log.said().find(|(at, _, line)| match line {
        Line::Lease { token, state: LeaseState::Granted, .. } => *at > over && written.contains(token),
        _ => false,
    });
    match granted {
        Some((at, by, _)) => {
            Judgement::Held(format!("to {} {:.2} s after the last deed", name(by), at - over))
        }
        None => Judgement::Broken(format!("to nobody who wrote, from {over:.1} s on")),
    }
}

pub(super) fn tokens_increase(log: &Log) -> Judgement {
    let mut highest: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    let mut grants = 0;
    for (at, by, line) in log.said() {
        let Line::Lease { name: lease, token, state: LeaseState::Granted } = line else { continue };
        grants += 1;
        if let Some((before, since)) = highest.get(lease.as_str())
            && token <= before
            // Two lines written at almost the same time may be read in either order; one token may not be read twice.
            && (token == before || at - since > LINE_DELAY_S && !log.lines_come_late())
        {
            return Judgement::Broken(format!(
                "{} is granted {lease} with token {token} at {at:.1} s, after {before} at {since:.1} s",
                name(by)
            ));
        }
        let entry = highest.entry(lease).or_insert((*token, at));
        if *token > entry.0 {
            *entry = (*token, at);
        }
    }
    match grants {
        0 => Judgement::Open("nobody was granted a lease".into()),
        grants => Judgement::Held(format!("{grants} grants")),
    }
}

pub(super) fn passes(log: &Log, seconds: f64) -> Judgement {
    let holds = holds(log);
    let mut longest: f64 = 0.0;
    let mut times = 0;
    for (at, deed) in log.deeds() {
        let gone = |by: usize| match deed {
            Deed::Killed(node) | Deed::Stopped(node) => *node == by,
            Deed::FaultBegins(fault) => fault.excused.iter().any(|(observer, _)| *observer == by),
            _ => false,
        };
        let Some(lost) = holds.iter().find(|h| h.from < at && h.until >= at && gone(h.by)) else { continue };
        times += 1;
        match holds.iter().find(|h| h.by != lost.by && h.name == lost.name && h.from >= at) {
            Some(next) => longest = longest.max(next.from - at),
            None => {
                let by = name(lost.by);
                return Judgement::Broken(format!(
                    "nobody was granted {} after {by} was lost at {at:.1} s",
                    lost.name
                ));
            }
        }
    }
    match times {
        0 => Judgement::Open("no holder was lost".into()),
        _ => Judgement::of(longest <= seconds, format!("{times} times, after {longest:.2} s at most")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::Fault;
    use crate::adversity::observe::synthetic::healthy;
    use LeaseState::{Expired, Granted, Released};

    #[test]
    fn two_holders_are_caught() {
        let mut log = healthy(3);
        log.lease(5.0, 0, 1, Granted);
        log.lease(6.0, 0, 1, Released);
        log.lease(6.1, 1, 2, Granted);
        log.lease(9.0, 1, 2, Expired);
        assert!(!one_holder(&log).is_broken());
        log.lease(9.1, 2, 3, Granted);
        log.lease(10.0, 0, 4, Granted);
        log.did(12.0, Deed::Mark("end"));
        let Judgement::Broken(why) = one_holder(&log) else { panic!("n1 and n3") };
        assert!(why.starts_with("n3 and n1") || why.starts_with("n1 and n3"), "{why}");
    }

    /// The news that it has been decided may be lost again and again on the way to whoever gave it back.
    #[test]
    fn who_has_given_it_back_holds_nothing_however_late_it_says_so() {
        for told in [true, false] {
            let mut log = healthy(3);
            log.lease(5.0, 0, 1, Granted);
            if told {
                log.push(6.0, What::GivesBack { node: 0, lease: "lock".into() });
            }
            log.lease(6.1, 1, 3, Granted);
            log.lease(7.5, 0, 1, Released);
            log.did(9.0, Deed::Mark("end"));
            for judgement in [one_holder(&log), gate_refuses_nobody(&log)] {
                assert_eq!(judgement.is_broken(), !told, "{judgement:?}");
            }
        }
    }

    #[test]
    fn a_sleeper_holds_nothing_but_must_let_go_when_it_wakes() {
        for (expired_at, broken) in [(15.1, false), (17.0, true)] {
            let mut log = healthy(3);
            log.lease(5.0, 0, 1, Granted);
            log.did(6.0, Deed::Stopped(0));
            log.lease(9.0, 1, 2, Granted);
            log.did(15.0, Deed::Continued(0));
            log.lease(expired_at, 0, 1, Expired);
            log.did(20.0, Deed::Mark("end"));
            assert_eq!(one_holder(&log).is_broken(), broken);
        }
    }

    #[test]
    fn a_holder_that_was_killed_holds_nothing() {
        let mut log = healthy(3);
        log.lease(5.0, 0, 1, Granted);
        log.did(6.0, Deed::Killed(0));
        log.lease(9.0, 1, 2, Granted);
        log.did(20.0, Deed::Mark("end"));
        assert!(!one_holder(&log).is_broken());
    }

    #[test]
    fn a_token_that_falls_or_comes_twice_is_caught() {
        for (second, broken) in [(8, false), (7, true), (6, true)] {
            let mut log = healthy(3);
            log.lease(5.0, 0, 7, Granted);
            log.lease(6.0, 0, 7, Released);
            log.lease(7.0, 1, second, Granted);
            assert_eq!(tokens_increase(&log).is_broken(), broken, "{second}");
        }
    }

    #[test]
    fn a_holder_that_a_gate_refuses_is_caught() {
        for (expired_at, broken) in [(6.0, false), (6.3, true)] {
            let mut log = healthy(3);
            log.lease(5.0, 0, 1, Granted);
            if !broken {
                log.lease(expired_at, 0, 1, Expired);
            }
            log.lease(6.1, 1, 2, Granted);
            if broken {
                log.lease(expired_at, 0, 1, Expired);
            }
            log.did(9.0, Deed::Mark("end"));
            assert_eq!(gate_refuses_nobody(&log).is_broken(), broken);
        }
    }

    fn wrote(token: u64, admitted: bool) -> Line {
        Line::Wrote { name: "lock".into(), token, admitted, ahead_s: 0 }
    }

    #[test]
    fn writes_of_two_holders_at_once_are_caught() {
        let written = |writes: &[(f64, usize, u64)]| {
            let mut log = healthy(3);
            for &(at, by, token) in writes {
                log.says(at, by, wrote(token, true));
            }
            writes_in_turn(&log)
        };
        assert!(matches!(written(&[]), Judgement::Open(_)));
        assert!(!written(&[(5.0, 0, 1), (5.1, 0, 1), (5.2, 1, 2), (5.3, 0, 3)]).is_broken());
        let Judgement::Held(alone) = written(&[(5.0, 0, 1), (5.1, 0, 2)]) else { panic!("one node") };
        assert_eq!(alone, "2 writes with 2 tokens, all of one node");
        assert!(written(&[(5.0, 0, 1), (5.1, 1, 2), (5.2, 0, 1)]).is_broken(), "an open gate");
        assert!(written(&[(5.0, 0, 1), (5.3, 0, 1), (5.2, 1, 2)]).is_broken(), "checked while another held");
        assert!(written(&[(5.0, 0, 1), (5.1, 1, 1)]).is_broken(), "one token, two nodes");
    }

    #[test]
    fn a_write_that_a_stop_held_up_may_be_refused_and_no_other() {
        for (stopped, at, broken) in [(0, 6.05, false), (0, 6.5, true), (2, 6.05, true)] {
            let mut log = healthy(3);
            log.did(at, Deed::Stopped(stopped));
            for (at, by, token, admitted) in [(5.0, 0, 1, true), (8.0, 1, 2, true), (6.0, 0, 1, false)] {
                log.says(at, by, wrote(token, admitted));
            }
            match writes_in_turn(&log) {
                Judgement::Held(text) => assert!(!broken && text.contains("1 refused"), "{text}"),
                other => assert!(broken, "n{} at {at}: {other:?}", stopped + 1),
            }
        }
    }

    #[test]
    fn a_write_long_after_the_majority_is_lost_is_caught() {
        for (at, broken) in [(6.9, false), (7.2, true)] {
            for cut in [false, true] {
                let mut log = healthy(3);
                log.view(1.0, 0, 1);
                log.says(5.0, 0, wrote(2, true));
                if cut {
                    log.partition(6.0, &[0]);
                } else {
                    log.did(5.9, Deed::Killed(1));
                    log.did(6.0, Deed::Killed(2));
                }
                log.says(7.5, 0, wrote(2, false));
                log.says(at, 0, wrote(2, true));
                assert_eq!(writes_in_touch(&log, 1.0).is_broken(), broken, "{at}, {cut}");
            }
        }
        assert!(matches!(writes_in_touch(&healthy(3), 1.0), Judgement::Open(_)));
    }

    #[test]
    fn a_lease_that_nobody_uses_is_caught() {
        let mut log = healthy(3);
        log.lease(5.0, 0, 1, Granted);
        assert!(used(&log, 1).is_broken(), "granted, and not used");
        for (token, broken) in [(1, true), (1, true), (2, false)] {
            log.says(5.0, 0, wrote(token, true));
            assert_eq!(used(&log, 2).is_broken(), broken);
        }
    }

    #[test]
    fn a_lease_that_is_not_granted_again_after_all_is_caught() {
        for (at, writes, broken) in [(5.0, true, true), (9.0, true, false), (9.0, false, true)] {
            let mut log = healthy(3);
            log.did(8.0, Deed::FaultEnds("loss".into()));
            log.lease(at, 0, 1, Granted);
            log.did(12.0, Deed::Mark("end"));
            if writes {
                log.says(12.0, 0, wrote(1, true));
            }
            assert_eq!(used_after_all(&log).is_broken(), broken, "{at}, {writes}");
        }
    }

    #[test]
    fn where_lines_come_late_only_writes_tell_who_held_when() {
        for slow in [false, true] {
            let mut log = healthy(3);
            let fault = Fault { text: "quota".into(), slow, ..Fault::default() };
            log.did(4.0, Deed::FaultBegins(fault));
            log.lease(5.0, 0, 1, Granted);
            log.lease(8.0, 2, 3, Granted);
            // Said long ago.
            log.lease(8.6, 1, 2, Granted);
            log.lease(8.7, 0, 1, Expired);
            for judgement in [one_holder(&log), gate_refuses_nobody(&log)] {
                assert!(if slow { matches!(judgement, Judgement::Open(_)) } else { judgement.is_broken() });
            }
            assert_eq!(tokens_increase(&log).is_broken(), !slow);
            log.lease(9.0, 0, 3, Granted);
            assert!(tokens_increase(&log).is_broken(), "one token twice is none in any order");
        }
    }

    #[test]
    fn a_lease_that_does_not_pass_on_is_caught() {
        let mut log = healthy(3);
        log.lease(5.0, 0, 1, Granted);
        log.did(6.0, Deed::Killed(0));
        log.did(20.0, Deed::Mark("end"));
        assert!(passes(&log, 30.0).is_broken());
        log.lease(21.0, 1, 2, Granted);
        assert!(!passes(&log, 16.0).is_broken() && passes(&log, 14.0).is_broken());
    }
}
