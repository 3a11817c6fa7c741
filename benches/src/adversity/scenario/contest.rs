//! A lease that is fought over while other things are done to the nodes.

use std::collections::BTreeSet;

use crate::adversity::observe::Deed;

/// How long a holder keeps it before it gives it back.
const HOLD_S: f64 = 1.0;
/// How long who has given it back does not ask, unless another has got it: who asks at once mostly gets it again.
const REST_S: f64 = 1.0;
/// Only when nothing has been done to any node for so long: what has just run out cannot be given back.
const QUIET_S: f64 = 2.0;

/// Who wants the lease all the time, and who has it.
#[derive(Debug, Default)]
pub(super) struct Contest {
    /// Nobody until it begins.
    by: Vec<usize>,
    /// Faults that are on.
    faults: BTreeSet<String>,
    /// When something was last done.
    touched: f64,
    /// How often somebody was granted it, and how often since something was last done.
    grants: usize,
    grants_since: usize,
    /// Since when, as long as it has not been made to give it back.
    holder: Option<(usize, f64)>,
    /// Who has given it back, and since when it rests.
    resting: Option<(usize, f64)>,
    /// Who never gives it back, and whether it has had it since.
    keeper: Option<usize>,
    kept: bool,
}

impl Contest {
    /// From now on the first, the middle and the last of so many nodes want it.
    pub(super) fn begin(&mut self, nodes: usize) {
        self.by = vec![0, nodes / 2, nodes - 1];
    }

    /// Who is to ask for it. Nobody asks until the one that may keep it has it: who waits longest need not be the next.
    pub(super) fn by(&self, now: f64) -> Vec<usize> {
        if let Some(keeper) = self.keeper.filter(|_| !self.kept) {
            return vec![keeper];
        }
        let rests = |node: usize| self.resting.is_some_and(|(by, since)| by == node && now - since < REST_S);
        self.by.iter().copied().filter(|node| !rests(*node)).collect()
    }

    /// From now on this one gives it back no more.
    pub(super) fn let_keep(&mut self, node: usize) {
        self.keeper = Some(node);
    }

    /// Whether it has passed from one to the next.
    pub(super) fn has_moved(&self) -> bool {
        self.grants >= 2
    }

    /// Whether somebody has been granted it since something was last done to any node.
    pub(super) fn has_moved_since(&self) -> bool {
        self.grants_since > 0
    }

    /// From now on nobody may keep it.
    pub(super) fn let_nobody_keep(&mut self) {
        self.keeper = None;
    }

    /// Whether the one that may keep it has it, and has not been made to give it back before.
    pub(super) fn is_kept(&self) -> bool {
        self.holder.is_some_and(|(holder, _)| self.keeper == Some(holder))
    }

    pub(super) fn see(&mut self, at: f64, deed: &Deed) {
        match deed {
            Deed::Mark(_) => return,
            Deed::FaultBegins(fault) => _ = self.faults.insert(fault.text.clone()),
            Deed::FaultEnds(text) => _ = self.faults.remove(text),
            Deed::Started(node) => self.over(*node),
            _ => {}
        }
        self.touched = at;
        self.grants_since = 0;
    }

    pub(super) fn granted(&mut self, at: f64, to: usize) {
        self.holder = Some((to, at));
        self.grants += 1;
        // It may be heard of after something that was done later.
        self.grants_since += usize::from(at > self.touched);
        self.kept |= self.keeper == Some(to);
        self.resting = self.resting.filter(|(by, _)| *by == to);
    }

    pub(super) fn over(&mut self, of: usize) {
        self.holder = self.holder.filter(|(holder, _)| *holder != of);
    }

    /// Who is to give it back now; each holder once.
    pub(super) fn due(&mut self, now: f64, running: &[usize]) -> Option<usize> {
        let (holder, since) = self.holder?;
        let calm = self.faults.is_empty() && now - self.touched >= QUIET_S;
        if !calm
            || now - since < HOLD_S
            || self.is_kept()
            || !self.by.contains(&holder)
            || !running.contains(&holder)
        {
            return None;
        }
        self.holder = None;
        self.resting = Some((holder, now));
        Some(holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::Fault;

    #[test]
    fn whoever_may_keep_it_is_let_before_and_others_ask_again_after_that() {
        let mut contest = Contest::default();
        contest.begin(5);
        contest.let_keep(4);
        assert_eq!(contest.by(9.0), [4]);
        contest.granted(10.0, 0);
        assert!(!contest.has_moved());
        assert_eq!((contest.by(10.5), contest.due(12.5, &[0, 4])), (vec![4], Some(0)), "it had asked before");
        contest.granted(13.0, 4);
        assert!(contest.has_moved());
        assert_eq!((contest.by(13.0), contest.due(20.0, &[0, 4])), (vec![0, 2, 4], None));
        contest.over(4);
        assert_eq!(contest.by(21.0), [0, 2, 4], "it is free for all");
    }

    #[test]
    fn who_may_keep_it_has_it_only_if_it_has_not_given_it_back() {
        for (told, kept) in [(false, true), (true, false)] {
            let mut contest = Contest::default();
            contest.begin(5);
            contest.granted(10.0, 2);
            if told {
                assert_eq!(contest.due(12.5, &[2]), Some(2));
            }
            contest.let_keep(2);
            assert_eq!((contest.is_kept(), contest.due(20.0, &[2])), (kept, None));
            contest.granted(21.0, 4);
            assert_eq!((contest.is_kept(), contest.due(23.0, &[4])), (false, Some(4)));
            contest.granted(24.0, 2);
            assert!(contest.is_kept());
        }
    }

    #[test]
    fn a_lease_is_given_back_once_and_only_in_peace() {
        let all = [0, 1, 2, 3, 4];
        let contest = || {
            let mut contest = Contest::default();
            contest.begin(5);
            contest.granted(10.0, 2);
            contest
        };
        let mut one = contest();
        assert_eq!(one.by(10.0), [0, 2, 4]);
        assert_eq!(one.due(10.9, &all), None, "it has only just got it");
        assert_eq!((one.due(12.5, &all), one.due(15.0, &all)), (Some(2), None));
        assert_eq!((one.by(13.0), one.by(14.0)), (vec![0, 4], vec![0, 2, 4]));
        one.granted(13.0, 4);
        assert_eq!(one.by(13.1), [0, 2, 4], "another has got it");
        assert_eq!(contest().due(15.0, &[0, 1]), None, "it does not run");
        let mut one = contest();
        one.granted(11.0, 1);
        assert_eq!(one.due(15.0, &all), None, "that is another's business");

        let mut one = contest();
        one.see(14.0, &Deed::Killed(4));
        assert_eq!((one.due(15.0, &all), one.due(16.5, &all)), (None, Some(2)));
        let mut one = contest();
        one.see(11.0, &Deed::FaultBegins(Fault { text: "loss".into(), ..Fault::default() }));
        assert_eq!(one.due(20.0, &all), None);
        one.see(21.0, &Deed::FaultEnds("loss".into()));
        assert_eq!(one.due(23.5, &all), Some(2));
        let mut one = contest();
        one.see(11.0, &Deed::Started(2));
        assert_eq!(one.due(20.0, &all), None, "that was another life");
    }

    #[test]
    fn a_grant_after_all_was_done_is_another_than_one_before() {
        let mut contest = Contest::default();
        contest.begin(5);
        contest.let_keep(4);
        contest.granted(10.0, 4);
        assert!(contest.has_moved_since());
        contest.see(11.0, &Deed::FaultEnds("loss".into()));
        contest.see(11.5, &Deed::Mark("end"));
        assert!(!contest.has_moved_since() && contest.due(20.0, &[4]).is_none());
        contest.granted(10.9, 4);
        assert!(!contest.has_moved_since(), "it is heard of late");
        contest.let_nobody_keep();
        assert_eq!(contest.due(20.0, &[4]), Some(4));
        contest.granted(20.5, 0);
        assert!(contest.has_moved_since());
    }
}
