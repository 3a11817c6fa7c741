//! Founders that were told different things, and how they get out of it (I1).

use std::time::Duration;

use gossip::core::quorum::{Durable, Output, Quorum, Recipient, Settings, Start, VouchFor};
use gossip::core::register::Paxos;
use gossip::{BootId, Event, Identity, Now, StorageId};

use crate::bench::settings;
use crate::names::{MS, disk, id, life};
use crate::sees::Sees;

/// Founders that hear each other, and have disks that work.
struct Three {
    founders: Vec<Quorum>,
    sees: Sees,
    now: Duration,
    /// What each has written last.
    disks: [Durable; 3],
    differ: Vec<(StorageId, Event)>,
}

impl Three {
    /// Each is told these names and this lease, and has this on its disk.
    fn new(told: [(&[&str], Duration); 3], disks: [(u8, Durable); 3]) -> Self {
        let identity = |number: u8, name: &str| Identity {
            id: id(name),
            storage: disk(number),
            incarnation: life(1),
            boot: BootId([number; 16]),
        };
        let heard = disks.each_ref().map(|(number, _)| *number).into_iter().zip(["a", "b", "c"]);
        let heard: Vec<Identity> = heard.map(|(number, name)| identity(number, name)).collect();
        let start = |(identity, ((names, lease), (_, found))): (&Identity, ((&[&str], _), _))| {
            let founders = names.iter().map(|name| id(name)).collect();
            let settings = Settings { founders, vouch_for: VouchFor::clamped(lease), ..settings() };
            let register = Paxos::new(200 * MS);
            let start = Start { identity: identity.clone(), settings, found, register, rng_seed: 1 };
            Quorum::new(Now::from(1000 * MS), start)
        };
        let written = disks.clone().map(|(_, found)| found);
        let founders = heard.iter().zip(told.into_iter().zip(disks)).map(start).collect();
        let sees = Sees { heard, ..Sees::default() };
        Self { founders, sees, now: 1000 * MS, disks: written, differ: Vec::new() }
    }

    /// Lets ten seconds pass. Every message arrives, those of the first before the others have said anything.
    fn run(&mut self) {
        for _ in 0..100 {
            self.now += 100 * MS;
            for founder in 0..3 {
                self.founders[founder].handle_timeout(Now::from(self.now), &self.sees);
                while self.deliver() {}
            }
        }
    }

    /// What each has to write and to say; whether that was anything.
    fn deliver(&mut self) -> bool {
        let (now, mut said) = (Now::from(self.now), false);
        for from in 0..3 {
            let own = self.sees.heard[from].storage;
            while let Some(durable) = self.founders[from].poll_write().cloned() {
                self.disks[from] = durable;
                self.founders[from].handle_written(now, &self.sees, true);
            }
            while let Some(output) = self.founders[from].poll_output() {
                said = true;
                match output {
                    Output::Send { to, message } => {
                        let envelope = self.founders[from].envelope(message);
                        let to = self.place(to).expect("a founder");
                        self.founders[to].handle_message(now, &self.sees, Recipient::Voter(own), &envelope);
                    }
                    Output::Event(event @ Event::FoundersDiffer { .. }) => self.differ.push((own, event)),
                    _ => {}
                }
            }
        }
        said
    }

    fn place(&self, of: Recipient) -> Option<usize> {
        self.sees.heard.iter().position(|identity| match of {
            Recipient::Voter(storage) => identity.storage == storage,
            Recipient::Member(key) => identity.id.key() == key,
            Recipient::Sender(..) => false,
        })
    }

    fn founded(&self) -> Vec<Option<VouchFor>> {
        self.founders.iter().map(|founder| founder.view().map(|view| view.vouch_for)).collect()
    }

    /// What one disk says of another that has another list.
    fn differ(&self, by: u8, of: u8) -> Vec<&Event> {
        let about = |event: &Event| matches!(event, Event::FoundersDiffer { by, .. } if *by == disk(of));
        self.differ.iter().filter(|(own, event)| *own == disk(by) && about(event)).map(|(_, e)| e).collect()
    }
}

const ALL: &[&str] = &["a", "b", "c"];

fn blank() -> [(u8, Durable); 3] {
    [1, 2, 3].map(|number| (number, Durable::default()))
}

#[test]
fn founders_that_were_told_the_same_found() {
    let mut three = Three::new([(ALL, 1000 * MS); 3], blank());
    three.run();
    assert_eq!(three.founded(), [Some(VouchFor::clamped(1000 * MS)); 3]);
    assert_eq!(three.differ, []);
}

/// I1: who was told other voters says so, to its user and to the others, and is waited for in vain.
#[test]
fn founders_that_were_told_other_names_never_found() {
    let mut three = Three::new([(ALL, 1000 * MS), (ALL, 1000 * MS), (&["b", "c"], 1000 * MS)], blank());
    three.run();
    assert_eq!(three.founded(), [None; 3]);
    let names = |event: &Event| match event {
        Event::FoundersDiffer { theirs, ours, .. } => (theirs.len(), ours.len()),
        _ => (0, 0),
    };
    assert!(three.differ(1, 3).into_iter().map(names).eq([(2, 3)]), "{:?}", three.differ);
    assert!(three.differ(3, 1).into_iter().map(names).eq([(3, 2)]), "{:?}", three.differ);
}

/// I1: the length of promises is part of the list. That the names agree is said, and the two lengths.
#[test]
fn founders_that_were_told_another_lease_never_found() {
    let mut three = Three::new([(ALL, 1000 * MS), (ALL, 1000 * MS), (ALL, 2000 * MS)], blank());
    three.run();
    assert_eq!(three.founded(), [None; 3]);
    let said = |by, of, lengths: (Duration, Duration)| {
        three.differ(by, of).into_iter().any(|event| match event {
            Event::FoundersDiffer { theirs, ours, their_lease, our_lease, .. } => {
                theirs == ours && (*their_lease, *our_lease) == (Some(lengths.0), lengths.1)
            }
            _ => false,
        })
    };
    assert!(said(1, 3, (2000 * MS, 1000 * MS)) && said(3, 1, (1000 * MS, 2000 * MS)), "{:?}", three.differ);
    assert!(three.differ.len() <= 8, "once or twice for each pair that differs, and not for ever");
}

/// I1: a disk is bound to the list that it has agreed to. Being told the same later is no way out, nor is one new disk; to give
/// up on all of them is.
#[test]
fn only_new_disks_everywhere_free_founders_that_are_bound_to_different_lists() {
    let mut three = Three::new([(ALL, 1000 * MS), (ALL, 1000 * MS), (ALL, 2000 * MS)], blank());
    three.run();
    let [a, b, c] = three.disks;
    assert!(a.founders.is_some() && c.founders.is_some() && a.founders != c.founders);

    let same = [(ALL, 1000 * MS); 3];
    let mut told = Three::new(same, [(1, a.clone()), (2, b.clone()), (3, c)]);
    told.run();
    assert_eq!(told.founded(), [None; 3]);
    assert!(!told.differ.is_empty(), "it is said again");

    let mut one_new = Three::new(same, [(1, a), (2, b), (6, Durable::default())]);
    one_new.run();
    assert_eq!(one_new.founded(), [None; 3]);

    let mut all_new = Three::new(same, [4, 5, 6].map(|number| (number, Durable::default())));
    all_new.run();
    assert_eq!(all_new.founded(), [Some(VouchFor::clamped(1000 * MS)); 3]);
}
