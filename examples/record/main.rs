//! Records a heartbeat trace between two hosts, for the accuracy program to judge detectors on.
//!
//! On the host that is to be watched, and on the one that watches:
//!
//!     cargo run --release --example record -- listen 0.0.0.0:9000 --out mine.csv.gz
//!     cargo run --release --example record -- send HOST:9000 --interval 100ms --duration 1h
//!
//! [`send`] and [`listen`] are the two sides, `datagram` what travels between them, `recording` the arithmetic, `log` what
//! survives a crash, `output` the trace.

mod datagram;
mod listen;
mod log;
mod output;
mod progress;
mod recording;
mod send;
mod stop;
mod summary;

use crate::listen::{Counts, Limits, listen};
use crate::log::Log;
use crate::output::Output;
use crate::progress::{Progress, note};
use crate::recording::{HEARTBEATS_MAX, Recording};
use crate::send::{Plan, send};
use crate::stop::Stop;
use crate::summary::Summary;
use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Heartbeats still missing when the sender has finished are waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records a heartbeat trace between two hosts, in the format of the accuracy program.
///
/// Start `listen` on the host that is to do the watching and `send` on the one to be watched, and let them run for as long
/// as you can: an hour at 100ms shows what happens once in ten thousand heartbeats. Either side may be ended with Ctrl-C;
/// the trace is then complete up to there.
#[derive(Debug, Parser)]
#[command(name = "record", after_long_help = HONESTY)]
struct Arguments {
    #[command(subcommand)]
    side: Side,
}

const HONESTY: &str = "\
What the times mean:
  Each host uses its own monotonic clock, and nobody can tell two such clocks' origins apart from a delay. So the
  trace takes the smallest delay as zero. Times between arrivals are exact, all delays are too short by the same
  unknown amount, and so are detection times computed from them. If the clocks drift apart, the delays drift along;
  that is not removed, but the summary of a recording of ten minutes or more says how much it was.
  A heartbeat arrives when the listening process gets to see it. Kernel timestamps are not used: they are on the wall
  clock, and a detector waits for its process to run, too.
  When a lost heartbeat was sent is not known; it is placed evenly between its neighbours.

Example, an hour between two hosts:
  b$ cargo run --release --example record -- listen 0.0.0.0:9000 --out a-to-b.csv.gz
  a$ cargo run --release --example record -- send b:9000 --interval 100ms --duration 1h
  b$ cargo run --release -p benches --bin accuracy -- --trace a-to-b.csv.gz";

#[derive(Debug, Subcommand)]
enum Side {
    /// Send heartbeats to a listener
    Send {
        /// Where the listener is: a name or an address, and its port
        #[arg(value_name = "HOST:PORT")]
        to: String,

        /// Time from one heartbeat to the next, such as 100ms or 1s: from 1ms to 1h
        #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = interval)]
        interval: Duration,

        #[command(flatten)]
        until: Until,
    },
    /// Receive heartbeats and write the trace
    Listen {
        /// Address and port to listen on: 0.0.0.0:9000 for every IPv4 address of this host, [::]:9000 for IPv6
        #[arg(value_name = "ADDR:PORT")]
        on: String,

        /// The trace to write: FILE.csv.gz, FILE.csv, or - for standard output.
        ///
        /// While recording, FILE.part holds what has arrived; should the program crash, `finish` makes a trace of it
        #[arg(long, value_name = "FILE", value_parser = Output::parse)]
        out: Output,

        #[command(flatten)]
        until: Until,
    },
    /// Make a trace of the .part file that a crash has left behind
    Finish {
        /// The file that was left behind
        #[arg(value_name = "FILE.part")]
        part: PathBuf,

        /// The trace to write [default: FILE]
        #[arg(long, value_name = "FILE", value_parser = Output::parse)]
        out: Option<Output>,
    },
}

/// When to end, if not by Ctrl-C or, for the listener, with the sender.
#[derive(Debug, Clone, Copy, Args)]
struct Until {
    /// End after N heartbeats, lost ones included
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..=HEARTBEATS_MAX))]
    count: Option<u64>,

    /// End so long after the first heartbeat, such as 10m or 1h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().side {
        Side::Send { to, interval, until } => send_to(&to, interval, until),
        Side::Listen { on, out, until } => listen_on(&on, &out, until),
        Side::Finish { part, out } => finish(&part, out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn send_to(to: &str, interval: Duration, until: Until) -> anyhow::Result<()> {
    let address = resolve(to)?;
    let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).context("no UDP socket to be had")?;
    socket.connect(address).with_context(|| format!("{to}: no way to send there"))?;
    let stop = stop_on_signals()?;
    let sent = Arc::new(AtomicU64::new(0));
    let plan = Plan { session: rand::random(), interval, count: until.count, duration: until.duration };
    note(&format!("sending to {address} every {}; Ctrl-C ends", humantime::format_duration(interval)));
    let count = {
        let shown = sent.clone();
        let _progress = Progress::show(move || format!("{} heartbeats sent", shown.load(Ordering::Relaxed)));
        send(&socket, plan, &stop, &sent, note)
    };
    note(&format!("{count} heartbeats sent; the listener writes the trace"));
    Ok(())
}

fn listen_on(on: &str, out: &Output, until: Until) -> anyhow::Result<()> {
    out.check()?;
    let address = resolve(on)?;
    let socket = UdpSocket::bind(address).with_context(|| {
        format!("{on}: cannot listen there; is it an address of this host, and the port free? 0.0.0.0:9000 takes any address")
    })?;
    let part = out.log_path();
    let mut log = Log::create(&part).with_context(|| match part.exists() {
        true => format!(
            "{0}: left by an earlier recording; run `record finish {0}`, or remove it",
            part.display()
        ),
        false => format!("{}: cannot be created; check the directory", part.display()),
    })?;
    let stop = stop_on_signals()?;
    let counts = Arc::new(Counts::default());
    let limits = Limits { count: until.count, duration: until.duration, patience: PATIENCE };
    let port = socket.local_addr()?.port();
    note(&format!(
        "listening on {on}; Ctrl-C ends. On the other host:\n  cargo run --release --example record -- send THIS_HOST:{port}"
    ));
    let recorded = {
        let shown = counts.clone();
        let _progress = Progress::show(move || {
            let (received, missing) =
                (shown.received.load(Ordering::Relaxed), shown.missing.load(Ordering::Relaxed));
            format!("{received} heartbeats received, {missing} missing")
        });
        listen(&socket, limits, &mut log, &stop, &counts, note)
    };
    let kept = || format!("what arrived is in {}; `record finish` makes a trace of it", part.display());
    log.flush().with_context(kept)?;
    let recording = recorded.with_context(kept)?;
    if recording.tally().received == 0 {
        std::fs::remove_file(&part)?;
        bail!(
            "no heartbeat arrived on {on}; check the sender's HOST:PORT, and that no firewall drops UDP to port {port}"
        );
    }
    write(&recording, out, &part)
}

fn finish(part: &Path, out: Option<Output>) -> anyhow::Result<()> {
    let out = match out {
        Some(out) => out,
        None => {
            let text = part.to_str().and_then(|text| text.strip_suffix(".part"));
            let text = text.with_context(|| {
                format!("{}: not a .part file; name the trace with --out", part.display())
            })?;
            Output::parse(text).map_err(|why| anyhow::anyhow!("{text}: {why}; name the trace with --out"))?
        }
    };
    let recording = log::read(part)?;
    if recording.tally().received == 0 {
        bail!("{}: there is no heartbeat in it", part.display());
    }
    write(&recording, &out, part)
}

/// Writes the trace, and only then removes the log.
fn write(recording: &Recording, out: &Output, part: &Path) -> anyhow::Result<()> {
    out.write(recording).with_context(|| {
        format!("the trace could not be written; mend the cause, then run `record finish {}`", part.display())
    })?;
    std::fs::remove_file(part)
        .with_context(|| format!("{}: written, but this could not be removed", part.display()))?;
    note(&Summary { recording, output: out }.to_string());
    Ok(())
}

/// A flag that the first Ctrl-C (or SIGTERM, or SIGHUP) raises; a second one ends the program where it stands.
fn stop_on_signals() -> anyhow::Result<Arc<Stop>> {
    let stop = Arc::new(Stop::default());
    let raised = stop.clone();
    ctrlc::set_handler(move || {
        if raised.is_raised() {
            std::process::exit(130);
        }
        raised.raise();
    })
    .context("Ctrl-C cannot be caught")?;
    Ok(stop)
}

fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    let mut addresses = text.to_socket_addrs().with_context(|| match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => {
            format!("{host}: no address could be found for it")
        }
        _ => format!(
            "{text}: the port is missing; write it as 192.0.2.7:9000, [2001:db8::7]:9000 or name:9000"
        ),
    })?;
    addresses.next().with_context(|| format!("{text}: the name has no address"))
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("give more than nothing, such as 10m".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write a number with its unit, such as 100ms, 10m or 1h")),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    let range = Duration::from_millis(1)..=Duration::from_secs(3_600);
    if range.contains(&interval) { Ok(interval) } else { Err("an interval is from 1ms to 1h".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn bad_values_are_answered_with_good_ones() {
        let refusal = |arguments: &[&str]| Arguments::try_parse_from(arguments).unwrap_err().to_string();
        let cases: [(&[&str], &str); 5] = [
            (&["record", "send", "h:1", "--interval", "100"], "such as 100ms, 10m or 1h"),
            (&["record", "send", "h:1", "--interval", "1us"], "from 1ms to 1h"),
            (&["record", "send", "h:1", "--count", "0"], "1..="),
            (&["record", "listen", "h:1", "--out", "a.txt"], ".csv.gz or .csv"),
            (&["record", "send", "h:1", "--count", "5", "--duration", "1h"], "cannot be used with"),
        ];
        for (arguments, expected) in cases {
            let text = refusal(arguments);
            assert!(text.contains(expected), "{arguments:?}: {text}");
        }
        let message = resolve("nowhere").unwrap_err().to_string();
        assert!(message.contains("192.0.2.7:9000"), "{message}");
    }
}
