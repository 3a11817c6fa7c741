//! A calibrated phi accrual failure detector.
#![no_std]
#[cfg(feature = "std")]
extern crate std;
#[cfg(feature = "alloc")]
extern crate alloc;

mod accrual;

pub use accrual::{AccrualDetector, Arrival};
