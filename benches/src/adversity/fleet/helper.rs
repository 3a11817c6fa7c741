//! Work for processes of this same program that make trouble, or show what the machine can do: `--helper`, not for users.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::bare_loop;

/// A flood sends this often in small portions: what a timer of the system can do.
const PORTION: Duration = Duration::from_millis(2);
/// So many datagrams are sent between two looks at the time.
const PORTION_MAX: f64 = 1_000.0;
/// Random datagrams are up to this long.
const GARBAGE_MAX: usize = 256;

/// Work of a limited length.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Helper {
    /// Computes.
    Busy { seconds: f64 },
    /// Sends random bytes to an address, so many datagrams a second.
    Flood { to: SocketAddr, per_second: f64, seconds: f64 },
    /// Sends random bytes to an address without a pause.
    Burst { to: SocketAddr, seconds: f64 },
    /// Exchanges heartbeats with others like it, and does nothing else.
    Bare { own: SocketAddr, others: Vec<SocketAddr>, seconds: f64 },
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { seconds } => write!(f, "busy,{seconds}"),
            Self::Flood { to, per_second, seconds } => write!(f, "flood,{seconds},{to},{per_second}"),
            Self::Burst { to, seconds } => write!(f, "burst,{seconds},{to}"),
            Self::Bare { own, others, seconds } => {
                write!(f, "bare,{seconds},{own}")?;
                others.iter().try_for_each(|other| write!(f, ",{other}"))
            }
        }
    }
}

/// The inverse of `Display`.
pub(crate) fn parse_helper(text: &str) -> Result<Helper, String> {
    let wrong = || format!("`{text}` is no helper; this argument is for the program itself");
    let words: Vec<&str> = text.split(',').collect();
    let seconds = words.get(1).and_then(|w| w.parse().ok()).ok_or_else(wrong)?;
    let addr = |word: &str| word.parse().map_err(|_| wrong());
    match words[..] {
        ["busy", _] => Ok(Helper::Busy { seconds }),
        ["flood", _, to, rate] => {
            Ok(Helper::Flood { to: addr(to)?, per_second: rate.parse().map_err(|_| wrong())?, seconds })
        }
        ["burst", _, to] => Ok(Helper::Burst { to: addr(to)?, seconds }),
        ["bare", _, own, ref others @ ..] => {
            let others = others.iter().map(|other| addr(other)).collect::<Result<_, _>>()?;
            Ok(Helper::Bare { own: addr(own)?, others, seconds })
        }
        _ => Err(wrong()),
    }
}

/// Does it, and returns when its time is over.
///
/// # Errors
///
/// A socket that could not be opened. That a flood's datagrams are refused is nothing to it.
pub(crate) fn run_helper(helper: Helper) -> anyhow::Result<()> {
    match helper {
        Helper::Busy { seconds } => {
            let until = Instant::now() + Duration::from_secs_f64(seconds);
            let mut value = 1u64;
            while Instant::now() < until {
                for _ in 0..100_000 {
                    value =
                        std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
            }
            Ok(())
        }
        Helper::Flood { to, per_second, seconds } => flood(to, per_second, Duration::from_secs_f64(seconds)),
        Helper::Burst { to, seconds } => flood(to, f64::INFINITY, Duration::from_secs_f64(seconds)),
        Helper::Bare { own, others, seconds } => bare(own, &others, Duration::from_secs_f64(seconds)),
    }
}

fn bare(own: SocketAddr, others: &[SocketAddr], length: Duration) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(async { tokio::time::timeout(length, bare_loop::exchange(own, others)).await }) {
        Ok(ended) => match ended.context("a bare loop cannot use its socket")? {},
        Err(_its_time_is_over) => Ok(()),
    }
}

fn flood(to: SocketAddr, per_second: f64, length: Duration) -> anyhow::Result<()> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).context("cannot open a socket to flood from")?;
    let mut rng = SmallRng::seed_from_u64(1);
    let mut garbage = [0u8; GARBAGE_MAX];
    rng.fill(&mut garbage[..]);
    let begun = Instant::now();
    let mut sent = 0.0;
    // One look at the time for both: what is due never exceeds what the length allows, however long this waits in between.
    while let Some(elapsed) = Some(begun.elapsed()).filter(|elapsed| *elapsed < length) {
        let due = PORTION_MAX.min(elapsed.as_secs_f64() * per_second - sent);
        for _ in 0..due as u32 {
            let (start, end) = (rng.random_range(0..GARBAGE_MAX), rng.random_range(1..=GARBAGE_MAX));
            _ = socket.send_to(&garbage[start.min(end - 1)..end], to);
        }
        sent += due.floor();
        if due < PORTION_MAX {
            std::thread::sleep(PORTION);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_told_what_to_do_and_nonsense_is_refused() {
        let to = "127.0.0.1:9".parse().unwrap();
        let helpers = [
            Helper::Busy { seconds: 1.5 },
            Helper::Flood { to, per_second: 1e5, seconds: 10.0 },
            Helper::Burst { to, seconds: 1.0 },
            Helper::Bare { own: to, others: vec![], seconds: 5.0 },
            Helper::Bare { own: to, others: vec![to, "[::1]:7".parse().unwrap()], seconds: 5.0 },
        ];
        for helper in helpers {
            assert_eq!(parse_helper(&helper.to_string()), Ok(helper));
        }
        assert!(parse_helper("busy").is_err() && parse_helper("dance,1").is_err());
        assert!(parse_helper("bare,1").is_err() && parse_helper("bare,1,here").is_err());
        assert!(parse_helper("burst,1").is_err());
    }

    #[test]
    fn a_flood_has_its_rate_and_a_burst_knows_none() {
        let sent = |per_second| {
            let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
            flood(receiver.local_addr().unwrap(), per_second, Duration::from_millis(100)).unwrap();
            receiver.set_nonblocking(true).unwrap();
            std::iter::from_fn(|| receiver.recv(&mut [0; GARBAGE_MAX]).ok()).count()
        };
        // What a full buffer loses is not counted, so a burst is only compared with what a small flood can be.
        assert!((1..=100).contains(&sent(1_000.0)) && sent(f64::INFINITY) > 100);
    }
}
