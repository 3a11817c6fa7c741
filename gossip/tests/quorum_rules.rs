//! One quorum's state machine by itself, on a disk that takes its time. Each test is an execution that once broke it, or that
//! would if a rule were taken out.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use gossip::core::quorum::{
    Delta, Durable, Envelope, Founders, Message, Output, Quorum, Recipient, Settings, Sighting, Start,
    Subject, Subjects, View, Voters, VouchFor, Wanted, Wish, Witness,
};
use gossip::core::register::Paxos;
use gossip::wire::{Ballot, Key, RegisterMessage, Round};
use gossip::{
    BootId, Epoch, Event, GenesisId, Identity, Incarnation, LeaseName, LeaseState, NodeId, Now, Opinion,
    Standing, StorageId,
};

const MS: Duration = Duration::from_millis(1);

fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a name")
}

fn disk(number: u8) -> StorageId {
    StorageId([number; 16])
}

fn life(number: u64) -> Incarnation {
    Incarnation::new(number).expect("in range")
}

fn settings() -> Settings {
    Settings {
        founders: Vec::new(),
        vouch_for: VouchFor::clamped(1000 * MS),
        rho: 1e-3,
        margin: 10 * MS,
        interval: 100 * MS,
        ballot_timeout: 200 * MS,
        answer_max: 800 * MS,
        deaf_after: 2000 * MS,
    }
}

fn voters(list: [(u8, &str); 3]) -> Voters {
    let mut voters = Voters::default();
    for (number, name) in list {
        assert!(voters.insert(disk(number), id(name)));
    }
    voters
}

fn genesis() -> View {
    View::genesis(GenesisId(7), voters([(1, "a"), (2, "b"), (3, "c")]), VouchFor::clamped(1000 * MS))
}

/// What a node observes: one subject, or nobody.
#[derive(Default)]
struct Sees {
    whom: Option<(Subject, Opinion)>,
    heard: Vec<Identity>,
    /// Who observes everybody else.
    observers: Vec<Key>,
}

impl Witness for Sees {
    fn sight(&self, subject: &Subject) -> Option<Sighting> {
        let (whom, opinion) = self.whom.as_ref()?;
        (whom.id == subject.id).then_some(Sighting {
            opinion: *opinion,
            outlived: subject.incarnation < whom.incarnation,
            deaf: false,
            isolated: false,
        })
    }

    fn suspects(&self) -> Vec<Subject> {
        self.whom
            .iter()
            .filter(|(_, opinion)| *opinion == Opinion::Suspect)
            .map(|(whom, _)| whom.clone())
            .collect()
    }

    fn trusts(&self, _: &NodeId) -> bool {
        true
    }

    fn identity(&self, name: &NodeId) -> Option<Identity> {
        self.heard.iter().find(|identity| identity.id == *name).cloned()
    }

    fn observers(&self, _: &Subject) -> Vec<Key> {
        self.observers.clone()
    }
}

struct Bench {
    quorum: Quorum,
    now: Duration,
    sees: Sees,
    chain: View,
}

impl Bench {
    fn new(name: &str, number: u8, incarnation: u64) -> Self {
        let identity = Identity {
            id: id(name),
            storage: disk(number),
            incarnation: life(incarnation),
            boot: BootId([9; 16]),
        };
        let now = 1000 * MS;
        let chain = genesis();
        let found = Durable {
            view: Some(chain.clone().into()),
            vouch_for_max: Some(chain.vouch_for),
            ..Durable::default()
        };
        let start =
            Start { identity, settings: settings(), found, register: Paxos::new(200 * MS), rng_seed: 1 };
        Self { quorum: Quorum::new(Now::from(now), start), now, sees: Sees::default(), chain }
    }

    fn hear(&mut self, from: u8, message: Message) {
        let envelope = Envelope { genesis: self.chain.genesis, from: disk(from), message };
        let sender = Recipient::Voter(disk(from));
        self.quorum.handle_message(Now::from(self.now), &self.sees, sender, &envelope);
    }

    /// The first voter says something of the register, as of the newest view.
    fn hear_register(&mut self, message: RegisterMessage) {
        let (base, hash) = (self.chain.epoch, self.chain.hash());
        self.hear(1, Message::Register { base, hash, message });
    }

    /// The next decision arrives; the disk has not answered yet.
    fn learn(&mut self, delta: Delta) {
        let (epoch, before) = (self.chain.epoch.next(), self.chain.hash());
        self.chain = View::clone(&self.chain.after(&delta).expect("applicable"));
        self.hear(1, Message::Decided { epoch, before, delta });
    }

    fn write(&mut self, good: bool) {
        while self.quorum.poll_write().is_some() {
            self.quorum.handle_written(Now::from(self.now), &self.sees, good);
        }
    }

    fn wait(&mut self, length: Duration) {
        self.now += length;
        self.quorum.handle_timeout(Now::from(self.now), &self.sees);
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.quorum.poll_output()).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        let event = |output| if let Output::Event(event) = output { Some(event) } else { None };
        self.outputs().into_iter().filter_map(event).collect()
    }

    /// Whoever drives a state machine calls it until nothing is due: something that stays due is an endless loop.
    fn assert_at_rest(&self) {
        let due = self.quorum.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "due at {due:?}, and it is {:?} already", self.now);
    }

    /// Vouchers from all voters for a message sent just now.
    fn vouched(&mut self) {
        let (since, length) = (self.chain.electorate.since, self.chain.vouch_for);
        for number in 1..=3 {
            self.quorum.handle_voucher(disk(number), since, length, Now::from(self.now).into());
        }
        assert_eq!(self.quorum.standing(), Standing::InQuorum);
    }

    fn owner(&self) -> Identity {
        Identity { id: id("x"), storage: disk(8), incarnation: life(1), boot: BootId([9; 16]) }
    }

    fn grant(&mut self, request: u64) {
        let owner = self.owner();
        self.learn(Delta::Acquire { lease: lease(), owner, request });
        self.write(true);
    }
}

fn lease() -> LeaseName {
    id("lease")
}

/// The lowest that the first voter can have.
fn first_ballot() -> Ballot {
    Ballot { round: Round::default().next().expect("not the last"), proposer: disk(1), incarnation: life(1) }
}

fn subject(name: &str, incarnation: u64) -> Subject {
    Subject { id: id(name), incarnation: life(incarnation) }
}

fn subjects(name: &str, incarnation: u64) -> Subjects {
    let mut subjects = Subjects::default();
    assert!(subjects.insert(id(name), life(incarnation)));
    subjects
}

#[test]
fn a_follower_is_at_rest_during_a_seal() {
    let mut follower = Bench::new("x", 8, 1);
    let mut next = Voters::default();
    assert!(next.insert(disk(4), id("d")));
    follower.learn(Delta::Seal(next));
    follower.write(true);
    follower.wait(MS);
    follower.assert_at_rest();
}

#[test]
fn a_voter_is_at_rest_while_a_slow_disk_takes_the_next_view() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Suspend(subjects("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta: delta.clone() });
    voter.write(true);
    voter.learn(delta);
    assert!(voter.quorum.poll_write().is_some());
    voter.wait(3000 * MS);
    voter.assert_at_rest();
}

#[test]
fn a_voter_is_at_rest_after_a_restoration_it_does_not_agree_with() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    // Its start's amnesty is over; it vouches for the node that it is about to suspect.
    voter.wait(2000 * MS);
    let whom = voter.owner();
    assert!(voter.quorum.vouch(&whom, Now::from(voter.now).into()).is_some());
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter.wait(MS);
    voter.learn(Delta::Restore(subject("x", 1)));
    voter.write(true);
    voter.wait(2000 * MS);
    voter.assert_at_rest();
}

#[test]
fn a_failed_write_is_reported() {
    let mut voter = Bench::new("b", 2, 1);
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    voter.write(false);
    let outputs = voter.outputs();
    assert!(outputs.contains(&Output::Event(Event::StorageFailed)), "{outputs:?}");
    let promised = |output: &Output| matches!(output, Output::Send { message: Message::Register { .. }, .. });
    assert!(!outputs.iter().any(promised), "what was not written was promised: {outputs:?}");
}

#[test]
fn after_a_failed_write_views_are_still_followed() {
    let mut voter = Bench::new("b", 2, 1);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(false);
    voter.learn(Delta::Evict(subjects("x", 1)));
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(voter.chain.epoch));
}

#[test]
fn stepping_down_does_not_wait_for_the_disk() {
    let mut voter = Bench::new("b", 2, 1);
    voter.vouched();
    let _ = voter.outputs();
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    assert!(voter.quorum.poll_write().is_some(), "and it hangs");
    voter.wait(5000 * MS);
    assert_eq!(voter.quorum.standing(), Standing::Isolated);
    let isolated = |event: &Event| matches!(event, Event::Standing { standing: Standing::Isolated, .. });
    assert!(voter.events().iter().any(isolated));
}

#[test]
fn a_late_grant_does_not_swallow_the_request_that_is_pending() {
    let mut owner = Bench::new("x", 8, 1);
    owner.vouched();
    assert!(owner.quorum.acquire(&lease()));
    assert!(owner.quorum.release(&lease()));
    assert!(owner.quorum.acquire(&lease()));
    owner.grant(1);
    let (token, whom) = (owner.chain.epoch, owner.owner());
    owner.learn(Delta::Release { lease: lease(), owner: whom, token });
    owner.write(true);
    let wanted: Vec<Wanted> = owner.quorum.leases().map(|(_, wanted)| wanted).collect();
    assert!(matches!(wanted[..], [Wanted::Grant { .. }]), "{wanted:?}");
}

#[test]
fn a_lease_is_asked_for_once_it_can_be_held() {
    let mut owner = Bench::new("x", 8, 1);
    let asks = |output: &Output| {
        matches!(output, Output::Send { message: Message::Request { wish: Wish::Acquire { .. }, .. }, .. })
    };
    assert!(owner.quorum.acquire(&lease()));
    owner.wait(MS);
    assert!(!owner.outputs().iter().any(asks), "a grant that cannot be used is given back at once");
    owner.vouched();
    owner.wait(MS);
    assert!(owner.outputs().iter().any(asks));
    let Some(Wanted::Grant { request }) = owner.quorum.leases().map(|(_, wanted)| wanted).next() else {
        panic!("it is asked for");
    };
    owner.grant(request);
    let granted =
        |event: &Event| matches!(event, Event::Lease { state: LeaseState::Granted, token: Some(_), .. });
    assert!(owner.events().iter().any(granted));
    assert_eq!(owner.quorum.holds(&lease()), Some(owner.chain.epoch));
}

/// The answer that a voter gives to a question about a subject, if it gives one at once.
fn answer(voter: &mut Bench, about: Subject) -> Option<Opinion> {
    voter.hear(1, Message::Ask { question: 1, subject: about });
    voter.outputs().into_iter().find_map(|output| match output {
        Output::Send { message: Message::Answer { opinion, .. }, .. } => Some(opinion),
        _ => None,
    })
}

#[test]
fn a_voter_knows_that_its_own_former_life_is_over() {
    let mut voter = Bench::new("b", 2, 5);
    assert_eq!(answer(&mut voter, subject("b", 5)), Some(Opinion::Trust), "whoever answers lives");
    assert_eq!(answer(&mut voter, subject("b", 4)), Some(Opinion::Suspect));
}

#[test]
fn no_ballot_is_used_twice() {
    let mut voter = Bench::new("b", 2, 1);
    let round = Round::try_from(1 << 32).expect("in range");
    let high = Ballot { round, proposer: disk(1), incarnation: life(1) };
    voter.hear_register(RegisterMessage::Prepare { ballot: high });
    voter.write(true);
    let mut asked = Vec::new();
    for request in 0..40 {
        let (owner, wish) = (voter.owner(), Wish::Acquire { lease: id(&format!("lease{request}")) });
        voter.hear(8, Message::Request { owner, number: request, wish });
        voter.wait(5000 * MS);
        voter.write(true);
        for output in voter.outputs() {
            if let Output::Send {
                message: Message::Register { message: RegisterMessage::Prepare { ballot }, .. },
                ..
            } = output
                && ballot.proposer == disk(2)
                && ballot.round == round
            {
                asked.push(ballot);
            }
        }
    }
    assert!(asked.is_empty(), "the last ballot there is was begun {} times", asked.len());
}

#[test]
fn a_delta_that_cannot_follow_is_not_accepted() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Restore(subject("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta });
    voter.write(true);
    let accepted = |output: &Output| {
        matches!(
            output,
            Output::Send { message: Message::Register { message: RegisterMessage::Accepted { .. }, .. }, .. }
        )
    };
    assert!(!voter.outputs().iter().any(accepted));
}

#[test]
fn what_a_voter_has_accepted_it_finishes_after_a_restart() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Suspend(subjects("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta });
    let found = voter.quorum.poll_write().cloned().expect("something to write");
    let identity = Identity { id: id("b"), storage: disk(2), incarnation: life(2), boot: BootId([8; 16]) };
    let start = Start { identity, settings: settings(), found, register: Paxos::new(200 * MS), rng_seed: 1 };
    voter.quorum = Quorum::new(Now::from(voter.now), start);
    let prepares = |output: &Output| {
        matches!(
            output,
            Output::Send { message: Message::Register { message: RegisterMessage::Prepare { .. }, .. }, .. }
        )
    };
    let mut prepared = false;
    for _ in 0..20 {
        voter.wait(100 * MS);
        voter.write(true);
        prepared |= voter.outputs().iter().any(prepares);
    }
    assert!(prepared);
}

/// A voter whose disk was wiped, started again with the list of founders that it once had.
fn wiped_founder(found: Durable) -> Bench {
    let mut bench = Bench::new("a", 4, 1);
    let settings = Settings { founders: vec![id("a"), id("b"), id("c")], ..settings() };
    let identity = Identity { id: id("a"), storage: disk(4), incarnation: life(1), boot: BootId([8; 16]) };
    let start = Start { identity, settings, found, register: Paxos::new(200 * MS), rng_seed: 1 };
    bench.quorum = Quorum::new(Now::from(bench.now), start);
    bench.sees.heard = [(2, "b"), (3, "c")]
        .map(|(number, name)| Identity {
            id: id(name),
            storage: disk(number),
            incarnation: life(1),
            boot: BootId([number; 16]),
        })
        .into();
    bench
}

#[test]
fn a_wiped_founder_does_not_found_again_what_others_have_founded() {
    let mut voter = wiped_founder(Durable::default());
    voter.quorum.handle_epoch(Recipient::Voter(disk(2)), Some(voter.chain.epoch));
    voter.wait(100 * MS);
    voter.write(true);
    let agrees = |output: &Output| matches!(output, Output::Send { message: Message::Founding { .. }, .. });
    assert!(!voter.outputs().iter().any(agrees), "this disk is bound to a list that can never be complete");
}

#[test]
fn a_founder_that_missed_the_beginning_follows_the_history_it_agreed_to() {
    let list = Founders { voters: voters([(4, "a"), (2, "b"), (3, "c")]), vouch_for: genesis().vouch_for };
    let mut voter = wiped_founder(Durable { founders: Some(list.clone()), ..Durable::default() });
    let later = list.view().after(&Delta::Suspend(subjects("x", 1))).expect("applicable");
    voter.chain = View::clone(&later);
    let whole = gossip::wire::pack(&*later);
    voter.hear(
        2,
        Message::Snapshot {
            epoch: later.epoch,
            hash: later.hash(),
            len: whole.len() as u32,
            at: 0,
            part: gossip::wire::Bytes::of(&whole),
        },
    );
    voter.write(true);
    assert_eq!(voter.quorum.view(), Some(&later));
}

#[test]
fn decisions_do_not_pile_up_while_the_disk_hangs() {
    let mut voter = Bench::new("b", 2, 1);
    let mut seen = voter.chain.epoch;
    voter.learn(Delta::SetVouch(VouchFor::clamped(499 * MS)));
    assert!(voter.quorum.poll_write().is_some(), "and it hangs");
    for number in 0..1000 {
        voter.learn(Delta::SetVouch(VouchFor::clamped((500 + number) * MS)));
    }
    assert!(voter.quorum.load().adopted <= 64, "{:?}", voter.quorum.load());
    // Each of those that are told follows from the one before, and the last one is the newest.
    voter.quorum.handle_written(Now::from(voter.now), &voter.sees, true);
    voter.write(true);
    for output in voter.outputs() {
        if let Output::Adopted { view, before, .. } = output {
            assert_eq!(before.map(|before| before.epoch), Some(seen));
            seen = view.epoch;
        }
    }
    assert_eq!(seen, voter.chain.epoch);
}

impl Bench {
    /// Lets the ballots of this voter, which is `own`, come through phase 1, with the third one's help; what it proposes then.
    fn proposal(&mut self, own: u8) -> Option<Delta> {
        self.write(true);
        let mut proposal = None;
        while let Some(output) = self.quorum.poll_output() {
            let Output::Send { to: Recipient::Voter(to), message } = output else { continue };
            let Message::Register { base, hash, message } = message else { continue };
            match message {
                RegisterMessage::Accept { delta, .. } => proposal = Some(delta),
                message if to == disk(own) => {
                    self.hear(own, Message::Register { base, hash, message });
                    self.write(true);
                }
                RegisterMessage::Prepare { ballot } if to == disk(3) => {
                    let message = RegisterMessage::Promise { ballot, accepted: None };
                    self.hear(3, Message::Register { base, hash, message });
                }
                _ => {}
            }
        }
        proposal
    }
}

/// What a voter proposes while a lease is granted or freed every 50 ms, if all have certified a death before that began.
fn proposed_among_leases(name: &str, own: u8) -> Option<Delta> {
    let mut voter = Bench::new(name, own, 1);
    let (dead, owner) = (subject("x", 1), Identity { id: id("y"), ..voter.owner() });
    voter.sees.whom = Some((dead.clone(), Opinion::Suspect));
    voter.wait(2000 * MS);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    // Once each, and never again.
    for from in 1..=3 {
        voter.hear(from, Message::Certificate { subject: dead.clone(), since: voter.chain.epoch });
    }
    (0..40).find_map(|number| {
        let (owner, token) = (owner.clone(), voter.chain.epoch);
        voter.learn(match number % 2 {
            0 => Delta::Acquire { lease: lease(), owner, request: number },
            _ => Delta::Release { lease: lease(), owner, token },
        });
        voter.write(true);
        voter.wait(50 * MS);
        voter.proposal(own)
    })
}

/// D1: a certificate is bound to the suspension and not to the view it was given in. Else a death would wait until nobody wants
/// leases any more.
#[test]
fn certificates_outlast_what_is_decided_about_leases() {
    assert_eq!(proposed_among_leases("a", 1), Some(Delta::Evict(subjects("x", 1))));
}

/// Nor does the patience with voters of higher rank begin anew with each view: the first may be well and yet not propose
/// anything, as when its disk has failed.
#[test]
fn the_first_voter_is_not_waited_for_again_in_each_view() {
    assert_eq!(proposed_among_leases("b", 2), Some(Delta::Evict(subjects("x", 1))));
}

impl Bench {
    /// Answers all questions about somebody that this voter, the first one, has asked: for itself, and for both others.
    fn answer_all(&mut self, opinion: Opinion) -> usize {
        let outputs = self.outputs();
        let mut answered = 0;
        for output in outputs {
            if let Output::Send { to: Recipient::Voter(to), message: Message::Ask { question, subject } } =
                output
            {
                self.hear(to.0[0], Message::Answer { question, subject, opinion });
                answered += 1;
            }
        }
        answered
    }
}

/// D4: a suspension, and its end, make all answers void that were asked for before, however fresh. Else the voter that still has
/// the old ones goes on suspending whom another has just had restored.
#[test]
fn an_answer_from_before_a_restoration_suspends_nobody() {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    voter.wait(MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 3);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(subjects("x", 1))));
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter.learn(Delta::Restore(subject("x", 1)));
    voter.write(true);
    voter.wait(MS);
    assert_eq!(voter.proposal(1), None);
    // Who is suspected still is asked about anew.
    voter.wait(1000 * MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 3);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(subjects("x", 1))));
}

/// What a voter answers about a node that it does not observe, if so many of its four observers suspect it and the others say
/// nothing, and at last whether it called that node itself.
fn answer_on_testimony(suspect: usize) -> (Option<Opinion>, bool) {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=4).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    let mut said = 0;
    for output in voter.outputs() {
        if let Output::Send { to: observer, message: Message::Inquire { question, .. } } = output
            && said < suspect
        {
            let message = Message::Testimony { question, opinion: Opinion::Suspect };
            let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
            voter.quorum.handle_message(Now::from(voter.now), &voter.sees, observer, &envelope);
            said += 1;
        }
    }
    voter.wait(200 * MS);
    let (mut opinion, mut called) = (None, false);
    for output in voter.outputs() {
        match output {
            Output::Send { message: Message::Answer { question: 2, opinion: said, .. }, .. } => {
                opinion = Some(said);
            }
            Output::Call { member, .. } => called |= member == id("y").key(),
            _ => {}
        }
    }
    (opinion, called)
}

/// E1: observers that do not answer leave the count; of those that do, more than half decide. If fewer than half answer, the voter
/// calls the node itself.
#[test]
fn observers_that_do_not_answer_leave_the_count() {
    assert_eq!(answer_on_testimony(2), (Some(Opinion::Suspect), false));
    assert_eq!(answer_on_testimony(1), (None, true));
    assert_eq!(answer_on_testimony(0), (None, true));
}

/// The first epoch there is: keeps the helpers honest.
#[test]
fn the_bench_follows_a_chain() {
    let mut voter = Bench::new("b", 2, 1);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(Epoch::GENESIS));
    voter.write(true);
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(Epoch::GENESIS.next()));
}
