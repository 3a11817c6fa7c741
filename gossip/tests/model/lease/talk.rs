//! How what voters say reaches whom it concerns.

use gossip::core::quorum::Message;

use super::actors::Leases;
use super::mutants::Mutant;
use super::state::{Host, Said, State};

impl Leases {
    /// Everything said reaches everybody whom it concerns, as soon as it does.
    ///
    /// Nothing is lost by that: certificates only add to what may be proposed, and what is proposed need not be decided.
    pub fn spread(&self, state: &mut State) -> Option<()> {
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
    pub fn concerns(&self, host: &Host, said: &Said, evictable: bool) -> bool {
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
