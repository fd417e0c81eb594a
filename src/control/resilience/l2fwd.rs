//! What plain `AF_XDP` reaches: each frame goes back where it came from, with source and
//! destination exchanged and nothing else done. A ceiling for whoever answers by the same port.

use super::Error;
use super::arena::{SERVER_CPU, TARGET};
use crate::control::namespace::Namespace;
use crate::control::worker;
use crate::nic::af_xdp::{AfXdp, CopyMode, PortConfig, Program, QueueSpec, XdpMode};
use crate::nic::{Burst, Port};
use crate::time::{Duration, Instant};
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How late a stop may be noticed.
const LOOK: Duration = Duration::from_millis(50);

/// Where an Ethernet header has its addresses, and an IPv4 header behind it.
const MACS: (usize, usize) = (0, 6);
const ADDRESSES: (usize, usize) = (14 + 12, 4);

/// A forwarder that runs. Dropping it stops it.
pub(super) struct L2fwd {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
    // Detached when dropped.
    _program: Program,
}

impl L2fwd {
    /// Sends back what comes to `interface` for the target.
    pub(super) fn start(namespace: &Namespace, interface: &str) -> Result<Self, Error> {
        let (program, port) = namespace.run(|| open(interface))?;
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = namespace.spawn("l2fwd", move || {
            worker::pin(SERVER_CPU)?;
            forward(port, &is_over);
            Ok(())
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
            _program: program,
        })
    }
}

impl Drop for L2fwd {
    fn drop(&mut self) {
        // Relaxed: the flag says only itself.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

fn open(interface: &str) -> Result<(Program, AfXdp), Error> {
    let mut program = Program::attach(interface, XdpMode::Auto)?;
    let config = PortConfig {
        copy: CopyMode::Auto.under(program.is_native()),
        ..PortConfig::default()
    };
    let port = AfXdp::open(&[QueueSpec::new(interface, 0)], &config)?;
    port.register(std::slice::from_mut(&mut program))?;
    program.own(TARGET.into())?;
    Ok((program, port))
}

// As a shard breathes: a burst in, a burst out, one flush.
fn forward(mut port: AfXdp, stop: &AtomicBool) {
    let mut burst = Burst::new();
    while !stop.load(Ordering::Relaxed) {
        port.receive(Instant::ZERO, &mut burst);
        let is_idle = burst.is_empty();
        for mut frame in burst.drain(..) {
            exchange(port.bytes_mut(&mut frame), MACS);
            exchange(port.bytes_mut(&mut frame), ADDRESSES);
            port.transmit(Instant::ZERO, frame);
        }
        port.flush(Instant::ZERO);
        if is_idle {
            port.wait(LOOK, None);
        }
    }
}

// Two fields of one length, side by side. Sums over both stay what they are.
fn exchange(octets: &mut [u8], (at, len): (usize, usize)) {
    let (first, second) = octets[at..at + 2 * len].split_at_mut(len);
    first.swap_with_slice(second);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_goes_back_where_it_came_from() {
        let mut frame: Vec<u8> = (0..40).collect();
        exchange(&mut frame, (0, 6));
        assert_eq!(frame[..13], [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12]);
        exchange(&mut frame, ADDRESSES);
        assert_eq!(frame[25..35], [25, 30, 31, 32, 33, 26, 27, 28, 29, 34]);
    }
}
