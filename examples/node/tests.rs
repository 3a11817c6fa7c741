//! The command line, the commands and the schema, without a node.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use clap::{CommandFactory, Parser};
use gossip::core::quorum::{Delta, Founders, Subject, Subjects, Voters, VouchFor};
use gossip::{
    BootId, Denial, Epoch, Event, Identity, Incarnation, LeaseState, NodeId, Opinion, Standing, StorageId,
    StorageState, Verdict, View,
};

use crate::args::Args;
use crate::command::Command;
use crate::output::{Line, Report};

fn error(line: &str) -> String {
    format!("{:#}", line.parse::<Command>().expect_err(line))
}

fn fault(line: &str) -> String {
    match line.parse().expect(line) {
        Command::Fault(fault) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent_and_refuses_with_advice() {
    Args::command().debug_assert();
    let parse = |more: &[&str]| {
        let args = ["node", "--cluster", "c", "--name", "n"].iter().chain(more);
        Args::try_parse_from(args).map_err(|e| e.to_string())
    };
    assert!(
        parse(&["--interval", "1.5s", "--seed", "a:1,b:2", "--meta", "k=v"])
            .is_ok_and(|a| a.builder().is_ok())
    );
    assert!(
        parse(&["--voters", "n,m", "--data", "d", "--lease", "2s", "--on-eviction", "stop"])
            .is_ok_and(|a| a.builder().is_ok())
    );
    assert!(
        parse(&["--on-eviction", "sulk"]).expect_err("refused").contains("[possible values: return, stop]")
    );
    assert!(parse(&["--interval", "10"]).expect_err("refused").contains("write for instance 10ms or 10s"));
    assert!(parse(&["--interval", "3 days"]).expect_err("refused").contains("use us, ms, s, m or h"));
    assert!(parse(&["--bind", "7001"]).expect_err("refused").contains("for instance 127.0.0.1:7001"));
    let meta = parse(&["--meta", "role"]).expect("parsed").builder().expect_err("refused");
    assert!(meta.to_string().contains("write KEY=VALUE"));
}

#[test]
fn commands_are_understood_or_explained() {
    assert!(matches!(" members ".parse(), Ok(Command::Members)));
    assert!(matches!("".parse(), Ok(Command::Nothing)));
    let Ok(Command::Set { key, value }) = "set motto  all is  well ".parse() else { panic!("refused") };
    assert_eq!((&*key, &*value), ("motto", "all is  well"));
    let Ok(Command::Acquire { lease }) = "acquire orders/leader".parse() else { panic!("refused") };
    assert_eq!(lease, "orders/leader");
    assert!(matches!("release x".parse(), Ok(Command::Release { lease }) if lease == "x"));
    assert!(matches!("voters n1, n2".parse(), Ok(Command::Voters { names }) if names == ["n1", "n2"]));
    assert!(matches!("view".parse(), Ok(Command::View)));
    assert!(matches!("standing".parse(), Ok(Command::Standing)));
    assert_eq!(error("acquire"), "write: acquire LEASE");
    assert_eq!(error("release a b"), "write: release LEASE");
    assert_eq!(error("voters n1,,n2"), "write: voters NAME,NAME,...");
    assert!(error("frobnicate").starts_with("unknown command \"frobnicate\": one of members;"));
    assert_eq!(error("leave now"), "leave takes no arguments, not \"now\"");
    assert_eq!(error("set motto"), "write: set KEY VALUE");

    assert_eq!(fault("fault cut 127.0.0.1:7"), "cut 127.0.0.1:7 both");
    assert_eq!(fault("fault loss 0.3"), "loss 0.3 out");
    assert_eq!(fault("fault loss 0.8 127.0.0.1:7 in"), "loss 0.8 127.0.0.1:7 in");
    assert_eq!(fault("fault delay 50ms both"), "delay 50ms both");
    assert_eq!(fault("fault burst 0.2 10"), "burst 0.2 10 out");
    assert_eq!(fault("fault duplicate 0.5 in"), "duplicate 0.5 in");
    assert_eq!(fault("fault reorder 3 250ms 127.0.0.1:7"), "reorder 3 250ms 127.0.0.1:7 out");
    assert_eq!(fault("fault heal 127.0.0.1:7"), "heal 127.0.0.1:7");
    assert_eq!(error("fault loss 30"), "write: fault loss PROBABILITY, from 0 to 1");
    assert!(error("fault burst 0.2").starts_with("write: fault burst PROBABILITY LENGTH"));
    for absurd in ["fault delay 1.1h", "fault delay 1000000000h", "fault reorder 3 1000000000h"] {
        assert!(
            format!("{:#}", absurd.parse::<Command>().expect_err(absurd)).contains("at most 1h"),
            "{absurd}"
        );
    }
    assert_eq!(fault("fault delay 1h"), "delay 3600s out");
    assert!(error("fault reorder 1 1ms").starts_with("write: fault reorder EVERY DELAY"));
    assert!(error("fault cut").starts_with("write: fault cut IP:PORT"));
    assert!(error("fault cut n2").starts_with("\"n2\" is neither IP:PORT"));
}

#[test]
fn lines_are_as_documented() {
    let own = NodeId::new("n1").expect("a good name");
    let line = |report| serde_json::to_string(&Line { t: 1.25, report }).expect("serializes");
    let opinion = |observer: &str, opinion| Event::Opinion {
        observer: NodeId::new(observer).expect("a good name"),
        target: NodeId::new("n2").expect("a good name"),
        incarnation: Incarnation::FIRST,
        opinion,
        phi: 5.123_456,
    };
    let of = |event| line(Report::of(&own, event).expect("has a line"));
    assert_eq!(
        of(opinion("n1", Opinion::Suspect)),
        r#"{"t":1.25,"event":"suspected","node":"n2","incarnation":1,"phi":5.123}"#
    );
    assert_eq!(
        of(opinion("n3", Opinion::Trust)),
        r#"{"t":1.25,"event":"opinion","observer":"n3","node":"n2","incarnation":1,"opinion":"trust","phi":5.123}"#
    );
    let (id, incarnation) = (NodeId::new("n2").expect("a good name"), Incarnation::FIRST);
    assert_eq!(
        of(Event::Unobserved { id, incarnation }),
        r#"{"t":1.25,"event":"unobserved","node":"n2","incarnation":1}"#
    );
    assert_eq!(
        line(Report::Started {
            node: "n1".into(),
            incarnation: 3,
            addr: "127.0.0.1:7001".parse().expect("an address"),
            pid: 42
        }),
        r#"{"t":1.25,"event":"started","node":"n1","incarnation":3,"addr":"127.0.0.1:7001","pid":42}"#
    );
    assert_eq!(
        of(Event::ProcessPaused { length: std::time::Duration::from_millis(5_100) }),
        r#"{"t":1.25,"event":"paused","node":"n1","seconds":5.1}"#
    );
    assert_eq!(line(Report::members(&[])), r#"{"t":1.25,"event":"members","members":[]}"#);
}

fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a good name")
}

/// A view with something in each of its parts.
fn view() -> View {
    let voters = |names: &[(u8, &str)]| {
        let mut voters = Voters::default();
        for (n, name) in names {
            assert!(voters.insert(StorageId([*n; 16]), id(name)), "there is room");
        }
        voters
    };
    let of = |name: &str| {
        let mut subjects = Subjects::default();
        assert!(subjects.insert(id(name), Incarnation::FIRST), "there is room");
        subjects
    };
    let founders = Founders {
        voters: voters(&[(1, "n2"), (2, "n1")]),
        vouch_for: VouchFor::clamped(std::time::Duration::from_secs(1)),
    };
    let owner = Identity {
        id: id("n1"),
        storage: StorageId([2; 16]),
        incarnation: Incarnation::FIRST,
        boot: BootId([8; 16]),
    };
    let deltas = [
        Delta::Suspend(of("n3")),
        Delta::Evict(of("n3")),
        Delta::Acquire { lease: id("db"), owner, request: 1 },
        Delta::Suspend(of("n4")),
        Delta::Leave(Subject { id: id("n5"), incarnation: Incarnation::FIRST }),
        Delta::Seal(voters(&[(2, "n1")])),
    ];
    deltas.iter().fold(founders.view(), |view, delta| View::clone(&view.after(delta).expect("follows")))
}

#[test]
fn the_answer_to_standing_tells_of_the_disk() {
    let answer = |epoch, storage| {
        let report = Report::standing(&id("n1"), Standing::InQuorum, epoch, Some(storage));
        serde_json::to_string(&Line { t: 1.25, report }).expect("serializes")
    };
    assert_eq!(
        answer(Some(Epoch::GENESIS.next()), StorageState::Good),
        r#"{"t":1.25,"event":"standing","node":"n1","standing":"in_quorum","epoch":1,"storage":"ok"}"#
    );
    let storage =
        |storage| answer(None, storage).split_once(r#""storage":"#).map(|(_, word)| word.to_owned());
    assert_eq!(storage(StorageState::Failed).as_deref(), Some(r#""failed"}"#));
    assert_eq!(storage(StorageState::None).as_deref(), Some(r#""none"}"#));
}

#[test]
fn what_is_decided_is_written_as_documented() {
    let own = id("n1");
    let of = |event| {
        let report = Report::of(&own, event).expect("has a line");
        serde_json::to_string(&Line { t: 1.25, report }).expect("serializes")
    };
    let view = view();
    let genesis = view.genesis;
    assert_eq!(
        of(Event::View { view: view.into() }),
        format!(
            r#"{{"t":1.25,"event":"view","epoch":6,"genesis":"{genesis}","voters":["n1","n2"],"next":["n1"],"#
        ) + r#""suspended":[{"node":"n4","incarnation":1,"epoch":4}],"#
            + r#""dead":[{"node":"n3","incarnation":1,"epoch":2}],"#
            + r#""left":[{"node":"n5","incarnation":1,"epoch":5}],"#
            + r#""leases":[{"name":"db","owner":"n1","incarnation":1,"token":3}]}"#
    );
    let epoch = Epoch::GENESIS.next();
    let verdict = |verdict| Event::Verdict { id: id("n2"), incarnation: Incarnation::FIRST, verdict };
    assert_eq!(
        of(verdict(Verdict::Dead { epoch })),
        r#"{"t":1.25,"event":"verdict","node":"n2","incarnation":1,"verdict":"dead","epoch":1}"#
    );
    assert_eq!(
        of(verdict(Verdict::Undecided)),
        r#"{"t":1.25,"event":"verdict","node":"n2","incarnation":1,"verdict":"undecided"}"#
    );
    assert_eq!(
        of(Event::Standing { standing: Standing::Isolated, epoch }),
        r#"{"t":1.25,"event":"standing","node":"n1","standing":"isolated","epoch":1}"#
    );
    let lease = |token, state| of(Event::Lease { lease: id("db"), token, state });
    let remaining = std::time::Duration::from_millis(250);
    assert_eq!(
        lease(Some(epoch), LeaseState::Endangered { remaining }),
        r#"{"t":1.25,"event":"lease","name":"db","token":1,"state":"endangered","remaining":0.25}"#
    );
    assert_eq!(
        lease(None, LeaseState::Denied(Denial::Full)),
        r#"{"t":1.25,"event":"lease","name":"db","state":"denied","reason":"full"}"#
    );
    for (state, word) in [
        (LeaseState::Granted, "granted"),
        (LeaseState::Expired, "expired"),
        (LeaseState::Lost, "lost"),
        (LeaseState::Released, "released"),
    ] {
        let line = format!(r#"{{"t":1.25,"event":"lease","name":"db","token":1,"state":"{word}"}}"#);
        assert_eq!(lease(Some(epoch), state), line);
    }
    assert_eq!(of(Event::StorageFailed), r#"{"t":1.25,"event":"storage_failed","node":"n1"}"#);
}

#[test]
fn founders_that_differ_are_told_in_what_and_what_to_do() {
    let second = std::time::Duration::from_secs(1);
    let line = |theirs: &[&str], their_lease| {
        let event = Event::FoundersDiffer {
            by: StorageId([0xa1; 16]),
            theirs: theirs.iter().map(|name| id(name)).collect(),
            ours: vec![id("n1"), id("n2")],
            their_lease,
            our_lease: second,
        };
        let report = Report::of(&id("n1"), event).expect("has a line");
        serde_json::to_string(&Line { t: 1.25, report }).expect("serializes")
    };
    let advice = "give all founders the same --voters and --lease; if this comes again, start every one of them once with \
                  --abandon-founding";
    assert_eq!(
        line(&["n2"], Some(2 * second)),
        format!(r#"{{"t":1.25,"event":"founders_differ","by":"{}","theirs":["n2"],"#, "a1".repeat(16))
            + r#""ours":["n1","n2"],"their_lease":2.0,"our_lease":1.0,"message":"--voters differ: "#
            + advice
            + r#""}"#
    );
    let same = ["n1", "n2"];
    assert!(line(&same, Some(2 * second)).contains("--voters agree, --lease differs: give"));
    assert!(
        line(&same, Some(second))
            .contains("--voters and --lease agree, a data directory is another one: give")
    );
    let unsaid = line(&same, None);
    assert!(unsaid.contains("--voters agree, so --lease or a data directory differs: give"));
    assert!(!unsaid.contains("their_lease"));
}
