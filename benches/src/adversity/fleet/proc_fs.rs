//! What the system knows of a process: `/proc`, so Linux only.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use super::super::observe::Sample;

/// Clock ticks a second of `utime` and `stime`. The kernel's ABI has it at 100 on every architecture that Rust's tier 1 and 2
/// know but Alpha.
const TICKS_PER_SECOND: f64 = 100.0;

/// A look at a process; None if it is gone. Traffic only if its network is its own.
pub(super) fn sample(pid: u32, network_is_own: bool) -> Option<Sample> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    let traffic = if network_is_own { read("net/dev").as_deref().and_then(sent) } else { None };
    Some(Sample {
        cpu_s: cpu(&read("stat")?)?,
        resident_kb: resident(&read("status")?)?,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64,
        wire_bytes: traffic.map(|(bytes, _)| bytes),
        wire_datagrams: traffic.map(|(_, datagrams)| datagrams),
    })
}

/// Whether a process has been stopped by a signal.
pub(super) fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    fields(&stat).is_some_and(|fields| fields.first() == Some(&"T"))
}

/// What follows the name in `stat`, which is in parentheses and may hold anything.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.get(stat.rfind(')')? + 2..)?.split_whitespace().collect())
}

/// User and system time of `stat`.
fn cpu(stat: &str) -> Option<f64> {
    let fields = fields(stat)?;
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok());
    // Fields 14 and 15 of proc(5), counted from the third on.
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes and packets sent by `eth0`.
fn sent(dev: &str) -> Option<(u64, u64)> {
    let line = dev.lines().find_map(|line| line.trim_start().strip_prefix("eth0:"))?;
    let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    Some((*fields.get(8)?, *fields.get(9)?))
}

/// How many datagrams the system has thrown away because the buffer of the socket with this address, of that process, was full.
pub(super) fn dropped(pid: u32, local: SocketAddr) -> Option<u64> {
    let table = if local.is_ipv4() { "udp" } else { "udp6" };
    drops(&fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok()?, local)
}

/// The last column of `net/udp`, in the line of this socket.
fn drops(table: &str, local: SocketAddr) -> Option<u64> {
    let bytes = match local.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    // The kernel prints addresses as words of the machine.
    let words =
        bytes.chunks_exact(4).map(|w| format!("{:08X}", u32::from_ne_bytes([w[0], w[1], w[2], w[3]])));
    let address = format!("{}:{:04X}", words.collect::<String>(), local.port());
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&address))?;
    line.split_whitespace().last()?.parse().ok()
}

/// The load averages of the machine over 1, 5 and 15 minutes, as the system writes them.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_documented() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 1000 1 1";
        assert_eq!(cpu(stat), Some(3.0));
        assert_eq!(fields(stat).unwrap()[0], "S");
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5912 kB\n"), Some(5912));
        let dev =
            "Inter-|   Receive\n face |bytes\n    lo: 1 2 3\n  eth0: 10 11 0 0 0 0 0 0 1234 56 0 0 0 0 0 0\n";
        assert_eq!(sent(dev), Some((1234, 56)));
        let udp = |address: &str, drops| {
            format!(
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref pointer drops\n\
                 7: 0100007F:1B59 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 11 2 0 5\n\
                 8: {address} 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 12 2 0 {drops}\n"
            )
        };
        if cfg!(target_endian = "little") {
            let v4 = "127.0.0.2:7001".parse().unwrap();
            assert_eq!(drops(&udp("0200007F:1B59", 42), v4), Some(42));
            assert_eq!(drops(&udp("0200007F:1B58", 42), v4), None, "another port");
            let v6 = udp("00000000000000000000000001000000:1B59", 7);
            assert_eq!(drops(&v6, "[::1]:7001".parse().unwrap()), Some(7));
        }
        let own = sample(std::process::id(), false).unwrap();
        assert!(!is_stopped(std::process::id()));
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(dropped(std::process::id(), socket.local_addr().unwrap()), Some(0));
        assert!(own.resident_kb > 100 && own.descriptors >= 3 && own.wire_bytes.is_none());
    }
}
