//! A phi accrual failure detector whose suspicion level is a probability that keeps its promise.
//!
//! [`PhiDetector`] turns the arrival times of one peer's heartbeats into a level φ = -log10 P(a live peer is silent this
//! long). A threshold of 4 is to be wrong about one heartbeat in 10,000, whatever the network is like; the detector counts
//! whether that is so and corrects itself, and how far it can be off meanwhile is bounded without assumptions (`docs/detector.md`).
//!
//! ```
//! use core::time::Duration;
//! use phi_detector::{Config, PhiDetector};
//!
//! let mut detector = PhiDetector::new(Config::new(Duration::from_millis(100)))?;
//! for seq in 0..100 {
//!     // Any monotonic clock will do, and must be the same for every call.
//!     detector.heartbeat(seq, Duration::from_millis(100) * seq as u32);
//! }
//! let last = Duration::from_millis(9_900);
//! assert_eq!(detector.phi(last + Duration::from_millis(90)), 0.0);
//! assert!(detector.deadline(4.0) > last);
//! # Ok::<(), phi_detector::ConfigError>(())
//! ```
//!
//! - [`Monitor`] watches many peers, and knows the next deadline of them all.
//! - [`Learnt`] is a detector's experience, to save, restore and pool.
//! - [`Normal`] and [`Exponential`] are the classic estimators, behind the same trait [`AccrualDetector`].
//!
//! # Features
//!
//! - `std` (default): [`InstantClock`], which turns `Instant`s into the `Duration`s used here. Implies `alloc`.
//! - `alloc`: [`Monitor`], and detectors in a `Box`.
//! - `serde`: [`Learnt`] can be serialised.
//!
//! Without any of them the crate needs neither an allocator nor an operating system.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod accrual;
mod arrivals;
mod calibrated;
mod calibration;
mod config;
mod detector;
mod error;
mod exponential;
#[cfg(feature = "std")]
mod instant;
mod interval;
mod learnt;
mod math;
#[cfg(feature = "alloc")]
mod monitor;
mod normal;
mod search;
mod time;
mod window;

pub use accrual::{AccrualDetector, Arrival};
pub use calibration::Calibration;
pub use config::Config;
pub use detector::PhiDetector;
pub use error::ConfigError;
pub use exponential::{Exponential, ExponentialConfig};
#[cfg(feature = "std")]
pub use instant::InstantClock;
pub use learnt::Learnt;
#[cfg(feature = "alloc")]
pub use monitor::{Heard, Monitor, Status, Suspicion};
pub use normal::{Normal, NormalConfig};
