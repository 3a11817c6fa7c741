//! How voters act: what they write, say to themselves, and send to each other.

use std::hash::Hash;
use std::sync::Arc;

use gossip::StorageId;
use gossip::core::quorum::{Delta, Envelope, Message, Output, Quorum, Recipient, View};
use gossip::core::register::{Paxos, RegisterMessage};

use super::actors::Epochs;
use super::mutants::Mutant;
use super::names::{CALM, NOW, VOTERS, name, owner};
use super::state::{Disk, Host, Packet, State};
use crate::machines::explore::key;

impl Epochs {
    /// Lets a voter act; what it says to itself it hears at once.
    pub fn act(&self, state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Paxos>)) {
        let at = usize::from(host);
        let mut quorum = (*state.hosts[at].quorum).clone();
        let mut disk = state.hosts[at].disk.clone();
        act(&mut quorum);
        let (mut sent, mut new) = (Vec::new(), Vec::new());
        loop {
            self.write(&mut quorum, &mut disk);
            let Some(output) = quorum.poll_output() else { break };
            match output {
                Output::Send { to: Recipient::Voter(to), message }
                    if to == StorageId([state.hosts[at].storage; 16]) =>
                {
                    self.hear_self(&mut quorum, host, to, message);
                }
                Output::Send { to, message } => sent.push((to, message)),
                Output::Adopted { view, decided_here, .. } => {
                    let (epoch, hash) = (view.epoch.get() as usize, View::hash(&view));
                    match state.decided.get(epoch - 1) {
                        Some(known) => state.split |= *known != hash,
                        None => {
                            state.decided.push(hash);
                            new.push(view.clone());
                        }
                    }
                    if decided_here && let Some(step) = quorum.newest_step() {
                        sent.extend(
                            (0..VOTERS).map(|to| (Recipient::Voter(StorageId([to + 1; 16])), step.clone())),
                        );
                    }
                }
                _ => {}
            }
        }
        for (to, message) in sent {
            let to = match to {
                Recipient::Voter(to) => to.0[0] - 1,
                Recipient::Sender(addr, _) => (addr.port() - 1) as u8,
                Recipient::Member(_) => continue,
            };
            if to < VOTERS && to != host {
                self.send(state, host, to, quorum.envelope(message));
            }
        }
        let Host { incarnation, storage, .. } = state.hosts[at];
        state.hosts[at] = Host::on(disk, quorum, incarnation, storage);
        state.hollow |= new.iter().any(|view| !state.is_kept(view));
    }

    /// Writes what is to be written, at once where disks are fast.
    fn write(&self, quorum: &mut Quorum<Paxos>, disk: &mut Option<Disk>) {
        let Some(newest) = quorum.poll_write().cloned() else { return };
        let unwritten = self.0.mutant == Some(Mutant::Unwritten);
        if unwritten {
            let has = disk.take().map_or_else(|| Arc::new(quorum.stored().clone()), |(has, _)| has);
            *disk = Some((has, Arc::new(newest)));
        }
        if unwritten || !self.0.slow_disks {
            quorum.handle_written(NOW.into(), &CALM, true);
        }
    }

    fn hear_self(&self, quorum: &mut Quorum<Paxos>, host: u8, own: StorageId, message: Message) {
        let mut envelope = quorum.envelope(message);
        quorum.handle_message(NOW.into(), &CALM, Recipient::Voter(own), &envelope);
        let accepted =
            matches!(envelope.message, Message::Register { message: RegisterMessage::Accepted { .. }, .. });
        if accepted && self.0.mutant == Some(Mutant::Alone) {
            envelope.from = StorageId([(host + 1) % VOTERS + 1; 16]);
            quorum.handle_message(NOW.into(), &CALM, Recipient::Voter(envelope.from), &envelope);
        }
    }

    fn send(&self, state: &mut State, from: u8, to: u8, mut envelope: Envelope) {
        if let Message::Register { message, .. } = &mut envelope.message {
            match (self.0.mutant, message) {
                (Some(Mutant::DropsForced), RegisterMessage::Promise { accepted, .. }) => *accepted = None,
                (Some(Mutant::TwoValues), RegisterMessage::Accept { delta, .. }) if to == 2 => {
                    let (id, lease) = (name("Z"), name("lease"));
                    *delta = Delta::Acquire { lease, owner: owner(id), request: 1 };
                }
                _ => {}
            }
        }
        let key = key(|into| (from, to, &envelope).hash(into));
        if let Err(at) = state.net.binary_search_by_key(&key, |packet| packet.key) {
            state.net.insert(at, Arc::new(Packet { from, to, envelope, key }));
        }
    }

    pub fn rounds(message: &Message) -> u64 {
        match message {
            Message::Register { message: RegisterMessage::Prepare { ballot }, .. } => ballot.round.into(),
            _ => 0,
        }
    }
}
