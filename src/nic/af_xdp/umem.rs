//! The store of frames: one area of chunks, shared with the kernel, and a list of the free ones.
//!
//! A chunk is free, or on loan: to the kernel by a ring, or to the shard by a
//! [`Frame`](crate::nic::Frame). The free list is ours alone; the kernel knows rings only.
#![expect(
    unsafe_code,
    reason = "frames are slices of memory that the kernel writes"
)]

use super::mapping::Mapping;
use crate::limits::{CHUNK_BYTES, CHUNK_HEADROOM};
use crate::prefetch::prefetch;
use std::{io, slice};

/// Chunks that 32-bit offsets can name.
pub(super) const CHUNKS_MAX: u64 = (1 << 32) / CHUNK_BYTES as u64 - 1;

/// What is read of every frame: the headers of most, and a cache line, in octets.
const HEADER_BYTES: usize = 128;
const CACHE_LINE_BYTES: usize = 64;

/// An area of chunks. Offsets are in octets from its start.
#[derive(Debug)]
pub(super) struct Umem {
    area: Mapping,
    /// Offsets of free chunks. What was freed last is used first: it is still in the cache.
    free: Vec<u32>,
    /// One a chunk: is it on loan? Tells a frame that is given back twice.
    lent: Vec<bool>,
}

impl Umem {
    /// An area of `chunks` chunks, all free.
    pub(super) fn new(chunks: u32) -> io::Result<Self> {
        let area = Mapping::anonymous(chunks as usize * CHUNK_BYTES)?;
        Ok(Self {
            area,
            free: (0..chunks).rev().map(|n| n * CHUNK_BYTES as u32).collect(),
            lent: vec![false; chunks as usize],
        })
    }

    /// Where the area is, for the kernel.
    pub(super) fn address(&self) -> u64 {
        self.area.start().as_ptr() as u64
    }

    /// Size of the area.
    pub(super) const fn bytes(&self) -> usize {
        self.area.bytes()
    }

    /// Free chunks.
    pub(super) const fn free_chunks(&self) -> usize {
        self.free.len()
    }

    /// Lends a chunk; returns the offset of its first octet.
    pub(super) fn lend(&mut self) -> Option<u32> {
        let at = self.free.pop()?;
        self.lent[chunk(at)] = true;
        Some(at)
    }

    /// Takes back the chunk in which `at` lies. One that is not on loan is left alone.
    pub(super) fn take_back(&mut self, at: u32) {
        let lent = self.lent.get_mut(chunk(at));
        let was_lent = lent.is_some_and(std::mem::take);
        debug_assert!(was_lent, "chunk at {at} is not on loan");
        if was_lent {
            self.free.push(at - at % CHUNK_BYTES as u32);
        }
    }

    /// `len` octets from `at`, or as many of them as lie in its chunk.
    pub(super) fn frame(&self, at: u32, len: usize) -> &[u8] {
        let len = len.min(self.room(at));
        // SAFETY: `room` keeps the octets in the area, which `self` keeps mapped and borrowed.
        // A frame on loan to the shard is in no ring, so the kernel does not write to it.
        unsafe { slice::from_raw_parts(self.area.start().as_ptr().add(at as usize), len) }
    }

    /// Calls the cache lines of the headers at `at`, which another processor has written.
    pub(super) fn prefetch(&self, at: u32) {
        for octet in self
            .frame(at, HEADER_BYTES)
            .iter()
            .step_by(CACHE_LINE_BYTES)
        {
            prefetch(octet);
        }
    }

    /// All octets from `at` to the end of its chunk.
    pub(super) fn frame_mut(&mut self, at: u32) -> &mut [u8] {
        let len = self.room(at);
        // SAFETY: as in `frame`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.area.start().as_ptr().add(at as usize), len) }
    }

    /// May these octets be sent: are they of one chunk that is on loan, and is there anything?
    pub(super) fn is_sendable(&self, at: u32, len: usize) -> bool {
        let lent = self.lent.get(chunk(at)).is_some_and(|lent| *lent);
        lent && len > 0 && len <= self.room(at)
    }

    /// Octets from `at` to the end of its chunk.
    fn room(&self, at: u32) -> usize {
        assert!(chunk(at) < self.lent.len(), "frame of another port");
        CHUNK_BYTES - at as usize % CHUNK_BYTES
    }
}

/// Where the data of a frame begins that we make ourselves: where the kernel would put it.
pub(super) const fn data_of(chunk_at: u32) -> u32 {
    chunk_at + CHUNK_HEADROOM as u32
}

const fn chunk(at: u32) -> usize {
    at as usize / CHUNK_BYTES
}

#[cfg(test)]
mod tests;
