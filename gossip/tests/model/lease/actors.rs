//! Who acts: the hosts, what each of them is, and how it is started and told something.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{
    Durable, Envelope, Founders, GenesisId, Message, Output, Quorum, Recipient, Settings, Start, View,
};
use gossip::{BootId, Identity, Now, Opinion, StorageId};

use super::bounds::Scope;
use super::mutants::Mutant;
use super::names::{disk, length, life, name, voters};
use super::state::{Host, Link, Said, State};
use crate::machines::stubs::{NOTHING, Sees, Wish};

/// Suspects everybody, always: whoever does not want to certify loses the certificate instead.
pub const SUSPICIOUS: Sees<'static> = Sees { opinion: Some(Opinion::Suspect), ..NOTHING };

#[derive(Debug)]
pub struct Leases {
    pub scope: Scope,
    pub identities: Vec<Identity>,
    pub founders: Founders,
}

impl Leases {
    pub fn of(scope: Scope) -> Self {
        let founders = Founders { voters: voters(&scope.voters), vouch_for: length(scope.vouch_for[0]) };
        let mut model = Self { scope, identities: Vec::new(), founders };
        let hosts = model.scope.disks.len() + model.outsiders().count();
        model.identities = (0..hosts as u8).map(|host| model.introduce(host)).collect();
        model
    }

    fn settings(&self, holder: bool) -> Settings {
        let whole = holder && self.scope.mutant == Some(Mutant::WholeVoucher);
        Settings {
            founders: Vec::new(),
            vouch_for: length(self.scope.vouch_for[0]),
            rho: if whole { 0.0 } else { self.scope.rho },
            margin: if whole { Duration::ZERO } else { Duration::from_micros(1) },
            interval: Duration::ZERO,
            ballot_timeout: Duration::ZERO,
            answer_max: Duration::ZERO,
            deaf_after: Duration::MAX,
        }
    }

    /// Hosts with disks come first; then holders that are processes of their own.
    fn outsiders(&self) -> impl Iterator<Item = &(&'static str, u64)> {
        self.scope.holders.iter().filter(|(name, _)| self.own_disk(name).is_none())
    }

    fn own_disk(&self, name: &str) -> Option<u8> {
        self.scope.disks.iter().copied().find(|n| name == format!("v{n}"))
    }

    pub fn is_voter(&self, host: u8) -> bool {
        usize::from(host) < self.scope.disks.len()
    }

    pub fn is_holder(&self, host: u8) -> bool {
        !self.is_voter(host)
            || self
                .scope
                .holders
                .iter()
                .any(|(n, _)| self.own_disk(n) == Some(self.scope.disks[usize::from(host)]))
    }

    pub fn identity(&self, host: u8) -> &Identity {
        &self.identities[usize::from(host)]
    }

    fn introduce(&self, host: u8) -> Identity {
        let at = usize::from(host);
        let (id, storage, incarnation) = match self.scope.disks.get(at) {
            Some(&n) => (name(&format!("v{n}")), disk(n), 1),
            None => {
                let (n, incarnation) = self.outsiders().nth(at - self.scope.disks.len()).unwrap();
                (name(n), StorageId::default(), *incarnation)
            }
        };
        Identity { id, storage, incarnation: life(incarnation), boot: BootId([host; 16]) }
    }

    pub fn start(&self, host: u8, now: Now, found: Durable) -> Quorum<Wish> {
        let settings = self.settings(self.is_holder(host));
        let start = Start {
            identity: self.identity(host).clone(),
            settings,
            found,
            register: Wish::default(),
            rng_seed: 0,
        };
        Quorum::new(now, start)
    }

    pub fn rate(&self, host: u8) -> (u32, u32) {
        let (boot, raw) = self.scope.rates[usize::from(!self.is_voter(host))];
        match self.scope.mutant {
            Some(Mutant::HolderReadsRaw) if self.is_holder(host) => (raw, raw),
            Some(Mutant::VoterReadsBoot) if self.is_voter(host) => (boot, boot),
            _ => (boot, raw),
        }
    }

    /// The one state that all others come from.
    pub fn begin(&self) -> State {
        let view = Arc::new(self.founders.view());
        let now = Now::from(Duration::from_secs(3600));
        let disks = self.scope.disks.len();
        let hosts = (0..(disks + self.outsiders().count()) as u8).map(|host| {
            let member =
                self.scope.disks.get(usize::from(host)).is_some_and(|n| self.scope.voters.contains(n));
            // Voters have been running for long: nothing that was promised before is left.
            let found = Durable {
                founders: member.then(|| self.founders.clone()),
                view: Some(view.clone()),
                vouch_for_max: Some(view.vouch_for),
                ..Durable::default()
            };
            let past = Now::from(Duration::from_secs(1));
            let mut quorum = self.start(host, past, found);
            quorum.handle_timeout(now, &SUSPICIOUS);
            while quorum.poll_output().is_some() {}
            Host::of(quorum, None, now)
        });
        let chain = vec![Link { hash: View::hash(&view), view: view.clone(), delta: None }];
        let mut state = State {
            hosts: hosts.collect(),
            chain,
            parcels: BTreeSet::default(),
            said: BTreeSet::default(),
            told: BTreeSet::default(),
            restarted: 0,
            resource: None,
        };
        if self.scope.resource {
            assert!(self.grant(&mut state).is_some(), "nothing is in the way of the first grant");
        }
        state
    }

    /// Lets a host act, and takes what it says.
    pub fn act(&self, state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Wish>)) {
        let at = usize::from(host);
        let epoch = state.hosts[at].epoch();
        let said = &mut state.said;
        let slow = self.scope.slow_disks && self.scope.mutant != Some(Mutant::VolatileView);
        let now = state.hosts[at].now;
        state.hosts[at] = state.hosts[at].with(|quorum| {
            act(quorum);
            while quorum.poll_write().is_some() {
                if slow {
                    break;
                }
                quorum.handle_written(now, &SUSPICIOUS, true);
            }
            while let Some(output) = quorum.poll_output() {
                match output {
                    Output::Send { message: Message::Certificate { subject, since }, .. } => {
                        said.insert(Said::Certificate(host, subject, since));
                    }
                    Output::Send { message: Message::Sealed { epoch, certified }, .. } => {
                        said.insert(Said::Sealed(host, epoch, certified));
                    }
                    _ => {}
                }
            }
        });
        if state.hosts[at].epoch() != epoch {
            state.told.retain(|(told, _)| *told != host);
        }
    }

    pub fn tell(&self, state: &mut State, host: u8, genesis: GenesisId, from: StorageId, message: Message) {
        let now = state.hosts[usize::from(host)].now;
        let envelope = Envelope { genesis, from, message };
        self.act(state, host, |quorum| {
            quorum.handle_message(now, &SUSPICIOUS, Recipient::Voter(from), &envelope);
        });
    }
}
