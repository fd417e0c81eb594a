//! The flood: a thread in the attacker's namespace, on the attacker's core.

use super::arena::{ATTACKER_CPU, Arena, TARGET};
use super::{Error, Flooded};
use crate::control::clock::Clock;
use crate::control::worker;
use crate::flood::{Flood, Kind, Plan, Rate, Report, SourceKind, Span, Target};
use crate::time::Duration;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

/// The first frames leave within milliseconds, where the attacker has its core.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// A flood that runs. Dropping it stops it.
pub(super) struct Attack {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Flooded, Error>>>,
}

impl Attack {
    /// Starts it, for `span` at most; when this returns its first frames have left.
    pub(super) fn start(
        arena: &Arena,
        kind: Kind,
        rate: Rate,
        span: Duration,
    ) -> Result<Self, Error> {
        let (namespace, interface) = arena.attacker();
        let plan = Plan {
            interface: interface.into(),
            target: Target::new(TARGET)?,
            rate,
            span: Span::new(span.min(Span::MAX.get()))?,
            kind,
            // The only one that is fast enough to be worth the name.
            source: Some(SourceKind::LiveFrames),
            seed: getrandom::u64()?,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let (sink, is_over) = (Arc::clone(arena.sink()), Arc::clone(&stop));
        let thread = namespace.spawn("flood", move || {
            worker::pin(ATTACKER_CPU)?;
            let flood = Flood::open(&plan)?;
            let mut window = Window::new(sink.answers());
            let mut tell = Some(tell);
            let clock = Clock::start();
            let report = flood.run(
                || clock.now(),
                &is_over,
                |progress| match tell.take() {
                    // Whoever waits has gone only if this is to stop, and then `stop` says so.
                    Some(tell) => drop(tell.send(())),
                    // The first frames alone are no window: they have not been answered yet.
                    None => window.end = (progress.sent, sink.answers(), progress.elapsed),
                },
            )?;
            Ok(window.close(&report, sink.answers()))
        })?;
        let mut attack = Self {
            stop,
            thread: Some(thread),
        };
        // An error ends the thread, and with it the channel. A row without its flood would be a lie.
        if told.recv_timeout(BEGINS_WITHIN).is_err() {
            attack.end()?;
            return Err(Error::NoFlood { rate });
        }
        Ok(attack)
    }

    /// Stops it and says what it did.
    pub(super) fn stop(mut self) -> Result<Flooded, Error> {
        self.end()
    }

    fn end(&mut self) -> Result<Flooded, Error> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Flooded::default()),
        }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.end();
        }
    }
}

/// Frames sent, answers that came, and the time, all of one moment: the kernel takes a while to
/// end a flood, so the last look before its end closes the window.
struct Window {
    began_at: u64,
    end: (u64, u64, Duration),
}

impl Window {
    const fn new(began_at: u64) -> Self {
        Self {
            began_at,
            end: (0, 0, Duration::ZERO),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    fn close(self, report: &Report, answers: u64) -> Flooded {
        let (sent, answers, elapsed) = match self.end {
            (_, _, Duration::ZERO) => (report.sent, answers, report.elapsed),
            end => end,
        };
        let seconds = elapsed.as_secs_f64().max(1e-9);
        Flooded {
            offered_per_s: sent as f64 / seconds,
            answered_per_s: answers.saturating_sub(self.began_at) as f64 / seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sent: u64, millis: u64) -> Report {
        Report {
            source: SourceKind::LiveFrames,
            kind: Kind::Syn,
            sent,
            elapsed: Duration::from_millis(millis),
        }
    }

    #[test]
    fn rates_are_of_the_last_look_or_of_the_whole_if_there_was_none() {
        let mut window = Window::new(100);
        window.end = (1000, 600, Duration::from_millis(500));
        let flooded = window.close(&report(9999, 700), 7777);
        assert!((flooded.offered_per_s - 2000.0).abs() < 1e-6);
        assert!((flooded.answered_per_s - 1000.0).abs() < 1e-6);
        let flooded = Window::new(100).close(&report(50, 100), 130);
        assert!((flooded.offered_per_s - 500.0).abs() < 1e-6);
        assert!((flooded.answered_per_s - 300.0).abs() < 1e-6);
    }
}
