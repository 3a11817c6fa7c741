//! The command line, the commands and the schema, without a node.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use clap::{CommandFactory, Parser};
use gossip::{Event, Incarnation, NodeId, Opinion};

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
