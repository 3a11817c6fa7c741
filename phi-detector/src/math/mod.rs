//! Every transcendental function of the crate, and nothing else.
//!
//! Numbers flow in and out; no time, no detector and no configuration belongs here. Each file holds one function with
//! the origin of its algorithm, its range and its error; the reference values are in `tests/golden`. The elementary
//! functions come from `libm` (the musl and FreeBSD `msun` algorithms in Rust): `core` has none, and the platform's own
//! would give different bits on different machines.

mod log10_f32;
mod normal_phi;
mod normal_quantile;
#[cfg(test)]
mod tests;

pub(crate) use core::f64::consts::LN_10;
pub(crate) use libm::sqrt;
pub(crate) use log10_f32::log10_f32;
pub(crate) use normal_phi::normal_phi;
pub(crate) use normal_quantile::normal_quantile;
