//! What the fuzz targets do, so that a test can do it too.
//!
//! Lives here: the two properties, and inputs to start from. Flows in: bytes of any kind. Flows out: nothing, or a panic.
//! Never here: anything of the fuzzer itself; `tests/fuzz.rs` includes this file by path and runs on a stable toolchain.
#![allow(dead_code, unreachable_pub, reason = "each program that includes it uses a part of it")]
#![allow(clippy::expect_used, reason = "inputs that cannot be set up have to stop the run")]

pub mod cast;
pub mod decode;
pub mod said;
pub mod sample;
pub mod script;
