//! See `src/xdp_cookies.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::xdp_cookies::run(bytes));
