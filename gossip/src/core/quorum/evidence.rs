//! Evidence from observers, where a cluster is too large for voters to see everybody themselves.
//!
//! A voter that is asked about somebody it does not observe asks those who do. Who does not answer leaves the count; if
//! fewer than half answer, being perhaps dead together, or if they do not agree, the voter calls the node itself (E1).

use std::collections::BTreeMap;
use std::time::Duration;

use super::delta::Subject;
use super::journal::Output;
use super::message::{Message, Recipient};
use super::view::{SUSPENDED_MAX, View};
use super::witness::Witness;
use super::{Quorum, Register};
use crate::core::clock::Now;
use crate::core::identity::{Incarnation, Key, NodeId};
use crate::core::opinion::Opinion;

/// Inquiries under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Inquiries {
    open: BTreeMap<Subject, Inquiry>,
    /// Random at first: an answer to a former life answers nothing.
    next_question: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Inquiry {
    question: u32,
    until: Duration,
    observers: Vec<Key>,
    answers: BTreeMap<Key, Opinion>,
    /// Who waits for the outcome: voters, and their questions.
    askers: Vec<(Recipient, u32)>,
    /// How often the node itself has been called, there being too few answers, or too different ones; and when that is over.
    calls: u32,
    called_until: Duration,
    /// Whether it could not be, because nobody here knows where it is.
    uncallable: bool,
}

impl Inquiries {
    pub(super) fn new(first_question: u32) -> Self {
        Self { open: BTreeMap::new(), next_question: first_question }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Another view is in force: what observers said of a former suspension, or before it, certifies nothing now. Whoever asked
    /// does so again.
    pub(super) fn start_over(&mut self, before: Option<&View>, view: &View) {
        self.open.retain(|subject, _| {
            before.and_then(|before| subject.suspended_since(before)) == subject.suspended_since(view)
        });
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.open.values().map(|inquiry| inquiry.until).min()
    }
}

impl Inquiry {
    /// How often a node is called within a ballot timeout: it is not to be lost with one datagram, least of all one that all its
    /// observers hear, and are unsure of.
    const CALLS: u32 = 3;

    fn count(&self, opinion: Opinion) -> usize {
        self.answers.values().filter(|&&said| said == opinion).count()
    }

    /// What more than half of so many say.
    fn more_than_half_of(&self, all: usize) -> Option<Opinion> {
        [Opinion::Suspect, Opinion::Trust].into_iter().find(|&opinion| 2 * self.count(opinion) > all)
    }

    /// What the observers say together, once nothing that is missing could change it.
    fn settled(&self) -> Option<Opinion> {
        self.more_than_half_of(self.observers.len())
    }

    /// How many have made up their minds.
    fn decided(&self) -> usize {
        self.count(Opinion::Suspect) + self.count(Opinion::Trust)
    }

    /// What more than half of those who answered say, if at least half of all have made up their minds and nobody says the
    /// opposite. Whoever is unsure has answered all the same. With some who hear the node and some who do not, its own answer is
    /// worth more: else one that is lost on its way from an observer would decide.
    fn at_the_end(&self) -> Option<Opinion> {
        let opinion = self.more_than_half_of(self.answers.len())?;
        let agreed = self.count(opinion) == self.decided();
        (agreed && 2 * self.decided() >= self.observers.len()).then_some(opinion)
    }

    /// What is to be made of it that the node did not answer a call either. The call or its answer may have been lost, so that
    /// does not outweigh as many who hear it as do not.
    fn unanswered(&self) -> Opinion {
        let (suspect, trust) = (self.count(Opinion::Suspect), self.count(Opinion::Trust));
        match () {
            () if trust == 0 || suspect > trust => Opinion::Suspect,
            () if trust > suspect && 2 * self.decided() >= self.observers.len() => Opinion::Trust,
            () => Opinion::Unsure,
        }
    }
}

impl<R: Register> Quorum<R> {
    /// Asks the observers of a subject on behalf of a voter.
    pub(super) fn inquire(&mut self, witness: &dyn Witness, asker: Recipient, asked: u32, subject: &Subject) {
        if let Some(inquiry) = self.inquiries.open.get_mut(subject) {
            // What has been collected so far answers the first question of each, and is no answer to a later one (D1).
            let waits = inquiry.askers.iter().any(|(to, _)| *to == asker);
            if !waits && inquiry.askers.len() < super::VOTERS_MAX {
                inquiry.askers.push((asker, asked));
            }
            return;
        }
        if self.inquiries.open.len() >= SUSPENDED_MAX {
            return;
        }
        self.inquiries.next_question = self.inquiries.next_question.wrapping_add(1);
        let question = self.inquiries.next_question;
        let observers = witness.observers(subject);
        // Where there is nobody to ask, the node itself is called at once.
        let wait = if observers.is_empty() { Duration::ZERO } else { self.settings.ballot_timeout };
        let until = self.now.boot + wait;
        for &observer in &observers {
            let inquiry = Message::Inquire { question, subject: subject.clone() };
            self.send(Recipient::Member(observer), inquiry);
        }
        let (answers, askers) = (BTreeMap::new(), vec![(asker, asked)]);
        let (calls, called_until, uncallable) = (0, Duration::MAX, false);
        let inquiry =
            Inquiry { question, until, observers, answers, askers, calls, called_until, uncallable };
        self.inquiries.open.insert(subject.clone(), inquiry);
        self.close_inquiries(witness);
    }

    /// As an observer: says what this node observes itself, and nothing else. Of one that is heard and has long called itself
    /// isolated it cannot say whether the voters are reached by it: they find out when they call it (T4).
    pub(super) fn on_inquire(
        &mut self,
        witness: &dyn Witness,
        voter: Recipient,
        question: u32,
        subject: &Subject,
    ) {
        let Some(seen) = witness.sight(subject) else { return };
        let opinion = match seen.opinion {
            _ if seen.outlived => Opinion::Suspect,
            Opinion::Trust if seen.deaf => Opinion::Suspect,
            Opinion::Trust if seen.isolated => Opinion::Unsure,
            opinion => opinion,
        };
        self.send(voter, Message::Testimony { question, opinion });
    }

    /// An observer's answer; the node around this has seen whose it is.
    pub(super) fn on_testimony(&mut self, from: Recipient, question: u32, opinion: Opinion) {
        let Recipient::Member(observer) = from else { return };
        let Some((subject, inquiry)) = self.inquiries.open.iter_mut().find(|(_, i)| i.question == question)
        else {
            return;
        };
        if !inquiry.observers.contains(&observer) {
            return;
        }
        inquiry.answers.insert(observer, opinion);
        if let Some(opinion) = inquiry.settled() {
            let subject = subject.clone();
            self.conclude(&subject, opinion);
        }
    }

    /// Some life of the node in question has answered this voter's own call.
    pub fn handle_pong(&mut self, now: Now, question: u32, id: &NodeId, incarnation: Incarnation) {
        self.advance(now);
        let called = |(subject, inquiry): &(&Subject, &Inquiry)| {
            inquiry.calls > 0 && inquiry.question == question && subject.id == *id
        };
        let subject = self.inquiries.open.iter().find(called).map(|(subject, _)| subject.clone());
        match subject {
            Some(subject) if incarnation > subject.incarnation => self.conclude(&subject, Opinion::Suspect),
            Some(subject) if incarnation == subject.incarnation => self.conclude(&subject, Opinion::Trust),
            _ => {}
        }
    }

    /// A call cannot be made: where that node is, is not known here.
    pub fn handle_uncallable(&mut self, question: u32) {
        let called = |inquiry: &&mut Inquiry| inquiry.calls > 0 && inquiry.question == question;
        if let Some(inquiry) = self.inquiries.open.values_mut().find(called) {
            inquiry.uncallable = true;
        }
    }

    /// Ends inquiries whose time is up, or calls the node itself.
    pub(super) fn close_inquiries(&mut self, witness: &dyn Witness) {
        let now = self.now.boot;
        let due = |inquiry: &Inquiry| inquiry.until <= now;
        let over: Vec<Subject> =
            self.inquiries.open.iter().filter(|(_, i)| due(i)).map(|(subject, _)| subject.clone()).collect();
        for subject in over {
            // It may be heard here by now.
            let own = self.voting().cloned().and_then(|view| self.opinion(&view, witness, &subject));
            let Some(inquiry) = self.inquiries.open.get_mut(&subject) else { continue };
            let young = now < self.begun + self.settings.deaf_after;
            let called = (inquiry.called_until <= now).then(|| match inquiry.unanswered() {
                // It was not called at all, by a voter that has yet to learn who the members are.
                Opinion::Suspect if inquiry.uncallable && young => Opinion::Unsure,
                opinion => opinion,
            });
            match own.or_else(|| inquiry.at_the_end()).or(called) {
                Some(opinion) => self.conclude(&subject, opinion),
                None => {
                    if inquiry.calls == 0 {
                        inquiry.called_until = now + self.settings.ballot_timeout;
                    }
                    inquiry.calls += 1;
                    let left = Inquiry::CALLS.saturating_sub(inquiry.calls);
                    let rest = self.settings.ballot_timeout * left / Inquiry::CALLS;
                    inquiry.until = inquiry.called_until.saturating_sub(rest);
                    let question = inquiry.question;
                    self.outputs.push(Output::Call { member: subject.id.key(), question }, 0);
                }
            }
        }
    }

    /// Tells all who asked, and certifies what the outcome allows.
    fn conclude(&mut self, subject: &Subject, opinion: Opinion) {
        let Some(inquiry) = self.inquiries.open.remove(subject) else { return };
        for (to, question) in inquiry.askers {
            self.send(to, Message::Answer { question, subject: subject.clone(), opinion });
        }
        let Some(view) = self.voting().cloned() else { return };
        if opinion == Opinion::Suspect {
            self.certify_on_evidence(&view, subject);
        }
    }

    fn certify_on_evidence(&mut self, view: &View, subject: &Subject) {
        let suspension = view.suspended.get(&subject.id).filter(|s| s.incarnation == subject.incarnation);
        let Some(since) = suspension.map(|s| s.since) else { return };
        if self.vouching.until(subject).passed_on_both(self.now.into()) {
            self.issue(view, subject, since);
        }
    }
}
