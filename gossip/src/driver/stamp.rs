//! When a datagram arrived, as the system noted it: whoever reads it later, for having been busy or asleep, still learns how
//! punctual its sender was.

use std::io;
use std::net::UdpSocket;

pub(super) use system::Stamps;

use super::batch::Batch;

#[cfg(target_os = "linux")]
mod system {
    use std::cell::Cell;
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

    /// Where the system says of each datagram of a batch from whom it is, and when it came.
    type Headers = MultiHeaders<SockaddrStorage>;

    thread_local! {
        /// Those of the last receives, not of IPv4 and of IPv4. They stay with the thread: they cannot go with a task to another.
        static KEPT: [Cell<Option<Headers>>; 2] = const { [const { Cell::new(None) }; 2] };
    }

    /// Receives many at a time, with the kernel's own time stamps.
    #[derive(Debug)]
    pub(in super::super) struct Stamps {
        noted: bool,
        /// Whether all senders have the shorter addresses.
        v4: bool,
    }

    impl Stamps {
        pub(in super::super) fn on(socket: &UdpSocket) -> Self {
            // A kernel that does not know of it is no reason not to run.
            let noted = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
            if let Err(error) = noted {
                tracing::debug!(%error, "datagrams are not stamped");
            }
            Self { noted: noted.is_ok(), v4: socket.local_addr().is_ok_and(|addr| addr.is_ipv4()) }
        }

        /// Whether the system notes when datagrams arrive.
        pub(in super::super) fn are_noted(&self) -> bool {
            self.noted
        }

        /// Fills an empty batch with what waits; whether that was all. `WouldBlock` if there is nothing.
        pub(in super::super) fn receive(&self, socket: &UdpSocket, batch: &mut Batch) -> io::Result<bool> {
            let of_family = usize::from(self.v4);
            let mut headers = KEPT.with(|kept| kept[of_family].take()).unwrap_or_else(new_headers);
            let count = fill(&mut headers, socket, batch);
            if self.is_roomy(&count, batch) {
                KEPT.with(|kept| kept[of_family].set(Some(headers)));
            }
            Ok(count? < Batch::CAPACITY)
        }

        /// Whether each header still has room for a stamp and for an address of its family. The system writes into it how much
        /// it used, and takes that for all there is the next time: a stamp that was whole makes room for another, and an address
        /// for one as long. It leaves alone what it did not use.
        fn is_roomy(&self, count: &io::Result<usize>, batch: &Batch) -> bool {
            match count {
                Ok(count) => {
                    let roomy = |got: Received| got.stamp.is_some() && got.from.is_ipv4() == self.v4;
                    *count == batch.len() && batch.iter().all(|(got, _)| roomy(got))
                }
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn new_headers() -> Headers {
        // Any address fits, so that no header ever claims more room than there is.
        Headers::preallocate(Batch::CAPACITY, Some(cmsg_space!(TimeSpec)))
    }

    /// Fills an empty batch with what waits; how many were received.
    fn fill(headers: &mut Headers, socket: &UdpSocket, batch: &mut Batch) -> io::Result<usize> {
        let mut parts = batch.buffers().each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let messages = recvmmsg(socket.as_raw_fd(), headers, &mut parts, MsgFlags::MSG_DONTWAIT, None)?;
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
        Ok(count)
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

    use allocation_counter::measure;
    use nix::sys::socket::{setsockopt, sockopt};
    use socket2::{Domain, Socket, Type};

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

    /// A socket that does not block, if the host has its family.
    fn bound(local: &str) -> Option<UdpSocket> {
        let socket = UdpSocket::bind(local).ok()?;
        socket.set_nonblocking(true).expect("set");
        Some(socket)
    }

    /// Of both families, and one that takes either.
    fn of_every_kind() -> Option<[UdpSocket; 3]> {
        let either = Socket::new(Domain::IPV6, Type::DGRAM, None).ok()?;
        either.set_only_v6(false).expect("set");
        either.bind(&SocketAddr::from(([0; 8], 0)).into()).expect("bound");
        Some([bound("127.0.0.1:0")?, bound("[::1]:0")?, either.into()])
    }

    /// Takes the IPv4 senders of an IPv6 socket for what they are.
    fn plain(addr: SocketAddr) -> SocketAddr {
        SocketAddr::new(addr.ip().to_canonical(), addr.port())
    }

    /// Some datagrams to one socket: received at once, all from whom they are, and all with a stamp or all without.
    fn exchange(count: usize, sender: &UdpSocket, receiver: &UdpSocket, stamps: &Stamps, stamped: bool) {
        let from = sender.local_addr().expect("bound");
        let to = SocketAddr::new(from.ip(), receiver.local_addr().expect("bound").port());
        let before = wall();
        for n in 0..count {
            assert_eq!(sender.send_to(&vec![n as u8; n], to).expect("sent"), n);
        }
        let mut batch = Batch::new();
        assert_eq!(stamps.receive(receiver, &mut batch).expect("received"), count < Batch::CAPACITY);
        assert_eq!(batch.len(), count);
        for (n, (got, bytes)) in batch.iter().enumerate() {
            assert_eq!((plain(got.from), bytes), (from, vec![n as u8; n].as_slice()), "{n} of {count}");
            assert_eq!(got.stamp.is_some(), stamped, "{n} of {count} from {from}");
            assert!(got.stamp.is_none_or(|at| before <= at && at <= wall()), "{n} of {count}: of another");
        }
    }

    /// What one of them leaves in the headers harms no other: one that is not stamped, of another family, or of both.
    #[test]
    fn sockets_of_one_thread_do_not_disturb_each_other() {
        let (Some(stamped), Some(unstamped)) = (of_every_kind(), of_every_kind()) else { return };
        let receivers = [&stamped, &unstamped].map(|sockets| sockets.each_ref().map(Stamps::on));
        for socket in &unstamped {
            setsockopt(socket, sockopt::ReceiveTimestampns, &false).expect("set");
        }
        // From which to which of them: the family fits.
        let ways = [(0, 0), (1, 1), (0, 2), (1, 2)];
        let mut rounds = 0;
        for count in (1..=Batch::CAPACITY).cycle().take(10 * Batch::CAPACITY) {
            rounds += 1;
            for step in 0..2 * ways.len() {
                let at = rounds * rounds + step * (1 + 2 * (rounds % 3));
                let ((from, to), plain) = (ways[at / 2 % ways.len()], at % 2);
                let (socket, stamps) = (&[&stamped, &unstamped][plain][to], &receivers[plain][to]);
                let nothing = stamps.receive(socket, &mut Batch::new()).expect_err("nothing was sent");
                assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
                exchange(count, &stamped[from], socket, stamps, plain == 0);
            }
        }
    }

    /// Where it is not known of which family a socket is, a short address leaves room for a long one.
    #[test]
    fn an_address_longer_than_the_one_before_is_read_whole() {
        let Some([v4, v6, _]) = of_every_kind() else { return };
        let (_, stamps) = (Stamps::on(&v4), Stamps::on(&v6));
        for socket in [&v4, &v6, &v6, &v4, &v4, &v6] {
            exchange(5, socket, socket, &stamps, true);
        }
    }

    #[test]
    fn receiving_allocates_nothing_once_it_has_begun() {
        let of = |socket: UdpSocket| (socket.local_addr().expect("bound"), Stamps::on(&socket), socket);
        let sockets: Vec<_> = ["127.0.0.1:0", "[::1]:0"].into_iter().filter_map(bound).map(of).collect();
        let mut batch = Batch::new();
        let mut round = |count: usize| {
            for (to, stamps, socket) in &sockets {
                for _ in 0..count {
                    assert_eq!(socket.send_to(b"seven", to).expect("sent"), 5);
                }
                batch.clear();
                let all = stamps.receive(socket, &mut batch).is_ok_and(|all| all);
                assert_eq!((all, batch.len()), (count > 0 && count < Batch::CAPACITY, count));
            }
        };
        assert!(measure(|| round(1)).count_total > 0, "or nothing is counted");
        let allocated = measure(|| (0..100).for_each(|n| round(n % (Batch::CAPACITY + 1))));
        assert_eq!(allocated.count_total, 0, "{allocated:?}");
    }
}
