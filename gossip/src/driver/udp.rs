//! A UDP socket that the runtime watches for one thing, and only while it is told to: that there is something to receive.
//!
//! tokio's own is watched for room to send as well. A receiver on the same host that takes a datagram off its queue makes
//! room at the sender, and so wakes the sender's thread once more after nearly every round of heartbeats.

pub(crate) use system::Udp;

#[cfg(unix)]
mod system {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::super::batch::Batch;
    use super::super::readable;
    use super::super::stamp::Stamps;

    #[derive(Debug)]
    pub(crate) struct Udp {
        socket: Arc<UdpSocket>,
        /// While it is watched.
        watch: Option<AsyncFd<Arc<UdpSocket>>>,
        stamps: Stamps,
    }

    impl Udp {
        /// Of a socket that does not block, inside of a runtime.
        pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
            let stamps = Stamps::on(&socket);
            let mut udp = Self { socket: Arc::new(socket), watch: None, stamps };
            udp.set_watched(true)?;
            Ok(udp)
        }

        /// Whether datagrams say when they arrived, so that they need not be received at once.
        pub(in super::super) fn is_stamped(&self) -> bool {
            self.stamps.are_noted()
        }

        /// Has it watched from now on, or not: then the task is not woken by what arrives, and looks by itself.
        pub(in super::super) fn set_watched(&mut self, watched: bool) -> io::Result<()> {
            match (watched, &self.watch) {
                (true, None) => self.watch = Some(readable::watch(self.socket.clone())?),
                (false, Some(_)) => self.watch = None,
                _ => {}
            }
            Ok(())
        }

        /// Whether there may be something to receive; if not, the task is woken when there is, while it is watched.
        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.watch.as_ref().map_or(Poll::Pending, |watch| watch.poll_read_ready(cx).map_ok(|_| ()))
        }

        /// Fills an empty batch with what waits; whether that was all. `WouldBlock` if there is nothing.
        pub(in super::super) fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
            let Self { socket, watch, stamps } = self;
            let mut asked = None;
            if let Some(watch) = watch {
                _ = watch.try_io(Interest::READABLE, |socket| {
                    let received = asked.insert(stamps.receive(socket, batch));
                    // The runtime hears whenever nothing is left, or it would wake the task again and again.
                    if is_empty(received) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
                });
            }
            // Not watched, or not seen yet to have something: only the system knows.
            asked.unwrap_or_else(|| stamps.receive(socket, batch))
        }

        /// Sends one datagram; `WouldBlock` if there is no room.
        pub(in super::super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
            self.socket.send_to(bytes, to)
        }
    }

    /// Whether a receive has shown that nothing is left.
    fn is_empty(received: &io::Result<bool>) -> bool {
        match received {
            Ok(all) => *all,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    #[cfg(test)]
    #[allow(clippy::expect_used, reason = "helpers of tests are tests")]
    mod tests {
        use std::future::poll_fn;
        use std::task::Waker;

        use super::*;

        fn ready(udp: &Udp) -> bool {
            udp.poll_readable(&mut Context::from_waker(Waker::noop())).is_ready()
        }

        /// However many waited: a socket that has been emptied wakes nobody until more comes.
        #[tokio::test]
        async fn an_emptied_socket_is_not_readable() {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
            socket.set_nonblocking(true).expect("set");
            let to = socket.local_addr().expect("bound");
            let sender = UdpSocket::bind("127.0.0.1:0").expect("bound");
            let udp = Udp::new(socket).expect("watched");
            let mut batch = Batch::new();
            for waiting in
                [1, 2, Batch::CAPACITY - 1, Batch::CAPACITY, Batch::CAPACITY + 1, 2 * Batch::CAPACITY]
            {
                for _ in 0..waiting {
                    sender.send_to(b"seven", to).expect("sent");
                }
                let mut received = 0;
                while received < waiting {
                    poll_fn(|cx| udp.poll_readable(cx)).await.expect("readable");
                    loop {
                        batch.clear();
                        let outcome = udp.receive(&mut batch);
                        received += batch.len();
                        if is_empty(&outcome) {
                            break;
                        }
                        assert!(outcome.is_ok(), "{outcome:?}");
                    }
                }
                assert!(!ready(&udp), "after {waiting} datagrams");
            }
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::net::SocketAddr;
    use std::task::{Context, Poll};

    use tokio::net::UdpSocket;

    use super::super::batch::Batch;

    #[derive(Debug)]
    pub(crate) struct Udp(UdpSocket);

    impl Udp {
        pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
            UdpSocket::from_std(socket).map(Self)
        }

        pub(in super::super) fn is_stamped(&self) -> bool {
            false
        }

        /// It is watched always.
        pub(in super::super) fn set_watched(&mut self, _watched: bool) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_recv_ready(cx)
        }

        /// Takes one datagram into an empty batch: there may be more. `WouldBlock` if there is nothing.
        pub(in super::super) fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
            batch.receive_one(|buffer| self.0.try_recv_from(buffer))
        }

        pub(in super::super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
            self.0.try_send_to(bytes, to)
        }
    }
}
