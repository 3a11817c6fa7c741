//! The node's side of the quorum: carrying its messages, feeding it observations, and doing what adopted views say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::clock::Now;
use super::event::{Event, Refusal};
use super::identity::{Identity, Key, Life, NodeId, StorageId};
use super::quorum::{
    Cause, Durable, Envelope, GenesisId, Gone, Message, Moment, Names, Output, Recipient, Standing, Subject,
    View, Voters,
};
use super::sight::Sight;
use super::timer::Timer;
use crate::error::CommandError;
use crate::hash;
use crate::wire::{Frame, Head, Heartbeat, Tag, Voucher};

/// The shortest time between two turns.
const GRAIN: Duration = Duration::from_millis(1);
/// Former lives waiting to be put on record as over.
const OUTLIVED_MAX: usize = 64;

/// Lends the quorum a look at the rest of the node.
macro_rules! sight {
    ($node:ident) => {
        Sight {
            now: $node.now.boot,
            config: &$node.config,
            own: &$node.identity,
            members: &$node.members,
            peers: &$node.peers,
            rings: &$node.rings,
            outlived: &$node.outlived,
            beat: $node.beat.seq(),
        }
    };
}

/// Driving it.
impl Node {
    pub(super) fn on_quorum(&mut self, from: SocketAddr, frame: &Frame, envelope: &Envelope) {
        // What was meant for a former life is no answer to this one.
        let meant = frame.to == Tag::default() || frame.to == self.life.tag();
        let known = self.members.by_life(frame.from);
        let storage = known.and_then(|key| self.members.record(key)).map(|record| record.identity.storage);
        // A voter whose life is over for everybody else still votes; other strangers introduce themselves first.
        let voter = self.quorum.view().is_some_and(|view| view.electorate.vouches(&envelope.from));
        let honest = storage.map_or(voter, |storage| storage == envelope.from);
        if !meant || !honest || self.disks.refuses(frame.from) {
            self.counters.senseless += 1;
            return;
        }
        let sender = match (&envelope.message, known) {
            // Testimony is worth what its witness is.
            (Message::Testimony { .. }, Some(key)) => Recipient::Member(key),
            _ => Recipient::Sender(from, frame.from.tag()),
        };
        self.note_voter(from, envelope.from);
        self.quorum.handle_message(self.now, &sight!(self), sender, envelope);
        self.drain_quorum();
    }

    /// Remembers where a voter was heard: it must be reached even when its life is over for everybody else.
    fn note_voter(&mut self, from: SocketAddr, storage: StorageId) {
        let concerned = self.quorum.view().is_some_and(|view| view.electorate.vouches(&storage));
        if concerned {
            self.voter_addrs.retain(|(known, _)| *known != storage);
            self.voter_addrs.push((storage, from));
            if self.voter_addrs.len() > 2 * super::quorum::VOTERS_MAX {
                self.voter_addrs.remove(0);
            }
        }
    }

    /// Once an interval, whenever its own timer says so, and when an opinion has changed.
    pub(super) fn run_quorum(&mut self) {
        self.quorum.handle_timeout(self.now, &sight!(self));
        self.drain_quorum();
    }

    /// The write that [`poll_write`](Self::poll_write) began has ended: well, or not. After one that has failed this node
    /// neither votes nor vouches any more, and says so once.
    pub fn handle_written(&mut self, now: Now, good: bool) {
        self.advance(now);
        self.quorum.handle_written(self.now, &sight!(self), good);
        self.drain_quorum();
    }

    /// What must be written to stable storage next, if anything. Whatever depends on it is held back until
    /// [`handle_written`](Self::handle_written) has been told the outcome.
    pub fn poll_write(&mut self) -> Option<&Durable> {
        self.quorum.poll_write()
    }

    /// Does what the quorum asks for, until it asks for nothing.
    pub(super) fn drain_quorum(&mut self) {
        // A message of this node to itself may be answered at once: a few rounds settle everything.
        while let Some(output) = self.quorum.poll_output() {
            match output {
                Output::Send { to, message } => self.send_quorum(to, message),
                Output::Adopted { view, before, decided_here } => {
                    self.on_adopted(&view, before.as_deref(), decided_here);
                }
                Output::Call { member, question } => self.call_member(member, question),
                Output::BelowFloor { floor: highest } => {
                    let (by, reason) = (self.record().addr, Refusal::BelowFloor { highest });
                    self.note_refusal(reason);
                    self.events.push(Event::Refused { by, reason });
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        self.arm_quorum();
    }

    fn arm_quorum(&mut self) {
        match self.quorum.poll_timeout() {
            // Never at once: whatever is due now has just had its turn.
            Some(at) if !self.is_stopped() => self.timers.set(Timer::Quorum, at.max(self.now.boot + GRAIN)),
            _ => self.timers.unset(Timer::Quorum),
        }
    }

    fn send_quorum(&mut self, to: Recipient, message: Message) {
        let envelope = self.quorum.envelope(message);
        let (addr, tag) = match to {
            Recipient::Voter(storage) if storage == self.identity.storage => {
                let own = Recipient::Voter(storage);
                self.quorum.handle_message(self.now, &sight!(self), own, &envelope);
                return;
            }
            Recipient::Member(key) if key == self.key => {
                let own = Recipient::Voter(self.identity.storage);
                self.quorum.handle_message(self.now, &sight!(self), own, &envelope);
                return;
            }
            Recipient::Sender(addr, tag) => (addr, tag),
            Recipient::Member(key) => match self.members.record(key) {
                Some(record) => (record.addr, record.identity.life().tag()),
                None => return,
            },
            Recipient::Voter(storage) => match self.voter_addr(storage) {
                Some(to) => to,
                None => return,
            },
        };
        self.send(addr, tag, &Head::Quorum(Box::new(envelope)), &[]);
    }

    /// Where a voter is: where its node says, or else where it was heard last.
    fn voter_addr(&self, storage: StorageId) -> Option<(SocketAddr, Tag)> {
        let electorate = &self.quorum.view()?.electorate;
        let of = |voters: &Voters| voters.get(&storage).map(NodeId::key);
        let key = of(&electorate.voters).or_else(|| electorate.next.as_ref().and_then(of))?;
        let record = self.members.record(key).filter(|record| record.identity.storage == storage);
        let peer = self.peers.iter().find(|peer| peer.key == key && peer.heard.is_some());
        if let Some(record) = record {
            let addr = peer.map_or(record.addr, |peer| peer.addr);
            return Some((addr, record.identity.life().tag()));
        }
        let heard = self.voter_addrs.iter().find(|(known, _)| *known == storage);
        heard.map(|(_, addr)| (*addr, Tag::default()))
    }

    /// A member has answered a call of this node's own.
    pub(super) fn on_own_pong(&mut self, life: Life, question: u32) {
        let Some(record) = self.members.by_life(life).and_then(|key| self.members.record(key)).cloned()
        else {
            return;
        };
        let (id, incarnation) = (&record.identity.id, record.identity.incarnation);
        self.quorum.handle_pong(self.now, question, id, incarnation);
        self.drain_quorum();
    }

    fn call_member(&mut self, key: Key, question: u32) {
        if let Some(record) = self.members.record(key).cloned() {
            let ping = Head::Ping { nonce: Tag(question), origin: self.key };
            self.send(record.addr, record.identity.life().tag(), &ping, &[]);
        } else {
            self.quorum.handle_uncallable(question);
        }
    }
}

/// Vouchers.
impl Node {
    /// What to promise the receiver of a heartbeat, if this node is a voter that has heard it.
    pub(super) fn write_voucher(&mut self, at: usize) -> Option<Voucher> {
        let genesis = self.quorum.view()?.genesis;
        let peer = self.peers.at(at);
        let (key, life, receipt, shown) = (peer.key, peer.life, peer.heard_at?, peer.epoch);
        let record = self.members.record(key).filter(|record| record.identity.life() == life)?;
        if !self.quorum.has_seen_floor(&record.identity, shown) {
            return None;
        }
        let (electorate, length) = self.quorum.vouch(&record.identity, receipt)?;
        Some(Voucher { bond: bond(genesis, self.life, life), electorate, length })
    }

    /// Counts a voucher that came with the acknowledgement of a heartbeat sent at `sent`.
    pub(super) fn on_voucher(&mut self, at: usize, voucher: &Voucher, sent: Moment) {
        let Some(genesis) = self.quorum.view().map(|view| view.genesis) else { return };
        let peer = self.peers.at(at);
        let (key, life) = (peer.key, peer.life);
        if voucher.bond != bond(genesis, life, self.life) {
            self.counters.senseless += 1;
            return;
        }
        let Some(record) = self.members.record(key).filter(|record| record.identity.life() == life) else {
            return;
        };
        let voter = record.identity.storage;
        self.quorum.handle_voucher(voter, voucher.electorate, voucher.length, sent);
    }

    /// What a heartbeat says about views and standing.
    pub(super) fn on_said(&mut self, at: usize, from: SocketAddr, beat: &Heartbeat) {
        let now = self.now.boot;
        let peer = self.peers.at(at);
        peer.isolated = match beat.standing {
            Standing::Isolated => peer.isolated.or(Some(now)),
            _ => None,
        };
        peer.epoch = beat.epoch;
        let to = Recipient::Sender(from, peer.life.tag());
        self.quorum.handle_epoch(to, beat.epoch);
    }
}

/// The fingerprint that binds a voucher to a history, a voter's life and a receiver's.
fn bond(genesis: GenesisId, voter: Life, receiver: Life) -> Key {
    Key(hash::words(&[genesis.0, voter.0, receiver.0]))
}

/// What views do.
impl Node {
    pub(super) fn on_adopted(&mut self, view: &Arc<View>, before: Option<&View>, decided_here: bool) {
        self.report_decided(view, before);
        self.heed_owners(view);
        let over = |(id, gone): (&NodeId, &Gone)| {
            let identity = &self.members.of(id.key())?.record.identity;
            let ended = identity.id == *id && identity.incarnation <= gone.incarnation;
            (ended && *id != self.identity.id).then_some((id.key(), gone.cause == Cause::Left))
        };
        let buried: BTreeMap<Key, bool> = view.gone.iter().filter_map(over).collect();
        for (key, left) in buried {
            self.bury(key, left);
        }
        self.forget_outranked(view);
        self.outlived.retain(|former| !view.is_gone(&former.id, former.incarnation));
        self.note_restored(view, before);
        self.spread(view, decided_here);
        let electorate = |view: &View| view.electorate.since;
        if before.map(electorate) != Some(electorate(view)) {
            self.meet_neighbours();
        }
        self.changed();
        self.on_left_decided(view);
        self.events.push(Event::View { view: view.clone() });
    }

    fn note_restored(&mut self, view: &View, before: Option<&View>) {
        let suspended = before.into_iter().flat_map(|before| before.suspended.iter());
        for (id, _) in suspended.filter(|(id, s)| view.is_good(id, s.incarnation)) {
            if let Some(peer) = self.peers.by_key(id.key()) {
                peer.be_restored(self.now.boot, self.config.deaf_after);
            }
        }
    }

    /// A member whose life is over is none any more; that one has left is said, as it is where the farewell comes first.
    pub(super) fn bury(&mut self, key: Key, left: bool) {
        if let Some(record) = self.members.remove(key) {
            self.note_disk(&record);
            if left {
                let Identity { id, incarnation, .. } = &record.identity;
                self.events.push(Event::Left { id: id.clone(), incarnation: *incarnation });
            } else {
                self.seeds.remember_buried(record.addr);
            }
            if let Some(addr) = self.peers.by_key(key).map(|peer| peer.addr) {
                self.note_voter(addr, record.identity.storage);
            }
            let own = self.key;
            self.rings.remove(key, &self.members.keys().filter(move |&k| k != own));
            self.peers.remove(key);
            self.meet_neighbours();
        }
    }

    /// Tells neighbours about a view that they may lack: in a full mesh only from where it was decided.
    fn spread(&mut self, view: &View, decided_here: bool) {
        let Some(step) = self.quorum.newest_step() else { return };
        let mesh = self.is_full_mesh();
        if mesh && !decided_here {
            return;
        }
        let behind = |peer: &super::peer::Peer| peer.neighbour && peer.epoch < Some(view.epoch);
        let to: Vec<_> = self
            .peers
            .iter()
            .filter(|p| behind(p))
            .map(|p| Recipient::Sender(p.addr, p.life.tag()))
            .collect();
        for to in to {
            self.send_quorum(to, step.clone());
        }
    }

    /// A node has started again: its former life is to be put on record as over.
    pub(super) fn note_outlived(&mut self, id: NodeId, incarnation: super::identity::Incarnation) {
        let votes = self.quorum.view().is_some_and(|view| !view.is_gone(&id, incarnation));
        // One life of a name stands for all before it.
        self.outlived.retain(|former| former.id != id);
        if votes && self.outlived.len() < OUTLIVED_MAX {
            self.outlived.push(Subject { id, incarnation });
        }
    }
}

/// Commands.
impl Node {
    /// Asks for a lease, until it is granted ([`Event::Lease`]) or [`release`](Self::release)d. False if it is held, or asked
    /// for, already.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn acquire(&mut self, now: Now, lease: &NodeId) -> Result<bool, CommandError> {
        self.advance(now);
        self.check_running()?;
        let new = self.quorum.acquire(lease);
        self.meet_neighbours();
        self.drain_quorum();
        Ok(new)
    }

    /// Gives a lease back, or stops asking for it. The handle is dead when this returns. False if there was none.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn release(&mut self, now: Now, lease: &NodeId) -> Result<bool, CommandError> {
        self.advance(now);
        self.check_running()?;
        let held = self.quorum.release(lease);
        self.drain_quorum();
        Ok(held)
    }

    /// Asks for these nodes to be the voters, each of which must have stable storage and be reachable. Done when a view
    /// says so ([`Event::View`]).
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped, or [`CommandError::Voters`] if the list is empty or too long.
    pub fn change_voters(&mut self, now: Now, names: &[NodeId]) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        let mut voters = Names::default();
        for name in names {
            if !voters.insert(name.clone(), ()) {
                return Err(CommandError::Voters);
            }
        }
        if voters.is_empty() {
            return Err(CommandError::Voters);
        }
        self.quorum.change_voters(voters);
        self.drain_quorum();
        Ok(())
    }

    /// Whether this node is leaving, or has left or stopped: it takes no commands any more.
    pub fn is_leaving(&self) -> bool {
        self.check_running().is_err()
    }

    /// This node's part in the quorum, to ask questions of.
    pub fn quorum(&self) -> &super::quorum::Quorum {
        &self.quorum
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "helpers of tests are tests")]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::core::Setup;
    use crate::core::identity::{BootId, Identity, Incarnation, Version};
    use crate::core::opinion::Opinion;
    use crate::core::quorum::{Delta, Founders, Subjects, VouchFor};
    use crate::core::record::{Metadata, Record, Status};
    use crate::wire::decode;

    fn identity(number: u8) -> Identity {
        Identity {
            id: NodeId::new(format!("n{number}")).expect("a name"),
            storage: StorageId([number; 16]),
            incarnation: Incarnation::FIRST,
            boot: BootId([number; 16]),
        }
    }

    fn addr(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 7000))
    }

    /// A history of as many voters, from 1.
    fn founders(count: u8) -> View {
        let mut voters = Voters::default();
        for number in 1..=count {
            assert!(voters.insert(identity(number).storage, identity(number).id));
        }
        Founders { voters, vouch_for: VouchFor::clamped(Duration::from_secs(1)) }.view()
    }

    /// Voter 1 of this history.
    fn voter(view: View) -> Node {
        node(1, view)
    }

    /// A node that knows of this history.
    fn node(number: u8, view: View) -> Node {
        let setup = Setup {
            config: Config::builder("voters").build().expect("valid"),
            identity: identity(number),
            addr: addr(number),
            seeds: Vec::new(),
            metadata: Metadata::default(),
            durable: Durable { view: Some(view.into()), ..Durable::default() },
            rng_seed: 1,
        };
        Node::new(Now::from(Duration::ZERO), setup)
    }

    fn introduce(node: &mut Node, number: u8) {
        let record = Record {
            identity: identity(number),
            version: Version::FIRST,
            addr: addr(number),
            status: Status::Running,
            metadata: Metadata::default(),
        };
        node.introduce(Now::from(Duration::ZERO), [record.into()]);
    }

    /// However many nodes come and go in the life of a node.
    #[test]
    fn only_voters_are_remembered_beyond_their_lives() {
        let mut node = voter(founders(2));
        for number in 2..100 {
            introduce(&mut node, number);
            assert!(node.peers.by_key(identity(number).id.key()).is_some());
            node.bury(identity(number).id.key(), false);
        }
        assert_eq!(node.voter_addrs, [(identity(2).storage, addr(2))]);
    }

    /// Voter 1 of three, which has node 5 suspended, and knows all of them and node 4.
    struct Judge {
        node: Node,
        now: Duration,
        view: View,
    }

    impl Judge {
        const SUBJECT: u8 = 5;

        fn new() -> Self {
            let mut subjects = Subjects::default();
            assert!(subjects.insert(identity(Self::SUBJECT).id, Incarnation::FIRST));
            let view = founders(3).after(&Delta::Suspend(subjects)).expect("applicable");
            let mut node = voter(View::clone(&view));
            (2..=4).for_each(|number| introduce(&mut node, number));
            Self { node, now: Duration::ZERO, view: View::clone(&view) }
        }

        /// Lets time pass; what it says about views meanwhile.
        fn wait(&mut self, length: Duration) -> Vec<Message> {
            let (until, mut said) = (self.now + length, Vec::new());
            while self.now < until {
                self.now += Duration::from_millis(10);
                self.node.handle_timeout(Now::from(self.now));
                while self.node.poll_write().is_some() {
                    self.node.handle_written(Now::from(self.now), true);
                }
                let mut buf = [0; crate::DATAGRAM_MAX];
                while let Some(sent) = self.node.poll_transmit(&mut buf) {
                    let frame = decode(&self.node.config, &buf[..sent.len], &mut Vec::new());
                    if let Head::Quorum(envelope) = frame.expect("well formed").head {
                        said.push(envelope.message);
                    }
                }
            }
            said
        }

        /// What it says of a life when voter 2 asks it as an observer.
        fn testimony(&mut self, subject: Subject) -> Option<Opinion> {
            let message = Message::Inquire { question: 4, subject };
            let envelope = Envelope { genesis: self.view.genesis, from: identity(2).storage, message };
            let head = Head::Quorum(Box::new(envelope.clone()));
            let frame = Frame { from: identity(2).life(), to: self.node.life.tag(), head };
            self.node.on_quorum(addr(2), &frame, &envelope);
            self.wait(Duration::from_millis(20)).into_iter().find_map(|message| match message {
                Message::Testimony { question: 4, opinion, .. } => Some(opinion),
                _ => None,
            })
        }

        /// The node with that number starts, and is heard.
        fn hear(&mut self, number: u8) {
            let mut other = node(number, self.view.clone());
            introduce(&mut other, 1);
            let until = self.now + Duration::from_millis(500);
            let mut buf = [0; crate::DATAGRAM_MAX];
            while self.now < until {
                self.wait(Duration::from_millis(10));
                other.handle_timeout(Now::from(self.now));
                while let Some(sent) = other.poll_transmit(&mut buf) {
                    self.node.handle_datagram(Now::from(self.now), addr(number), &buf[..sent.len]);
                }
            }
            assert!(self.node.counters().heartbeats > 0);
        }

        /// Voters 2 and 3 say this, each by the node with that number; whether a ballot is begun then.
        fn begins(&mut self, message: &Message, by: [u8; 2]) -> bool {
            for (author, by) in [2, 3].into_iter().zip(by) {
                let envelope = Envelope {
                    genesis: self.view.genesis,
                    from: identity(author).storage,
                    message: message.clone(),
                };
                let (from, to) = (identity(by).life(), self.node.life.tag());
                let frame = Frame { from, to, head: Head::Quorum(Box::new(envelope.clone())) };
                self.node.on_quorum(addr(by), &frame, &envelope);
            }
            let said = self.wait(Duration::from_millis(20));
            said.iter().any(|message| matches!(message, Message::Register { .. }))
        }
    }

    /// E2: to know a node from others is not to hear it, and one life of it is not another.
    #[test]
    fn an_observer_says_nothing_of_a_life_that_it_never_heard() {
        let mut observer = Judge::new();
        let life = |incarnation| Subject { id: identity(4).id, incarnation };
        assert_eq!(observer.testimony(life(Incarnation::FIRST)), None, "it knows of it, and no more");
        observer.hear(4);
        assert_eq!(observer.testimony(life(Incarnation::FIRST)), Some(Opinion::Trust));
        assert_eq!(observer.testimony(life(Incarnation::FIRST.next())), None, "another machine, perhaps");
    }

    /// D1: what two voters say makes a majority of three with nobody else's help, but only if they say it themselves: not if
    /// somebody who has heard it passes it on.
    #[test]
    fn an_answer_and_a_certificate_count_only_from_their_author() {
        let subject = Subject { id: identity(Judge::SUBJECT).id, incarnation: Incarnation::FIRST };
        for certificate in [false, true] {
            let mut judge = Judge::new();
            let asked =
                judge.wait(Duration::from_millis(200)).into_iter().find_map(|message| match message {
                    Message::Ask { question, subject: of } if of == subject => Some(question),
                    _ => None,
                });
            let (question, subject) = (asked.expect("whoever is suspended is a case"), subject.clone());
            let message = match certificate {
                true => Message::Certificate { subject, since: judge.view.epoch },
                false => Message::Answer { question, subject, opinion: Opinion::Trust },
            };
            for by in [[4, 4], [3, 2], [2, 4], [2, 2]] {
                assert!(!judge.begins(&message, by), "{message:?} by {by:?}");
            }
            assert!(judge.begins(&message, [2, 3]), "{message:?}");
        }
    }
}
