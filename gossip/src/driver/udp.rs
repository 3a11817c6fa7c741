//! A UDP socket that the runtime watches for one thing: that there is something to receive.
//!
//! tokio's own is watched for room to send as well. A receiver on the same host that takes a datagram off its queue makes
//! room at the sender, and so wakes the sender's thread once more after nearly every round of heartbeats.

pub(crate) use system::Udp;

#[cfg(unix)]
mod system {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};
    use std::task::{Context, Poll};

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(crate) struct Udp(AsyncFd<UdpSocket>);

    impl Udp {
        /// Of a socket that does not block, inside of a runtime.
        pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
            super::super::readable::watch(socket).map(Self)
        }

        /// Whether there may be something to receive; if not, the task is woken when there is.
        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_read_ready(cx).map_ok(|_| ())
        }

        /// Receives one datagram, cut to the buffer; `WouldBlock` if there is none.
        pub(in super::super) fn receive(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            self.0.try_io(Interest::READABLE, |socket| socket.recv_from(buf))
        }

        /// Sends one datagram; `WouldBlock` if there is no room.
        pub(in super::super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
            self.0.get_ref().send_to(bytes, to)
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::net::SocketAddr;
    use std::task::{Context, Poll};

    use tokio::net::UdpSocket;

    #[derive(Debug)]
    pub(crate) struct Udp(UdpSocket);

    impl Udp {
        pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
            UdpSocket::from_std(socket).map(Self)
        }

        pub(in super::super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_recv_ready(cx)
        }

        pub(in super::super) fn receive(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            self.0.try_recv_from(buf)
        }

        pub(in super::super) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
            self.0.try_send_to(bytes, to)
        }
    }
}
