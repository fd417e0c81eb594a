//! `AF_XDP` transmit: we make the frames and queue them, where the kernel cannot.

use super::frames::Frames;
use crate::limits::BURST_FRAMES;
use crate::nic::Port;
use crate::nic::af_xdp::{AfXdp, Error, PortConfig, QueueSpec};
use crate::time::{Duration, Instant};
use std::thread;

/// How often and how long the end waits for the last frames to leave: a second.
const LOOKS: u32 = 1000;
const LOOK: Duration = Duration::from_millis(1);

/// A transmit ring on queue 0 of an interface. No program is attached: nothing is received.
pub(super) struct Rings {
    port: AfXdp,
    frames: Frames,
    budget: u64,
    sent: u64,
    /// Frames of the port that are free while none is under way.
    free: usize,
    /// Frames that may be under way: what the transmit ring holds.
    room: usize,
}

impl Rings {
    pub(super) fn open(interface: &str, frames: Frames, budget: u64) -> Result<Self, Error> {
        let config = PortConfig::default();
        let port = AfXdp::open(&[QueueSpec::new(interface, 0)], &config)?;
        Ok(Self {
            free: port.free_frames(),
            room: config.rings.transmit as usize,
            port,
            frames,
            budget,
            sent: 0,
        })
    }

    /// Sends at most `count` frames.
    pub(super) fn send(&mut self, count: u64) {
        let until = self.budget.min(self.sent + count);
        while self.sent < until {
            let before = self.sent;
            let burst = (until - self.sent).min(BURST_FRAMES as u64);
            for _ in 0..burst {
                if self.under_way() == self.room || !self.queue() {
                    break;
                }
            }
            self.port.flush(Instant::ZERO);
            // The ring is full: the pace decides when it is tried again.
            if self.sent == before {
                break;
            }
        }
    }

    /// Queues the next frame. False when there is none.
    fn queue(&mut self) -> bool {
        let Some(mut frame) = self.port.allocate(0) else {
            return false;
        };
        let octets = self.port.bytes_mut(&mut frame);
        let Some(len) = self.frames.frame(self.sent, octets) else {
            self.port.release(frame);
            return false;
        };
        frame.set_len(len);
        self.port.transmit(Instant::ZERO, frame);
        self.sent += 1;
        true
    }

    fn under_way(&self) -> usize {
        self.free.saturating_sub(self.port.free_frames())
    }

    /// Frames queued so far.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Waits until all that is queued has left, a second at most; frames sent.
    pub(super) fn finish(&mut self) -> u64 {
        for _ in 0..LOOKS {
            self.port.flush(Instant::ZERO);
            if self.under_way() == 0 {
                break;
            }
            thread::sleep(LOOK);
        }
        self.sent - self.under_way() as u64
    }
}
