//! A voter's side of requests: what others asked it to have decided.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::delta::{Delta, Subject};
use super::message::{Denial, Message, Recipient, Wish};
use super::view::{Inapplicable, View};
use super::witness::Witness;
use super::{Quorum, Register};
use crate::core::identity::Identity;

/// Requests that wait for their turn, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Requests {
    waiting: VecDeque<Request>,
    /// Since when a grant has been held back for a verdict that is pending.
    held_back: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Request {
    owner: Identity,
    number: u64,
    wish: Wish,
    from: Recipient,
    /// Forgotten after this: whoever still wants it has asked again.
    until: Duration,
}

impl Requests {
    /// Beyond it the oldest are forgotten, and asked again.
    const MAX: usize = 256;

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Request {
    fn delta(&self) -> Option<Delta> {
        Some(match &self.wish {
            Wish::Acquire { lease } => {
                Delta::Acquire { lease: lease.clone(), owner: self.owner.clone(), request: self.number }
            }
            Wish::Release { lease, token } => {
                Delta::Release { lease: lease.clone(), owner: self.owner.clone(), token: *token }
            }
            Wish::Leave => {
                Delta::Leave(Subject { id: self.owner.id.clone(), incarnation: self.owner.incarnation })
            }
            Wish::SetVouch { length } => Delta::SetVouch(*length),
            Wish::Unseal { .. } => Delta::Unseal,
            Wish::Change { .. } => return None,
        })
    }
}

impl<R: Register> Quorum<R> {
    pub(super) fn on_request(
        &mut self,
        witness: &dyn Witness,
        from: Recipient,
        owner: &Identity,
        number: u64,
        wish: &Wish,
    ) {
        let Some(view) = self.voting().cloned() else { return };
        // Of whom the floor has passed the end may be on record no more: whoever is to have a lease is heard, and lives.
        let passed = matches!(wish, Wish::Acquire { .. }) && view.floor >= Some(owner.incarnation);
        let forgotten = passed && witness.identity(&owner.id).as_ref() != Some(owner);
        if forgotten || view.is_gone(&owner.id, owner.incarnation) || view.outranks(owner).is_some() {
            // It does not know yet. The newest view tells it.
            self.serve(from, None);
            return;
        }
        // A length that its own configuration would refuse it does not propose; nor does it deny it, since another voter's may
        // not. Once proposed it is accepted: what some accept and some refuse would be in the way of all that follows (P3).
        let refused = matches!(wish, Wish::SetVouch { length } if !self.settings.allows(*length));
        if refused || wish.is_void(view.electorate.since) {
            return;
        }
        if let Wish::Change { voters, .. } = wish {
            self.begin_change(&view, from, number, voters);
            return;
        }
        let request = Request {
            owner: owner.clone(),
            number,
            wish: wish.clone(),
            from,
            until: self.now.boot + 8 * self.settings.ballot_timeout,
        };
        let same = |r: &Request| r.owner == *owner && r.number == number && r.wish == *wish;
        match self.requests.waiting.iter_mut().find(|r| same(r)) {
            Some(known) => *known = request,
            None => {
                if self.requests.waiting.len() >= Requests::MAX {
                    self.requests.waiting.pop_front();
                }
                self.requests.waiting.push_back(request);
            }
        }
    }

    /// The next request that can be granted. Those before it are denied, or have been overtaken; those after it wait.
    pub(super) fn ripe_request(&mut self, view: &View) -> Option<Delta> {
        let now = self.now.boot;
        self.requests.waiting.retain(|request| request.until > now);
        loop {
            let request = self.requests.waiting.front()?;
            // What another process of the same name owns must not end with the word of this one.
            let valid =
                !request.wish.is_void(view.electorate.since) && view.outranks(&request.owner).is_none();
            let outcome = request.delta().filter(|_| valid).map(|delta| view.after(&delta).map(|_| delta));
            if let Some(Ok(ripe)) = outcome {
                return self.may_grant(&ripe).then_some(ripe);
            }
            let (to, number) = (request.from, request.number);
            self.requests.waiting.pop_front();
            if let Some(reason) = outcome.and_then(Result::err).and_then(denial) {
                self.send(to, Message::Denied { number, reason });
            }
        }
    }

    /// Grants wait one ballot for a verdict or a change that is known to be on its way (D2).
    fn may_grant(&mut self, delta: &Delta) -> bool {
        if !matches!(delta, Delta::Acquire { .. }) || !self.verdict_is_pending() {
            self.requests.held_back = None;
            return true;
        }
        let since = *self.requests.held_back.get_or_insert(self.now.boot);
        let over = self.now.boot >= since + self.settings.ballot_timeout;
        if over {
            self.requests.held_back = None;
        }
        over
    }
}

/// What to tell whoever asked; nothing if asking again may help, or if the next view tells it all.
fn denial(reason: Inapplicable) -> Option<Denial> {
    match reason {
        Inapplicable::Full => Some(Denial::Full),
        Inapplicable::EarlierLife => Some(Denial::EarlierLife),
        Inapplicable::Votes | Inapplicable::Moot | Inapplicable::Barred | Inapplicable::Held => None,
    }
}

impl Requests {
    /// Hashes what waits.
    pub(super) fn gist(&self, into: &mut impl Hasher) {
        for Request { owner, number, wish, from, .. } in &self.waiting {
            (owner, number, wish, from).hash(into);
        }
    }
}
