//! Learning what has been decided: step by step, or as a whole view for those too far behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::delta::Delta;
use super::journal::Output;
use super::message::{Message, Recipient};
use super::standing::Standing;
use super::view::{Epoch, View};
use super::{Quorum, Register};
use crate::core::identity::{Identity, Incarnation};
use crate::wire::{self, Bytes};

/// Steps kept for others, and a snapshot on its way in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Catchup {
    steps: VecDeque<Step>,
    reading: Option<Reading>,
    /// The whole view that is being served in parts: it stays the same until nobody has asked for it for a while.
    serving: Option<Serving>,
    /// Until when a whole view that would end this life is not taken, if one was offered: others may have the steps.
    sought_until: Option<Duration>,
    /// Until when a refusal by somebody who may be a step ahead does not end this life, if there was one.
    spared_until: Option<Duration>,
    /// No other question before this, unless the last one has been answered.
    not_before: Duration,
}

/// One decision, as it is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Step {
    epoch: Epoch,
    before: u64,
    delta: Delta,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Serving {
    epoch: Epoch,
    hash: u64,
    whole: Vec<u8>,
    until: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reading {
    epoch: Epoch,
    hash: u64,
    len: u32,
    bytes: Vec<u8>,
    /// When its newest part came.
    grew: Duration,
}

impl Catchup {
    /// Steps kept: whoever is further behind gets the whole view.
    const STEPS_MAX: usize = 64;
    /// Steps sent in answer to one question.
    const ANSWER_MAX: usize = 8;
    /// For how long an unfinished snapshot is kept ready.
    const SERVED_FOR: Duration = Duration::from_secs(30);
    /// Steps that end no life are waited for, where it would end one to skip them, for so many ballots' time.
    const STEPS_SOUGHT_FOR: u32 = 10;
    /// A snapshot that has not grown for so many ballots' time is given up for another.
    const STUCK_AFTER: u32 = 4;
    /// Longer than any view.
    const SNAPSHOT_MAX: u32 = 1 << 17;

    pub(super) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Bytes of what is being read and served.
    pub(super) fn snapshots(&self) -> usize {
        let reading = self.reading.as_ref().map_or(0, |reading| reading.bytes.len());
        reading + self.serving.as_ref().map_or(0, |serving| serving.whole.len())
    }
}

/// Learning.
impl<R: Register> Quorum<R> {
    /// Somebody has said which view it has stored: where there is one, nothing is left to found.
    pub fn hear_of_history(&mut self, epoch: Option<Epoch>) {
        self.founding.begun |= epoch.is_some();
    }

    /// A neighbour has said which view it has stored.
    pub fn handle_epoch(&mut self, from: Recipient, epoch: Option<Epoch>) {
        self.hear_of_history(epoch);
        if epoch > self.journal.newest_epoch() {
            self.fetch(from);
        }
    }

    /// Asks for what is missing, unless that was asked lately.
    pub(super) fn fetch(&mut self, from: Recipient) {
        let now = self.now.boot;
        if now >= self.catchup.not_before {
            self.catchup.not_before = now + self.settings.ballot_timeout / 2;
            let reading = self.catchup.reading.as_ref();
            let snapshot = reading.map(|reading| (reading.epoch, reading.bytes.len() as u32));
            let after = self.journal.newest_epoch();
            self.send(from, Message::Fetch { after, snapshot });
        }
    }

    pub(super) fn on_decided(&mut self, from: Recipient, epoch: Epoch, before: u64, delta: &Delta) {
        let known = self.journal.newest_epoch();
        match known {
            Some(known) if epoch <= known => {}
            Some(known) if epoch == known.next() => {
                if before != self.newest_hash {
                    // Another history, or a damaged one.
                    self.refused += 1;
                    return;
                }
                self.catchup.not_before = Duration::ZERO;
                self.learn(delta, false);
            }
            _ => self.fetch(from),
        }
    }

    /// Takes in what has been decided about the newest view.
    pub(super) fn learn(&mut self, delta: &Delta, decided_here: bool) {
        let Some(newest) = self.journal.newest().view.clone() else { return };
        let Ok(view) = newest.after(delta) else {
            // The register has decided what cannot follow: only a damaged view can make it look so.
            self.refused += 1;
            return;
        };
        let step = Step { epoch: view.epoch, before: self.newest_hash, delta: delta.clone() };
        if self.catchup.steps.len() >= Catchup::STEPS_MAX {
            self.catchup.steps.pop_front();
        }
        self.catchup.steps.push_back(step);
        self.adopt(view, Some(newest), decided_here);
    }

    /// Puts a view on the disk; it is in force once it is there.
    fn adopt(&mut self, view: Arc<View>, known: Option<Arc<View>>, decided_here: bool) {
        self.newest_hash = view.hash();
        self.note_own_end(&view);
        self.catchup.reading = None;
        (self.catchup.sought_until, self.catchup.spared_until) = (None, None);
        let before = self.journal.view().cloned();
        self.journal.change(|durable| {
            durable.vouch_for_max = durable.vouch_for_max.max(Some(view.vouch_for));
            durable.ballots = Default::default();
            durable.view = Some(view.clone());
        });
        let output = Output::Adopted { view, before: known, decided_here };
        self.outputs.push(output, self.journal.version());
        self.on_stored(before.as_deref());
    }

    /// If another view is stored than before: what follows from that.
    pub(super) fn on_stored(&mut self, before: Option<&View>) {
        let Some(view) = self.view().cloned() else { return };
        if before.map(|before| before.epoch) == Some(view.epoch) {
            return;
        }
        self.hash = view.hash();
        self.heed_own_end(&view);
        self.note_floor(before, &view);
        self.vouched.adopt(&view);
        self.register.rebase(self.now.boot);
        if before.is_none_or(|before| before.gone != view.gone) {
            // Somebody evicts: for those that are left the first voter gets its time again. Not with any other view, or a death
            // that the first voter cannot propose would wait behind leases.
            self.cases.unripe();
        }
        self.cases.start_over(before, &view, self.now.boot);
        self.inquiries.start_over(before, &view);
        self.on_electorate(before, &view);
        self.take_stock();
        self.settle_leases(&view);
    }

    /// Whether all steps from one view to another are known here, and none of them ends this life.
    pub(super) fn is_spared_since(&self, shown: Epoch, whom: &Identity, until: Epoch) -> bool {
        let mut since = self.catchup.steps.iter().filter(|step| step.epoch > shown && step.epoch <= until);
        let known = since.clone().next().is_some_and(|first| first.epoch == shown.next());
        known && !since.any(|step| step.delta.ends(whom))
    }
}

/// Serving.
impl<R: Register> Quorum<R> {
    pub(super) fn on_fetch(&mut self, to: Recipient, after: Option<Epoch>, snapshot: Option<(Epoch, u32)>) {
        let Some(view) = self.view().cloned() else { return };
        let serving = self.catchup.serving.as_ref().map(|serving| serving.epoch);
        match snapshot {
            Some((epoch, at)) if Some(epoch) == serving && Some(epoch) > after => {
                self.send_part(to, &view, after, at);
            }
            _ => self.serve(to, after),
        }
    }

    /// Sends what follows a view: the next steps, or the beginning of the whole.
    pub(super) fn serve(&mut self, to: Recipient, after: Option<Epoch>) {
        let Some(view) = self.view().cloned() else { return };
        if after >= Some(view.epoch) {
            return;
        }
        let next = after.map(Epoch::next);
        let steps: Vec<Step> = self
            .catchup
            .steps
            .iter()
            .filter(|step| Some(step.epoch) >= next && step.epoch <= view.epoch)
            .take(Catchup::ANSWER_MAX)
            .cloned()
            .collect();
        if next.is_none() || steps.first().map(|step| step.epoch) != next {
            self.send_part(to, &view, after, 0);
            return;
        }
        for Step { epoch, before, delta } in steps {
            self.send(to, Message::Decided { epoch, before, delta });
        }
    }

    /// The newest step, for those who have all before it.
    pub fn newest_step(&self) -> Option<Message> {
        let step = self.catchup.steps.back()?;
        let Step { epoch, before, delta } = step.clone();
        Some(Message::Decided { epoch, before, delta })
    }

    /// Sends some of a whole view to somebody who has that of `after`.
    fn send_part(&mut self, to: Recipient, view: &View, after: Option<Epoch>, at: u32) {
        let now = self.now.boot;
        // Steps lead on from a snapshot, as long as enough of them are kept. One that is being read stays the same to its end: it
        // would never be read whole while views come faster than that.
        let near =
            |s: &Serving| view.epoch.get().saturating_sub(s.epoch.get()) < Catchup::STEPS_MAX as u64 / 2;
        // Whoever has it already is helped by a later one only.
        let helps = |s: &Serving| at != 0 || near(s) && Some(s.epoch) > after;
        let good = |s: &Serving| now < s.until && helps(s);
        if !self.catchup.serving.as_ref().is_some_and(good) {
            let whole = wire::pack(view);
            self.catchup.serving = Some(Serving { epoch: view.epoch, hash: self.hash, whole, until: now });
        }
        let Some(serving) = &mut self.catchup.serving else { return };
        serving.until = now + Catchup::SERVED_FOR;
        let Some(rest) = serving.whole.get(at as usize..).filter(|rest| !rest.is_empty()) else { return };
        let (epoch, hash, len) = (serving.epoch, serving.hash, serving.whole.len() as u32);
        let part = Bytes::of(rest);
        self.send(to, Message::Snapshot { epoch, hash, len, at, part });
    }

    pub(super) fn on_snapshot(
        &mut self,
        from: Recipient,
        epoch: Epoch,
        hash: u64,
        (len, at): (u32, u32),
        part: &Bytes,
    ) {
        if Some(epoch) <= self.journal.newest_epoch() || len > Catchup::SNAPSHOT_MAX {
            return;
        }
        let now = self.now.boot;
        let fits = |r: &Reading| (r.epoch, r.hash, r.len) == (epoch, hash, len) && r.bytes.len() as u32 == at;
        let mut reading = match self.catchup.reading.take() {
            Some(reading) if fits(&reading) => reading,
            // Another one is begun only once this one makes no progress: what several serve may differ, and answers cross.
            Some(reading)
                if at != 0
                    || (reading.epoch, reading.hash) == (epoch, hash)
                    || now < reading.grew + Catchup::STUCK_AFTER * self.settings.ballot_timeout =>
            {
                self.catchup.reading = Some(reading);
                return;
            }
            _ if at == 0 => Reading { epoch, hash, len, bytes: Vec::new(), grew: now },
            _ => return,
        };
        reading.bytes.extend_from_slice(part.get());
        reading.grew = now;
        let complete = reading.bytes.len() as u32 >= len;
        if !complete {
            self.catchup.reading = Some(reading);
            self.catchup.not_before = Duration::ZERO;
            self.fetch(from);
            return;
        }
        self.take_whole(&reading);
    }

    /// Whether what lies between may still be learnt step by step. Whoever has just started serves nothing but whole views.
    fn hopes_for_steps(&mut self, view: &View, known: Option<&View>) -> bool {
        let near =
            known.is_some_and(|known| view.epoch.get() - known.epoch.get() <= Catchup::STEPS_MAX as u64);
        let until = self.now.boot + Catchup::STEPS_SOUGHT_FOR * self.settings.ballot_timeout;
        near && self.now.boot < *self.catchup.sought_until.get_or_insert(until)
    }

    /// Whether the steps are still waited for that whoever refuses this life may be ahead.
    fn waits_for_floor(&mut self) -> bool {
        let until = self.now.boot + Catchup::STEPS_SOUGHT_FOR * self.settings.ballot_timeout;
        self.now.boot < *self.catchup.spared_until.get_or_insert(until)
    }

    /// Whether a refusal to this life as being below that floor is to be passed over: this life has seen the floor rise, or is in
    /// quorum, or has been above a floor, and has yet to see this one. Whoever refuses may be a few steps ahead, and know hardly
    /// anybody. Nothing is lost by waiting: in quorum because of S4, and where nobody vouches for it because it may do nothing.
    pub fn spared_by_floor(&mut self, floor: Incarnation) -> bool {
        let unseen = self.view().is_some_and(|view| view.floor < Some(floor));
        let waits = match self.standing() {
            Standing::InQuorum => true,
            Standing::Unvoted => self.above_floor && !self.ended && !self.below_floor,
            _ => false,
        };
        self.outlives_floor(floor) || (unseen && waits && self.waits_for_floor())
    }

    /// A snapshot is complete: checks it, and takes it in.
    fn take_whole(&mut self, reading: &Reading) {
        let whole: Option<View> = wire::unpack(&reading.bytes).ok();
        let sound = |view: &View| {
            // A founder follows no history but the one it has agreed to, as long as there can be one.
            let known = self.journal.newest().view.as_ref().map(|known| known.genesis);
            let genesis = known.or_else(|| self.promised());
            let known = genesis.is_none_or(|genesis| genesis == view.genesis);
            view.epoch == reading.epoch && view.hash() == reading.hash && known
        };
        let Some(view) = whole.filter(sound) else {
            self.refused += 1;
            return;
        };
        let known = self.journal.newest().view.clone();
        let floor_before = known.as_ref().and_then(|view| view.floor);
        let risen =
            view.floor.filter(|&floor| Some(floor) > floor_before && floor >= self.identity.incarnation);
        if risen.is_some() && self.hopes_for_steps(&view, known.as_deref()) {
            return;
        }
        let unvoted = risen.is_some() && self.outslept_floor();
        self.catchup.steps.clear();
        self.adopt(Arc::new(view), known, false);
        if let Some(floor) = risen.filter(|_| unvoted) {
            self.outputs.push(Output::BelowFloor { floor }, self.journal.version());
        }
    }
}
