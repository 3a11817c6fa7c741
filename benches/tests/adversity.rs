//! The program as a user runs it, as far as that needs no cluster.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::process::{Command, Output};

fn adversity(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adversity")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_list_has_every_scenario_with_what_it_claims() {
    let output = adversity(&["--list"]);
    assert!(output.status.success());
    let list = text(&output.stdout);
    for name in [
        "crash (quick): ",
        "partition-10min (long",
        "bootstrap-100: ",
        "lease (without the usual contest for a lease): ",
        "disk-full: ",
        "clock-step (without the usual contest for a lease): ",
        "cpu-quota (without the usual contest for a lease): ",
        "overflow: ",
    ] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{name}\n{list}");
    }
    assert!(
        list.contains("    a killed node is suspected by every survivor within 1 s, by half within 0.6 s")
    );
    assert!(list.contains("in all of them:\n    no verdict declares a healthy node dead"));
}

#[test]
fn bad_arguments_are_answered_with_good_ones() {
    let output = adversity(&["--scenario", "meteor"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: --scenario: none is named `meteor`; choose from crash"));
    for (arguments, advice) in [
        (["--soak", "3"], "write for instance 90s, 30m or 8h"),
        (["--nodes", "2"], "is not in 3..=100"),
        (["--helper", "dance"], "this argument is for the program itself"),
    ] {
        let output = adversity(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(advice), "{}", text(&output.stderr));
    }
}

#[test]
fn the_help_says_what_is_written_and_what_the_status_means() {
    let help = text(&adversity(&["--help"]).stdout);
    for words in ["claims.csv", "Exit status", "--netns", "--soak", "No privileges"] {
        assert!(help.contains(words), "{words}\n{help}");
    }
    assert!(!help.contains("--helper"));
}
