//! The program that takes the answers to the flood and counts them, the same for all contestants
//! (`xdp/sink.bpf.c`).

use super::Error;
use aya::maps::{MapData, PerCpuArray};
use aya::programs::Xdp;
use aya::programs::XdpMode::Driver;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use std::error::Error as StdError;

/// `xdp/sink.bpf.c`, built by `xdp/build`.
static OBJECT: &[u8] = include_bytes_aligned!("../../../xdp/sink.bpf.o");

const IN_OBJECT: &str = "the object has it, and it is of this type";

/// The program at one interface. Detached when dropped.
pub(super) struct Sink {
    answers: PerCpuArray<MapData, u64>,
    // Owns the program and its link.
    _ebpf: Ebpf,
}

impl Sink {
    /// Attaches it to `interface` of this network namespace, in the driver.
    pub(super) fn attach(interface: &str) -> Result<Self, Error> {
        let refused = |error: Box<dyn StdError + Send + Sync>| Error::Sink {
            interface: interface.into(),
            source: error,
        };
        let mut ebpf = EbpfLoader::new()
            .load(OBJECT)
            .map_err(|error| refused(error.into()))?;
        let program = ebpf.program_mut("sink").expect(IN_OBJECT);
        let program: &mut Xdp = program.try_into().expect(IN_OBJECT);
        program.load().map_err(|error| refused(error.into()))?;
        program
            .attach(interface, Driver)
            .map_err(|error| refused(error.into()))?;
        let answers = ebpf.take_map("answers").expect(IN_OBJECT);
        Ok(Self {
            answers: answers.try_into().expect(IN_OBJECT),
            _ebpf: ebpf,
        })
    }

    /// SYN-ACKs to the benchmark range that have arrived.
    pub(super) fn answers(&self) -> u64 {
        // The only entry of an array is always there.
        let each = self.answers.get(&0, 0);
        each.map(|each| each.iter().sum()).unwrap_or_default()
    }
}
