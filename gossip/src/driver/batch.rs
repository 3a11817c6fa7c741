//! Datagrams that are received together: to ask the system for each costs more than to understand it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::DATAGRAM_MAX;

/// One byte more than is allowed, so that what is too long is seen to be.
pub(super) type Buffer = [u8; DATAGRAM_MAX + 1];

/// What the system says of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    /// How many bytes of its buffer it takes.
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    /// When the system got it, on the wall clock as it was set then. None where that is not noted; and in the first moments of
    /// a process it may be when it was read.
    pub(super) stamp: Option<Duration>,
}

/// As many datagrams as are received at a time, and room for them.
#[derive(Debug)]
pub(super) struct Batch {
    buffers: Box<[Buffer; Self::CAPACITY]>,
    /// Of each datagram in its order: in which buffer it is, and what is known of it.
    received: Vec<(usize, Received)>,
}

impl Batch {
    /// Where the system gives one at a time, there is no use for more.
    pub(super) const CAPACITY: usize = if cfg!(target_os = "linux") { 16 } else { 1 };

    pub(super) fn new() -> Self {
        let buffers = Box::new([[0; DATAGRAM_MAX + 1]; Self::CAPACITY]);
        Self { buffers, received: Vec::with_capacity(Self::CAPACITY) }
    }

    pub(super) fn clear(&mut self) {
        self.received.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.received.len()
    }

    /// All buffers, to be filled from the first on.
    #[cfg(target_os = "linux")]
    pub(super) fn buffers(&mut self) -> &mut [Buffer; Self::CAPACITY] {
        &mut self.buffers
    }

    /// Receives one datagram into the first buffer; whether that was all, which nobody knows.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn receive_one(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> std::io::Result<(usize, SocketAddr)>,
    ) -> std::io::Result<bool> {
        let (len, from) = receive(&mut self.buffers[0])?;
        self.note(0, Received { len, from, stamp: None });
        Ok(false)
    }

    /// Puts in a copy of a datagram, cut to its buffer, if there is room for one more.
    #[cfg(feature = "faults")]
    pub(super) fn put(&mut self, from: SocketAddr, bytes: &[u8]) {
        let at = self.received.len();
        if let Some(buffer) = self.buffers.get_mut(at) {
            let len = bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&bytes[..len]);
            self.note(at, Received { len, from, stamp: None });
        }
    }

    /// Notes what is in one of the buffers.
    pub(super) fn note(&mut self, at: usize, received: Received) {
        self.received.push((at, received));
    }

    /// Leaves out those that are not to be kept.
    #[cfg(feature = "faults")]
    pub(super) fn retain(&mut self, mut keep: impl FnMut(SocketAddr, &[u8]) -> bool) {
        let buffers = &self.buffers;
        self.received.retain(|&(at, Received { len, from, .. })| keep(from, &buffers[at][..len]));
    }

    /// All datagrams in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Received, &[u8])> {
        self.received.iter().map(|&(at, received)| (received, &self.buffers[at][..received.len]))
    }
}
