//! A calibrated phi accrual failure detector.
#![no_std]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod accrual;

pub use accrual::{AccrualDetector, Arrival};
