//! Datagrams on their way out.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::identity::Life;

/// A datagram that [`Node::poll_transmit`](super::Node::poll_transmit) wrote: send the first `len` bytes of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// How many bytes of the buffer.
    pub len: usize,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// A heartbeat to this peer. It is written when it is polled, straight into the driver's buffer.
    Heartbeat(Life),
    /// Something rarer, written already.
    Written(SocketAddr, Box<[u8]>),
}

/// Bounded: a driver that does not drain loses the oldest, as a network might.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    pub(crate) dropped: u64,
}

impl Outbox {
    const MAX: usize = 1024;

    pub(crate) fn new() -> Self {
        // Room for the heartbeats of a tick from the start.
        Self { queue: VecDeque::with_capacity(64), dropped: 0 }
    }

    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        if self.queue.len() >= Self::MAX {
            self.queue.pop_front();
            self.dropped += 1;
        }
        self.queue.push_back(outgoing);
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        self.queue.pop_front()
    }
}
