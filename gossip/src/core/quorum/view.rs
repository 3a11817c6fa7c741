//! The view: what a majority has decided, numbered.
//!
//! Lives here: the state itself and how one view follows from another. Flows in: a decided [`Delta`]. Flows out: the
//! next view, or why that delta cannot follow. Never here: time, messages, opinions, or who may propose what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::delta::{Delta, Subject};
use super::table::Table;
use crate::core::identity::{Identity, Incarnation, NodeId, StorageId};
use crate::hash;

/// The number of a view. Genesis is 0; each decision is one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Epoch(u64);

impl Epoch {
    /// The number of genesis.
    pub const GENESIS: Self = Self(0);
    /// The largest number that is believed of anybody.
    pub const MAX: Self = Self(1 << 48);

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next one; stays at [`Self::MAX`], which no honest cluster reaches.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(Self::MAX.0))
    }
}

impl TryFrom<u64> for Epoch {
    type Error = &'static str;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        if value <= Self::MAX.0 { Ok(Self(value)) } else { Err("epoch above 2^48") }
    }
}

impl From<Epoch> for u64 {
    fn from(epoch: Epoch) -> u64 {
        epoch.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one history of a cluster: the hash of its genesis, in the voters' order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenesisId(pub u64);

impl fmt::Display for GenesisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for GenesisId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.to_le_bytes().serialize(to)
    }
}

impl<'de> Deserialize<'de> for GenesisId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <[u8; 8]>::deserialize(from).map(|b| Self(u64::from_le_bytes(b)))
    }
}

/// The most voters of one electorate: a list of them fits one datagram.
pub const VOTERS_MAX: usize = 9;
/// The most suspensions in a view.
pub const SUSPENDED_MAX: usize = 64;
/// The most names in a view that are remembered as gone; beyond it an old one is forgotten, and its incarnation becomes the floor.
pub const GONE_MAX: usize = 512;
/// The most leases in a view.
pub const LEASES_MAX: usize = 128;

/// Voters: their disks, and the names of the nodes that own them.
pub type Voters = Table<StorageId, NodeId, VOTERS_MAX>;

/// How long a voter vouches, L_v: 50 ms to 10 min in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct VouchFor(u32);

impl VouchFor {
    /// The shortest.
    pub const MIN: Duration = Duration::from_millis(50);
    /// The longest.
    pub const MAX: Duration = Duration::from_secs(600);

    /// In whole milliseconds, cut at the ends of its range.
    pub fn clamped(length: Duration) -> Self {
        // The clamp keeps it below u32::MAX.
        Self(length.clamp(Self::MIN, Self::MAX).as_millis() as u32)
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        Duration::from_millis(u64::from(self.0))
    }
}

impl TryFrom<u32> for VouchFor {
    type Error = &'static str;

    fn try_from(ms: u32) -> Result<Self, Self::Error> {
        let length = Duration::from_millis(u64::from(ms));
        if (Self::MIN..=Self::MAX).contains(&length) {
            Ok(Self(ms))
        } else {
            Err("voucher outside 50 ms to 10 min")
        }
    }
}

impl From<VouchFor> for u32 {
    fn from(length: VouchFor) -> u32 {
        length.0
    }
}

/// Who decides: the voters, since which epoch they are this way, and who is to replace them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Electorate {
    /// The epoch of the last seal, unseal or change: what vouchers are bound to.
    pub since: Epoch,
    /// The voters, who decide the next view.
    pub voters: Voters,
    /// Once sealed: the voters to come.
    pub next: Option<Voters>,
}

impl Electorate {
    /// Whether this disk votes.
    pub fn votes(&self, storage: &StorageId) -> bool {
        self.voters.contains(storage)
    }

    /// Whether this disk vouches: as a voter, or as one to come.
    pub fn vouches(&self, storage: &StorageId) -> bool {
        self.votes(storage) || self.next.as_ref().is_some_and(|next| next.contains(storage))
    }

    /// Whether those for whom `says` is true are a majority of the voters and, once sealed, of the voters to come too.
    pub fn majority(&self, says: impl Fn(&StorageId) -> bool) -> bool {
        majority(&self.voters, &says) && self.next.as_ref().is_none_or(|next| majority(next, &says))
    }
}

/// Whether those for whom `says` is true are more than half.
pub fn majority(voters: &Voters, says: impl Fn(&StorageId) -> bool) -> bool {
    2 * voters.keys().filter(|&voter| says(voter)).count() > voters.len()
}

/// Why a life is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// It was evicted.
    Dead,
    /// It left, as it asked for.
    Left,
}

/// All lives of a name up to this incarnation are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gone {
    /// The highest incarnation that is.
    pub incarnation: Incarnation,
    /// How that one ended.
    pub cause: Cause,
    /// In which view that was decided.
    pub epoch: Epoch,
}

/// Voters that store this do not vouch for the name, up to this incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspension {
    /// The highest incarnation it is for.
    pub incarnation: Incarnation,
    /// The view that suspended it: what certificates are bound to.
    pub since: Epoch,
}

/// A name for a lease: 1 to 64 bytes of UTF-8 without control characters, as [`NodeId`]s are.
pub type LeaseName = NodeId;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// The process.
    pub owner: Identity,
    /// Which of its requests was granted.
    pub request: u64,
    /// The epoch that granted it, which is the fencing token.
    pub token: Epoch,
}

/// What a majority has decided so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// Its number.
    pub epoch: Epoch,
    /// Which history it belongs to.
    pub genesis: GenesisId,
    /// Who decides the next one.
    pub electorate: Electorate,
    /// How long vouchers are good for from now on.
    pub vouch_for: VouchFor,
    /// Whose lives are over.
    pub gone: Table<NodeId, Gone, GONE_MAX>,
    /// The highest incarnation that had to be dropped from `gone`: newcomers must be above it.
    pub floor: Option<Incarnation>,
    /// Whom voters do not vouch for.
    pub suspended: Table<NodeId, Suspension, SUSPENDED_MAX>,
    /// Who holds which lease.
    pub leases: Table<LeaseName, Grant, LEASES_MAX>,
}

/// Why a delta cannot follow a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inapplicable {
    /// It is in force already, or has been overtaken.
    Moot,
    /// Its subject, or owner, is suspended or gone.
    Barred,
    /// The lease is another's.
    Held,
    /// An earlier life of the one that leaves still owns a lease.
    EarlierLife,
    /// A voter cannot leave before it is replaced.
    Votes,
    /// There is no room for another entry.
    Full,
}

impl View {
    /// The first view of a history.
    pub fn genesis(id: GenesisId, voters: Voters, vouch_for: VouchFor) -> Self {
        Self {
            epoch: Epoch::GENESIS,
            genesis: id,
            electorate: Electorate { since: Epoch::GENESIS, voters, next: None },
            vouch_for,
            gone: Table::default(),
            floor: None,
            suspended: Table::default(),
            leases: Table::default(),
        }
    }

    /// Whether this life of a name is over. Death is downward closed: so are all before it.
    pub fn is_gone(&self, id: &NodeId, incarnation: Incarnation) -> bool {
        self.gone.get(id).is_some_and(|gone| incarnation <= gone.incarnation)
    }

    /// The suspension of this life, if there is one.
    pub fn suspension(&self, id: &NodeId, incarnation: Incarnation) -> Option<Suspension> {
        self.suspended.get(id).copied().filter(|s| incarnation <= s.incarnation)
    }

    /// Whether a voter that has stored this view may vouch for this life, and a lease may be granted to it.
    pub fn is_good(&self, id: &NodeId, incarnation: Incarnation) -> bool {
        !self.is_gone(id, incarnation) && self.suspension(id, incarnation).is_none()
    }

    /// The highest life of this name that owns a lease, if it is not this one, nor an earlier one: one name, one process, and so this
    /// one began without knowing how far its name has come (I2).
    pub fn outranks(&self, whom: &Identity) -> Option<&Identity> {
        let owners = self.leases.iter().map(|(_, grant)| &grant.owner).filter(|owner| owner.id == whom.id);
        let highest = owners.max_by_key(|owner| owner.incarnation)?;
        (highest.incarnation >= whom.incarnation && highest != whom).then_some(highest)
    }

    /// The fingerprint of all that it says. Each delta names its predecessor by it.
    pub fn hash(&self) -> u64 {
        hash::bytes(&crate::wire::pack(self))
    }

    /// The view after `delta`.
    ///
    /// # Errors
    ///
    /// [`Inapplicable`] if the delta cannot follow this view.
    pub fn after(&self, delta: &Delta) -> Result<Arc<Self>, Inapplicable> {
        let mut next = Self { epoch: self.epoch.next(), ..self.clone() };
        match delta {
            Delta::Suspend(subjects) => next.suspend(subjects.iter())?,
            Delta::Restore(subject) => next.restore(subject)?,
            Delta::Evict(subjects) => next.evict(subjects.iter())?,
            Delta::Acquire { lease, owner, request } => next.grant(lease, owner, *request)?,
            Delta::Release { lease, owner, token } => next.release(lease, owner, *token)?,
            Delta::Leave(subject) => next.leave(subject)?,
            Delta::Seal(voters) => next.seal(voters)?,
            Delta::Unseal => next.unseal(false)?,
            Delta::Change => next.unseal(true)?,
            Delta::SetVouch(length) if *length == self.vouch_for => return Err(Inapplicable::Moot),
            Delta::SetVouch(length) => next.vouch_for = *length,
        }
        Ok(Arc::new(next))
    }

    fn suspend<'a>(
        &mut self,
        subjects: impl Iterator<Item = (&'a NodeId, &'a Incarnation)>,
    ) -> Result<(), Inapplicable> {
        for (id, &incarnation) in subjects {
            if !self.is_good(id, incarnation) {
                return Err(Inapplicable::Moot);
            }
            let suspension = Suspension { incarnation, since: self.epoch };
            if !self.suspended.insert(id.clone(), suspension) {
                return Err(Inapplicable::Full);
            }
        }
        Ok(())
    }

    fn restore(&mut self, subject: &Subject) -> Result<(), Inapplicable> {
        let in_force = self.suspended.get(&subject.id).is_some_and(|s| s.incarnation == subject.incarnation);
        if !in_force {
            return Err(Inapplicable::Moot);
        }
        self.suspended.remove(&subject.id);
        Ok(())
    }

    fn evict<'a>(
        &mut self,
        subjects: impl Iterator<Item = (&'a NodeId, &'a Incarnation)>,
    ) -> Result<(), Inapplicable> {
        for (id, &incarnation) in subjects {
            if self.suspended.get(id).is_none_or(|s| s.incarnation != incarnation) {
                return Err(Inapplicable::Moot);
            }
            self.bury(id, incarnation, Cause::Dead);
        }
        Ok(())
    }

    fn leave(&mut self, subject: &Subject) -> Result<(), Inapplicable> {
        let Subject { id, incarnation } = subject;
        if self.is_gone(id, *incarnation) {
            return Err(Inapplicable::Moot);
        }
        let votes = |voters: &Voters| voters.iter().any(|(_, name)| name == id);
        if votes(&self.electorate.voters) || self.electorate.next.as_ref().is_some_and(votes) {
            return Err(Inapplicable::Votes);
        }
        let earlier = |grant: &Grant| grant.owner.id == *id && grant.owner.incarnation < *incarnation;
        if self.leases.iter().any(|(_, grant)| earlier(grant)) {
            return Err(Inapplicable::EarlierLife);
        }
        self.bury(id, *incarnation, Cause::Left);
        Ok(())
    }

    /// Ends all lives of a name up to this one, and with them their suspension and their leases.
    fn bury(&mut self, id: &NodeId, incarnation: Incarnation, cause: Cause) {
        if self.suspended.get(id).is_some_and(|s| s.incarnation <= incarnation) {
            self.suspended.remove(id);
        }
        self.leases.retain(|_, grant| grant.owner.id != *id || grant.owner.incarnation > incarnation);
        if self.gone.is_full() && !self.gone.contains(id) {
            self.raise_floor();
        }
        let gone = Gone { incarnation, cause, epoch: self.epoch };
        let fits = self.gone.insert(id.clone(), gone);
        debug_assert!(fits, "the floor made room");
    }

    /// Forgets, of the older half of all ends on record, the one of the lowest life; from now on newcomers must be above that. The
    /// floor rises each time, so that whoever has seen it at some height knows of all who were forgotten by then. The newer half is
    /// kept, whatever its lives: of an end that were forgotten soon, those who missed it would hear again as of one who lives.
    fn raise_floor(&mut self) {
        let mut by_age: Vec<_> =
            self.gone.iter().map(|(id, gone)| (gone.epoch, gone.incarnation, id)).collect();
        by_age.sort_unstable();
        let older = &by_age[..by_age.len().div_ceil(2)];
        let lowest = older.iter().min_by_key(|(epoch, incarnation, _)| (*incarnation, *epoch));
        let Some((incarnation, id)) = lowest.map(|&(_, incarnation, id)| (incarnation, id.clone())) else {
            return;
        };
        self.gone.remove(&id);
        self.floor = self.floor.map(Incarnation::next).max(Some(incarnation));
    }

    fn grant(&mut self, lease: &LeaseName, owner: &Identity, request: u64) -> Result<(), Inapplicable> {
        if !self.is_good(&owner.id, owner.incarnation) {
            return Err(Inapplicable::Barred);
        }
        if self.leases.contains(lease) {
            return Err(Inapplicable::Held);
        }
        let grant = Grant { owner: owner.clone(), request, token: self.epoch };
        if self.leases.insert(lease.clone(), grant) { Ok(()) } else { Err(Inapplicable::Full) }
    }

    fn release(&mut self, lease: &LeaseName, owner: &Identity, token: Epoch) -> Result<(), Inapplicable> {
        if self.leases.get(lease).is_none_or(|grant| grant.owner != *owner || grant.token != token) {
            return Err(Inapplicable::Moot);
        }
        self.leases.remove(lease);
        Ok(())
    }

    fn seal(&mut self, voters: &Voters) -> Result<(), Inapplicable> {
        if self.electorate.next.is_some() || *voters == self.electorate.voters || voters.is_empty() {
            return Err(Inapplicable::Moot);
        }
        self.electorate.since = self.epoch;
        self.electorate.next = Some(voters.clone());
        Ok(())
    }

    fn unseal(&mut self, change: bool) -> Result<(), Inapplicable> {
        let next = self.electorate.next.take().ok_or(Inapplicable::Moot)?;
        self.electorate.since = self.epoch;
        if change {
            self.electorate.voters = next;
        }
        Ok(())
    }
}
