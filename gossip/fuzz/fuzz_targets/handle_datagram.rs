//! A node that is told anything, in any order: see `gossip_fuzz::script`.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    gossip_fuzz::script::check(script);
});
