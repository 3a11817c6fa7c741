//! What can happen next, and what comes of it.

use std::fmt;
use std::sync::Arc;

use gossip::core::quorum::{Durable, Message, Recipient};
use gossip::wire::Tag;
use stateright::{Model, Property};

use super::actors::Epochs;
use super::names::{CALM, NOW, VOTERS, addr};
use super::state::{Host, Packet, State};

#[derive(Clone, PartialEq)]
pub enum Action {
    Deliver(Arc<Packet>),
    /// What this voter has begun to write is on the disk.
    Written(u8),
    /// A timer of this voter runs out.
    Timeout(u8),
    /// It crashes and starts again: from what the disk had, or from what it was being given.
    Crash(u8, bool),
    /// It loses its disk, and starts again as another.
    Wipe(u8),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(packet) => {
                write!(f, "{} > {}: {:?}", packet.from, packet.to, packet.envelope.message)
            }
            Self::Written(host) => write!(f, "{host} has written"),
            Self::Timeout(host) => write!(f, "{host} wakes"),
            Self::Crash(host, newest) => write!(f, "{host} crashes, newest: {newest}"),
            Self::Wipe(host) => write!(f, "{host} loses its disk"),
        }
    }
}

impl Model for Epochs {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let founders = Self::founders();
        let found =
            Durable { view: Some(Arc::new(founders.view())), founders: Some(founders), ..Durable::default() };
        let hosts =
            (0..VOTERS).map(|n| Host::of(Self::start(n, n + 1, 1, found.clone()), 1, n + 1)).collect();
        let mut state = State {
            hosts,
            net: vec![],
            crashes: 0,
            wiped: false,
            decided: vec![],
            split: false,
            hollow: false,
        };
        for &host in &self.0.asked {
            self.ask(&mut state, host, &format!("L{host}"));
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.net.iter().cloned().map(Action::Deliver));
        for (host, it) in (0_u8..).zip(&state.hosts) {
            let writing = it.is_writing();
            if writing {
                actions.push(Action::Written(host));
            }
            if self.0.timers {
                actions.push(Action::Timeout(host));
            }
            if state.crashes < self.0.crashes {
                actions.push(Action::Crash(host, false));
                if writing {
                    actions.push(Action::Crash(host, true));
                }
            }
        }
        if self.0.wipes && !state.wiped {
            actions.push(Action::Wipe(2));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        match action {
            Action::Deliver(packet) => {
                let from = Recipient::Sender(addr(packet.from), Tag::default());
                self.act(s, packet.to, |quorum| {
                    quorum.handle_message(NOW.into(), &CALM, from, &packet.envelope);
                });
            }
            Action::Written(host) => {
                let it = &mut s.hosts[usize::from(host)];
                if let Some((_, given)) = it.disk.clone() {
                    let quorum = (*it.quorum).clone();
                    *it = Host::on(Some((given.clone(), given)), quorum, it.incarnation, it.storage);
                    return Some(state);
                }
                self.act(s, host, |quorum| quorum.handle_written(NOW.into(), &CALM, true));
            }
            Action::Timeout(host) => {
                self.act(s, host, |quorum| quorum.handle_timeout(NOW.into(), &CALM));
            }
            Action::Crash(host, newest) => self.crash(s, host, newest)?,
            Action::Wipe(host) => {
                let (storage, found) = (host + 41, Durable::default());
                s.hosts[usize::from(host)] = Host::of(Self::start(host, storage, 1, found), 1, storage);
                s.wiped = true;
            }
        }
        (state != *last).then_some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        let new = |packet: &Arc<Packet>| Self::rounds(&packet.envelope.message) <= self.0.rounds;
        // What follows the last epoch is not looked at.
        let within = |packet: &Arc<Packet>| match packet.envelope.message {
            Message::Register { base, .. } => base.get() < self.0.epochs,
            _ => true,
        };
        state.decided.len() as u64 <= self.0.epochs && state.net.iter().all(|p| new(p) && within(p))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.claims()
    }
}
