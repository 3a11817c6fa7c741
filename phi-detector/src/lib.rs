//! A calibrated phi accrual failure detector.
#![no_std]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod accrual;
mod arrivals;
mod error;
mod exponential;
mod math;
mod normal;
mod search;
mod time;
mod window;

pub use accrual::{AccrualDetector, Arrival};
pub use error::ConfigError;
pub use exponential::{Exponential, ExponentialConfig};
pub use normal::{Normal, NormalConfig};
