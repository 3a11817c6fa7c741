//! One datagram from anybody: see `gossip_fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gossip_fuzz::decode::check(bytes));
