//! Every way a state file can be wrong is told apart, and none leads to a fresh start.

use super::*;
use crate::Identity;
use crate::core::quorum::{Delta, Founders, GenesisId, View, Voters, VouchFor};
use crate::core::register::{Ballot, Ballots, Round};

const FRESH: StorageId = StorageId([7; 16]);

fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a good name")
}

fn open(dir: &Path) -> Result<Storage, StorageError> {
    Storage::open(dir, "demo", &id("n1"), FRESH)
}

/// A voter's memory with something in every part of it: founders, a view, promises.
fn promised() -> Durable {
    let voters = || {
        let mut voters = Voters::default();
        for n in 1..=3_u8 {
            assert!(voters.insert(StorageId([n; 16]), id(&format!("n{n}"))), "there is room");
        }
        voters
    };
    let vouch_for = VouchFor::clamped(std::time::Duration::from_secs(1));
    let genesis = View::genesis(GenesisId(0x5eed), voters(), vouch_for);
    let owner = Identity {
        id: id("n1"),
        storage: StorageId([1; 16]),
        incarnation: Incarnation::FIRST,
        boot: crate::BootId([8; 16]),
    };
    let view = genesis.after(&Delta::Acquire { lease: id("db"), owner, request: 1 }).expect("free");
    let ballot =
        Ballot { round: Round::default(), proposer: StorageId([2; 16]), incarnation: Incarnation::FIRST };
    Durable {
        founders: Some(Founders { voters: voters(), vouch_for }),
        view: Some(view),
        ballots: Ballots { promised: Some(ballot), accepted: Some((ballot, Delta::Unseal)) },
        vouch_for_max: Some(vouch_for),
    }
}

/// A directory with a state file that has seen three starts and some promises.
fn lived_in() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut storage = open(dir.path()).expect("opens");
    for _ in 0..3 {
        storage.next_incarnation(0).expect("writes");
    }
    storage.keep(promised()).expect("writes");
    let bytes = fs::read(dir.path().join(STATE)).expect("the state");
    (dir, bytes)
}

/// The error when the state file holds `bytes`; the file must be left as it was.
fn refused(dir: &Path, bytes: &[u8]) -> StorageError {
    fs::write(dir.join(STATE), bytes).expect("written");
    let error = open(dir).expect_err("refused");
    assert_eq!(fs::read(dir.join(STATE)).expect("still there"), bytes);
    assert!(error.to_string().contains(&dir.join(STATE).display().to_string()), "names the file: {error}");
    error
}

#[test]
fn incarnations_grow_over_restarts_and_above_what_others_have_seen() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for expected in 1..=3 {
        let mut storage = open(dir.path()).expect("opens");
        assert_eq!(storage.id(), FRESH);
        assert_eq!(storage.next_incarnation(0).expect("writes").get(), expected);
    }
    let mut storage = Storage::open(dir.path(), "demo", &id("n1"), StorageId([9; 16])).expect("opens");
    assert_eq!(storage.id(), FRESH, "the id of the first start stays");
    assert_eq!(storage.next_incarnation(41).expect("writes").get(), 42);
    assert_eq!(storage.next_incarnation(7).expect("writes").get(), 43);
}

#[test]
fn the_format_never_changes_within_a_version() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    open(dir.path()).and_then(|mut s| s.next_incarnation(2)).expect("writes");
    let bytes = fs::read(dir.path().join(STATE)).expect("the state");
    let mut expected = b"gossip\r\n\x02\x00\x29\x00\x00\x00\x04demo\x02n1".to_vec();
    expected.extend_from_slice(&[7; 16]);
    expected.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
    // Nothing promised: no founders, no view, no ballots, nothing vouched for.
    expected.extend_from_slice(&[5, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[..bytes.len() - CHECKSUM_LEN], expected);
}

#[test]
fn what_was_promised_is_there_again_after_a_restart_and_another_life() {
    let (dir, _) = lived_in();
    let mut storage = open(dir.path()).expect("opens");
    assert_eq!(*storage.durable(), promised());
    assert_eq!(storage.next_incarnation(0).expect("writes").get(), 4);
    drop(storage);
    assert_eq!(*open(dir.path()).expect("opens").durable(), promised(), "counting lives forgets nothing");
}

#[test]
fn a_file_of_the_first_version_is_told_by_its_version() {
    let (dir, _) = lived_in();
    // As it was written before there were promises.
    let mut old = b"gossip\r\n\x01\x00\x20\x00\x00\x00\x04demo\x02n1".to_vec();
    old.extend_from_slice(&[7; 16]);
    old.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
    old.extend_from_slice(&crc32c::crc32c(&old).to_le_bytes());
    let error = refused(dir.path(), &old);
    assert!(matches!(error, StorageError::Version { found: 1, known: 2, .. }), "{error}");
    assert!(error.to_string().contains("use the release that wrote it"), "{error}");
}

#[test]
fn promises_that_do_not_decode_are_found_even_under_a_good_checksum() {
    let (dir, bytes) = lived_in();
    let body_end = bytes.len() - CHECKSUM_LEN;
    // One byte less of promises, all lengths and the checksum made to fit: only the decoder can notice.
    let durable_len = wire::pack(&promised()).len();
    let mut short = bytes[..body_end - 1].to_vec();
    let at = body_end - durable_len - 4;
    short[at..at + 4].copy_from_slice(&(durable_len as u32 - 1).to_le_bytes());
    short[10..14].copy_from_slice(&((body_end - HEAD_LEN - 1) as u32).to_le_bytes());
    short.extend_from_slice(&crc32c::crc32c(&short).to_le_bytes());
    assert!(matches!(refused(dir.path(), &short), StorageError::Checksum { .. }));
}

#[test]
fn a_second_process_is_locked_out_until_the_first_is_gone() {
    let (dir, _) = lived_in();
    let first = open(dir.path()).expect("opens");
    assert!(matches!(open(dir.path()), Err(StorageError::Locked { .. })));
    drop(first);
    open(dir.path()).expect("free again");
}

#[test]
fn every_truncation_is_found() {
    let (dir, bytes) = lived_in();
    for len in 0..bytes.len() {
        assert!(matches!(refused(dir.path(), &bytes[..len]), StorageError::Length { .. }), "cut to {len}");
    }
    let longer = [&*bytes, b"x"].concat();
    assert!(matches!(refused(dir.path(), &longer), StorageError::Length { .. }));
    let huge = vec![0; FILE_LEN_MAX as usize + 1];
    assert!(matches!(refused(dir.path(), &huge), StorageError::Length { .. }));
}

#[test]
fn every_flipped_bit_is_found() {
    let (dir, bytes) = lived_in();
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let error = refused(dir.path(), &damaged);
        let expected = match at / 8 {
            0..8 => matches!(error, StorageError::Magic { .. }),
            8..10 => matches!(error, StorageError::Version { .. }),
            10..14 => matches!(error, StorageError::Length { .. }),
            _ => matches!(error, StorageError::Checksum { .. }),
        };
        assert!(expected, "bit {at}: {error}");
    }
}

#[test]
fn a_torn_write_is_found_and_a_torn_temporary_file_does_not_matter() {
    let (dir, bytes) = lived_in();
    // A block of zeros where data should be: what some file systems leave after a power cut.
    let mut torn = bytes.clone();
    torn[HEAD_LEN..].fill(0);
    assert!(matches!(refused(dir.path(), &torn), StorageError::Checksum { .. }));

    fs::write(dir.path().join(STATE), &bytes).expect("restored");
    fs::write(dir.path().join(TEMPORARY), &bytes[..9]).expect("written");
    assert_eq!(open(dir.path()).and_then(|mut s| s.next_incarnation(0)).expect("starts").get(), 4);
}

#[test]
fn a_file_of_another_node_or_cluster_is_refused() {
    let (dir, _) = lived_in();
    let error = Storage::open(dir.path(), "demo", &id("n2"), FRESH).expect_err("foreign");
    assert!(matches!(&error, StorageError::Foreign { what: "node", found, .. } if found == "n1"), "{error}");
    let error = Storage::open(dir.path(), "prod", &id("n1"), FRESH).expect_err("foreign");
    assert!(matches!(&error, StorageError::Foreign { what: "cluster", .. }), "{error}");
}

#[test]
fn a_write_that_fails_leaves_the_old_state() {
    let (dir, bytes) = lived_in();
    let mut storage = open(dir.path()).expect("opens");
    // A directory in the way of the temporary file stands for a read-only disk: root may write everywhere else.
    fs::create_dir(dir.path().join(TEMPORARY)).expect("made");
    assert!(matches!(storage.next_incarnation(0), Err(StorageError::Io { action: "create", .. })));
    assert_eq!(fs::read(dir.path().join(STATE)).expect("still there"), bytes);
    fs::remove_dir(dir.path().join(TEMPORARY)).expect("removed");
    assert_eq!(storage.next_incarnation(0).expect("writes").get(), 4, "a failed write used no number");
}

#[test]
fn promises_that_cannot_be_written_leave_the_old_ones() {
    let (dir, bytes) = lived_in();
    let mut storage = open(dir.path()).expect("opens");
    fs::create_dir(dir.path().join(TEMPORARY)).expect("made");
    assert!(matches!(storage.keep(Durable::default()), Err(StorageError::Io { action: "create", .. })));
    assert_eq!(*storage.durable(), promised());
    assert_eq!(fs::read(dir.path().join(STATE)).expect("still there"), bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_and_leaves_the_old_state() {
    let (dir, bytes) = lived_in();
    let mut storage = open(dir.path()).expect("opens");
    std::os::unix::fs::symlink("/dev/full", dir.path().join(TEMPORARY)).expect("linked");
    let error = storage.next_incarnation(0).expect_err("no space");
    assert!(matches!(&error, StorageError::Io { action: "write", .. }), "{error}");
    assert_eq!(fs::read(dir.path().join(STATE)).expect("still there"), bytes);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_synced_or_put_in_place_is_reported_and_leaves_the_old_state() {
    let (dir, bytes) = lived_in();
    let (temporary, state) = (dir.path().join(TEMPORARY), dir.path().join(STATE));
    let mut storage = open(dir.path()).expect("opens");
    // It takes whatever is written, and cannot be told to keep it.
    std::os::unix::fs::symlink("/dev/null", &temporary).expect("linked");
    let error = storage.next_incarnation(0).expect_err("not synced");
    assert!(matches!(&error, StorageError::Io { action: "sync", .. }), "{error}");
    assert_eq!(fs::read(&state).expect("still there"), bytes);
    fs::remove_file(&temporary).expect("removed");
    // No file replaces a directory.
    fs::remove_file(&state).expect("removed");
    fs::create_dir(&state).expect("made");
    let error = storage.keep(Durable::default()).expect_err("not replaced");
    assert!(matches!(&error, StorageError::Io { action: "replace", .. }), "{error}");
    assert_eq!(*storage.durable(), promised());
    fs::remove_dir(&state).expect("removed");
    assert_eq!(storage.next_incarnation(0).expect("writes").get(), 4, "failed writes used no number");
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_cannot_be_written_is_reported() {
    // Nobody, root included, can make a file there.
    let error = open(Path::new("/proc/self")).expect_err("read-only");
    assert!(matches!(&error, StorageError::Io { action: "open", .. }), "{error}");
    let (dir, _) = lived_in();
    let error = open(&dir.path().join(STATE).join("below-a-file")).expect_err("not a directory");
    assert!(matches!(&error, StorageError::Io { action: "create the directory", .. }), "{error}");
}

#[test]
fn only_a_founding_that_is_not_complete_can_be_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let other = StorageId([9; 16]);
    let mut storage = open(dir.path()).expect("opens");
    storage.next_incarnation(0).expect("writes");
    storage.keep(Durable { view: None, ballots: Ballots::default(), ..promised() }).expect("writes");
    storage.abandon_founding(other).expect("nothing has begun");
    assert_eq!((storage.id(), storage.durable()), (other, &Durable::default()));
    storage.keep(promised()).expect("writes");
    assert!(matches!(storage.abandon_founding(FRESH), Err(StorageError::Founded { .. })));
    drop(storage);
    let storage = open(dir.path()).expect("opens");
    assert_eq!((storage.id(), storage.state.incarnation), (other, 1), "the count of lives goes on");
    assert_eq!(*storage.durable(), promised());
}

#[test]
fn a_disk_that_was_rewound_becomes_another_above_what_others_have_seen() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut storage = open(dir.path()).expect("opens");
    storage.next_incarnation(0).expect("writes");
    storage.keep(promised()).expect("writes");
    assert_eq!(storage.renounce(7).expect("writes").get(), 8);
    let id = storage.id();
    assert!(id != FRESH && id != StorageId::default(), "{id:?}");
    drop(storage);
    let storage = open(dir.path()).expect("opens");
    assert_eq!((storage.id(), storage.state.incarnation), (id, 8));
    assert_eq!(*storage.durable(), Durable { view: promised().view, ..Durable::default() });
}
