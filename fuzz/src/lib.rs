//! What the fuzz targets do with octets. `tests/corpus.rs` of the main package takes these files in
//! by their path and replays the corpus, without a fuzzer.

pub mod bench;
pub mod cookies;
pub mod octets;
pub mod shard;
pub mod wire;
pub mod xdp;
pub mod xdp_cookies;
