//! All checkers together, in the order in which they are asked.

use gossip::Event;

use super::Nanos;
use super::bounds::{FewDatagrams, FewSuspensions};
use super::check::{Check, HonestOpinions, OwnPause, OwnerWrites};
use super::decided::{NoTwoInQuorum, OneHistory, SuspectedByMajority};
use super::observed::SuspectedByObservers;
use super::told::SameOrder;
use super::world::World;

#[derive(Debug, Clone)]
pub struct Checks {
    owner_writes: OwnerWrites,
    honest_opinions: HonestOpinions,
    own_pause: OwnPause,
    one_history: OneHistory,
    no_two_in_quorum: NoTwoInQuorum,
    suspected_by_majority: SuspectedByMajority,
    suspected_by_observers: SuspectedByObservers,
    same_order: SameOrder,
    few_datagrams: FewDatagrams,
    few_suspensions: FewSuspensions,
}

impl Checks {
    pub fn new(interval: Nanos) -> Self {
        Self {
            owner_writes: OwnerWrites::default(),
            honest_opinions: HonestOpinions::default(),
            own_pause: OwnPause::new(interval),
            one_history: OneHistory::default(),
            no_two_in_quorum: NoTwoInQuorum::default(),
            suspected_by_majority: SuspectedByMajority::default(),
            suspected_by_observers: SuspectedByObservers::default(),
            same_order: SameOrder::default(),
            few_datagrams: FewDatagrams::default(),
            few_suspensions: FewSuspensions::default(),
        }
    }
}

impl Check for Checks {
    fn after(&mut self, world: &World, host: usize, events: &[Event]) -> Result<(), String> {
        let all: [&mut dyn Check; 10] = [
            &mut self.owner_writes,
            &mut self.honest_opinions,
            &mut self.own_pause,
            &mut self.one_history,
            &mut self.no_two_in_quorum,
            &mut self.suspected_by_majority,
            &mut self.suspected_by_observers,
            &mut self.same_order,
            &mut self.few_datagrams,
            &mut self.few_suspensions,
        ];
        all.into_iter().try_for_each(|check| check.after(world, host, events))
    }
}
