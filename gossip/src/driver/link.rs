//! Between the task and the network: the socket, and in tests what is wrong with it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use super::batch::Batch;
#[cfg(feature = "faults")]
use super::faults::{Direction, Emulator};
use super::udp::Udp;

/// Sends and receives, and counts what the system refused.
#[derive(Debug)]
pub(super) struct Link {
    socket: Udp,
    #[cfg(feature = "faults")]
    emulator: Option<Emulator>,
    pub(super) send_errors: u64,
}

impl Link {
    pub(super) fn new(socket: Udp) -> Self {
        Self {
            socket,
            #[cfg(feature = "faults")]
            emulator: None,
            send_errors: 0,
        }
    }

    #[cfg(feature = "faults")]
    pub(super) fn set_emulator(&mut self, emulator: Option<Emulator>) {
        self.emulator = emulator;
    }

    /// Whether there may be something to receive; if not, the task is woken when there is.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_readable(cx)
    }

    /// Whether datagrams may be left unread for a while: each says when it arrived, and nothing is emulated.
    pub(super) fn is_patient(&self) -> bool {
        #[cfg(feature = "faults")]
        if self.emulator.as_ref().is_some_and(|e| !e.is_idle()) {
            return false;
        }
        self.socket.is_stamped()
    }

    /// Whether the task is to be woken by what arrives.
    pub(super) fn set_watched(&mut self, watched: bool) -> io::Result<()> {
        self.socket.set_watched(watched)
    }

    /// Receives what waits, as much as there is room for in a batch; whether that was all.
    pub(super) fn receive(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.clear();
        #[cfg(feature = "faults")]
        while batch.len() < Batch::CAPACITY
            && let Some((from, bytes)) = self.arrived(Direction::In)
        {
            batch.put(from, &bytes);
        }
        #[cfg(feature = "faults")]
        if batch.len() > 0 {
            return Ok(false);
        }
        let all = match self.socket.receive(batch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            received => received?,
        };
        #[cfg(feature = "faults")]
        if let Some(emulator) = &mut self.emulator {
            let received = batch.len();
            batch.retain(|from, bytes| !emulator.take(Direction::In, from, bytes));
            // What it has taken may be due at once.
            return Ok(all && batch.len() == received);
        }
        Ok(all)
    }

    /// Sends one datagram, or loses it: a full queue here is no different from a full queue on the way.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        #[cfg(feature = "faults")]
        if self.emulator.as_mut().is_some_and(|e| e.take(Direction::Out, to, bytes)) {
            return;
        }
        self.send_now(to, bytes);
    }

    fn send_now(&mut self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.socket.send(to, bytes) {
            self.send_errors += 1;
            // The first tells what is wrong, the count how bad it is.
            if self.send_errors.is_power_of_two() {
                tracing::debug!(%to, %error, count = self.send_errors, "gossip.send_failed");
            }
        }
    }

    /// Sends what the emulator has held back until now.
    pub(super) fn flush(&mut self) {
        #[cfg(feature = "faults")]
        while let Some((to, bytes)) = self.arrived(Direction::Out) {
            self.send_now(to, &bytes);
        }
    }

    /// What the emulator has held back until now.
    #[cfg(feature = "faults")]
    fn arrived(&mut self, direction: Direction) -> Option<(SocketAddr, Vec<u8>)> {
        let emulator = self.emulator.as_mut().filter(|e| !e.is_idle())?;
        emulator.poll(direction, Instant::now())
    }

    /// When the emulator has something again.
    pub(super) fn due(&self) -> Option<Instant> {
        #[cfg(feature = "faults")]
        return self.emulator.as_ref().and_then(Emulator::due);
        #[cfg(not(feature = "faults"))]
        None
    }
}
