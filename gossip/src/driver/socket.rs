//! The UDP socket: made once, with the options that the standard library does not offer.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::error::StartError;

/// What a buffer may hold at least, and at most: a datagram of the largest size, with what the system adds to each; and what a
/// system's own number for it can say.
const BUFFER_MIN: usize = 4096;
const BUFFER_MAX: usize = i32::MAX as usize;

/// What the user chose about the socket.
#[derive(Debug, Clone)]
pub(crate) struct SocketOptions {
    pub(crate) bind: SocketAddr,
    pub(crate) buffer: usize,
    pub(crate) dscp: Option<u8>,
    pub(crate) insecure: bool,
}

/// Makes a non-blocking socket. The address is never shared with another process: reuse options stay off.
pub(crate) fn open(options: &SocketOptions) -> Result<UdpSocket, StartError> {
    let addr = options.bind;
    if !addr.ip().is_loopback() && !options.insecure {
        return Err(StartError::Insecure { addr });
    }
    if !(BUFFER_MIN..=BUFFER_MAX).contains(&options.buffer) {
        return Err(StartError::SocketBuffer { bytes: options.buffer, min: BUFFER_MIN, max: BUFFER_MAX });
    }
    let fail = |action| move |source| StartError::Socket { action, addr, source };
    let socket =
        Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP)).map_err(fail("create a"))?;
    if addr.is_ipv6() {
        // One family per node. IPv4 peers would otherwise appear under a second, mapped address.
        socket.set_only_v6(true).map_err(fail("restrict to IPv6 the"))?;
    }
    // The system may grant less than asked: better a smaller buffer than no node.
    if let Err(error) =
        socket.set_recv_buffer_size(options.buffer).and_then(|()| socket.set_send_buffer_size(options.buffer))
    {
        tracing::debug!(%error, "socket buffers left as they were");
    }
    if let Some(dscp) = options.dscp {
        set_dscp(&socket, addr, dscp).map_err(fail("mark the traffic class of the"))?;
    }
    socket.bind(&addr.into()).map_err(fail("bind a"))?;
    socket.set_nonblocking(true).map_err(fail("prepare the"))?;
    Ok(socket.into())
}

/// The code point is the upper six bits of the byte; the lower two belong to congestion notification.
fn set_dscp(socket: &Socket, addr: SocketAddr, dscp: u8) -> io::Result<()> {
    let byte = u32::from(dscp) << 2;
    if addr.is_ipv4() {
        return socket.set_tos_v4(byte);
    }
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    return socket.set_tclass_v6(byte);
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd"
    )))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether datagrams to `addr` come back to the socket that is bound to `bound`.
pub(crate) fn is_own(addr: SocketAddr, bound: SocketAddr) -> bool {
    let local = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    addr.port() == bound.port()
        && (addr.ip() == bound.ip() || (bound.ip().is_unspecified() && local(addr.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bind: &str) -> SocketOptions {
        SocketOptions {
            bind: bind.parse().expect("an address"),
            buffer: 1 << 20,
            dscp: None,
            insecure: false,
        }
    }

    #[test]
    fn only_loopback_is_open_to_everybody() {
        for refused in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            assert!(matches!(open(&options(refused)), Err(StartError::Insecure { .. })), "{refused}");
        }
        let allowed = SocketOptions { insecure: true, ..options("0.0.0.0:0") };
        assert!(open(&allowed).is_ok());
    }

    #[test]
    fn a_buffer_that_the_system_would_cut_or_take_for_another_number_is_refused() {
        for buffer in [0, BUFFER_MIN - 1, BUFFER_MAX + 1, usize::MAX] {
            let refused =
                open(&SocketOptions { buffer, ..options("127.0.0.1:0") }).expect_err("out of range");
            assert!(
                refused.to_string().starts_with(&format!("socket buffers of {buffer} bytes")),
                "{refused}"
            );
        }
        assert!(open(&SocketOptions { buffer: BUFFER_MIN, ..options("127.0.0.1:0") }).is_ok());
    }

    #[test]
    fn options_are_taken_and_a_second_socket_is_not() {
        let first = open(&SocketOptions { dscp: Some(46), ..options("127.0.0.1:0") }).expect("a socket");
        assert_eq!(socket2::SockRef::from(&first).tos_v4().expect("readable"), 46 << 2);
        let addr = first.local_addr().expect("bound");
        let error = open(&options(&addr.to_string())).expect_err("taken");
        assert_eq!(error.to_string(), format!("cannot bind a UDP socket on {addr}"));
    }

    #[test]
    fn one_recognises_oneself_among_the_seeds() {
        let addr = |s: &str| s.parse().expect("an address");
        assert!(is_own(addr("127.0.0.1:7001"), addr("127.0.0.1:7001")));
        assert!(is_own(addr("127.0.0.1:7001"), addr("0.0.0.0:7001")));
        assert!(!is_own(addr("127.0.0.1:7002"), addr("0.0.0.0:7001")));
        assert!(!is_own(addr("192.0.2.1:7001"), addr("0.0.0.0:7001")), "a documentation address is nobody's");
    }
}
