//! Live frames: the XDP program that makes frames in the kernel (`xdp/flood.bpf.c`).

use super::frames::{Frames, TEMPLATE_BYTES};
use super::plan::Plan;
use crate::nic::af_xdp::run_live;
use crate::time::{Duration, Instant};
use aya::maps::{Array, MapData, MapError};
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use core::sync::atomic::{AtomicBool, Ordering};
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::SIGURG;
use signal_hook::{flag, low_level::unregister};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread::{self, ScopedJoinHandle};

/// `xdp/flood.bpf.c`, built by `xdp/build`.
static OBJECT: &[u8] = include_bytes_aligned!("../../xdp/flood.bpf.o");

/// Templates that a plan has room for: `TEMPLATES_MAX` of `xdp/flood.bpf.c`.
const TEMPLATES_MAX: usize = 8;

/// Octets of a plan before its templates.
const PLAN_HEAD_BYTES: usize = 40;

/// Flags of a template, as in `xdp/flood.bpf.c`.
const VARY_ACK: u32 = 1;
const VARY_TSVAL: u32 = 2;

/// What `BPF_PROG_RUN` is asked for: all that there is. It ends by a signal.
const FRAMES: u32 = u32::MAX;

/// Whoever waits for the end looks as often as this.
const LOOK: Duration = Duration::from_millis(1);

/// What the program may be late: it begins when its first frame is made.
const GRACE: Duration = Duration::from_secs(1);

/// Why live frames are not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LiveError {
    #[error("the kernel refuses the XDP program of the flood")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the kernel does not run XDP programs on live frames (Linux 5.18 and later do)")]
    Run(#[source] io::Error),
    #[error("the state of the XDP program cannot be read")]
    State(#[from] MapError),
    #[error("SIGURG, which ends it, cannot be caught")]
    Signal(#[source] io::Error),
}

/// `struct state` of `xdp/flood.bpf.c`: taken, refused, begin, due, over.
type State = [u64; 5];

/// The program with its plan, which nobody can change any more.
pub(super) struct Live {
    ebpf: Ebpf,
    state: Array<MapData, State>,
    /// What each frame begins as; the program brings its own length and octets.
    blank: Vec<u8>,
    budget: u64,
    span: Duration,
}

impl Live {
    /// Loads the program and tries whether this kernel runs it on live frames. Nothing is sent.
    pub(super) fn open(plan: &Plan, frames: &Frames, interface: u32) -> Result<Self, LiveError> {
        // Within a budget of nothing, every frame is dropped.
        Self::load(plan, frames, interface, 0)?.make(1)?;
        Self::load(plan, frames, interface, plan.budget())
    }

    fn load(plan: &Plan, frames: &Frames, interface: u32, budget: u64) -> Result<Self, LiveError> {
        let (octets, len) = plan_of(plan, frames, interface, budget);
        let refused = |error| LiveError::Load(Box::new(error));
        let mut ebpf = EbpfLoader::new()
            .override_global("plan", octets.as_slice(), true)
            .load(OBJECT)
            .map_err(refused)?;
        let program = ebpf.program_mut("flood").expect(IN_OBJECT);
        let program: &mut Xdp = program.try_into().expect(IN_OBJECT);
        let loaded = program.load();
        loaded.map_err(|error| LiveError::Load(Box::new(error)))?;
        let state = ebpf.take_map("state").expect(IN_OBJECT);
        Ok(Self {
            state: Array::try_from(state)?,
            ebpf,
            blank: vec![0; len],
            budget,
            span: plan.span.get(),
        })
    }

    /// Has the kernel make `count` frames. The program sends those that are due; the core that
    /// this runs on does nothing else meanwhile, unless it must.
    fn make(&self, count: u32) -> Result<(), LiveError> {
        let program = self.ebpf.program("flood").expect(IN_OBJECT);
        let program: &Xdp = program.try_into().expect(IN_OBJECT);
        let program = program.fd();
        let program = program.map_err(|error| LiveError::Load(Box::new(error)))?;
        run_live(program.as_fd(), &self.blank, count).map_err(LiveError::Run)
    }

    /// Floods until the span is over or `stop` is set; how long that was. `look` is called every
    /// millisecond.
    pub(super) fn run(
        &self,
        now: &impl Fn() -> Instant,
        stop: &AtomicBool,
        mut look: impl FnMut(&Self, Duration) -> Result<(), LiveError>,
    ) -> Result<Duration, LiveError> {
        // A signal ends the call, so there must be somebody who catches it. It is ignored by
        // default: one that comes late does no harm.
        let caught = Arc::new(AtomicBool::new(false));
        let handler = flag::register(SIGURG, caught).map_err(LiveError::Signal)?;
        let is_over = AtomicBool::new(false);
        let (tell, told) = mpsc::channel();
        let begin = now();
        let elapsed = thread::scope(|scope| {
            let worker = scope.spawn(|| self.work(&is_over, &tell));
            let ending = Ending {
                worker: &worker,
                is_over: &is_over,
                id: told.recv().ok(),
            };
            let watched = loop {
                let elapsed = now() - begin;
                let [.., over] = self.state()?;
                look(self, elapsed)?;
                if over != 0 {
                    // As the program measured it: nothing was sent after it.
                    break self.span;
                }
                // Relaxed: the flag says only itself. A worker that has ended met an error.
                let is_stopped = stop.load(Ordering::Relaxed) || worker.is_finished();
                if is_stopped || elapsed > self.span + GRACE {
                    break elapsed;
                }
                thread::sleep(LOOK);
            };
            drop(ending);
            let result = worker.join();
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(watched)
        });
        unregister(handler);
        elapsed
    }

    /// The thread that is in the kernel all the time. It first tells who it is.
    fn work(&self, is_over: &AtomicBool, tell: &mpsc::Sender<Pthread>) -> Result<(), LiveError> {
        // Whoever started us may have blocked it.
        let _ = SigSet::from(Signal::SIGURG).thread_unblock();
        let _ = tell.send(pthread_self());
        // Relaxed: the flag says only itself. Other signals end a call too.
        while !is_over.load(Ordering::Relaxed) {
            self.make(FRAMES)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<State, LiveError> {
        Ok(self.state.get(&0, 0)?)
    }

    /// Frames that the program has sent.
    pub(super) fn sent(&self) -> Result<u64, LiveError> {
        let [taken, refused, ..] = self.state()?;
        debug_assert_eq!(refused, 0, "the guard lets no such plan come so far");
        Ok(taken.min(self.budget).saturating_sub(refused))
    }
}

/// Calls the worker back from the kernel when dropped: also on the way out by an error or a panic.
struct Ending<'a, 'scope, T> {
    worker: &'a ScopedJoinHandle<'scope, T>,
    is_over: &'a AtomicBool,
    id: Option<Pthread>,
}

impl<T> Drop for Ending<'_, '_, T> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Again and again: the first may come before the call that it is to end.
        while !self.worker.is_finished() {
            if let Some(id) = self.id {
                let _ = pthread_kill(id, Signal::SIGURG);
            }
            thread::sleep(LOOK);
        }
    }
}

const IN_OBJECT: &str = "the object has it, and it is of this type";

/// `struct plan` of `xdp/flood.bpf.c`, and the length of its longest frame.
fn plan_of(plan: &Plan, frames: &Frames, interface: u32, budget: u64) -> (Vec<u8>, usize) {
    let turns = frames.turns();
    assert!(turns.len() <= TEMPLATES_MAX, "a plan has room for them");
    let span = u64::try_from(plan.span.get().as_nanos()).expect("a minute at most");
    let mut octets = Vec::new();
    for word in [budget, frames.seed(), plan.rate.per_s(), span] {
        octets.extend(word.to_ne_bytes());
    }
    octets.extend(interface.to_ne_bytes());
    octets.extend((turns.len() as u32).to_ne_bytes());
    let mut longest = 0;
    for ctl in turns {
        let (template, len) = frames.template(*ctl);
        let vary_ack = if ctl.ack { VARY_ACK } else { 0 };
        let flags = if ctl.syn { VARY_TSVAL } else { vary_ack };
        octets.extend((len as u32).to_ne_bytes());
        octets.extend(flags.to_ne_bytes());
        octets.extend(template);
        longest = longest.max(len);
    }
    let template = 2 * size_of::<u32>() + TEMPLATE_BYTES;
    octets.resize(PLAN_HEAD_BYTES + TEMPLATES_MAX * template, 0);
    (octets, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_the_same_numbers() {
        let source = include_str!("../../xdp/flood.bpf.c");
        for (name, ours) in [
            ("TEMPLATES_MAX", TEMPLATES_MAX),
            ("TEMPLATE_BYTES", TEMPLATE_BYTES),
            ("VARY_ACK", VARY_ACK as usize),
            ("VARY_TSVAL", VARY_TSVAL as usize),
        ] {
            let line = format!("#define {name} {ours}");
            let is_line = |theirs: &str| theirs == line || theirs.starts_with(&format!("{line} "));
            assert!(source.lines().any(is_line), "{line}");
        }
    }
}
