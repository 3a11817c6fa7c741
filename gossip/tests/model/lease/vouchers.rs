//! How vouchers are given, age and arrive, as time passes.

use std::time::Duration;

use gossip::core::quorum::{Epoch, Moment};

use super::actors::{Leases, SUSPICIOUS};
use super::mutants::Mutant;
use super::names::{UNIT, later, life, name};
use super::state::{Parcel, State};

impl Leases {
    pub fn hear(&self, state: &mut State, voter: u8, holder: u8, age: u32) -> Option<()> {
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

    pub fn count(&self, state: &mut State, parcel: Parcel) {
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
    pub fn ages(&self, holder: u8) -> u32 {
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

    pub fn tick(&self, state: &mut State) {
        for host in 0..state.hosts.len() as u8 {
            let at = usize::from(host);
            let now = later(state.hosts[at].now, self.rate(host));
            state.hosts[at].now = now;
            self.act(state, host, |quorum| quorum.handle_timeout(now, &SUSPICIOUS));
        }
        let aged = state.parcels.iter().map(|parcel| Parcel { age: parcel.age + 1, ..*parcel });
        state.parcels = aged.filter(|parcel| parcel.age < self.fresh(parcel.holder)).collect();
    }
}
