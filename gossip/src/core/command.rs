//! What the user of a node tells it to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::clock::Now;
use super::end::End;
use super::leave::Phase;
use super::members::Members;
use super::record::{Record, Status};
use crate::error::{CommandError, SetError};

/// Members that many nodes are to know from the start, as from the list of a deployment. All that take it in share it.
///
/// ```
/// use gossip::core::Roster;
///
/// assert!(Roster::new([]).is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Roster {
    members: Members,
}

impl Roster {
    /// A list of these; of several records of one name the newest counts. Farewells are passed over.
    pub fn new(records: impl IntoIterator<Item = Arc<Record>>) -> Self {
        let mut members = Members::new(usize::MAX);
        for record in records.into_iter().filter(|record| record.status != Status::Left) {
            members.learn(record, Duration::ZERO);
        }
        Self { members }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Node {
    /// Sets one of this node's metadata; true if that changed anything.
    ///
    /// # Errors
    ///
    /// [`SetError`] if it breaks a limit or the node has stopped; nothing is changed then.
    pub fn set_metadata(&mut self, now: Now, key: &str, value: &str) -> Result<bool, SetError> {
        self.advance(now);
        self.check_running()?;
        let mut metadata = self.record().metadata.clone();
        let changed = metadata.set(key, value)?;
        if changed {
            self.rewrite(|record| record.metadata = metadata);
        }
        Ok(changed)
    }

    /// Removes one of this node's metadata; true if it was there.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn remove_metadata(&mut self, now: Now, key: &str) -> Result<bool, CommandError> {
        self.advance(now);
        self.check_running()?;
        let mut metadata = self.record().metadata.clone();
        let changed = metadata.remove(key);
        if changed {
            self.rewrite(|record| record.metadata = metadata);
        }
        Ok(changed)
    }

    /// Tells everybody that this node is now reached at another address.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn set_addr(&mut self, now: Now, addr: SocketAddr) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        if self.record().addr != addr {
            self.rewrite(|record| record.addr = addr);
        }
        Ok(())
    }

    /// Replaces the addresses to call, for instance after their names have been resolved again.
    pub fn set_seeds(&mut self, now: Now, seeds: Vec<SocketAddr>) {
        self.advance(now);
        self.seeds.replace(seeds);
    }

    /// Takes in members from a list that was saved in an earlier life, or comes with the deployment.
    ///
    /// They are hearsay: their owners' newer records replace these, and none of them counts as heard. Who is dead by what this node
    /// has on disk stays dead.
    pub fn introduce(&mut self, now: Now, records: impl IntoIterator<Item = Arc<Record>>) {
        self.advance(now);
        for record in records {
            let over = record.status == Status::Left || self.gone_up_to(&record).is_some();
            if record.identity.id != self.identity.id && !over {
                self.introduce_one(record);
            }
        }
        self.meet_neighbours();
        self.revision += 1;
    }

    /// The same of a whole list, which many nodes may take in. On a node that knows nobody yet, it takes no more room than a few pointers
    /// until something on it changes.
    pub fn introduce_all(&mut self, now: Now, roster: &Roster) {
        let known = roster.members.record(self.key).is_none_or(|record| record.identity == self.identity);
        let fits = roster.members.len() < self.config.members_max;
        // What is on disk may say that some of them are dead.
        if !self.members.is_untouched() || !known || !fits || self.quorum.view().is_some() {
            let records = roster.members.iter().map(|(_, slot)| slot.record.clone());
            return self.introduce(now, records);
        }
        self.advance(now);
        let own = self.record().clone();
        self.members.take_over(&roster.members, own, self.now.boot);
        for key in self.members.keys().filter(|&key| key != self.key) {
            self.readings.start_over(key);
            self.rings.add(key);
        }
        self.meet_neighbours();
        self.revision += 1;
    }

    /// Says that this node will be silent for up to `max` on purpose; its observers hold back that long.
    ///
    /// It ends when [`resume`](Self::resume) is called, when the node notices that it has been paused, or by itself.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn announce_pause(&mut self, now: Now, max: Duration) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.on_announce_pause(max);
        Ok(())
    }

    /// Ends an announced pause.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has stopped.
    pub fn resume(&mut self, now: Now) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.on_resume();
        Ok(())
    }

    /// Leaves the cluster for good: tells it so, waits for acknowledgements ([`Event::LeaveDone`](crate::Event::LeaveDone)), and stops.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the node has left already.
    pub fn leave(&mut self, now: Now) -> Result<(), CommandError> {
        self.advance(now);
        self.check_running()?;
        self.begin_leave();
        Ok(())
    }

    pub(super) fn check_running(&self) -> Result<(), CommandError> {
        match self.phase {
            Phase::Running => Ok(()),
            Phase::Departing { .. } | Phase::Leaving(_) | Phase::Stopped(End::Left { .. }) => {
                Err(CommandError::Left)
            }
            Phase::Stopped(End::Superseded { .. }) => Err(CommandError::Superseded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::core::Setup;
    use crate::core::identity::{BootId, Identity, Incarnation, Key, NodeId, StorageId, Version};
    use crate::core::quorum::Durable;
    use crate::core::record::Metadata;

    const NOW: Duration = Duration::ZERO;

    fn record(number: u8, incarnation: u64) -> Arc<Record> {
        let identity = Identity {
            id: NodeId::new(format!("n{number}")).expect("a name"),
            storage: StorageId::default(),
            incarnation: Incarnation::new(incarnation).expect("in range"),
            boot: BootId([number; 16]),
        };
        let addr = SocketAddr::from(([10, 0, 0, number], 7000));
        let metadata = Metadata::default();
        Arc::new(Record { identity, version: Version::FIRST, addr, status: Status::Running, metadata })
    }

    /// The first node, in its second life, of a cluster that is too large for a full mesh.
    fn node(members_max: usize) -> Node {
        Node::new(Now::from(NOW), setup(members_max))
    }

    fn setup(members_max: usize) -> Setup {
        let first = record(0, 2);
        let config = Config::builder("many").full_mesh_max(8).members_max(members_max);
        Setup {
            config: config.build().expect("valid"),
            identity: first.identity.clone(),
            addr: first.addr,
            seeds: Vec::new(),
            metadata: Metadata::default(),
            durable: Durable::default(),
            rng_seed: 1,
        }
    }

    fn roster(own: u64) -> Roster {
        Roster::new((1..40).map(|number| record(number, 1)).chain([record(0, own)]))
    }

    fn peers(node: &Node) -> Vec<Key> {
        let mut keys: Vec<Key> =
            node.peers.iter().filter(|peer| peer.neighbour).map(|peer| peer.key).collect();
        keys.sort_unstable();
        keys
    }

    fn known(node: &Node) -> Vec<Identity> {
        node.members().map(|member| member.record.identity.clone()).collect()
    }

    #[test]
    fn a_roster_introduces_its_members_as_one_by_one() {
        let mut expected = node(100);
        expected.introduce(Now::from(NOW), (1..40).map(|number| record(number, 1)));
        // With its own life on it, with one before, with none after it; and to a node that knows somebody already.
        for (own, acquainted) in [(2, false), (1, false), (3, false), (2, true)] {
            let mut node = node(100);
            if acquainted {
                node.introduce(Now::from(NOW), [record(7, 1)]);
            }
            node.introduce_all(Now::from(NOW), &roster(own));
            assert_eq!(known(&node), known(&expected), "{own}, {acquainted}");
            assert_eq!(peers(&node), peers(&expected));
            assert_eq!(node.members.digest(), expected.members.digest());
            assert_eq!(node.record().identity, record(0, 2).identity);
        }
    }

    #[test]
    fn whoever_is_on_record_as_dead_is_introduced_in_a_later_life_only() {
        use crate::core::quorum::{Cause, Epoch, Founders, Gone, Voters, VouchFor};

        for all_at_once in [false, true] {
            let mut setup = setup(100);
            let mut voters = Voters::default();
            assert!(voters.insert(StorageId([9; 16]), NodeId::new("v").expect("a name")));
            let mut view = Founders { voters, vouch_for: VouchFor::clamped(Duration::from_secs(1)) }.view();
            let gone = Gone { incarnation: Incarnation::FIRST, cause: Cause::Dead, epoch: Epoch::GENESIS };
            assert!(view.gone.insert(record(7, 1).identity.id.clone(), gone));
            setup.durable = Durable { view: Some(view.into()), ..Durable::default() };
            let mut node = Node::new(Now::from(NOW), setup);
            if all_at_once {
                node.introduce_all(Now::from(NOW), &roster(2));
            } else {
                node.introduce(Now::from(NOW), (1..40).map(|number| record(number, 1)));
            }
            assert_eq!(node.members.len(), 39, "all but the dead one");
            node.introduce(Now::from(NOW), [record(7, 2)]);
            assert_eq!(node.members.len(), 40);
        }
    }

    #[test]
    fn a_roster_takes_back_no_farewell() {
        let mut node = node(100);
        node.introduce(Now::from(NOW), [record(7, 1)]);
        let mut farewell = Record::clone(&record(7, 1));
        (farewell.status, farewell.version) = (Status::Left, farewell.version.next());
        node.learn_record(&Arc::new(farewell), false);
        assert_eq!(node.members.len(), 1);
        node.introduce_all(Now::from(NOW), &roster(2));
        assert_eq!(node.members.len(), 39, "all but the one that has left");
    }

    /// Others have seen its versions up to some number: what it says next must be above that.
    #[test]
    fn a_roster_replaces_no_word_of_the_node_itself() {
        let mut node = node(100);
        node.set_metadata(Now::from(NOW), "rack", "12").expect("fits");
        let own = node.record().clone();
        let mut later = Record::clone(&own);
        later.version = later.version.next();
        let records = (1..40).map(|number| record(number, 1));
        node.introduce_all(Now::from(NOW), &Roster::new(records.chain([Arc::new(later)])));
        assert_eq!((node.record(), node.members.len()), (&own, 40));
    }

    #[test]
    fn what_one_node_learns_the_others_that_share_a_roster_do_not() {
        let roster = roster(2);
        let (mut one, mut other) = (node(100), node(100));
        one.introduce_all(Now::from(NOW), &roster);
        other.introduce_all(Now::from(NOW), &roster);
        one.introduce(Now::from(NOW), [record(7, 2), record(50, 1)]);
        assert_eq!((one.members.len(), other.members.len(), roster.len()), (41, 40, 40));
        let life =
            |node: &Node| node.members.record(record(7, 1).identity.id.key()).map(|r| r.identity.incarnation);
        assert!(life(&one) > life(&other));
        assert_ne!(one.members.digest(), other.members.digest());
    }

    #[test]
    fn no_more_members_are_taken_in_than_there_may_be() {
        let mut node = node(20);
        node.introduce_all(Now::from(NOW), &roster(2));
        assert_eq!(node.members.len(), 20);
    }
}
