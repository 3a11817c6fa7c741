//! The node under test, its clock and its disk, and the chain of views that it is told.

use std::time::Duration;

use gossip::core::quorum::{
    Delta, Durable, Envelope, Message, Output, Quorum, Recipient, Settings, Start, View, VouchFor,
};
use gossip::core::register::Paxos;
use gossip::wire::{Ballot, RegisterMessage};
use gossip::{BootId, Epoch, Event, Identity, Now, Opinion, Standing};

use crate::names::{MS, disk, genesis, id, lease, life, subjects};
use crate::sees::Sees;

pub fn settings() -> Settings {
    Settings {
        founders: Vec::new(),
        vouch_for: VouchFor::clamped(1000 * MS),
        rho: 1e-3,
        margin: 10 * MS,
        interval: 100 * MS,
        ballot_timeout: 200 * MS,
        answer_max: 800 * MS,
        deaf_after: 2000 * MS,
    }
}

pub struct Bench {
    pub quorum: Quorum,
    pub now: Duration,
    pub sees: Sees,
    pub chain: View,
}

impl Bench {
    pub fn new(name: &str, number: u8, incarnation: u64) -> Self {
        let identity = Identity {
            id: id(name),
            storage: disk(number),
            incarnation: life(incarnation),
            boot: BootId([9; 16]),
        };
        let now = 1000 * MS;
        let chain = genesis();
        let found = Durable {
            view: Some(chain.clone().into()),
            vouch_for_max: Some(chain.vouch_for),
            ..Durable::default()
        };
        let start =
            Start { identity, settings: settings(), found, register: Paxos::new(200 * MS), rng_seed: 1 };
        Self { quorum: Quorum::new(Now::from(now), start), now, sees: Sees::default(), chain }
    }

    /// Another start, with this view on the disk.
    pub fn begin_with(&mut self, identity: Identity, view: View) {
        let (view_kept, longest) = (Some(view.clone().into()), Some(view.vouch_for));
        let found = Durable { view: view_kept, vouch_for_max: longest, ..Durable::default() };
        let start =
            Start { identity, settings: settings(), found, register: Paxos::new(200 * MS), rng_seed: 1 };
        self.quorum = Quorum::new(Now::from(self.now), start);
        self.chain = view;
    }

    pub fn hear(&mut self, from: u8, message: Message) {
        let envelope = Envelope { genesis: self.chain.genesis, from: disk(from), message };
        let sender = Recipient::Voter(disk(from));
        self.quorum.handle_message(Now::from(self.now), &self.sees, sender, &envelope);
    }

    /// The first voter says something of the register, as of the newest view.
    pub fn hear_register(&mut self, message: RegisterMessage) {
        let (base, hash) = (self.chain.epoch, self.chain.hash());
        self.hear(1, Message::Register { base, hash, message });
    }

    /// The next decision arrives; the disk has not answered yet.
    pub fn learn(&mut self, delta: Delta) {
        let (epoch, before) = (self.chain.epoch.next(), self.chain.hash());
        self.chain = View::clone(&self.chain.after(&delta).expect("applicable"));
        self.hear(1, Message::Decided { epoch, before, delta });
    }

    pub fn write(&mut self, good: bool) {
        while self.quorum.poll_write().is_some() {
            self.quorum.handle_written(Now::from(self.now), &self.sees, good);
        }
    }

    pub fn wait(&mut self, length: Duration) {
        self.now += length;
        self.quorum.handle_timeout(Now::from(self.now), &self.sees);
    }

    /// The same in small steps, as timers would have it.
    pub fn pass(&mut self, length: Duration) {
        let until = self.now + length;
        while self.now < until {
            self.wait(Duration::from_millis(10).min(until - self.now));
        }
    }

    pub fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.quorum.poll_output()).collect()
    }

    pub fn events(&mut self) -> Vec<Event> {
        let event = |output| if let Output::Event(event) = output { Some(event) } else { None };
        self.outputs().into_iter().filter_map(event).collect()
    }

    /// Whoever drives a state machine calls it until nothing is due: something that stays due is an endless loop.
    pub fn assert_at_rest(&self) {
        let due = self.quorum.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "due at {due:?}, and it is {:?} already", self.now);
    }

    /// What it says to others.
    pub fn said(&mut self) -> Vec<Message> {
        let message = |output| if let Output::Send { message, .. } = output { Some(message) } else { None };
        self.outputs().into_iter().filter_map(message).collect()
    }

    /// Vouchers from all voters for a message sent just now.
    pub fn hear_vouchers(&mut self) {
        let (since, length) = (self.chain.electorate.since, self.chain.vouch_for);
        for number in 1..=3 {
            self.quorum.handle_voucher(disk(number), since, length, Now::from(self.now).into());
        }
    }

    /// The same, and they are enough.
    pub fn vouched(&mut self) {
        self.hear_vouchers();
        assert_eq!(self.quorum.standing(), Standing::InQuorum);
    }

    pub fn owner(&self) -> Identity {
        Identity { id: id("x"), storage: disk(8), incarnation: life(1), boot: BootId([9; 16]) }
    }

    pub fn grant(&mut self, request: u64) {
        let owner = self.owner();
        self.learn(Delta::Acquire { lease: lease(), owner, request });
        self.write(true);
    }

    /// Answers all questions about somebody that this voter, the first one, has asked: for itself, and for both others.
    pub fn answer_all(&mut self, opinion: Opinion) -> usize {
        let outputs = self.outputs();
        let mut answered = 0;
        for output in outputs {
            if let Output::Send { to: Recipient::Voter(to), message: Message::Ask { question, subject } } =
                output
            {
                self.hear(to.0[0], Message::Answer { question, subject, opinion });
                answered += 1;
            }
        }
        answered
    }

    /// Lets the ballots of this voter, which is `own`, come through phase 1, with the third one's help; what it proposes then.
    pub fn proposal(&mut self, own: u8) -> Option<Delta> {
        self.proposal_after(own, None)
    }

    /// The same, if the third one has accepted this before.
    pub fn proposal_after(&mut self, own: u8, accepted: Option<&(Ballot, Delta)>) -> Option<Delta> {
        self.write(true);
        let mut proposal = None;
        while let Some(output) = self.quorum.poll_output() {
            let Output::Send { to: Recipient::Voter(to), message } = output else { continue };
            let Message::Register { base, hash, message } = message else { continue };
            match message {
                RegisterMessage::Accept { delta, .. } => proposal = Some(delta),
                message if to == disk(own) => {
                    self.hear(own, Message::Register { base, hash, message });
                    self.write(true);
                }
                RegisterMessage::Prepare { ballot } if to == disk(3) => {
                    let message = RegisterMessage::Promise { ballot, accepted: accepted.cloned() };
                    self.hear(3, Message::Register { base, hash, message });
                }
                _ => {}
            }
        }
        proposal
    }
}

/// The first epoch there is: keeps the helpers honest.
#[test]
fn the_bench_follows_a_chain() {
    let mut voter = Bench::new("b", 2, 1);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(Epoch::GENESIS));
    voter.write(true);
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(Epoch::GENESIS.next()));
}
