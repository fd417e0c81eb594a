//! See `src/shard.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seawall_fuzz::shard::run(bytes));
