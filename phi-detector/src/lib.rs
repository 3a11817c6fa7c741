//! A calibrated phi accrual failure detector.
#![no_std]
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
