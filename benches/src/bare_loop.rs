//! The least that exchanging heartbeats can cost: a loop that sends and receives them and does nothing else.
//!
//! Most of what a node costs while nothing happens is what the system asks for each datagram, and that differs between machines
//! by more than anything that a node could save. So nodes are compared with such loops on the same machine.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often a loop sends to all others.
const INTERVAL: Duration = Duration::from_millis(100);
/// Of a heartbeat without news.
const HEARTBEAT_LEN: usize = 46;

/// Sends to all others once in an interval, and receives whatever comes, until it is dropped.
///
/// # Errors
///
/// An address that cannot be bound, a socket that cannot receive. What cannot be sent is lost, as on a network.
pub async fn exchange(own: SocketAddr, others: &[SocketAddr]) -> io::Result<Infallible> {
    let socket = UdpSocket::bind(own).await?;
    // At some moment of the interval, as nodes do.
    let phase = INTERVAL.mul_f64(rand::random());
    let mut ticks = interval_at(Instant::now() + phase, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut buf = [0; 1201];
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                for &to in others {
                    _ = socket.try_send_to(&[0; HEARTBEAT_LEN], to);
                }
            }
            // Some systems report here that an earlier datagram found nobody.
            _ = socket.recv_from(&mut buf) => {}
        }
    }
}
