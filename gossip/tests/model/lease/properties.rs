//! What must never be seen, and what must be.

use gossip::core::quorum::Standing;
use stateright::Property;

use super::actors::Leases;
use super::names::voters;
use super::state::State;

pub const S4: &str = "S4: whoever is evicted is not in quorum";

impl Leases {
    pub fn claims(&self) -> Vec<Property<Self>> {
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
        properties.extend(self.claims_of_holders());
        if !self.scope.seals.is_empty() {
            properties.push(Property::sometimes("voters are changed", |model: &Self, state: &State| {
                state.tip().view.electorate.voters != voters(&model.scope.voters)
            }));
        }
        properties
    }
}
