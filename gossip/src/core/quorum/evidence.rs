//! Evidence from observers, where a cluster is too large for voters to see everybody themselves.
//!
//! A voter that is asked about somebody it does not observe asks those who do, and again those who do not answer, until they
//! leave the count. If fewer than half answer, being perhaps dead together, or if they do not agree, the voter calls the node
//! itself (E1).

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Cases;
use super::delta::Subject;
use super::journal::Output;
use super::message::{Message, Recipient};
use super::view::View;
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
    /// And for how long those who suspect have not heard it.
    answers: BTreeMap<Key, (Opinion, Duration)>,
    /// Who waits for the outcome: voters, and their questions.
    askers: Vec<(Recipient, u32)>,
    /// How often those observers were asked that have not answered.
    asked: u32,
    /// How often the node itself has been called, there being too few answers, or different ones.
    calls: u32,
    /// Whether it could not be, because nobody here knows where it is.
    uncallable: bool,
}

impl Inquiries {
    /// As many as one voter asks about at once.
    const MAX: usize = Cases::MAX;

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
    /// How often observers are asked within a ballot timeout, and how often a node is called within another: neither their word nor
    /// the node itself is to be lost with one datagram.
    const TRIES: u32 = 3;

    fn count(&self, opinion: Opinion) -> usize {
        self.answers.values().filter(|(said, _)| *said == opinion).count()
    }

    /// What more than half of all observers say, once nothing that is missing could change it.
    fn settled(&self) -> Option<Opinion> {
        let all = self.observers.len();
        [Opinion::Suspect, Opinion::Trust].into_iter().find(|&opinion| 2 * self.count(opinion) > all)
    }

    /// For how long all those who suspect it have not heard it; none if nobody does.
    fn silent(&self) -> Option<Duration> {
        let suspect = |(said, silent): &(Opinion, Duration)| (*said == Opinion::Suspect).then_some(*silent);
        self.answers.values().filter_map(suspect).min()
    }

    /// How many have made up their minds.
    fn decided(&self) -> usize {
        self.count(Opinion::Suspect) + self.count(Opinion::Trust)
    }

    /// What all those say who answered, if they are at least half of all. Whoever is unsure has answered too: with some who hear the
    /// node and some who do not, its own answer is worth more, and one more or less of theirs must not decide.
    fn at_the_end(&self) -> Option<Opinion> {
        let all = self.answers.len();
        let enough = 2 * all >= self.observers.len();
        [Opinion::Suspect, Opinion::Trust]
            .into_iter()
            .find(|&opinion| enough && all > 0 && self.count(opinion) == all)
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
        if self.inquiries.open.len() >= Inquiries::MAX {
            return;
        }
        self.inquiries.next_question = self.inquiries.next_question.wrapping_add(1);
        let question = self.inquiries.next_question;
        let inquiry = Inquiry {
            question,
            until: self.now.boot,
            observers: witness.observers(subject),
            answers: BTreeMap::new(),
            askers: vec![(asker, asked)],
            asked: 0,
            calls: 0,
            uncallable: false,
        };
        self.inquiries.open.insert(subject.clone(), inquiry);
        self.close_inquiries(witness);
    }

    /// Asks those observers that have not answered yet. Where there are none, the node itself is called at once.
    fn ask_observers(&mut self, subject: &Subject) {
        let Some(inquiry) = self.inquiries.open.get_mut(subject) else { return };
        inquiry.asked += 1;
        inquiry.until = self.now.boot + self.settings.ballot_timeout / Inquiry::TRIES;
        let question = inquiry.question;
        let silent = inquiry.observers.iter().filter(|observer| !inquiry.answers.contains_key(observer));
        for observer in silent.copied().collect::<Vec<_>>() {
            let inquiry = Message::Inquire { question, subject: subject.clone() };
            self.send(Recipient::Member(observer), inquiry);
        }
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
        let silent = match opinion {
            Opinion::Suspect if !seen.is_of_silence() => Duration::MAX,
            Opinion::Suspect => self.now.boot.saturating_sub(seen.heard),
            _ => Duration::ZERO,
        };
        let silent_ms = u32::try_from(silent.as_millis()).unwrap_or(u32::MAX);
        self.send(voter, Message::Testimony { question, opinion, silent_ms });
    }

    /// An observer's answer; the node around this has seen whose it is.
    pub(super) fn on_testimony(
        &mut self,
        witness: &dyn Witness,
        from: Recipient,
        question: u32,
        testimony: (Opinion, Duration),
    ) {
        let Recipient::Member(observer) = from else { return };
        let Some((subject, inquiry)) = self.inquiries.open.iter_mut().find(|(_, i)| i.question == question)
        else {
            return;
        };
        if !inquiry.observers.contains(&observer) {
            return;
        }
        inquiry.answers.insert(observer, testimony);
        if let Some(opinion) = inquiry.settled() {
            let subject = subject.clone();
            self.conclude_from_silence(witness, &subject, opinion);
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
            Some(subject) if incarnation > subject.incarnation => {
                self.conclude(&subject, Opinion::Suspect);
                // That is no silence: it is over.
                if let Some(view) = self.voting().cloned() {
                    self.certify_on_evidence(&view, &subject);
                }
            }
            Some(subject) if incarnation == subject.incarnation => {
                self.conclude(&subject, Opinion::Trust);
                self.end_silence(&subject);
            }
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

    /// Ends inquiries whose time is up, or asks once more, or calls the node itself.
    pub(super) fn close_inquiries(&mut self, witness: &dyn Witness) {
        let now = self.now.boot;
        let due = |inquiry: &Inquiry| inquiry.until <= now;
        let over: Vec<Subject> =
            self.inquiries.open.iter().filter(|(_, i)| due(i)).map(|(subject, _)| subject.clone()).collect();
        for subject in over {
            // It may be heard here by now; then it is certified as such.
            if let Some(own) = self.voting().cloned().and_then(|view| self.opinion(&view, witness, &subject))
            {
                self.conclude(&subject, own);
                if own != Opinion::Suspect {
                    self.end_silence(&subject);
                }
                continue;
            }
            let young = now < self.begun + self.settings.deaf_after;
            let Some(inquiry) = self.inquiries.open.get_mut(&subject) else { continue };
            let asked = inquiry.asked >= Inquiry::TRIES || inquiry.observers.is_empty();
            let agreed = asked.then(|| inquiry.at_the_end()).flatten();
            let called = (inquiry.calls >= Inquiry::TRIES).then(|| match inquiry.unanswered() {
                // It was not called at all, by a voter that has yet to learn who the members are.
                Opinion::Suspect if inquiry.uncallable && young => Opinion::Unsure,
                opinion => opinion,
            });
            match agreed.or(called) {
                Some(opinion) => self.conclude_from_silence(witness, &subject, opinion),
                None if !asked => self.ask_observers(&subject),
                None => {
                    inquiry.calls += 1;
                    inquiry.until = now + self.settings.ballot_timeout / Inquiry::TRIES;
                    let question = inquiry.question;
                    self.outputs.push(Output::Call { member: subject.id.key(), question }, 0);
                }
            }
        }
    }

    /// What was not heard says nothing where those who did not hear it were cut off (D6). As long as it has been so for less than a
    /// promise lasts nothing is certified, whether anything was promised or not (D7).
    fn conclude_from_silence(&mut self, witness: &dyn Witness, subject: &Subject, opinion: Opinion) {
        let Some(view) = self.voting().cloned() else {
            self.conclude(subject, opinion);
            return;
        };
        if opinion != Opinion::Suspect {
            self.conclude(subject, opinion);
            self.end_silence(subject);
            return;
        }
        if self.is_reacquainting(&view, witness) {
            self.conclude(subject, Opinion::Unsure);
            return;
        }
        let silent = self.inquiries.open.get(subject).and_then(Inquiry::silent);
        self.conclude(subject, opinion);
        let now = self.now.boot;
        let Some(case) = self.cases.open.get_mut(subject) else { return };
        // What observers said is nothing that it has not answered.
        case.unanswered_since = silent.is_none().then(|| case.unanswered_since.unwrap_or(now));
        let since = silent.map_or(case.unanswered_since.unwrap_or(now), |silent| now.saturating_sub(silent));
        let long_enough = since + view.vouch_for.get();
        if now >= long_enough {
            self.certify_on_evidence(&view, subject);
        } else if subject.suspended_since(&view).is_some() {
            // An answer that takes a little longer than this one is to be good for it.
            case.next = case.next.min(long_enough + self.settings.interval / 8);
        }
    }

    /// It has answered, or somebody has heard it.
    fn end_silence(&mut self, subject: &Subject) {
        if let Some(case) = self.cases.open.get_mut(subject) {
            case.unanswered_since = None;
        }
    }

    /// Tells all who asked.
    fn conclude(&mut self, subject: &Subject, opinion: Opinion) {
        let Some(inquiry) = self.inquiries.open.remove(subject) else { return };
        for (to, question) in inquiry.askers {
            self.send(to, Message::Answer { question, subject: subject.clone(), opinion });
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
