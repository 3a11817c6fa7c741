//! What must never be seen, and what must be.

use gossip::StorageId;
use gossip::core::quorum::Message;
use stateright::Property;

use super::actors::Epochs;
use super::state::{Host, State};

pub const S1: &str = "S1: no two views of one epoch";
pub const S9: &str = "S9: what is decided is on the disks of a majority";

impl Epochs {
    pub fn claims(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(S1, |_, state: &State| !state.split && state.keeps_what_is_chosen()),
            Property::always(S9, |model: &Self, state: &State| {
                // The mutants of S1 would often be caught here before they have done what they are meant to show.
                model.0.mutant.is_some_and(|mutant| mutant.breaks() != S9) || !state.hollow
            }),
            Property::sometimes("all that may be is decided", |model: &Self, state: &State| {
                state.decided.len() as u64 == model.0.epochs
            }),
            Property::sometimes("everybody knows", |model: &Self, state: &State| {
                let known = |host: &Host| host.quorum.view().map(|v| v.epoch.get()) == Some(model.0.epochs);
                state.hosts.iter().filter(|host| known(host)).count() >= 3
            }),
        ];
        if self.0.wipes {
            properties.push(Property::always(
                "S7: whoever lost its disk says nothing",
                |_, state: &State| {
                    let lost = StorageId([43; 16]);
                    state.net.iter().all(|packet| {
                        packet.envelope.from != lost
                            || !matches!(packet.envelope.message, Message::Register { .. })
                    })
                },
            ));
        }
        properties
    }
}
