//! Who acts: the voters, how they are started, asked for something, and crash.

use std::time::Duration;

use gossip::core::quorum::{
    Durable, Envelope, Founders, Message, Quorum, Recipient, Settings, Start, Voters, VouchFor, Wish,
};
use gossip::core::register::{Ballots, Paxos};
use gossip::wire::Tag;
use gossip::{BootId, Identity, Incarnation, StorageId};

use super::bounds::Scope;
use super::mutants::Mutant;
use super::names::{CALM, NOW, VOTERS, addr, name, owner};
use super::state::{Host, State};

#[derive(Debug)]
pub struct Epochs(pub Scope);

impl Epochs {
    pub fn founders() -> Founders {
        let mut voters = Voters::default();
        for n in 0..VOTERS {
            assert!(voters.insert(StorageId([n + 1; 16]), name(&format!("v{n}"))));
        }
        Founders { voters, vouch_for: VouchFor::clamped(VouchFor::MIN) }
    }

    pub fn start(host: u8, storage: u8, incarnation: u64, found: Durable) -> Quorum<Paxos> {
        let settings = Settings {
            founders: Vec::new(),
            vouch_for: VouchFor::clamped(VouchFor::MIN),
            rho: 0.0,
            margin: Duration::ZERO,
            interval: Duration::ZERO,
            // Requests are to be remembered for ever; the engine has a timeout of its own.
            ballot_timeout: NOW,
            answer_max: Duration::ZERO,
            deaf_after: Duration::MAX,
        };
        let identity = Identity {
            id: name(&format!("v{host}")),
            storage: StorageId([storage; 16]),
            incarnation: Incarnation::new(incarnation).unwrap(),
            boot: BootId([incarnation as u8; 16]),
        };
        let register = Paxos::new(Duration::ZERO);
        Quorum::new(NOW.into(), Start { identity, settings, found, register, rng_seed: 0 })
    }

    /// Asks a voter for a lease, as an owner does: all for the same if there is one epoch, which one of them gets.
    pub fn ask(&self, state: &mut State, host: u8, who: &str) {
        let id = name(who);
        let wish = Wish::Acquire { lease: name(if self.0.epochs == 1 { "lease" } else { who }) };
        let genesis = Self::founders().id();
        let message = Message::Request { owner: owner(id), number: 1, wish };
        let envelope = Envelope { genesis, from: StorageId::default(), message };
        self.act(state, host, |quorum| {
            quorum.handle_message(NOW.into(), &CALM, Recipient::Sender(addr(90), Tag::default()), &envelope);
        });
    }

    pub fn crash(&self, state: &mut State, host: u8, newest: bool) -> Option<()> {
        let at = usize::from(host);
        let old = &state.hosts[at];
        let mut found = match &old.disk {
            Some((has, given)) => (**if newest { given } else { has }).clone(),
            None if newest => old.quorum.writing()?.clone(),
            None => old.quorum.stored().clone(),
        };
        match self.0.mutant {
            Some(Mutant::ForgetsPromise) => found.ballots.promised = None,
            Some(Mutant::Amnesiac) => found.ballots = Ballots::default(),
            _ => {}
        }
        let same = self.0.mutant == Some(Mutant::SameLife);
        let (storage, incarnation) = (old.storage, old.incarnation + u64::from(!same));
        if same {
            found.ballots = Ballots { promised: None, ..found.ballots };
        }
        state.hosts[at] = Host::of(Self::start(host, storage, incarnation, found), incarnation, storage);
        state.crashes += 1;
        // Who asked before asks again, or somebody else does.
        if self.0.asked.contains(&host) {
            let lease = if same { "Z".to_owned() } else { format!("L{host}") };
            self.ask(state, host, &lease);
        }
        Some(())
    }
}
