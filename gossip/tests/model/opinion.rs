//! What it takes to suspend somebody (D1, S3): fresh answers of a majority, each to the question of whoever proposes.
//!
//! One real voter asks, and all three answer with what they think at that moment, which changes whenever it likes. Questions and
//! answers arrive late, twice, or never. A suspension may be proposed only if a majority has suspected within the time that
//! answers count.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{
    Durable, Envelope, Founders, Message, Output, Quorum, Recipient, Settings, Start, Subject, Voters,
    VouchFor,
};
use gossip::wire::Tag;
use gossip::{BootId, Identity, Incarnation, NodeId, Now, Opinion, StorageId};
use stateright::{Model, Property};

use super::explore::{caught, full, holds, key};
use super::stubs::{NOTHING, Sees, Wish};

const VOTERS: u8 = 3;
const TICK: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(3600);

fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

/// What is thought at a moment; nothing by whoever only looks at the clock. Somebody always doubts enough to ask.
fn thinks(opinion: Option<Opinion>) -> Sees<'static> {
    Sees { opinion, suspect: Some(Subject { id: name("x"), incarnation: Incarnation::FIRST }), ..NOTHING }
}

fn disk(of: u8) -> StorageId {
    StorageId([of + 1; 16])
}

#[derive(Clone)]
struct State {
    ticks: u32,
    hosts: Vec<Arc<Quorum<Wish>>>,
    /// How many ticks ago each voter last suspected.
    since: [Option<u32>; VOTERS as usize],
    asked: BTreeSet<u32>,
    /// Who answered which question how.
    answered: BTreeSet<(u8, u32, Opinion)>,
    proposed: bool,
    unfounded: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        (self.ticks, self.since, &self.asked, &self.answered).hash(into);
        (self.proposed, self.unfounded).hash(into);
        self.hosts.iter().for_each(|host| host.gist(into));
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?} {:?}", self.ticks, self.since, self.asked, self.answered)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Tick,
    /// A voter hears a question, and this is what it thinks at that moment.
    Ask(u8, u32, Opinion),
    Answer(u8, u32, Opinion),
}

#[derive(Debug)]
struct Opinions {
    ticks: u32,
    /// An answer to an earlier question counts for the present one.
    remembers: bool,
    /// An answer counts for whoever passes it on, too.
    relays: bool,
}

impl Opinions {
    /// Answers count for so many ticks.
    const FRESH: u32 = 1;

    fn start(host: u8) -> Quorum<Wish> {
        let mut voters = Voters::default();
        for n in 0..VOTERS {
            assert!(voters.insert(disk(n), name(&format!("v{n}"))));
        }
        let vouch_for = VouchFor::clamped(VouchFor::MIN);
        let founders = Founders { voters, vouch_for };
        let settings = Settings {
            founders: Vec::new(),
            vouch_for,
            rho: 0.0,
            margin: Duration::ZERO,
            interval: TICK,
            ballot_timeout: Duration::ZERO,
            answer_max: Self::FRESH * TICK,
            deaf_after: Duration::MAX,
        };
        let (storage, incarnation) = (disk(host), Incarnation::FIRST);
        let identity =
            Identity { id: name(&format!("v{host}")), storage, incarnation, boot: BootId([host; 16]) };
        let found =
            Durable { view: Some(Arc::new(founders.view())), founders: Some(founders), ..Durable::default() };
        Quorum::new(START.into(), Start { identity, settings, found, register: Wish::default(), rng_seed: 0 })
    }

    fn act(
        state: &mut State,
        host: u8,
        opinion: Option<Opinion>,
        act: impl FnOnce(&mut Quorum<Wish>, Now, &Sees<'_>),
    ) {
        let at = usize::from(host);
        let mut quorum = (*state.hosts[at]).clone();
        act(&mut quorum, Now::from(START + state.ticks * TICK), &thinks(opinion));
        while let Some(output) = quorum.poll_output() {
            match output {
                Output::Send { message: Message::Ask { question, .. }, .. } => {
                    state.asked.insert(question);
                }
                Output::Send { message: Message::Answer { question, opinion, .. }, .. } => {
                    state.answered.insert((host, question, opinion));
                }
                _ => {}
            }
        }
        if !state.proposed && quorum.register().0.is_some() {
            state.proposed = true;
            let recent = state.since.iter().filter(|since| since.is_some_and(|ago| ago <= Self::FRESH));
            state.unfounded = 2 * recent.count() <= usize::from(VOTERS);
        }
        state.hosts[at] = Arc::new(quorum);
    }

    fn tell(state: &mut State, host: u8, opinion: Option<Opinion>, from: u8, message: Message) {
        let genesis = state.hosts[0].view().unwrap().genesis;
        let envelope = Envelope { genesis, from: disk(from), message };
        let sender = Recipient::Sender(SocketAddr::from(([127, 0, 0, 1], 1)), Tag::default());
        Self::act(state, host, opinion, |quorum, now, thinks| {
            quorum.handle_message(now, thinks, sender, &envelope);
        });
    }
}

impl Model for Opinions {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ticks: 0,
            hosts: (0..VOTERS).map(|host| Arc::new(Self::start(host))).collect(),
            since: [None; VOTERS as usize],
            asked: BTreeSet::default(),
            answered: BTreeSet::default(),
            proposed: false,
            unfounded: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.proposed {
            return;
        }
        if state.ticks < self.ticks {
            actions.push(Action::Tick);
        }
        for host in 0..VOTERS {
            for opinion in [Opinion::Suspect, Opinion::Trust] {
                actions.extend(state.asked.iter().map(|&question| Action::Ask(host, question, opinion)));
            }
        }
        for &(host, question, opinion) in &state.answered {
            let says = |by: &u8| self.relays || *by == host;
            actions.extend((0..VOTERS).filter(says).map(|by| Action::Answer(by, question, opinion)));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        let subject = Subject { id: name("x"), incarnation: Incarnation::FIRST };
        match action {
            Action::Tick => {
                s.ticks += 1;
                for at in 0..usize::from(VOTERS) {
                    // Older than what counts is as good as never.
                    s.since[at] = s.since[at].map(|ago| ago + 1).filter(|&ago| ago <= Self::FRESH);
                }
                Self::act(s, 0, None, |quorum, now, thinks| quorum.handle_timeout(now, thinks));
            }
            Action::Ask(host, question, opinion) => {
                if opinion == Opinion::Suspect {
                    s.since[usize::from(host)] = Some(0);
                }
                Self::tell(s, host, Some(opinion), 0, Message::Ask { question, subject });
            }
            Action::Answer(from, mut question, opinion) => {
                if self.remembers {
                    question = *s.asked.last()?;
                }
                Self::tell(s, 0, None, from, Message::Answer { question, subject, opinion });
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(S3, |_, state: &State| !state.unfounded),
            Property::sometimes("a suspension is proposed", |_, state: &State| state.proposed),
        ]
    }
}

const S3: &str = "S3: whoever is suspended was suspected by a majority lately";

#[test]
fn opinions() {
    let ticks = if full() { 3 } else { 2 };
    holds("opinions", Opinions { ticks, remembers: false, relays: false }, None);
    caught("remembered answers", Opinions { ticks: 3, remembers: true, relays: false }, S3);
    caught("relayed answers", Opinions { ticks, remembers: false, relays: true }, S3);
}
