//! What a lease is for: its first holder looks at it and then uses it, whoever is granted it next does too, and a resource
//! has a real gate.
//!
//! The first holder may be stopped for as long as it likes between the two. The next one uses the resource in the moment in
//! which its grant is decided: none that is real could be earlier. Nobody is told of that grant, since nothing depends on it
//! any more.

use std::hash::{Hash, Hasher};

use fencing_gate::{FencingGate, Token};
use gossip::core::quorum::{Delta, Epoch, GenesisId, Standing, Wanted};
use gossip::{BootId, Identity, LeaseName, StorageId};
use stateright::Property;

use super::actors::Leases;
use super::mutants::Mutant;
use super::names::{life, name};
use super::state::State;

pub const T3: &str = "T3: nobody uses the resource after a later holder";
/// No quorum would refuse its own grant, but for a token that is not above all earlier ones.
const TOKENS: &str = "S5: the gate lets in whoever is granted the lease";
pub const S5: &str = "S5: whoever is granted it is the only one that holds it";
const LEASE: &str = "lease";

fn lease() -> LeaseName {
    name(LEASE)
}

/// Who asks for the lease as soon as it is free.
fn heir() -> Identity {
    Identity { id: name("y"), storage: StorageId::default(), incarnation: life(1), boot: BootId([255; 16]) }
}

/// The resource, and the first holder on its way to it.
#[derive(Debug, Clone)]
pub struct Resource {
    gate: FencingGate,
    genesis: GenesisId,
    /// What the first holder is about to use.
    pending: Option<Epoch>,
    /// The highest token with which the resource was used, and whether one came after a higher one.
    used: Epoch,
    overtaken: bool,
    /// The token of the next one, and whether the gate refused it.
    next: Option<Epoch>,
    refused: bool,
}

impl Hash for Resource {
    fn hash<H: Hasher>(&self, into: &mut H) {
        (self.pending, self.used, self.overtaken, self.next, self.refused).hash(into);
    }
}

impl Resource {
    /// It has been used with this token.
    fn new(genesis: GenesisId, used: Epoch) -> Self {
        let gate = FencingGate::new(genesis.0, LEASE).unwrap();
        let mut resource =
            Self { gate, genesis, pending: None, used, overtaken: false, next: None, refused: false };
        resource.used_with(used, true);
        resource
    }

    /// Whether the gate let it in.
    fn used_with(&mut self, token: Epoch, gated: bool) -> bool {
        let admitted = self.gate.admit(self.genesis.0, LEASE, Token::from(token.get())).is_ok();
        if admitted || !gated {
            self.overtaken |= self.used > token;
            self.used = self.used.max(token);
        }
        admitted
    }
}

impl Leases {
    /// The only holder that is a process of its own.
    fn first_holder(&self) -> u8 {
        self.scope.disks.len() as u8
    }

    /// Everybody vouches for the first holder, it asks, it is granted the lease, and all have heard of it.
    pub fn grant(&self, state: &mut State) -> Option<()> {
        let holder = self.first_holder();
        for voter in 0..holder {
            self.hear(state, voter, holder, 0)?;
        }
        for parcel in state.parcels.clone() {
            self.count(state, parcel);
        }
        self.act(state, holder, |quorum| assert!(quorum.acquire(&lease())));
        let Wanted::Grant { request } = self.wanted(state)? else { return None };
        self.decide(
            state,
            &Delta::Acquire { lease: lease(), owner: self.identity(holder).clone(), request },
        )?;
        for host in 0..=holder {
            self.learn(state, host)?;
            self.written(state, host);
        }
        state.resource = Some(Resource::new(state.tip().view.genesis, self.held(state)?));
        Some(())
    }

    fn wanted(&self, state: &State) -> Option<Wanted> {
        let holder = &state.hosts[usize::from(self.first_holder())];
        holder.quorum.leases().next().map(|(_, wanted)| wanted)
    }

    fn held(&self, state: &State) -> Option<Epoch> {
        let quorum = &state.hosts[usize::from(self.first_holder())].quorum;
        match self.wanted(state) {
            Some(Wanted::Return { token, .. }) if self.scope.mutant == Some(Mutant::Revives) => {
                (quorum.standing() == Standing::InQuorum).then_some(token)
            }
            _ => quorum.holds(&lease()),
        }
    }

    /// The first holder's wish to give the lease back, once it has that.
    pub fn wish(&self, state: &State) -> Option<Delta> {
        state.resource.as_ref()?;
        let Wanted::Return { token, .. } = self.wanted(state)? else { return None };
        let owner = self.identity(self.first_holder()).clone();
        Some(Delta::Release { lease: lease(), owner, token })
    }

    /// The first holder looks at what it holds.
    pub fn look(&self, state: &mut State) -> Option<()> {
        let held = self.held(state)?;
        state.resource.as_mut()?.pending = Some(held);
        Some(())
    }

    /// It uses what it looked at.
    pub fn use_looked_at(&self, state: &mut State) -> Option<()> {
        let resource = state.resource.as_mut()?;
        let token = resource.pending.take()?;
        resource.used_with(token, self.scope.mutant != Some(Mutant::NoGate));
        Some(())
    }

    /// The lease is free, somebody else is granted it, and uses it.
    pub fn grant_next(&self, state: &mut State) -> Option<()> {
        let tip = state.tip().view.clone();
        let resource = state.resource.as_mut().filter(|resource| resource.next.is_none())?;
        let delta = Delta::Acquire { lease: lease(), owner: heir(), request: 1 };
        let token = tip.after(&delta).ok()?.leases.get(&lease())?.token;
        resource.next = Some(token);
        resource.refused = !resource.used_with(token, true);
        Some(())
    }

    pub fn claims_of_holders(&self) -> Vec<Property<Self>> {
        if !self.scope.resource {
            return Vec::new();
        }
        vec![
            Property::always(S5, |model: &Self, state: &State| {
                state.resource.as_ref().is_none_or(|r| r.next.is_none()) || model.held(state).is_none()
            }),
            Property::always(T3, |_, state: &State| state.resource.as_ref().is_none_or(|r| !r.overtaken)),
            Property::always(TOKENS, |_, state: &State| state.resource.as_ref().is_none_or(|r| !r.refused)),
            Property::sometimes("a use comes too late", |_, state: &State| {
                state.resource.as_ref().is_some_and(|r| r.pending.is_some_and(|pending| pending < r.used))
            }),
        ]
    }
}
