//! Receive and drop: a plain `AF_XDP` socket, and nothing behind it.

use crate::Bench;
use seawall::control::lab::SERVER_INTERFACE;
use seawall::control::worker;
use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
use seawall::nic::{Burst, Port};
use seawall::time::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// A thread on the server's core that gives back every frame it gets.
pub(crate) struct Sink {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    _program: Program,
}

#[derive(Default)]
struct Shared {
    received: AtomicU64,
    over: AtomicBool,
}

impl Sink {
    /// Owns `port` of the server's address.
    pub(crate) fn start(bench: &Bench, port: u16) -> anyhow::Result<Self> {
        let (mut program, af_xdp) = bench.lab.server().run(|| -> anyhow::Result<_> {
            let program = Program::attach(SERVER_INTERFACE, XdpMode::Auto)?;
            let queues = [QueueSpec::new(SERVER_INTERFACE, 0)];
            Ok((program, AfXdp::open(&queues, &PortConfig::default())?))
        })?;
        af_xdp.register(std::slice::from_mut(&mut program))?;
        program.own(bench.at(port).into())?;
        let shared = Arc::new(Shared::default());
        let (theirs, cpu) = (Arc::clone(&shared), bench.server_cpu);
        let thread = std::thread::spawn(move || {
            worker::pin(cpu).expect("it is one of the CPUs that may be used");
            drop_all(af_xdp, &theirs);
        });
        Ok(Self {
            shared,
            thread: Some(thread),
            _program: program,
        })
    }

    /// Frames until now.
    pub(crate) fn received(&self) -> u64 {
        // Relaxed: the number says only itself.
        self.shared.received.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.shared.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        anyhow::ensure!(matches!(ended, Some(Ok(()))), "the sink panicked");
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

fn drop_all(mut port: AfXdp, shared: &Shared) {
    let mut burst = Burst::new();
    let mut received = 0;
    while !shared.over.load(Ordering::Relaxed) {
        port.receive(Instant::ZERO, &mut burst);
        received += burst.len() as u64;
        for frame in burst.drain(..) {
            port.release(frame);
        }
        port.flush(Instant::ZERO);
        shared.received.store(received, Ordering::Relaxed);
    }
}
