//! Vouchers, verdicts and changes of voters: the real [`Quorum`] of every host over a register that is taken to work.
//!
//! The register is atomic: one chain of views, of which every host hears as late as may be. What needs no knowledge of
//! time (to suspend, to restore, to seal, to unseal) is decided at any moment that the real [`View`] allows. Evictions and
//! changes are decided only if a real voter proposes them. Messages arrive late, twice, or never. Heartbeats are sent
//! all the time: an acknowledgement can be of any age at which it still means something. All clocks tick together, each at its
//! own rate; time never ends, since states are compared by what is left of it (see `Quorum::gist`).

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{
    Delta, Durable, Electorate, Envelope, Epoch, Founders, GenesisId, Message, Moment, Output, Quorum,
    Recipient, Settings, Sighting, Standing, Start, Subject, Subjects, View, Voters, VouchFor, Witness,
};
use gossip::core::register::{Desk, Register, RegisterMessage};
use gossip::wire::{Bytes, Key, pack};
use gossip::{BootId, Identity, Incarnation, NodeId, Now, Opinion, StorageId};
use stateright::{Model, Property};

use super::explore::{caught, full, holds, key};

/// One unit of time. Vouchers cannot be shorter than two.
const UNIT: Duration = Duration::from_millis(25);

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    /// A certificate counts for whatever suspension is in force when it arrives.
    CertificateUnbound,
    /// A voter that is asked about X@2 does not remember what it promised X@1.
    OldLifeForgotten,
    /// A voter acts on a view before it is on the disk.
    VolatileView,
    /// A voter forgets its vouchers when it stores a view.
    ForgetsAtView,
    /// A voter that has started again takes nobody to be vouched for.
    CertifiesAtOnce,
    /// After a start a voter waits for vouchers as they are now, not for the longest it ever gave.
    ForgetsLongest,
    /// The holder relies on all of a voucher.
    WholeVoucher,
    /// The holder counts from when the voucher arrived.
    FromArrival,
    /// The holder reads one clock only: the one that nobody slews.
    HolderReadsRaw,
    /// The voter reads one clock only: the one that may be slewed.
    VoterReadsBoot,
    /// The voter reads its clocks, is stopped for as long as a voucher lasts, and then receives.
    ReadsTooEarly,
    /// A voter starts from an old copy of its disk.
    RolledBack,
    /// The holder takes the voucher of any electorate for one of the first.
    ElectorateUnbound,
    /// Under a seal the old voters' majority is enough.
    SealedByOne,
    /// A change needs no certificate.
    ChangeAtOnce,
    /// A certificate of one seal counts for another.
    SealUnbound,
    /// A suspended voter is none any more.
    Shrinks,
    /// A voter takes itself to vouch for itself, whatever the electorate, and does not put that down.
    SelfUnrecorded,
}

/// Who is there, and what may happen.
#[derive(Debug, Clone)]
struct Scope {
    /// Storage ids are 1, 2, …; the first view's voters are these.
    voters: Vec<u8>,
    /// Disks of hosts that may vote: all that are in any electorate.
    disks: Vec<u8>,
    /// Whose leases are watched: names, and incarnations. A name `vN` is the voter with that disk itself.
    holders: Vec<(&'static str, u64)>,
    /// Who may be suspended, as what.
    suspects: Vec<(&'static str, u64)>,
    /// The electorates that may be sealed.
    seals: Vec<Vec<u8>>,
    unseals: bool,
    restores: bool,
    restarts: bool,
    /// Whether a write takes time.
    slow_disks: bool,
    /// The lengths of vouchers that may be set, in units; the first is where it begins.
    vouch_for: Vec<u32>,
    rho: f64,
    /// How fast clocks run, in units a tick: (boot, raw) of voters, then of holders that are not.
    rates: [(u32, u32); 2],
    /// The highest view.
    epochs: u64,
    /// What is decided, in this order; if empty, anything in any order.
    order: &'static [&'static str],
    /// Whether heartbeats may be late too, and not only their acknowledgements.
    late: bool,
    mutant: Option<Mutant>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            voters: vec![1, 2, 3],
            disks: vec![1, 2, 3],
            holders: vec![("x", 1)],
            suspects: vec![("x", 1)],
            seals: vec![],
            unseals: false,
            restores: false,
            restarts: false,
            slow_disks: false,
            vouch_for: vec![2],
            rho: 0.0,
            rates: [(1, 1), (1, 1)],
            epochs: 2,
            order: &[],
            late: full(),
            mutant: None,
        }
    }
}

/// A register that only remembers what it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Wish(Option<Delta>);

impl Register for Wish {
    fn rebase(&mut self, _: Duration) {
        self.0 = None;
    }

    fn propose(&mut self, _: &mut Desk<'_>, delta: Delta) -> Option<Delta> {
        // That an attempt is given up needs no reason here.
        if delta != Delta::Unseal {
            self.0 = Some(delta);
        }
        None
    }

    fn handle_message(&mut self, _: &mut Desk<'_>, _: StorageId, _: &RegisterMessage) -> Option<Delta> {
        None
    }

    fn handle_timeout(&mut self, _: &mut Desk<'_>) -> Option<Delta> {
        None
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn is_busy(&self, _: Duration) -> bool {
        false
    }
}

/// Suspects everybody, always: whoever does not want to certify loses the certificate instead.
struct Suspicious;

impl Witness for Suspicious {
    fn sight(&self, _: &Subject) -> Option<Sighting> {
        Some(Sighting { opinion: Opinion::Suspect, outlived: false, deaf: false, isolated: false })
    }

    fn suspects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn trusts(&self, _: &NodeId) -> bool {
        false
    }

    fn identity(&self, _: &NodeId) -> Option<Identity> {
        None
    }

    fn observers(&self, _: &Subject) -> Vec<Key> {
        Vec::new()
    }
}

#[derive(Clone)]
struct Host {
    quorum: Arc<Quorum<Wish>>,
    /// What a crash leaves, where that is not what the voter believes.
    lost: Option<Arc<Durable>>,
    now: Now,
    key: u64,
}

impl Host {
    fn with(&self, act: impl FnOnce(&mut Quorum<Wish>)) -> Self {
        let mut quorum = (*self.quorum).clone();
        act(&mut quorum);
        Self::of(quorum, self.lost.clone(), self.now)
    }

    fn of(quorum: Quorum<Wish>, lost: Option<Arc<Durable>>, now: Now) -> Self {
        let key = key(|into| {
            quorum.gist(into);
            lost.hash(into);
        });
        Self { quorum: Arc::new(quorum), lost, now, key }
    }

    fn epoch(&self) -> Epoch {
        self.quorum.view().map_or(Epoch::GENESIS, |view| view.epoch)
    }
}

/// A voucher on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parcel {
    voter: u8,
    holder: u8,
    electorate: Epoch,
    length: VouchFor,
    /// How long ago the holder sent what it answers, in ticks.
    age: u32,
}

/// A message that stays on its way for ever, to whoever it concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Said {
    Certificate(u8, Subject, Epoch),
    Sealed(u8, Epoch, Option<Epoch>),
}

#[derive(Clone)]
struct State {
    chain: Vec<Link>,
    hosts: Vec<Host>,
    parcels: BTreeSet<Parcel>,
    said: BTreeSet<Said>,
    /// Who has heard what of it since its last view or start.
    told: BTreeSet<(u8, Said)>,
}

#[derive(Clone)]
struct Link {
    view: Arc<View>,
    hash: u64,
    delta: Option<Delta>,
}

impl State {
    fn tip(&self) -> &Link {
        &self.chain[self.chain.len() - 1]
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for link in &self.chain {
            link.hash.hash(into);
        }
        for host in &self.hosts {
            host.key.hash(into);
        }
        self.parcels.hash(into);
        self.said.hash(into);
        self.told.hash(into);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: Vec<_> = self.hosts.iter().map(|host| (host.epoch(), host.quorum.standing())).collect();
        write!(f, "{:?} {at:?} {:?} {:?}", self.tip().view, self.parcels, self.said)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    /// All clocks go on.
    Tick,
    /// Something is decided.
    Decide(Delta),
    /// What this voter has proposed is decided.
    Grant(u8),
    /// This host hears of the next view.
    Learn(u8),
    /// What this voter has begun to write is on the disk.
    Written(u8),
    /// This voter starts again: from the last write that ended, or the one under way.
    Restart(u8, bool),
    /// A voter hears a heartbeat of a holder that was sent so many ticks ago.
    Hear(u8, u8, u32),
    /// A voucher arrives.
    Count(Parcel),
    /// A voter's heartbeat to itself.
    HearSelf(u8),
}

#[derive(Debug)]
struct Leases {
    scope: Scope,
    identities: Vec<Identity>,
    founders: Founders,
}

fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

fn life(of: u64) -> Incarnation {
    Incarnation::new(of).unwrap()
}

fn disk(of: u8) -> StorageId {
    StorageId([of; 16])
}

fn voters(of: &[u8]) -> Voters {
    let mut voters = Voters::default();
    for &n in of {
        assert!(voters.insert(disk(n), name(&format!("v{n}"))));
    }
    voters
}

fn length(units: u32) -> VouchFor {
    VouchFor::clamped(units * 2 * UNIT)
}

fn later(now: Now, (boot, raw): (u32, u32)) -> Now {
    Now { boot: now.boot + boot * 2 * UNIT, raw: now.raw + raw * 2 * UNIT, wall: None }
}

impl Leases {
    fn of(scope: Scope) -> Self {
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

    fn is_voter(&self, host: u8) -> bool {
        usize::from(host) < self.scope.disks.len()
    }

    fn is_holder(&self, host: u8) -> bool {
        !self.is_voter(host)
            || self
                .scope
                .holders
                .iter()
                .any(|(n, _)| self.own_disk(n) == Some(self.scope.disks[usize::from(host)]))
    }

    fn identity(&self, host: u8) -> &Identity {
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

    fn start(&self, host: u8, now: Now, found: Durable) -> Quorum<Wish> {
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

    fn rate(&self, host: u8) -> (u32, u32) {
        let (boot, raw) = self.scope.rates[usize::from(!self.is_voter(host))];
        match self.scope.mutant {
            Some(Mutant::HolderReadsRaw) if self.is_holder(host) => (raw, raw),
            Some(Mutant::VoterReadsBoot) if self.is_voter(host) => (boot, boot),
            _ => (boot, raw),
        }
    }

    /// Lets a host act, and takes what it says.
    fn act(&self, state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Wish>)) {
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
                quorum.handle_written(now, &Suspicious, true);
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

    fn tell(&self, state: &mut State, host: u8, genesis: GenesisId, from: StorageId, message: Message) {
        let now = state.hosts[usize::from(host)].now;
        let envelope = Envelope { genesis, from, message };
        self.act(state, host, |quorum| {
            quorum.handle_message(now, &Suspicious, Recipient::Voter(from), &envelope);
        });
    }

    fn is_next(&self, tip: &View, delta: &Delta) -> bool {
        let kind = match delta {
            Delta::Suspend(_) => "suspend",
            Delta::Restore(_) => "restore",
            Delta::Evict(_) => "evict",
            Delta::Seal(_) => "seal",
            Delta::Unseal => "unseal",
            Delta::Change => "change",
            _ => "other",
        };
        let order = self.scope.order;
        order.is_empty() || order.get(tip.epoch.get() as usize) == Some(&kind)
    }

    fn decide(&self, state: &mut State, delta: &Delta) -> Option<()> {
        let tip = &state.tip().view;
        if tip.epoch.get() >= self.scope.epochs {
            return None;
        }
        if !self.is_next(tip, delta) {
            return None;
        }
        let mut view = tip.after(delta).ok()?;
        if self.scope.mutant == Some(Mutant::Shrinks) && matches!(delta, Delta::Suspend(_)) {
            let mut shrunk = (*view).clone();
            shrunk.electorate.voters.retain(|_, name| !view.suspended.contains(name));
            if shrunk.electorate.voters.len() != view.electorate.voters.len() {
                shrunk.electorate.since = view.epoch;
                view = Arc::new(shrunk);
            }
        }
        let hash = View::hash(&view);
        state.chain.push(Link { view, hash, delta: Some(delta.clone()) });
        Some(())
    }

    /// Tells a host of the next view: as a step, or as a whole where a mutant has changed it.
    fn learn(&self, state: &mut State, host: u8) -> Option<()> {
        let next = state.hosts[usize::from(host)].epoch().next();
        let link = state.chain.get(next.get() as usize)?.clone();
        let (genesis, before) = (link.view.genesis, state.chain[next.get() as usize - 1].hash);
        let one = self.scope.mutant == Some(Mutant::SealedByOne) && self.is_holder(host);
        let whole = one || self.scope.mutant == Some(Mutant::Shrinks);
        let message = if whole {
            let mut view = (*link.view).clone();
            if one {
                view.electorate = Electorate { next: None, ..view.electorate };
            }
            let bytes = pack(&view);
            Message::Snapshot {
                epoch: next,
                hash: View::hash(&view),
                len: bytes.len() as u32,
                at: 0,
                part: Bytes::of(&bytes),
            }
        } else {
            Message::Decided { epoch: next, before, delta: link.delta? }
        };
        let was = state.hosts[usize::from(host)].quorum.view().cloned();
        if self.is_voter(host) && self.scope.mutant == Some(Mutant::VolatileView) {
            let longest = Some(length(self.scope.vouch_for[0]));
            let founders = Some(self.founders.clone());
            let lost = Durable { founders, view: was, vouch_for_max: longest, ..Durable::default() };
            state.hosts[usize::from(host)].lost = Some(Arc::new(lost));
        }
        self.tell(state, host, genesis, StorageId::default(), message);
        self.forget(state, host);
        Some(())
    }

    /// The mutant that forgets at each view.
    fn forget(&self, state: &mut State, host: u8) {
        let old = &state.hosts[usize::from(host)];
        let stored = old.quorum.writing().is_none();
        if self.scope.mutant == Some(Mutant::ForgetsAtView) && self.is_voter(host) && stored {
            let view = old.quorum.view().cloned();
            let found = Durable { view, ..Durable::default() };
            state.hosts[usize::from(host)] = Host::of(self.start(host, old.now, found), None, old.now);
            state.told.retain(|(told, _)| *told != host);
        }
    }

    fn restart(&self, state: &mut State, host: u8, newest: bool) -> Option<()> {
        let old = &state.hosts[usize::from(host)];
        let mut found = match &old.lost {
            Some(lost) => (**lost).clone(),
            None if newest => old.quorum.writing()?.clone(),
            None => old.quorum.stored().clone(),
        };
        match self.scope.mutant {
            Some(Mutant::CertifiesAtOnce) => found.vouch_for_max = None,
            Some(Mutant::ForgetsLongest) => {
                found.vouch_for_max = found.view.as_ref().map(|view| view.vouch_for);
            }
            Some(Mutant::RolledBack) => found.view = Some(Arc::new(self.founders.view())),
            _ => {}
        }
        let (now, lost) = (old.now, old.lost.clone());
        state.told.retain(|(told, _)| *told != host);
        state.hosts[usize::from(host)] = Host::of(self.start(host, now, found), lost, now);
        self.act(state, host, |quorum| quorum.handle_timeout(now, &Suspicious));
        Some(())
    }

    fn hear(&self, state: &mut State, voter: u8, holder: u8, age: u32) -> Option<()> {
        let whom = self.identity(holder);
        let mut receipt = Moment::from(state.hosts[usize::from(voter)].now);
        if self.scope.mutant == Some(Mutant::ReadsTooEarly) {
            let pause = self.founders.vouch_for.get();
            receipt = Moment { boot: receipt.boot - pause, raw: receipt.raw - pause };
        }
        let mut given = None;
        let forgets = self.scope.mutant == Some(Mutant::OldLifeForgotten)
            && self.scope.suspects.iter().any(|(n, i)| whom.id == name(n) && whom.incarnation < life(*i));
        if forgets {
            given = (*state.hosts[usize::from(voter)].quorum).clone().vouch(whom, receipt);
        } else {
            self.act(state, voter, |quorum| given = quorum.vouch(whom, receipt));
        }
        let (electorate, length) = given?;
        let parcel = Parcel { voter, holder, electorate, length, age };
        let same = |p: &Parcel| Parcel { age, ..*p } == parcel;
        // Of two vouchers that differ in age only the younger is worth more.
        if !state.parcels.iter().any(|p| same(p) && p.age <= age) {
            state.parcels.retain(|p| !same(p));
            state.parcels.insert(parcel);
        }
        Some(())
    }

    fn count(&self, state: &mut State, parcel: Parcel) {
        let Parcel { voter, holder, electorate, length, age } = parcel;
        state.parcels.remove(&parcel);
        let (boot, raw) = self.rate(holder);
        let ago = |now: Duration, rate: u32| now - age * rate * 2 * UNIT;
        let now = state.hosts[usize::from(holder)].now;
        let mut sent = Moment { boot: ago(now.boot, boot), raw: ago(now.raw, raw) };
        if self.scope.mutant == Some(Mutant::FromArrival) {
            sent = now.into();
        }
        let unbound = self.scope.mutant == Some(Mutant::ElectorateUnbound);
        let electorate = if unbound { Epoch::GENESIS } else { electorate };
        let storage = self.identity(voter).storage;
        self.act(state, holder, |quorum| quorum.handle_voucher(storage, electorate, length, sent));
    }

    /// Ages at which a heartbeat may arrive, in ticks. A late one gives the holder less for the same promise.
    fn ages(&self, holder: u8) -> u32 {
        if !self.scope.late {
            return 1;
        }
        self.fresh(holder)
    }

    /// For how many ticks of the holder a voucher is worth something.
    fn fresh(&self, holder: u8) -> u32 {
        let longest = self.scope.vouch_for.iter().copied().max().unwrap_or_default();
        let kept = f64::from(longest) * (1.0 - self.scope.rho) / (1.0 + self.scope.rho);
        let (boot, raw) = self.rate(holder);
        let ticks = (kept / f64::from(boot.max(raw)).max(1.0)).ceil() as u32;
        match self.scope.mutant {
            Some(Mutant::FromArrival) => ticks + 2,
            Some(Mutant::WholeVoucher) => longest,
            _ => ticks,
        }
    }

    fn tick(&self, state: &mut State) {
        for host in 0..state.hosts.len() as u8 {
            let at = usize::from(host);
            let now = later(state.hosts[at].now, self.rate(host));
            state.hosts[at].now = now;
            self.act(state, host, |quorum| quorum.handle_timeout(now, &Suspicious));
        }
        let aged = state.parcels.iter().map(|parcel| Parcel { age: parcel.age + 1, ..*parcel });
        state.parcels = aged.filter(|parcel| parcel.age < self.fresh(parcel.holder)).collect();
    }

    /// What may be decided without a proposer.
    fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let scope = &self.scope;
        let tip = &state.tip().view;
        if tip.epoch.get() >= scope.epochs {
            return;
        }
        let mut deltas = Vec::new();
        for (n, i) in &scope.suspects {
            let mut subjects = Subjects::default();
            assert!(subjects.insert(name(n), life(*i)));
            deltas.push(Delta::Suspend(subjects));
            if scope.restores {
                deltas.push(Delta::Restore(Subject { id: name(n), incarnation: life(*i) }));
            }
        }
        deltas.extend(scope.seals.iter().map(|seal| Delta::Seal(voters(seal))));
        if scope.unseals {
            deltas.push(Delta::Unseal);
        }
        if scope.vouch_for.len() > 1 {
            deltas.extend(scope.vouch_for.iter().map(|&units| Delta::SetVouch(length(units))));
        }
        if scope.mutant == Some(Mutant::ChangeAtOnce) {
            deltas.push(Delta::Change);
        }
        let good = deltas.into_iter().filter(|delta| self.is_next(tip, delta) && tip.after(delta).is_ok());
        actions.extend(good.map(Action::Decide));
    }

    /// Everything said reaches everybody whom it concerns, as soon as it does.
    ///
    /// Nothing is lost by that: certificates only add to what may be proposed, and what is proposed need not be decided.
    fn spread(&self, state: &mut State) -> Option<()> {
        let next = self.scope.order.get(state.tip().view.epoch.get() as usize);
        let evictable = self.scope.order.is_empty() || next == Some(&"evict");
        loop {
            // What says less than is known already may as well be lost.
            let overtaken = |host: u8, said: &Said| {
                match said {
                Said::Sealed(from, _, None) => state.told.iter().any(
                    |(told, known)| matches!(known, Said::Sealed(by, _, Some(_)) if *told == host && by == from),
                ),
                _ => false,
            }
            };
            let heard = |host: u8, said: &Said| state.told.contains(&(host, said.clone()));
            let next = (0_u8..).zip(&state.hosts).take(self.scope.disks.len()).find_map(|(host, it)| {
                let mut new = state.said.iter().filter(|said| {
                    self.concerns(it, said, evictable) && !heard(host, said) && !overtaken(host, said)
                });
                new.next().map(|said| (host, said.clone()))
            });
            let Some((host, said)) = next else { return Some(()) };
            state.told.insert((host, said.clone()));
            self.say(state, host, said)?;
        }
    }

    fn say(&self, state: &mut State, host: u8, said: Said) -> Option<()> {
        let view = state.hosts[usize::from(host)].quorum.view()?.clone();
        let (from, message) = match said {
            Said::Certificate(from, subject, mut since) => {
                if self.scope.mutant == Some(Mutant::CertificateUnbound) {
                    since = view.suspended.get(&subject.id)?.since;
                }
                (from, Message::Certificate { subject, since })
            }
            Said::Sealed(from, epoch, mut certified) => {
                if self.scope.mutant == Some(Mutant::SealUnbound) {
                    certified = certified.map(|_| view.electorate.since);
                }
                (from, Message::Sealed { epoch, certified })
            }
        };
        let from = self.identity(from).storage;
        self.tell(state, host, view.genesis, from, message);
        Some(())
    }

    /// Whether it matters to a voter that it hears this.
    fn concerns(&self, host: &Host, said: &Said, evictable: bool) -> bool {
        let Some(view) = host.quorum.view() else { return false };
        match said {
            // Where the order is given, certificates come when they may be used: a voter that could evict proposes nothing else.
            Said::Certificate(..) if !evictable => false,
            Said::Certificate(_, subject, since) => {
                let unbound = self.scope.mutant == Some(Mutant::CertificateUnbound);
                view.suspended
                    .get(&subject.id)
                    .is_some_and(|s| s.incarnation == subject.incarnation && (unbound || s.since == *since))
            }
            // A word about an earlier seal counts for nothing, and would only displace a later one.
            Said::Sealed(_, epoch, _) => {
                let unbound = self.scope.mutant == Some(Mutant::SealUnbound);
                view.electorate.next.is_some() && (unbound || *epoch >= view.electorate.since)
            }
        }
    }
}

impl Model for Leases {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
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
            quorum.handle_timeout(now, &Suspicious);
            while quorum.poll_output().is_some() {}
            Host::of(quorum, None, now)
        });
        let chain = vec![Link { hash: View::hash(&view), view: view.clone(), delta: None }];
        vec![State {
            hosts: hosts.collect(),
            chain,
            parcels: BTreeSet::default(),
            said: BTreeSet::default(),
            told: BTreeSet::default(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        self.possible(state, actions);
        for (host, it) in (0_u8..).zip(&state.hosts) {
            let writing = it.quorum.writing().is_some();
            if !writing && it.epoch() < state.tip().view.epoch {
                actions.push(Action::Learn(host));
            }
            if writing {
                actions.push(Action::Written(host));
            }
            if !self.is_voter(host) {
                continue;
            }
            if it.quorum.register().0.is_some() && it.epoch() == state.tip().view.epoch {
                actions.push(Action::Grant(host));
            }
            if self.scope.restarts && !self.is_holder(host) {
                actions.push(Action::Restart(host, false));
                if writing && it.lost.is_none() {
                    actions.push(Action::Restart(host, true));
                }
            }
            if self.is_holder(host) {
                actions.push(Action::HearSelf(host));
            }
            for holder in (0..state.hosts.len() as u8).filter(|&h| h != host && self.is_holder(h)) {
                actions.extend((0..self.ages(holder)).map(|age| Action::Hear(host, holder, age)));
            }
        }
        actions.extend(state.parcels.iter().map(|&parcel| Action::Count(parcel)));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        match action {
            Action::Tick => self.tick(s),
            Action::Decide(delta) => self.decide(s, &delta)?,
            Action::Grant(host) => {
                let delta = s.hosts[usize::from(host)].quorum.register().0.clone()?;
                self.decide(s, &delta)?;
            }
            Action::Learn(host) => self.learn(s, host)?,
            Action::Written(host) => {
                let now = s.hosts[usize::from(host)].now;
                self.act(s, host, |quorum| quorum.handle_written(now, &Suspicious, true));
                self.forget(s, host);
            }
            Action::Restart(host, newest) => self.restart(s, host, newest)?,
            Action::Hear(voter, holder, age) => self.hear(s, voter, holder, age)?,
            Action::Count(parcel) => self.count(s, parcel),
            Action::HearSelf(host) => {
                let it = &s.hosts[usize::from(host)];
                let (now, own) = (Moment::from(it.now), self.identity(host).storage);
                if self.scope.mutant == Some(Mutant::SelfUnrecorded) {
                    let view = it.quorum.view()?.clone();
                    self.act(s, host, |quorum| {
                        quorum.handle_voucher(own, Epoch::GENESIS, view.vouch_for, now);
                    });
                } else {
                    self.act(s, host, |quorum| quorum.vouch_for_self(now));
                }
            }
        }
        self.spread(s)?;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(S4, |model: &Self, state: &State| {
                let tip = &state.tip().view;
                (0_u8..).zip(&state.hosts).filter(|(host, _)| model.is_holder(*host)).all(|(host, it)| {
                    let own = model.identity(host);
                    !tip.is_gone(&own.id, own.incarnation) || it.quorum.standing() != Standing::InQuorum
                })
            }),
            Property::always("S2: death is for ever", |_, state: &State| {
                state.chain.windows(2).all(|pair| {
                    let (before, after) = (&pair[0].view, &pair[1].view);
                    before.gone.iter().all(|(id, gone)| after.is_gone(id, gone.incarnation))
                })
            }),
            Property::sometimes("somebody is in quorum", |model: &Self, state: &State| {
                let mut holders = (0_u8..).zip(&state.hosts).filter(|(host, _)| model.is_holder(*host));
                holders.any(|(_, it)| it.quorum.standing() == Standing::InQuorum)
            }),
            Property::sometimes("somebody is evicted", |_, state: &State| !state.tip().view.gone.is_empty()),
        ];
        if !self.scope.seals.is_empty() {
            properties.push(Property::sometimes("voters are changed", |model: &Self, state: &State| {
                state.tip().view.electorate.voters != voters(&model.scope.voters)
            }));
        }
        properties
    }
}

const S4: &str = "S4: whoever is evicted is not in quorum";

fn check(name: &str, scope: Scope) {
    holds(name, Leases::of(scope), None);
}

/// What may be too large to finish: cut after so many states, or else a few gigabytes of memory become many.
fn far(name: &str, scope: Scope) {
    holds(name, Leases::of(scope), Some(2_000_000));
}

fn mutant(mutant: Mutant, scope: Scope) {
    caught(&format!("{mutant:?}"), Leases::of(Scope { mutant: Some(mutant), ..scope }), S4);
}

fn one() -> Scope {
    Scope { voters: vec![1], disks: vec![1], ..Scope::default() }
}

fn two() -> Scope {
    Scope { voters: vec![1, 2], disks: vec![1, 2], ..Scope::default() }
}

#[test]
fn lease_plain() {
    check("lease, three voters", Scope::default());
    let again = Scope { restores: true, epochs: 4, ..one() };
    check("lease, one voter, restored", again.clone());
    mutant(Mutant::CertificateUnbound, again.clone());
    mutant(Mutant::ForgetsAtView, again.clone());
    if full() {
        check("lease, two voters, restored", Scope { voters: vec![1, 2], disks: vec![1, 2], ..again });
    }
}

#[test]
fn lease_restarts() {
    let restarts = Scope { restarts: true, slow_disks: true, ..two() };
    check("lease, two voters, restarts", restarts.clone());
    mutant(Mutant::CertifiesAtOnce, restarts.clone());
    mutant(Mutant::VolatileView, restarts);
    mutant(Mutant::RolledBack, Scope { restarts: true, ..Scope::default() });
    let set = Scope { restarts: true, vouch_for: vec![4, 2], epochs: 3, ..one() };
    check("lease, one voter, restarts, shorter vouchers", set.clone());
    mutant(Mutant::ForgetsLongest, set.clone());
    if full() {
        far(
            "lease, two voters, restarts, shorter vouchers",
            Scope { voters: vec![1, 2], disks: vec![1, 2], ..set },
        );
        far("lease, three voters, restarts", Scope { restarts: true, ..Scope::default() });
    }
}

#[test]
fn lease_lives() {
    let lives = Scope { suspects: vec![("x", 2)], ..two() };
    check("lease, an earlier life than the one suspected", lives.clone());
    mutant(Mutant::OldLifeForgotten, lives.clone());
    if full() {
        check("lease, two lives of a name", Scope { holders: vec![("x", 1), ("x", 2)], ..lives });
    }
}

#[test]
fn lease_clocks() {
    // The voters' clocks are as fast as rho allows, the holder's as slow.
    let drift = Scope { vouch_for: vec![4], rho: 1.0 / 3.0, rates: [(2, 2), (1, 1)], ..two() };
    check("lease, clocks drift apart", drift.clone());
    mutant(Mutant::WholeVoucher, drift);
    mutant(Mutant::FromArrival, Scope { late: true, ..two() });
    mutant(Mutant::ReadsTooEarly, two());
    // One of the voters' clocks is slewed far beyond rho.
    let slewed = Scope { rates: [(3, 1), (1, 1)], ..two() };
    check("lease, a voter's clock is slewed", slewed.clone());
    mutant(Mutant::VoterReadsBoot, slewed);
    // The holder's host sleeps half of the time.
    let asleep = Scope { vouch_for: vec![4], rates: [(2, 2), (2, 1)], ..two() };
    check("lease, the holder's host sleeps", asleep.clone());
    mutant(Mutant::HolderReadsRaw, asleep);
}

const THERE: &[&str] = &["seal", "change", "suspend", "evict"];
const THERE_SUSPENDED: &[&str] = &["suspend", "seal", "change", "evict"];
const THERE_MEANWHILE: &[&str] = &["seal", "suspend", "change", "evict"];
const THERE_AGAIN: &[&str] = &["seal", "unseal", "seal", "change", "suspend", "evict"];
const THERE_AND_BACK: &[&str] = &["seal", "change", "seal", "change", "suspend", "evict"];

/// Nothing is shared: the old voter's word is worth nothing after.
fn apart(order: &'static [&'static str]) -> Scope {
    replaced(&[1], &[2], order)
}

fn replaced(before: &[u8], after: &[u8], order: &'static [&'static str]) -> Scope {
    let mut disks = [before, after].concat();
    disks.sort_unstable();
    disks.dedup();
    let (voters, seals) = (before.to_vec(), vec![after.to_vec(), before.to_vec()]);
    let epochs = order.len() as u64;
    Scope { voters, disks, seals, epochs, order, unseals: true, vouch_for: vec![1], ..Scope::default() }
}

#[test]
fn voters_change() {
    check("change, one voter for another", apart(THERE));
    check("change, one voter for another, suspended before", apart(THERE_SUSPENDED));
    check("change, one voter for another, suspended meanwhile", apart(THERE_MEANWHILE));
    check("change, one voter and another", replaced(&[1], &[1, 2], THERE));
    check("change, one of two voters goes", replaced(&[1, 2], &[2], THERE));
    for wrong in [Mutant::ChangeAtOnce, Mutant::SealedByOne, Mutant::ElectorateUnbound] {
        mutant(wrong, apart(THERE));
    }
    mutant(Mutant::SealUnbound, apart(THERE_AGAIN));
}

#[test]
fn voters_change_further() {
    if !full() {
        return;
    }
    for order in [THERE_AGAIN, THERE_AND_BACK] {
        far(&format!("change, one voter for another, {order:?}"), apart(order));
    }
    for order in [THERE, THERE_SUSPENDED, THERE_MEANWHILE] {
        let restarts = Scope { restarts: true, ..apart(order) };
        far(&format!("change, one voter for another, restarts, {order:?}"), restarts);
        far(&format!("change, one of two voters, {order:?}"), replaced(&[1, 2], &[2, 3], order));
    }
    far("change, one of three voters", replaced(&[1, 2, 3], &[2, 3, 4], THERE));
}

#[test]
fn voters_hold() {
    let own = Scope { holders: vec![("v1", 1)], suspects: vec![("v1", 1)], ..Scope::default() };
    let suspects = vec![("v1", 1), ("v2", 1)];
    mutant(Mutant::Shrinks, Scope { epochs: 3, vouch_for: vec![1], suspects, ..own.clone() });
    // It goes, together with one that is cut off; both would still vouch for it.
    let moved = Scope { seals: vec![vec![3]], epochs: 4, order: THERE, vouch_for: vec![1], ..own.clone() };
    mutant(Mutant::SelfUnrecorded, moved.clone());
    check("lease, a voter holds", Scope { vouch_for: vec![1], ..own.clone() });
    if full() {
        check("lease, a voter holds, longer vouchers", own);
        far("change, a voter that holds goes", moved);
    }
}
