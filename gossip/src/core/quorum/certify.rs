//! Certificates: a voter's word, good for as long as the suspension it is bound to, that all it vouched for has run out.

use super::clock::Moment;
use super::delta::{Delta, Subject, Subjects};
use super::message::{Message, Recipient};
use super::view::{Epoch, View, majority};
use super::witness::{Sighting, Witness};
use super::{Quorum, Register};
use crate::core::identity::StorageId;
use crate::core::opinion::Opinion;

impl<R: Register> Quorum<R> {
    /// Certifies what can be: the stored view has it suspended, this voter still suspects it, it has been silent for as long as a
    /// voucher lasts, if that is what is against it, and every voucher for it has run out on both clocks.
    pub(super) fn certify(&mut self, witness: &dyn Witness) {
        let Some(view) = self.voting().cloned() else { return };
        let suspended: Vec<(Subject, Epoch)> = view
            .suspended
            .iter()
            .map(|(id, s)| (Subject { id: id.clone(), incarnation: s.incarnation }, s.since))
            .collect();
        for (subject, case) in &mut self.cases.open {
            if !suspended.iter().any(|(of, _)| of == subject) {
                case.certifiable = None;
            }
        }
        for (subject, since) in suspended {
            if self.cases.open.get(&subject).is_some_and(|case| case.certified == Some(since)) {
                continue;
            }
            let until = self.vouching.until(&subject);
            let now = self.now.boot;
            let suspects = self.opinion(&view, witness, &subject) == Some(Opinion::Suspect);
            let own = subject.id == self.identity.id;
            let seen = witness.sight(&subject);
            let observed = own || seen.is_some();
            // While it was suspended it may have been heard, and was not vouched for.
            let silent = seen.filter(Sighting::is_of_silence).map(|seen| seen.heard + view.vouch_for.get());
            let over = until.passed_on_both(self.now.into()) && silent.is_none_or(|silent| now >= silent);
            let wait = self.wait_until(until).max(silent.unwrap_or_default());
            let case = self.cases.of(&subject, now);
            case.certifiable = (!over).then_some(wait);
            // One that others observe is certified with the answer that their testimony makes.
            if over && observed && suspects {
                self.issue(&view, &subject, since);
            }
        }
    }

    /// Puts a certificate on its way to all voters.
    pub(super) fn issue(&mut self, view: &View, subject: &Subject, since: Epoch) {
        let now = self.now.boot;
        let case = self.cases.of(subject, now);
        case.certified = Some(since);
        case.certifiable = None;
        self.send_voters(view, &Message::Certificate { subject: subject.clone(), since });
    }

    /// When to look whether a moment has passed on both clocks: a little after it does on the one that timers run on, and
    /// again later if the other lags.
    fn wait_until(&self, until: Moment) -> std::time::Duration {
        let grain = std::time::Duration::from_millis(1);
        let left = until.raw.saturating_sub(self.now.raw);
        until.boot.max(self.now.boot + left) + grain
    }

    /// Whoever asks has perhaps missed it.
    pub(super) fn repeat_certificate(&mut self, to: Recipient, subject: &Subject) {
        if let Some(since) = self.cases.open.get(subject).and_then(|case| case.certified) {
            self.send(to, Message::Certificate { subject: subject.clone(), since });
        }
    }

    pub(super) fn on_certificate(&mut self, from: StorageId, subject: &Subject, since: Epoch) {
        let Some(view) = self.voting().cloned() else { return };
        if !view.electorate.votes(&from) {
            return;
        }
        let now = self.now.boot;
        // It may be about a suspension that this voter has yet to hear of; then it is asked for again.
        let known = view.suspended.get(&subject.id).is_some_and(|s| s.incarnation == subject.incarnation);
        if known {
            let case = self.cases.of(subject, now);
            let known = case.certificates.entry(from).or_insert(since);
            *known = since.max(*known);
        }
    }

    /// Evictions for which a majority of the voters has certified, bound to the suspension that is in force.
    pub(super) fn ripe_eviction(&mut self, view: &View, witness: &dyn Witness) -> Option<Delta> {
        let mut dead = Subjects::default();
        for (id, suspension) in view.suspended.iter() {
            let subject = Subject { id: id.clone(), incarnation: suspension.incarnation };
            let Some(case) = self.cases.open.get(&subject) else { continue };
            let bound = |voter: &StorageId| case.certificates.get(voter) == Some(&suspension.since);
            // Whoever hears it leaves that to others.
            let agrees = self.opinion(view, witness, &subject).is_none_or(|own| own == Opinion::Suspect);
            if agrees && majority(&view.electorate.voters, bound) {
                // The rest follows with the next view.
                let _ = dead.insert(id.clone(), suspension.incarnation);
            }
        }
        if dead.is_empty() {
            self.cases.unripe();
            return None;
        }
        // All voters have the same certificates at about the same time: the first is to use them.
        let ready = self.cases.ripe_since(self.now.boot);
        let patience = self.patience(self.rank(view, witness));
        (self.now.boot >= ready + patience).then_some(Delta::Evict(dead))
    }
}
