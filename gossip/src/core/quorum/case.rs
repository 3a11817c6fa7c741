//! A case: one node under suspicion, from a voter's first doubt until it is restored or dead.
//!
//! Opinions count only as fresh answers to this voter's own questions, and only for so long (D1), and silences only while no
//! majority hangs on voters that have come back to this one lately (D6). Whoever is suspended stays a case, at every
//! voter, until that has ended (D4).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::delta::{Delta, Subject, Subjects};
use super::message::{Message, Recipient};
use super::view::{Epoch, SUSPENDED_MAX, View, majority};
use super::witness::Witness;
use super::{Quorum, Register};
use crate::core::identity::{Identity, StorageId};
use crate::core::opinion::Opinion;

/// All cases of a voter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Cases {
    pub(super) open: BTreeMap<Subject, Case>,
    /// Random at first: an answer to a former life answers nothing.
    next_question: u32,
    /// Since when an eviction could be proposed.
    ripe: Option<Duration>,
    /// Whether there are more subjects than cases, and then the last whose turn has come.
    crowded: bool,
    turn: Option<Subject>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Case {
    opened: Duration,
    /// The questions that were asked last, newest first, and when each was.
    asked: VecDeque<(u32, Duration)>,
    /// When to ask again.
    pub(super) next: Duration,
    /// The newest answer of each voter, and when the question was asked that it answers.
    answers: BTreeMap<StorageId, (Opinion, Duration)>,
    /// Where no observer suspects it: since when it has answered none of this voter's calls.
    pub(super) unanswered_since: Option<Duration>,
    /// Who has certified, and since which suspension.
    pub(super) certificates: BTreeMap<StorageId, Epoch>,
    /// The suspension that this voter itself has certified.
    pub(super) certified: Option<Epoch>,
    /// When this voter's own last voucher for it runs out.
    pub(super) certifiable: Option<Duration>,
}

impl Subject {
    /// Since when a view has it suspended, if it does.
    pub(super) fn suspended_since(&self, view: &View) -> Option<Epoch> {
        view.suspension(&self.id, self.incarnation).map(|suspension| suspension.since)
    }
}

impl Case {
    /// Whether a majority of the voters gives this answer to what was asked at `since` or later.
    fn is_answered(&self, view: &View, opinion: Opinion, since: Duration) -> bool {
        let said = |voter: &StorageId| {
            self.answers.get(voter).is_some_and(|(said, asked)| *said == opinion && *asked >= since)
        };
        majority(&view.electorate.voters, said)
    }
}

impl Cases {
    /// Questions are asked at this pace, in intervals: at first, and once a case has become old or has a turn of many.
    const PACE: (u32, u32) = (2, 10);
    /// From this age on, in intervals, a case is old.
    const OLD: u32 = 100;
    /// For so many intervals after voters have come back that make a majority no silence counts.
    const REACQUAINTED: u32 = 10;
    /// Answers may be this many questions late.
    const QUESTIONS_MAX: usize = 4;
    /// So many are asked about at once. Those that are suspended, half as many at most, are among them.
    pub(super) const MAX: usize = 2 * SUSPENDED_MAX;

    pub(super) fn new(first_question: u32) -> Self {
        Self { open: BTreeMap::new(), next_question: first_question, ripe: None, crowded: false, turn: None }
    }

    pub(super) fn due(&self) -> Option<Duration> {
        let due = |case: &Case| [Some(case.next), case.certifiable].into_iter().flatten().min();
        self.open.values().filter_map(due).min()
    }

    /// The case of a subject that is suspended or whose turn it is, opened at `now` if there is none.
    pub(super) fn of(&mut self, subject: &Subject, now: Duration) -> &mut Case {
        self.open.entry(subject.clone()).or_insert_with(|| Case {
            opened: now,
            asked: VecDeque::new(),
            next: now,
            answers: BTreeMap::new(),
            unanswered_since: None,
            certificates: BTreeMap::new(),
            certified: None,
            certifiable: None,
        })
    }

    /// Of subjects for which there are too few cases: those that are suspended (D4), those that `stay`, and as many others as there is
    /// room for, by turns (L1).
    fn take_turns(
        &mut self,
        subjects: BTreeSet<Subject>,
        suspended: impl Fn(&Subject) -> bool,
        stays: impl Fn(&Case) -> bool,
    ) -> BTreeSet<Subject> {
        let (mut chosen, others): (BTreeSet<_>, BTreeSet<_>) = subjects.into_iter().partition(suspended);
        let is_open = |subject: &Subject| self.open.get(subject).is_some_and(&stays);
        let (open, mut waiting): (Vec<_>, Vec<_>) = others.into_iter().partition(is_open);
        let next = waiting.partition_point(|subject| Some(subject) <= self.turn.as_ref());
        waiting.rotate_left(next);
        let room = Self::MAX - chosen.len();
        let stay = open.len().min(room);
        waiting.truncate(room - stay);
        self.turn = waiting.last().cloned().or(self.turn.take());
        chosen.extend(open.into_iter().take(stay).chain(waiting));
        chosen
    }

    /// Another view is in force: answers to what was asked under a former suspension, or before it, are about a state of
    /// things that is over. Without this the slowest voter suspends again whom the fastest has just had restored.
    pub(super) fn start_over(&mut self, before: Option<&View>, view: &View, now: Duration) {
        for (subject, case) in &mut self.open {
            if before.and_then(|before| subject.suspended_since(before)) != subject.suspended_since(view) {
                case.asked.clear();
                case.answers.clear();
                case.next = now;
                // A suspension comes of a silence; with a restoration it has ended, which may have been stored with the next one.
                let begins = before.and_then(|before| subject.suspended_since(before)).is_none();
                case.unanswered_since =
                    case.unanswered_since.filter(|_| begins && subject.suspended_since(view).is_some());
            }
        }
    }

    /// Since when an eviction could be proposed, which is now if it could not before.
    pub(super) fn ripe_since(&mut self, now: Duration) -> Duration {
        *self.ripe.get_or_insert(now)
    }

    pub(super) fn unripe(&mut self) {
        self.ripe = None;
    }
}

impl<R: Register> Quorum<R> {
    /// Opens cases, asks about those that are open, closes those that are over.
    pub(super) fn review_cases(&mut self, witness: &dyn Witness) {
        let Some(view) = self.voting().cloned() else {
            self.cases.open.clear();
            return;
        };
        let suspended = view.suspended.iter();
        let mut subjects: BTreeSet<Subject> =
            suspended.map(|(id, s)| Subject { id: id.clone(), incarnation: s.incarnation }).collect();
        let suspects = witness.suspects().into_iter().chain(self.doubtful_owners(&view, witness));
        let doubted = |subject: &Subject| {
            let good = view.is_good(&subject.id, subject.incarnation);
            good && self.opinion(&view, witness, subject).is_none_or(|opinion| opinion == Opinion::Suspect)
        };
        subjects.extend(suspects.filter(doubted));
        self.cases.crowded = subjects.len() > Cases::MAX;
        if self.cases.crowded {
            let suspended = |subject: &Subject| subject.suspended_since(&view).is_some();
            let now = self.now.boot;
            let since = now.saturating_sub(self.settings.answer_max);
            // A turn is over when it would be time for another question.
            let stays = |case: &Case| {
                let lasts = case.asked.is_empty() || now < case.next;
                lasts || case.is_answered(&view, Opinion::Suspect, since)
            };
            subjects = self.cases.take_turns(subjects, suspended, stays);
        }
        self.cases.open.retain(|subject, _| subjects.contains(subject));
        let rank = self.rank(&view, witness);
        let mut subjects = Vec::from_iter(subjects);
        if self.cases.crowded {
            // A voter that is asked by several about too many answers those that come first: not always the same.
            let first = self.rng.below(subjects.len());
            subjects.rotate_left(first);
        }
        for subject in subjects {
            self.ask_about(&view, &subject, rank);
        }
    }

    /// Lease owners that are not heard, or of whom a later life is (I4).
    fn doubtful_owners(&self, view: &View, witness: &dyn Witness) -> BTreeSet<Subject> {
        let heard = |owner: &Identity| {
            witness.identity(&owner.id).is_some_and(|now| now.incarnation <= owner.incarnation)
        };
        // Once an interval: no allocation while all are heard.
        let owners = view.leases.iter().map(|(_, grant)| &grant.owner).filter(|owner| !heard(owner));
        owners.map(|owner| Subject { id: owner.id.clone(), incarnation: owner.incarnation }).collect()
    }

    /// Puts the question of a case to all voters, this one included, if it is time to.
    fn ask_about(&mut self, view: &View, subject: &Subject, rank: u32) {
        let (now, interval) = (self.now.boot, self.settings.interval);
        let (patience, timeout) = (self.patience(rank), self.settings.ballot_timeout);
        let question = self.cases.next_question.wrapping_add(1);
        let by_turns = self.cases.crowded && subject.suspended_since(view).is_none();
        let case = self.cases.of(subject, now);
        if now < case.opened + patience || now < case.next {
            case.next = case.next.max(case.opened + patience);
            return;
        }
        let old = by_turns || now > case.opened + Cases::OLD * interval;
        let pace = if old { Cases::PACE.1 } else { Cases::PACE.0 };
        case.next = now + (pace * interval).max(timeout) * (1 + rank);
        case.asked.push_front((question, now));
        case.asked.truncate(Cases::QUESTIONS_MAX);
        self.cases.next_question = question;
        self.send_voters(view, &Message::Ask { question, subject: subject.clone() });
    }

    pub(super) fn on_ask(
        &mut self,
        witness: &dyn Witness,
        sender: Recipient,
        from: StorageId,
        question: u32,
        subject: &Subject,
    ) {
        let Some(view) = self.voting().cloned() else { return };
        if !view.electorate.votes(&from) {
            return;
        }
        let answer = match self.opinion(&view, witness, subject) {
            Some(Opinion::Suspect) | None if self.is_cut_off(&view, witness, &from, subject) => {
                Some(Opinion::Unsure)
            }
            opinion => opinion,
        };
        match answer {
            Some(opinion) => {
                self.send(sender, Message::Answer { question, subject: subject.clone(), opinion });
            }
            None => self.inquire(witness, sender, question, subject),
        }
        self.repeat_certificate(sender, subject);
    }

    /// Whether the silence of one that is not suspended may be that of a network that was cut (D6): the voter that asks is one that
    /// this voter does not hear yet, or this voter is out of touch. That a life is over is no matter of silence.
    fn is_cut_off(&self, view: &View, witness: &dyn Witness, asker: &StorageId, subject: &Subject) -> bool {
        let over = subject.id == self.identity.id || witness.sight(subject).is_some_and(|seen| seen.outlived);
        let name = view.electorate.voters.get(asker);
        let heard = name.is_some_and(|name| witness.heard_since(asker, name).is_some());
        let cut = (!heard && *asker != self.identity.storage) || self.is_reacquainting(view, witness);
        cut && !over && subject.suspended_since(view).is_none()
    }

    /// Whether a voter has come back without whom there was no majority, so lately that others may not have been heard again yet (D6).
    pub(super) fn is_reacquainting(&self, view: &View, witness: &dyn Witness) -> bool {
        let length = Cases::REACQUAINTED * self.settings.interval;
        let voters = &view.electorate.voters;
        let since = |voter: &StorageId| witness.heard_since(voter, voters.get(voter)?);
        let lately = |since: Duration| self.now.boot < since + length;
        let settled = |voter: &StorageId| {
            *voter == self.identity.storage || since(voter).is_some_and(|since| !lately(since))
        };
        voters.keys().any(|voter| since(voter).is_some_and(lately)) && !majority(voters, settled)
    }

    /// What a silence says to this voter.
    fn unless_reacquainting(&self, view: &View, witness: &dyn Witness) -> Opinion {
        if self.is_reacquainting(view, witness) { Opinion::Unsure } else { Opinion::Suspect }
    }

    pub(super) fn on_answer(&mut self, from: StorageId, question: u32, subject: &Subject, opinion: Opinion) {
        let is_own = |view: &View| view.electorate.votes(&from);
        if !self.voting().is_some_and(|view| is_own(view)) {
            return;
        }
        if let Some(case) = self.cases.open.get_mut(subject)
            && let Some((_, asked)) = case.asked.iter().find(|(asked, _)| *asked == question)
            && case.answers.get(&from).is_none_or(|(_, of)| of <= asked)
        {
            case.answers.insert(from, (opinion, *asked));
        }
    }

    /// What this voter thinks, for the purposes of a verdict; none if it has to ask the observers first.
    pub(super) fn opinion(&self, view: &View, witness: &dyn Witness, subject: &Subject) -> Option<Opinion> {
        if subject.id == self.identity.id {
            // Whoever answers lives: without its own word a suspended one of two voters could never be restored. That a
            // former life is over, it knows best.
            let over = subject.incarnation < self.identity.incarnation;
            return Some(if over { Opinion::Suspect } else { Opinion::Trust });
        }
        let seen = witness.sight(subject)?;
        let zombie = seen.isolated
            && view.suspension(&subject.id, subject.incarnation).is_none()
            && self.in_quorum_for(self.settings.deaf_after);
        Some(match seen.opinion {
            _ if seen.outlived => Opinion::Suspect,
            Opinion::Trust if seen.deaf || zombie => self.unless_reacquainting(view, witness),
            Opinion::Suspect => self.unless_reacquainting(view, witness),
            opinion => opinion,
        })
    }

    /// A decision that fresh answers from a majority ask for.
    pub(super) fn ripe_case(&self, view: &View, witness: &dyn Witness) -> Option<Delta> {
        let since = self.now.boot.saturating_sub(self.settings.answer_max);
        let says = |case: &Case, opinion: Opinion| case.is_answered(view, opinion, since);
        let suspended =
            |s: &Subject| view.suspended.get(&s.id).is_some_and(|x| x.incarnation == s.incarnation);
        // What others said a while ago this voter does not act on against what it sees itself now.
        let agrees = |subject: &Subject, opinion: Opinion| {
            self.opinion(view, witness, subject).is_none_or(|own| own == opinion)
        };
        let trusted = |(subject, case): &(&Subject, &Case)| {
            suspended(subject) && says(case, Opinion::Trust) && agrees(subject, Opinion::Trust)
        };
        if let Some((subject, _)) = self.cases.open.iter().find(trusted) {
            return Some(Delta::Restore(subject.clone()));
        }
        let mut suspects = Subjects::default();
        for (subject, case) in &self.cases.open {
            let Subject { id, incarnation } = subject;
            let room = view.suspended.len() + suspects.len() < SUSPENDED_MAX;
            // A former life is dead, or restored, before this one is suspended (D5): one in force is not replaced.
            if room
                && !view.suspended.contains(id)
                && view.is_good(id, *incarnation)
                && says(case, Opinion::Suspect)
                && agrees(subject, Opinion::Suspect)
            {
                // The rest follows with the next view.
                let _ = suspects.insert(id.clone(), *incarnation);
            }
        }
        // Not while this voter itself is thought to be gone: others see more. Nor while it has hardly come back to them.
        let own = view.is_good(&self.identity.id, self.identity.incarnation) || self.rank(view, witness) == 0;
        let propose = !suspects.is_empty() && own && !self.is_reacquainting(view, witness);
        propose.then_some(Delta::Suspend(suspects))
    }

    /// Whether this voter knows of a verdict or a change that is on its way.
    pub(super) fn verdict_is_pending(&self) -> bool {
        let sealed = self.view().is_some_and(|view| view.electorate.next.is_some());
        sealed || self.cases.open.values().any(|case| !case.asked.is_empty())
    }
}

impl Cases {
    /// Hashes what has been answered and certified.
    pub(super) fn gist(&self, now: Duration, into: &mut impl Hasher) {
        for (subject, case) in &self.open {
            (subject, &case.certificates, case.certified).hash(into);
            case.unanswered_since.map(|since| now.saturating_sub(since)).hash(into);
            for (voter, (opinion, asked)) in &case.answers {
                (voter, opinion, now.saturating_sub(*asked)).hash(into);
            }
        }
    }
}
