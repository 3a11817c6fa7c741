//! The gate that remembers, on a real disk.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use fencing_gate::{GateError, PersistentGate, Token};
use proptest::prelude::*;

fn open(path: &Path) -> Result<PersistentGate, GateError> {
    PersistentGate::open(path, 1, "db")
}

/// A gate that token 5 has passed.
fn used() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("gate");
    let mut gate = PersistentGate::create(&path, 1, "db").expect("creates");
    gate.admit(1, "db", Token::new(5)).expect("the first");
    drop(gate);
    let bytes = fs::read(&path).expect("the file");
    (dir, path, bytes)
}

/// The error when the file holds `bytes`, which must be left as they are.
fn refused(path: &Path, bytes: &[u8]) -> GateError {
    fs::write(path, bytes).expect("written");
    let error = open(path).expect_err("refused");
    assert_eq!(fs::read(path).expect("still there"), bytes);
    assert!(error.to_string().contains(&path.display().to_string()), "names the file: {error}");
    error
}

#[test]
fn a_restart_changes_nothing() {
    let (_dir, path, _) = used();
    let mut gate = open(&path).expect("opens");
    assert_eq!(gate.highest(), Some(Token::new(5)));
    assert!(matches!(gate.admit(1, "db", Token::new(4)), Err(GateError::Refused(_))));
    gate.admit(1, "db", Token::new(5)).expect("the same holder");
    gate.admit(1, "db", Token::new(6)).expect("the next");
    drop(gate);
    assert_eq!(open(&path).expect("opens").highest(), Some(Token::new(6)));
}

#[test]
fn nothing_is_made_where_something_should_be_and_nothing_is_made_twice() {
    let (_dir, path, _) = used();
    assert!(matches!(PersistentGate::create(&path, 1, "db"), Err(GateError::Exists { .. })));
    fs::remove_file(&path).expect("removed");
    assert!(matches!(open(&path), Err(GateError::Missing { .. })));
}

#[test]
fn a_second_process_is_locked_out_until_the_first_is_gone() {
    let (_dir, path, _) = used();
    let first = open(&path).expect("opens");
    assert!(matches!(open(&path), Err(GateError::Locked { .. })));
    drop(first);
    open(&path).expect("free again");
}

#[cfg(unix)]
#[test]
fn a_gate_is_one_by_whatever_path_it_is_opened() {
    use std::os::unix::fs::symlink;
    let (dir, path, _) = used();
    let (link, way) = (dir.path().join("link"), dir.path().join("way"));
    symlink(&path, &link).expect("linked");
    symlink(dir.path(), &way).expect("linked");
    for other in [&link, &way.join("gate")] {
        let first = open(&path).expect("opens");
        assert!(matches!(open(other), Err(GateError::Locked { .. })), "{}", other.display());
        drop(first);
        let highest = open(&path).expect("opens").highest().map_or(0, Token::get);
        let next = Token::new(highest + 1);
        open(other).expect("opens").admit(1, "db", next).expect("higher");
        assert_eq!(open(&path).expect("opens").highest(), Some(next));
    }
    assert!(fs::symlink_metadata(&link).expect("still there").is_symlink());
}

#[cfg(unix)]
#[test]
fn no_gate_is_made_where_there_is_a_link() {
    use std::os::unix::fs::symlink;
    let (dir, path, _) = used();
    let (link, dangling, way) =
        (dir.path().join("link"), dir.path().join("dangling"), dir.path().join("way"));
    symlink(&path, &link).expect("linked");
    symlink(dir.path().join("nothing"), &dangling).expect("linked");
    symlink(dir.path(), &way).expect("linked");
    for link in [&link, &dangling] {
        let error = PersistentGate::create(link, 1, "db").expect_err("a link");
        assert!(matches!(&error, GateError::Link { path } if path == link), "{error}");
        assert!(error.to_string().contains("is a symbolic link"), "{error}");
    }
    assert!(matches!(open(&dangling), Err(GateError::Missing { .. })));
    let made = PersistentGate::create(way.join("new"), 1, "db").expect("made behind the way");
    assert!(matches!(open(&dir.path().join("new")), Err(GateError::Locked { .. })));
    drop(made);
    assert!(matches!(PersistentGate::create(dir.path().join(".."), 1, "db"), Err(GateError::Io { .. })));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_found() {
    let (_dir, path, bytes) = used();
    for len in 0..bytes.len() {
        assert!(matches!(refused(&path, &bytes[..len]), GateError::Length { .. }), "cut to {len}");
    }
    assert!(matches!(refused(&path, &[&*bytes, b"x"].concat()), GateError::Length { .. }));
    assert!(matches!(refused(&path, &[&*bytes, &[0; 4096]].concat()), GateError::Length { .. }));
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let error = refused(&path, &damaged);
        let expected = match at / 8 {
            0..8 => matches!(error, GateError::Magic { .. }),
            8..10 => matches!(error, GateError::Version { .. }),
            27 => matches!(error, GateError::Length { .. }),
            _ => matches!(error, GateError::Checksum { .. }),
        };
        assert!(expected, "bit {at}: {error}");
    }
}

#[test]
fn the_gate_of_another_lease_or_history_is_refused() {
    let (_dir, path, _) = used();
    for (genesis, lease) in [(2, "db"), (1, "mail")] {
        let error = PersistentGate::open(&path, genesis, lease).expect_err("foreign");
        assert!(matches!(&error, GateError::Foreign { .. }), "{error}");
    }
}

#[test]
fn a_torn_temporary_file_does_not_matter() {
    let (_dir, path, bytes) = used();
    for len in 0..=bytes.len() {
        fs::write(path.with_extension("tmp"), &bytes[..len]).expect("written");
        assert_eq!(open(&path).expect("opens").highest(), Some(Token::new(5)));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_lets_nobody_in_until_the_gate_is_opened_again() {
    let (dir, path, bytes) = used();
    let mut gate = open(&path).expect("opens");
    let temporary = dir.path().join("gate.tmp");
    std::os::unix::fs::symlink("/dev/full", &temporary).expect("linked");
    assert!(matches!(gate.admit(1, "db", Token::new(6)), Err(GateError::Io { action: "write", .. })));
    assert_eq!(fs::read(&path).expect("still there"), bytes);
    fs::remove_file(&temporary).expect("removed");
    for token in [5, 6] {
        assert!(matches!(gate.check(1, "db", Token::new(token)), Err(GateError::Broken { .. })));
        assert!(matches!(gate.admit(1, "db", Token::new(token)), Err(GateError::Broken { .. })));
    }
    drop(gate);
    open(&path).expect("opens").admit(1, "db", Token::new(6)).expect("there is room again");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_restart_anywhere_forgets_nothing(steps in prop::collection::vec((0_u64..30, any::<bool>()), 0..20)) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("gate");
        let mut gate = PersistentGate::create(&path, 1, "db").expect("creates");
        let mut highest = None;
        for (token, restart) in steps {
            if restart {
                drop(gate);
                gate = open(&path).expect("opens");
            }
            prop_assert_eq!(gate.highest(), highest);
            let token = Token::new(token);
            prop_assert_eq!(gate.admit(1, "db", token).is_ok(), highest <= Some(token));
            highest = highest.max(Some(token));
        }
    }
}
