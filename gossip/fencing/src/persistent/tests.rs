//! A crash between any two steps of any write, with everything that a disk may then have.

use std::path::Path;

use super::*;

const GENESIS: u64 = 7;
const LEASE: &str = "db";

/// A file system that loses, at a crash, whatever it was not told to keep: perhaps.
#[derive(Debug, Clone, Default)]
struct Model {
    /// What the name stands for, and what it may still stand for after a crash.
    file: Option<Inode>,
    file_before: Option<Option<Inode>>,
    temporary: Option<Inode>,
    /// Steps left before the power goes.
    power: usize,
    lies: Lies,
}

/// Mutants: disks that say they have what they have not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Lies {
    #[default]
    None,
    /// About the bytes of a file.
    Bytes,
    /// About the name that a file was given.
    Name,
}

#[derive(Debug, Clone, PartialEq)]
struct Inode {
    bytes: Vec<u8>,
    synced: bool,
}

impl Model {
    fn step(&mut self) -> Result<(), GateError> {
        if self.power == 0 {
            return Err(GateError::Broken { path: "power".into() });
        }
        self.power -= 1;
        Ok(())
    }

    /// All that may be found after a crash now.
    fn aftermath(&self) -> Vec<Model> {
        let mut names = vec![self.file.clone()];
        names.extend(self.file_before.clone());
        let lives = |inode: Option<Inode>| match inode {
            None => vec![None],
            Some(inode) if inode.synced => vec![Some(inode)],
            Some(inode) => (0..=inode.bytes.len())
                .map(|len| Some(Inode { bytes: inode.bytes[..len].to_vec(), synced: true }))
                .collect(),
        };
        let files = names.into_iter().flat_map(lives);
        files.map(|file| Model { file, lies: self.lies, power: usize::MAX, ..Model::default() }).collect()
    }
}

/// So that the disk outlives whoever used it when the power went.
impl Disk for &mut Model {
    fn path(&self) -> &Path {
        Path::new("model")
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, GateError> {
        Ok(self.file.as_ref().map(|inode| inode.bytes.clone()))
    }

    fn write_temporary(&mut self, bytes: &[u8]) -> Result<(), GateError> {
        // Half of it may be there even if it fails.
        self.temporary = Some(Inode { bytes: bytes[..bytes.len() / 2].to_vec(), synced: false });
        self.step()?;
        self.temporary = Some(Inode { bytes: bytes.to_vec(), synced: false });
        Ok(())
    }

    fn sync_temporary(&mut self) -> Result<(), GateError> {
        self.step()?;
        if let Some(inode) = self.temporary.as_mut().filter(|_| self.lies != Lies::Bytes) {
            inode.synced = true;
        }
        Ok(())
    }

    fn rename(&mut self) -> Result<(), GateError> {
        self.step()?;
        let before = std::mem::replace(&mut self.file, self.temporary.take());
        self.file_before.get_or_insert(before);
        Ok(())
    }

    fn sync_directory(&mut self) -> Result<(), GateError> {
        self.step()?;
        if self.lies != Lies::Name {
            self.file_before = None;
        }
        Ok(())
    }
}

fn gate() -> FencingGate {
    FencingGate::new(GENESIS, LEASE).expect("a name")
}

/// Opens the gate and admits tokens until the power goes; the highest that got in.
fn run(disk: &mut Model, tokens: &[u64]) -> Option<Token> {
    let mut admitted = None;
    // An open that fails has admitted nobody.
    let Ok(mut kept) = Kept::open(disk, &gate()) else { return None };
    for &token in tokens {
        match kept.admit(GENESIS, LEASE, Token::new(token)) {
            Ok(()) => admitted = admitted.max(Some(Token::new(token))),
            Err(GateError::Refused(_)) => {}
            Err(_) => {
                let again = kept.admit(GENESIS, LEASE, Token::new(token));
                assert!(matches!(again, Err(GateError::Broken { .. })), "its outcome is unknown");
                return admitted;
            }
        }
    }
    admitted
}

/// Whether in every aftermath of every crash the gate opens, and keeps out whom it should.
fn survives(lies: Lies) -> bool {
    let mut new = Model { power: usize::MAX, lies, ..Model::default() };
    if Kept::create(&mut new, gate()).is_err() {
        return false;
    }
    let tokens = [3, 3, 5, 4, 9];
    for power in 0.. {
        let mut disk = Model { power, ..new.clone() };
        let admitted = run(&mut disk, &tokens);
        for mut after in disk.aftermath() {
            let Ok(again) = Kept::open(&mut after, &gate()) else { return false };
            if again.gate.highest() < admitted {
                return false;
            }
        }
        if disk.power > 0 {
            return true;
        }
    }
    false
}

#[test]
fn a_crash_between_any_two_steps_forgets_no_token_that_got_in() {
    assert!(survives(Lies::None));
}

#[test]
fn the_test_would_notice_what_is_not_synced() {
    assert!(!survives(Lies::Bytes));
    assert!(!survives(Lies::Name));
}

#[test]
fn a_creation_that_crashes_can_be_done_again_or_is_done() {
    for power in 0..4 {
        let mut disk = Model { power, ..Model::default() };
        assert!(Kept::create(&mut disk, gate()).is_err());
        for mut after in disk.aftermath() {
            assert!(Kept::create(&mut after, gate()).is_ok() || Kept::open(&mut after, &gate()).is_ok());
        }
    }
}

#[test]
fn what_was_read_is_written_before_it_is_relied_on() {
    // A process died after the rename; the next one reads the new file from memory, and the disk does not have it yet.
    let mut disk = &mut Model { power: usize::MAX, ..Model::default() };
    disk::replace(&mut disk, &format::serialize(&gate())).expect("power");
    let newer = FencingGate::resume(GENESIS, LEASE, Some(Token::new(5))).expect("a name");
    disk.power = 3;
    assert!(disk::replace(&mut disk, &format::serialize(&newer)).is_err());
    disk.power = usize::MAX;
    let mut kept = Kept::open(&mut *disk, &gate()).expect("opens");
    kept.admit(GENESIS, LEASE, Token::new(5)).expect("the same token");
    for mut after in disk.aftermath() {
        assert_eq!(Kept::open(&mut after, &gate()).expect("opens").gate.highest(), Some(Token::new(5)));
    }
}
