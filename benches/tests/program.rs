//! The program as a user runs it: what it writes, and what it says to bad input.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn accuracy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_accuracy")).args(arguments).output().unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("accuracy-program-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// 6,000 heartbeats, 100 ms apart, each a little and every fiftieth much later.
fn write_trace(path: &Path) {
    let mut text = String::from("seq,send_ns,recv_ns\n");
    for seq in 0..6_000u64 {
        let sent = seq * 100_000_000;
        let delay = 10_000_000 + seq * 7_919 % 5_000_000 + if seq % 50 == 0 { 80_000_000 } else { 0 };
        text.push_str(&format!("{seq},{sent},{}\n", sent + delay));
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_users_trace_becomes_a_report() {
    let directory = scratch("report");
    let (trace, out) = (directory.join("mine.csv"), directory.join("out"));
    write_trace(&trace);
    let arguments =
        ["--quick", "--budget", "1e-2", "--trace", trace.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = accuracy(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();

    let summary = read("summary.md");
    assert!(summary.contains("Quick run") && summary.contains("| mine |"), "{summary}");
    assert!(!summary.contains(directory.to_str().unwrap()), "no machine path in the summary");
    assert!(!summary.contains("synthetic links\n"), "a user's trace is judged alone");
    // One heartbeat in fifty is 80 ms late: a fixed timeout within 1e-2 must outlast it, about 1.85 intervals.
    let fixed = summary.lines().find(|line| line.starts_with("| fixed timeout |")).unwrap();
    assert!(fixed.contains("1.8"), "{fixed}");

    for name in
        ["everything.csv", "1-per-link.csv", "2-one-threshold.csv", "3-halves.csv", "4-calibration.csv"]
    {
        let text = read(name);
        let columns = |line: &str| line.split(',').count();
        let header = columns(text.lines().next().unwrap());
        assert!(text.lines().count() > 10, "{name} is all but empty");
        for line in text.lines() {
            assert_eq!(columns(line), header, "{name}: {line}");
        }
    }
    for name in ["1-per-link.svg", "2-one-threshold.svg", "3-halves.svg", "4-calibration.svg"] {
        let svg = read(name);
        assert!(svg.starts_with("<svg") && svg.contains("φ normal") && !svg.contains("NaN"), "{name}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn the_same_seed_writes_the_same_numbers() {
    let directory = scratch("seed");
    let trace = directory.join("mine.csv");
    write_trace(&trace);
    let everything = |seed: &str, run: &str| {
        let out = directory.join(run);
        let (trace, out_name) = (trace.to_str().unwrap(), out.to_str().unwrap());
        let list = "fixed,empirical";
        let arguments = ["--quick", "--trace", trace, "--detectors", list, "--seed", seed, "--out", out_name];
        assert!(accuracy(&arguments).status.success());
        std::fs::read_to_string(out.join("everything.csv")).unwrap()
    };
    let first = everything("7", "a");
    assert_eq!(first, everything("7", "b"));
    assert_ne!(first, everything("8", "c"));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn bad_input_is_one_line_and_a_failure() {
    let directory = scratch("bad");
    let bad = directory.join("bad.csv");
    std::fs::write(&bad, "seq,send_ns,recv_ns\n0,0,5\n1,10\n").unwrap();
    let empty = directory.join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let cases = [
        (
            ["--trace", "no-such.csv"],
            "error: no-such.csv: No such file or directory (os error 2); check the path",
        ),
        (["--trace", bad.to_str().unwrap()], "bad.csv: line 3: 2 columns; each row must have three"),
        (["--traces", empty.to_str().unwrap()], "empty: no *.csv or *.csv.gz trace in it; give a directory"),
        (["--detectors", "phi"], "error: --detectors: no detector is named `phi`; choose from fixed,"),
    ];
    for (arguments, message) in cases {
        let output = accuracy(&arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr.contains(message) && stderr.trim_end().lines().count() == 1,
            "{arguments:?}: {stderr}"
        );
    }
    assert_eq!(accuracy(&["--budget", "2"]).status.code(), Some(2));
    std::fs::remove_dir_all(directory).unwrap();
}
