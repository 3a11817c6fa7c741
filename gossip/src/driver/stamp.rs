//! When a datagram arrived, as the system noted it: whoever reads it later, for having been busy or asleep, still learns how
//! punctual its sender was.

#[cfg(unix)]
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::net::UdpSocket;
use std::time::Duration;

#[cfg(unix)]
pub(super) use system::Stamps;

/// A datagram that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    /// When the system got it, on the wall clock as it was set then. None where that is not noted; and in the first moments of
    /// a process it may be when it was read.
    pub(super) stamp: Option<Duration>,
}

#[cfg(target_os = "linux")]
/// A receive whose sender the system did not name.
fn nameless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a datagram without a sender")
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::IoSliceMut;
    use std::net::{SocketAddrV4, SocketAddrV6};
    use std::os::fd::AsRawFd;

    use nix::cmsg_space;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrLike, SockaddrStorage, recvmsg, setsockopt, sockopt,
    };
    use nix::sys::time::TimeSpec;

    use super::*;

    /// Receives with the kernel's own time stamps.
    #[derive(Debug)]
    pub(in super::super) struct Stamps {
        control: Vec<u8>,
        noted: bool,
    }

    impl Stamps {
        pub(in super::super) fn on(socket: &UdpSocket) -> Self {
            // A kernel that does not know of it is no reason not to run.
            let noted = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
            if let Err(error) = noted {
                tracing::debug!(%error, "datagrams are not stamped");
            }
            Self { control: cmsg_space!(TimeSpec), noted: noted.is_ok() }
        }

        /// Whether the system notes when datagrams arrive.
        pub(in super::super) fn are_noted(&self) -> bool {
            self.noted
        }

        /// Receives one datagram, cut to the buffer.
        pub(in super::super) fn receive(
            &mut self,
            socket: &UdpSocket,
            buf: &mut [u8],
        ) -> io::Result<Received> {
            let mut parts = [IoSliceMut::new(buf)];
            let message = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut parts,
                Some(&mut self.control),
                MsgFlags::empty(),
            )?;
            let from = message.address.as_ref().and_then(address).ok_or_else(nameless)?;
            // A datagram whose stamp cannot be read is a datagram.
            let stamp = message.cmsgs().ok().and_then(|mut controls| {
                controls.find_map(|control| match control {
                    ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                    _ => None,
                })
            });
            Ok(Received { len: message.bytes, from, stamp })
        }
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        match storage.family()? {
            nix::sys::socket::AddressFamily::Inet => {
                storage.as_sockaddr_in().map(|&v4| SocketAddrV4::from(v4).into())
            }
            _ => storage.as_sockaddr_in6().map(|&v6| SocketAddrV6::from(v6).into()),
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    use super::*;

    #[derive(Debug)]
    pub(in super::super) struct Stamps;

    impl Stamps {
        pub(in super::super) fn on(_: &UdpSocket) -> Self {
            Self
        }

        pub(in super::super) fn are_noted(&self) -> bool {
            false
        }

        pub(in super::super) fn receive(
            &mut self,
            socket: &UdpSocket,
            buf: &mut [u8],
        ) -> io::Result<Received> {
            socket.recv_from(buf).map(|(len, from)| Received { len, from, stamp: None })
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::expect_used, reason = "helpers of tests are tests")]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    fn wall() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
    }

    /// Sends a datagram to itself and reads it later; when it was sent, from and until, and what it says of its arrival.
    fn read_late(socket: &UdpSocket, stamps: &mut Stamps) -> (Duration, Duration, Duration) {
        let from = socket.local_addr().expect("bound");
        let before = wall();
        assert_eq!(socket.send_to(b"seven", from).expect("sent"), 5);
        let sent = wall();
        while wall() < sent + Duration::from_millis(5) {
            std::thread::yield_now();
        }
        let mut buf = [0; 4];
        let received = stamps.receive(socket, &mut buf).expect("received");
        assert_eq!((received.len, received.from, &buf), (4, from, b"seve"));
        (before, sent, received.stamp.expect("a stamp"))
    }

    /// The kernel begins to stamp a moment after it was asked to; what arrives before that is stamped when it is read.
    #[test]
    fn a_datagram_is_stamped_when_it_arrives_and_not_when_it_is_read() {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(local) else { continue };
            let mut stamps = Stamps::on(&socket);
            assert!(stamps.are_noted());
            let right =
                |(before, sent, stamp): (Duration, Duration, Duration)| before <= stamp && stamp <= sent;
            let begun = (0..1000).any(|_| right(read_late(&socket, &mut stamps)));
            assert!(begun, "{local}: never within five seconds");
            let all: Vec<_> = (0..20).map(|_| read_late(&socket, &mut stamps)).collect();
            assert!(all.iter().all(|&times| right(times)), "{all:?}");
        }
    }
}
