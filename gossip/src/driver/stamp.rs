//! When a datagram arrived, as the system noted it: whoever reads it later, for having been busy or asleep, still learns how
//! punctual its sender was.

use std::io;
use std::net::UdpSocket;

pub(super) use system::Stamps;

use super::batch::Batch;

#[cfg(target_os = "linux")]
mod system {
    use std::io::IoSliceMut;
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use nix::cmsg_space;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrLike, SockaddrStorage, recvmmsg,
        setsockopt, sockopt,
    };
    use nix::sys::time::TimeSpec;

    use super::super::batch::Received;
    use super::*;

    /// Receives many at a time, with the kernel's own time stamps.
    #[derive(Debug)]
    pub(in super::super) struct Stamps {
        noted: bool,
    }

    impl Stamps {
        pub(in super::super) fn on(socket: &UdpSocket) -> Self {
            // A kernel that does not know of it is no reason not to run.
            let noted = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
            if let Err(error) = noted {
                tracing::debug!(%error, "datagrams are not stamped");
            }
            Self { noted: noted.is_ok() }
        }

        /// Whether the system notes when datagrams arrive.
        pub(in super::super) fn are_noted(&self) -> bool {
            self.noted
        }

        /// Fills an empty batch with what waits; whether that was all. `WouldBlock` if there is nothing.
        pub(in super::super) fn receive(&self, socket: &UdpSocket, batch: &mut Batch) -> io::Result<bool> {
            // New each time: the system writes into them how much room it used, and the next time they would have no more.
            let mut headers = MultiHeaders::preallocate(Batch::CAPACITY, Some(cmsg_space!(TimeSpec)));
            let mut parts = batch.buffers().each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            let messages =
                recvmmsg(socket.as_raw_fd(), &mut headers, &mut parts, MsgFlags::MSG_DONTWAIT, None)?;
            let (mut received, mut count) = ([None; Batch::CAPACITY], 0);
            for (slot, message) in received.iter_mut().zip(messages) {
                // The system names the sender of every datagram; one without could not be answered.
                *slot = read(&message);
                count += 1;
            }
            for (at, datagram) in received.into_iter().enumerate() {
                if let Some(datagram) = datagram {
                    batch.note(at, datagram);
                }
            }
            Ok(count < Batch::CAPACITY)
        }
    }

    fn read(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Received> {
        let from = message.address.as_ref().and_then(address)?;
        // A datagram whose stamp cannot be read is a datagram.
        let stamp = message.cmsgs().ok().and_then(|mut controls| {
            controls.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            })
        });
        Some(Received { len: message.bytes, from, stamp })
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

#[cfg(not(target_os = "linux"))]
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

        /// Takes one datagram into an empty batch: there may be more. `WouldBlock` if there is nothing.
        pub(in super::super) fn receive(&self, socket: &UdpSocket, batch: &mut Batch) -> io::Result<bool> {
            batch.receive_one(|buffer| socket.recv_from(buffer))
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::expect_used, reason = "helpers of tests are tests")]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::DATAGRAM_MAX;

    fn wall() -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970")
    }

    /// Sends a datagram to itself and reads it later; when it was sent, from and until, and what it says of its arrival.
    fn read_late(socket: &UdpSocket, stamps: &Stamps) -> (Duration, Duration, Duration) {
        let from = socket.local_addr().expect("bound");
        let before = wall();
        assert_eq!(socket.send_to(b"seven", from).expect("sent"), 5);
        let sent = wall();
        while wall() < sent + Duration::from_millis(5) {
            std::thread::yield_now();
        }
        let mut batch = Batch::new();
        assert!(stamps.receive(socket, &mut batch).expect("received"), "there was but one");
        let (received, bytes) = batch.iter().next().expect("one");
        assert_eq!((received.from, bytes), (from, b"seven".as_slice()));
        (before, sent, received.stamp.expect("a stamp"))
    }

    /// The kernel begins to stamp a moment after it was asked to; what arrives before that is stamped when it is read.
    #[test]
    fn a_datagram_is_stamped_when_it_arrives_and_not_when_it_is_read() {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(local) else { continue };
            let stamps = Stamps::on(&socket);
            assert!(stamps.are_noted());
            let right =
                |(before, sent, stamp): (Duration, Duration, Duration)| before <= stamp && stamp <= sent;
            let begun = (0..1000).any(|_| right(read_late(&socket, &stamps)));
            assert!(begun, "{local}: never within five seconds");
            let all: Vec<_> = (0..20).map(|_| read_late(&socket, &stamps)).collect();
            assert!(all.iter().all(|&times| right(times)), "{all:?}");
        }
    }

    /// What waits, however much, is received in its order, by several senders, and cut where it is too long.
    #[test]
    fn datagrams_are_received_many_at_a_time() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_nonblocking(true).expect("set");
        let to = socket.local_addr().expect("bound");
        let stamps = Stamps::on(&socket);
        let senders: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").expect("bound")).collect();
        let sent: Vec<(SocketAddr, Vec<u8>)> = (0..2 * Batch::CAPACITY + 5)
            .map(|n| {
                let sender = &senders[n % senders.len()];
                let bytes = vec![n as u8; if n == 7 { DATAGRAM_MAX + 100 } else { n }];
                assert_eq!(sender.send_to(&bytes, to).expect("sent"), bytes.len());
                (sender.local_addr().expect("bound"), bytes[..bytes.len().min(DATAGRAM_MAX + 1)].to_vec())
            })
            .collect();
        let (mut batch, mut received, mut calls) = (Batch::new(), Vec::new(), 0);
        loop {
            batch.clear();
            let all = stamps.receive(&socket, &mut batch).expect("received");
            calls += 1;
            for (datagram, bytes) in batch.iter() {
                assert!(datagram.stamp.is_some());
                received.push((datagram.from, bytes.to_vec()));
            }
            if all {
                break;
            }
        }
        assert_eq!((received, calls), (sent, 3));
        batch.clear();
        let nothing = stamps.receive(&socket, &mut batch).expect_err("nothing is left");
        assert_eq!((nothing.kind(), batch.len()), (io::ErrorKind::WouldBlock, 0));
    }
}
