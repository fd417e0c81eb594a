//! See `src/cookies.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::cookies::run(bytes));
