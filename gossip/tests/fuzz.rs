//! The inputs that the fuzzer starts from: complete, up to date, and all survived.
//!
//! `BLESS=1 cargo test -p gossip --test fuzz` writes them anew, after a change of the wire format that is meant.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fuzz::cast::Disk;
use fuzz::{cast, decode, said, sample, script};
use gossip::Epoch;
use gossip::core::quorum::{Delta, Message, VouchFor};
use gossip::wire::{self, Head, Reject};

type Inputs = BTreeMap<String, Vec<u8>>;

fn dir(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

fn datagrams() -> Inputs {
    sample::heads().map(|head| (sample::name(&head), sample::datagram(1, &head))).collect()
}

/// Each kind of datagram to a node that has just heard from its sender, and a little later; and all of them in a row.
fn scripts() -> Inputs {
    let heads: Vec<Head> = sample::heads().collect();
    let heartbeat = sample::datagram(1, &heads[0]);
    let about = |head: &Head| {
        let heard = [script::beginning(Disk::Founded, true), script::step(1, 5, &heartbeat)].concat();
        let said = match head {
            Head::Quorum(envelope) => script::say(1, 2, &envelope.message),
            _ => script::step(1, 2, &sample::datagram(1, head)),
        };
        let tick = script::step(2, 6, &[]);
        [heard, said, tick.clone(), tick].concat()
    };
    let mut scripts: Inputs = heads.iter().map(|head| (sample::name(head), about(head))).collect();
    let about_views = heads.iter().position(|head| matches!(head, Head::Quorum(_))).expect("the last head");
    let members = (1..cast::KNOWN).flat_map(|from| {
        heads[..about_views].iter().flat_map(move |head| script::step(from, 3, &sample::datagram(from, head)))
    });
    let everything = [script::beginning(Disk::None, true), members.collect()].concat();
    scripts.insert("everything".to_owned(), everything);
    for (name, disk, fast) in [
        ("new", Disk::New, true),
        ("founded", Disk::Founded, true),
        ("later", Disk::Later, true),
        ("slow", Disk::Founded, false),
    ] {
        scripts.insert(format!("everything_{name}"), voting(disk, fast));
    }
    scripts.insert("decisions_while_the_disk_hangs".to_owned(), hanging());
    scripts
}

/// More decisions than a node may keep, all of which would have to be written.
fn hanging() -> Vec<u8> {
    let mut script = script::beginning(Disk::Founded, false);
    for number in 0..200 {
        let length = VouchFor::clamped(Duration::from_millis(500 + number));
        let (epoch, before) = (Epoch::GENESIS, 0);
        let decided = Message::Decided { epoch, before, delta: Delta::SetVouch(length) };
        script.extend(script::say(1, 2, &decided));
        if number == 0 {
            script.extend(script::act(1, 0, script::BEGIN_WRITE, &[]));
        }
    }
    script.extend(script::act(1, 0, script::WRITTEN, &[]));
    script
}

/// All kinds of messages about views, each fitted to the view of the node, between heartbeats, while it writes and asks.
fn voting(disk: Disk, fast: bool) -> Vec<u8> {
    let heartbeat = sample::heads().next().expect("the first");
    let mut script = script::beginning(disk, fast);
    script.extend(script::act(1, 0, script::ACQUIRE, &[]));
    for (number, message) in said::messages().enumerate() {
        for from in 1..cast::VOTERS {
            script.extend(script::step(from, 3, &sample::datagram(from, &heartbeat)));
            script.extend(script::say(from, 1, &message));
        }
        script.extend(script::act(
            1,
            1,
            if number % 2 == 0 { script::BEGIN_WRITE } else { script::WRITTEN },
            &[],
        ));
    }
    for action in [script::RELEASE, script::CHANGE, script::BEGIN_WRITE, script::NOT_WRITTEN] {
        script.extend(script::act(2, 5, action, &[]));
    }
    script
}

fn on_disk(target: &str) -> Inputs {
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, fs::read(entry.path()).expect("readable"))
    };
    fs::read_dir(dir(target)).expect("a folder").map(|entry| read(entry.expect("readable"))).collect()
}

fn check(target: &str, expected: &Inputs) {
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(dir(target)).expect("writable");
        for (name, bytes) in expected {
            fs::write(dir(target).join(name), bytes).expect("writable");
        }
    }
    let found = on_disk(target);
    for (name, bytes) in expected {
        assert_eq!(
            found.get(name),
            Some(bytes),
            "{target}/{name} is not what the encoder writes: see this file's head"
        );
    }
}

/// One datagram of every kind whose name begins with `prefix`: kinds are told apart by the next word.
fn kinds(prefix: &str) -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    let new = |head: &Head| {
        let name = sample::name(head);
        let next = name.strip_prefix(prefix).and_then(|rest| rest.split('_').next().map(str::to_owned));
        next.is_some_and(|word| seen.insert(word))
    };
    sample::heads().filter(new).map(|head| sample::datagram(1, &head)).collect()
}

#[test]
fn every_kind_is_sampled() {
    let inner =
        ["register_", "register_accept_", "request_", "denied_"].map(|inner| format!("quorum_{inner}"));
    for prefix in ["", "quorum_"].into_iter().chain(inner.iter().map(String::as_str)) {
        let kinds = kinds(prefix);
        // Nothing but one byte says of which kind they are. A datagram that ends with it is incomplete, unless the kind is
        // not even known.
        let at = kinds[0].iter().zip(&kinds[1]).position(|(a, b)| a != b).expect("different");
        let known = |kind: usize| {
            let kind = u8::try_from(kind).expect("a short enum");
            let mut bytes = [&kinds[0][..at], &[kind], &[0; 4]].concat();
            wire::reseal(&cast::config(), &mut bytes);
            wire::decode(&cast::config(), &bytes, &mut Vec::new()) != Err(Reject::Range)
        };
        assert!((0..kinds.len()).all(known), "{prefix}: a kind that is sampled is known");
        assert!(!known(kinds.len()), "{prefix}: there is a kind that no sample leads to");
    }
}

#[test]
fn datagrams_are_up_to_date_and_decode() {
    let datagrams = datagrams();
    check("decode", &datagrams);
    for (name, bytes) in &datagrams {
        let decoded = wire::decode(&cast::config(), bytes, &mut Vec::new());
        assert!(decoded.is_ok(), "{name}: {decoded:?}");
    }
    on_disk("decode").values().for_each(|bytes| decode::check(bytes));
}

#[test]
fn scripts_are_up_to_date_and_survived() {
    check("handle_datagram", &scripts());
    let counted = on_disk("handle_datagram").into_iter().map(|(name, script)| (name, script::check(&script)));
    let counted: BTreeMap<_, _> = counted.collect();
    // They get to where something happens, and are not turned away at the door.
    let everything = &counted["everything"];
    assert_eq!(everything.rejected_all(), 0);
    assert!(everything.heartbeats >= 3 && everything.sent > 100 && everything.syncs > 0, "{everything:?}");
}
