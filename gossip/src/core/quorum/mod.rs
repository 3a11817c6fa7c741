//! What a majority of voters decides and vouches for, seen from one node.
//!
//! Lives here: the chain of views, the way from opinions to decisions, vouchers on both sides, leases, and the founding and
//! changing of the electorate. Flows in: messages, the passing of time, and the node's own observations ([`Witness`]). Flows
//! out, through one queue that waits for the disk: messages, adopted views, events. Never here: sockets, storage, members,
//! heartbeats, or how an opinion is formed. How a view comes to be decided is the [`Register`]'s business, which knows nothing
//! of all this.
//!
//! ```text
//! witness ─► cases ─┬─► wish ─► register ─► view ─► journal ─► adopted, events
//!                   │                         │
//! requests, seal ───┘      vouching ◄─────────┴─────────► vouched ─► standing, leases
//! ```
//!
//! The rules have numbers (D, V, I, P, T, E), which `docs/protocol.md` explains together with why they are needed.

mod case;
mod catchup;
mod certify;
mod clock;
mod delta;
mod electorate;
mod evidence;
mod founders;
mod founding;
mod gist;
mod journal;
mod lease;
mod load;
mod message;
mod requests;
mod standing;
mod table;
mod view;
mod vouched;
mod vouching;
mod witness;

use std::sync::Arc;
use std::time::Duration;

pub use clock::Moment;
pub use delta::{Delta, Subject, Subjects};
pub use founders::Founders;
pub use journal::{Durable, Journal, Output, Outputs, StorageState};
pub use lease::{LeaseState, Wanted};
pub use load::Load;
pub use message::{Denial, Envelope, Message, Names, Recipient, Wish};
pub use standing::Standing;
pub use table::Table;
pub use view::{
    Cause, Electorate, Epoch, GONE_MAX, GenesisId, Gone, Grant, Inapplicable, LEASES_MAX, LeaseName,
    SUSPENDED_MAX, Suspension, VOTERS_MAX, View, Voters, VouchFor, majority,
};
pub use vouched::{Vouched, lease_of};
pub use vouching::Vouching;
pub use witness::{Sighting, Witness};

use self::case::Cases;
use self::catchup::Catchup;
use self::electorate::Changing;
use self::evidence::Inquiries;
use self::founding::Founding;
use self::lease::Leases;
use self::requests::Requests;
use self::standing::Stand;
use super::clock::Now;
use super::event::Event;
use super::identity::{Identity, NodeId, StorageId};
use super::register::{Desk, Paxos, Register};
use super::rng::Rng;
use crate::config::Demands;

/// How a node takes part. All lengths are on its own clocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The founders' names as this node was told them; empty for one that follows.
    pub founders: Vec<NodeId>,
    /// How long the founders are to vouch.
    pub vouch_for: VouchFor,
    /// The highest rate by which a clock is off.
    pub rho: f64,
    /// What a holder leaves unused of a voucher.
    pub margin: Duration,
    /// The heartbeat interval.
    pub interval: Duration,
    /// How long a ballot may take before another is tried.
    pub ballot_timeout: Duration,
    /// How old an answer may be to count: T.
    pub answer_max: Duration,
    /// How long a node must have been deaf or isolated to count as silent: W.
    pub deaf_after: Duration,
}

impl Settings {
    /// Whether vouchers of that length can do with the rest of these settings, as at the founding.
    fn allows(&self, length: VouchFor) -> bool {
        let &Self { rho: drift, margin, interval, deaf_after, .. } = self;
        Demands { interval, drift, margin, deaf_after }.check(length.get()).is_ok()
    }
}

/// One node's part in the quorum.
#[derive(Debug, Clone)]
pub struct Quorum<R = Paxos> {
    identity: Identity,
    settings: Settings,
    now: Now,
    journal: Journal,
    /// Fingerprints of the view that is stored and of the newest one.
    hash: u64,
    newest_hash: u64,
    register: R,
    outputs: Outputs,
    vouching: Vouching,
    vouched: Vouched,
    stand: Stand,
    founding: Founding,
    cases: Cases,
    inquiries: Inquiries,
    requests: Requests,
    changing: Changing,
    leases: Leases,
    catchup: Catchup,
    rng: Rng,
    refused: u64,
    /// Whether this node exchanges heartbeats with the voters all the time.
    renews: bool,
    /// Whether it has been told that this life of it is over.
    ended: bool,
    /// In which view this life is dead, stored or not.
    ends: Option<Epoch>,
    /// Whether this life, which was never in quorum, may be among the dead that are not on record any more.
    below_floor: bool,
    /// Whether a majority has ever vouched for this life.
    was_in_quorum: bool,
    /// Whether it has stored a view whose floor it is above: it did not begin too low.
    above_floor: bool,
    /// The view since which the floor is known here to be what it is in the stored one.
    floor_since: Epoch,
    /// When this life began.
    begun: Duration,
}

/// What a quorum's state machine starts from.
#[derive(Debug)]
pub struct Start<R> {
    /// Which process this is.
    pub identity: Identity,
    /// How it takes part.
    pub settings: Settings,
    /// What its disk remembers.
    pub found: Durable,
    /// How views are decided.
    pub register: R,
    /// Where chance comes from.
    pub rng_seed: u64,
}

/// Input.
impl<R: Register> Quorum<R> {
    /// Begins at `now`. A node whose storage id is all zero has no disk, and never votes.
    pub fn new(now: Now, start: Start<R>) -> Self {
        let Start { identity, settings, found, register, rng_seed } = start;
        let disk = identity.storage != StorageId::default();
        let longest = found.vouch_for_max.map(VouchFor::get);
        let hash = found.view.as_ref().map_or(0, |view| view.hash());
        let mut rng = Rng::new(rng_seed);
        let mut quorum = Self {
            now,
            hash,
            newest_hash: hash,
            journal: Journal::new(found, disk),
            register,
            outputs: Outputs::default(),
            vouching: Vouching::new(now.into(), longest),
            vouched: Vouched::default(),
            stand: Stand::default(),
            founding: Founding::default(),
            cases: Cases::new(rng.word() as u32),
            inquiries: Inquiries::new(rng.word() as u32),
            requests: Requests::default(),
            changing: Changing::new(now.into()),
            leases: Leases::new(rng.word() >> 16),
            catchup: Catchup::default(),
            rng,
            refused: 0,
            renews: true,
            ended: false,
            ends: None,
            below_floor: false,
            was_in_quorum: false,
            above_floor: false,
            floor_since: Epoch::GENESIS,
            begun: now.boot,
            identity,
            settings,
        };
        if let Some(view) = quorum.journal.view().cloned() {
            quorum.note_own_end(&view);
            quorum.heed_own_end(&view);
            quorum.note_floor(None, &view);
            quorum.vouched.adopt(&view);
            quorum.register.rebase(now.boot);
        }
        quorum
    }

    /// Takes a message. Anything that makes no sense changes nothing but a count.
    pub fn handle_message(
        &mut self,
        now: Now,
        witness: &dyn Witness,
        sender: Recipient,
        envelope: &Envelope,
    ) {
        self.advance(now);
        let from = envelope.from;
        if !self.belongs(envelope) {
            self.refused += 1;
            return;
        }
        self.hear_of_origin(from, envelope);
        match &envelope.message {
            Message::Founding { founders, complete } => self.on_founding(sender, from, founders, *complete),
            Message::Misfounded { names } => self.on_misfounded(from, names),
            Message::Register { base, hash, message } => {
                self.on_register(sender, from, *base, *hash, message);
            }
            Message::Ask { question, subject } => self.on_ask(witness, sender, from, *question, subject),
            Message::Answer { question, subject, opinion } => {
                self.on_answer(from, *question, subject, *opinion);
            }
            Message::Certificate { subject, since } => self.on_certificate(from, subject, *since),
            Message::Inquire { question, subject } => self.on_inquire(witness, sender, *question, subject),
            Message::Testimony { question, opinion, silent_ms } => {
                let silent = Duration::from_millis(u64::from(*silent_ms));
                self.on_testimony(witness, sender, *question, (*opinion, silent));
            }
            Message::Sealed { epoch, certified } => self.on_sealed(from, *epoch, *certified),
            Message::Enlist => self.on_enlist(sender),
            Message::Enlisted { name } => self.on_enlisted(from, name),
            Message::Fetch { after, snapshot } => self.on_fetch(sender, *after, *snapshot),
            Message::Decided { epoch, before, delta } => self.on_decided(sender, *epoch, *before, delta),
            Message::Snapshot { epoch, hash, len, at, part } => {
                self.on_snapshot(sender, *epoch, *hash, (*len, *at), part);
            }
            Message::Request { owner, number, wish } => {
                self.on_request(witness, sender, owner, *number, wish);
            }
            Message::Denied { number, reason } => self.on_denied(*number, *reason),
        }
        self.act(witness);
    }

    /// Lets time pass, and looks at what the node thinks now. To be called at [`poll_timeout`](Self::poll_timeout), in every
    /// interval, and whenever an opinion has changed.
    pub fn handle_timeout(&mut self, now: Now, witness: &dyn Witness) {
        self.advance(now);
        self.vouching.forget(now.into());
        self.found(witness);
        self.review_cases(witness);
        self.close_inquiries(witness);
        self.run_register(|register, desk| register.handle_timeout(desk));
        self.act(witness);
    }

    /// The write that [`poll_write`](Self::poll_write) began has ended: well, or not.
    pub fn handle_written(&mut self, now: Now, witness: &dyn Witness, good: bool) {
        self.advance(now);
        let before = self.journal.view().cloned();
        if !good {
            self.outputs.forget_unwritten(self.journal.written_version());
        }
        self.journal.on_written(good);
        if !good {
            self.say(Event::StorageFailed);
        }
        self.on_stored(before.as_deref());
        self.act(witness);
    }

    /// The disk is not what others know it to be: nothing that it says is a promise any more.
    pub fn distrust_disk(&mut self) {
        let before = self.journal.view().cloned();
        self.outputs.forget_unwritten(self.journal.written_version());
        self.journal.give_up();
        self.on_stored(before.as_deref());
    }

    /// Takes a reading of the clocks. What has run out by now has run out before anything that comes in now can renew it.
    pub fn advance(&mut self, now: Now) {
        self.now = now;
        self.take_stock();
    }

    /// Whatever follows from what has just been learnt.
    fn act(&mut self, witness: &dyn Witness) {
        self.certify(witness);
        self.certify_seal();
        self.pursue_leases();
        self.propose(witness);
        self.take_stock();
    }
}

/// Output.
impl<R: Register> Quorum<R> {
    /// The next thing that may leave.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop(self.journal.written_version())
    }

    /// The state to write next. [`handle_written`](Self::handle_written) must follow.
    pub fn poll_write(&mut self) -> Option<&Durable> {
        self.journal.poll_write()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if not before.
    pub fn poll_timeout(&self) -> Option<Duration> {
        // While the next view is on its way to the disk, the register rests.
        let register = self.deciding().and_then(|_| self.register.poll_timeout());
        let due = [
            register,
            self.cases.due(),
            self.inquiries.due(),
            self.leases.due(),
            self.stand.due(),
            self.changing.due(),
        ];
        due.into_iter().flatten().min()
    }
}

/// What the parts share.
impl<R: Register> Quorum<R> {
    /// The view that is stored here.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.journal.view()
    }

    /// Messages that were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether the disk has failed, so that this node neither votes nor vouches.
    pub fn is_broken(&self) -> bool {
        self.journal.is_broken()
    }

    /// Whether there is a disk behind what this node promises, and whether it has failed.
    pub fn storage(&self) -> StorageState {
        self.journal.storage()
    }

    /// The stored view, if this node votes under it.
    fn voting(&self) -> Option<&Arc<View>> {
        self.view().filter(|view| view.electorate.votes(&self.identity.storage) && !self.is_broken())
    }

    /// The stored view, if this node votes under it and knows of no later one.
    fn deciding(&self) -> Option<&Arc<View>> {
        self.voting().filter(|view| self.journal.newest_epoch() == Some(view.epoch))
    }

    fn say(&mut self, event: Event) {
        self.outputs.push(Output::Event(event), 0);
    }

    /// Sends a message once all that was changed so far is durable.
    fn send(&mut self, to: Recipient, message: Message) {
        self.outputs.push(Output::Send { to, message }, self.journal.version());
    }

    /// Sends a message to every voter, this one included.
    fn send_voters(&mut self, view: &View, message: &Message) {
        for &voter in view.electorate.voters.keys() {
            self.send(Recipient::Voter(voter), message.clone());
        }
    }

    /// Whether a message is of this history, or one of those that are heard before there is one.
    fn belongs(&self, envelope: &Envelope) -> bool {
        match (&envelope.message, self.view()) {
            (
                Message::Founding { .. }
                | Message::Misfounded { .. }
                | Message::Enlist
                | Message::Fetch { .. },
                _,
            ) => true,
            (Message::Inquire { .. } | Message::Snapshot { .. } | Message::Decided { .. }, None) => true,
            // An observer may have joined a moment ago. Its answer counts by the question.
            (Message::Testimony { .. }, Some(_)) if envelope.genesis == GenesisId(0) => true,
            (_, Some(view)) => envelope.genesis == view.genesis,
            (_, None) => false,
        }
    }

    /// Wraps a message as this node says it.
    pub fn envelope(&self, message: Message) -> Envelope {
        let genesis = self.view().map_or(GenesisId(0), |view| view.genesis);
        Envelope { genesis, from: self.identity.storage, message }
    }

    fn on_register(
        &mut self,
        sender: Recipient,
        from: StorageId,
        base: Epoch,
        hash: u64,
        message: &super::register::RegisterMessage,
    ) {
        let Some(view) = self.voting() else { return };
        let (stored, settled) = (view.epoch, self.deciding().is_some());
        if base < stored {
            // A voter that lacks what was decided since.
            if self.view().is_some_and(|view| view.electorate.vouches(&from)) {
                self.serve(sender, Some(base));
            }
        } else if base > stored {
            self.fetch(sender);
        } else if settled && hash == self.hash {
            self.run_register(|register, desk| register.handle_message(desk, from, message));
        }
    }

    /// Lets the register work; what it decides is learnt, and told to all.
    fn run_register(&mut self, work: impl FnOnce(&mut R, &mut Desk<'_>) -> Option<Delta>) {
        let Some(view) = self.deciding().cloned() else { return };
        let mut desk = Desk {
            now: self.now.boot,
            view: &view,
            hash: self.hash,
            own: self.identity.storage,
            incarnation: self.identity.incarnation,
            journal: &mut self.journal,
            outputs: &mut self.outputs,
            rng: &mut self.rng,
        };
        if let Some(delta) = work(&mut self.register, &mut desk) {
            self.learn(&delta, true);
        }
    }

    /// Proposes what is ripe, if anything is.
    fn propose(&mut self, witness: &dyn Witness) {
        let Some(view) = self.voting().cloned() else { return };
        if !self.journal.is_settled() || self.register.is_busy(self.now.boot) {
            return;
        }
        let applies = |delta: &Delta| view.after(delta).is_ok();
        let delta = self.ripe_eviction(&view, witness).filter(applies);
        let delta = delta.or_else(|| self.ripe_case(&view, witness).filter(applies));
        let delta = delta.or_else(|| self.ripe_change(&view, witness).filter(applies));
        let delta = delta.or_else(|| self.ripe_request(&view).filter(applies));
        if let Some(delta) = delta {
            self.run_register(|register, desk| register.propose(desk, delta));
        }
    }

    /// This voter's place among those that are well: the first acts at once, the others one after another.
    fn rank(&self, view: &View, witness: &dyn Witness) -> u32 {
        let before =
            view.electorate.voters.iter().take_while(|(storage, _)| **storage < self.identity.storage);
        let well =
            before.filter(|(storage, name)| !view.suspended.contains(name) && witness.trusts(storage, name));
        well.count() as u32
    }

    /// How long a voter of this rank waits before it does what the first one should have done.
    fn patience(&self, rank: u32) -> Duration {
        self.settings.ballot_timeout * rank
    }
}
