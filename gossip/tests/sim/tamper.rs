//! What is done to every datagram as it leaves, by tests of the checkers.

/// Changes a datagram; given its sender.
pub type Tamper = Box<dyn Tampering>;

/// A closure that does so, and that can be copied with the world that it is in.
pub trait Tampering: Send {
    fn apply(&mut self, from: usize, bytes: Box<[u8]>) -> Box<[u8]>;
    fn copy(&self) -> Tamper;
}

impl<F: FnMut(usize, Box<[u8]>) -> Box<[u8]> + Clone + Send + 'static> Tampering for F {
    fn apply(&mut self, from: usize, bytes: Box<[u8]>) -> Box<[u8]> {
        self(from, bytes)
    }

    fn copy(&self) -> Tamper {
        Box::new(self.clone())
    }
}

impl Clone for Tamper {
    fn clone(&self) -> Self {
        (**self).copy()
    }
}
