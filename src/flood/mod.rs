//! A flood for resilience tests, bounded by construction.
//!
//! A [`Plan`] is made of types that cannot hold what is forbidden: a [`Target`] is an address that
//! the Internet does not route, a [`Rate`] has a ceiling, a [`Span`] is a minute at most, and
//! sources are of the benchmark ranges whatever is asked ([`guard`]). There is no override. The
//! source of frames asks the guard again for each frame, and the XDP program that makes live
//! frames (`xdp/flood.bpf.c`) has the same ranges and a budget of its own.
//!
//! [`Flood::open`] finds the way ([`path`]) and the fastest source that works; nothing is sent
//! before [`Flood::run`].
//!
//! Live frames take a whole core whatever the rate is: the kernel makes frames as fast as it can,
//! and the program drops those that are not due. `AF_XDP` transmit sleeps between slices of a
//! millisecond.
//!
//! ```no_run
//! # use seawall::{control::clock::Clock, flood::{Flood, Kind, Plan, Rate, Span}};
//! # use core::{sync::atomic::AtomicBool, time::Duration};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let plan = Plan {
//!     interface: "eth0".into(),
//!     target: "10.0.0.1:80".parse()?,
//!     rate: "100k".parse()?,
//!     span: Span::new(Duration::from_secs(10))?,
//!     kind: Kind::Syn,
//!     source: None,
//!     seed: 1,
//! };
//! let (stop, clock) = (AtomicBool::new(false), Clock::start());
//! let report = Flood::open(&plan)?.run(|| clock.now(), &stop, |_| {})?;
//! println!("{} frames by {}", report.sent, report.source);
//! # Ok(())
//! # }
//! ```

pub mod frames;
pub mod guard;
pub mod path;
mod plan;
mod program;
mod rings;

pub use guard::{Rate, Refusal, Span, Target};
pub use path::{Path, PathError};
pub use plan::{Kind, Plan, Report, SourceKind};

use crate::nic::af_xdp;
use crate::nic::netlink::{Netlink, XdpFeatures, xdp_features};
use crate::time::{Duration, Instant};
use core::sync::atomic::{AtomicBool, Ordering};
use frames::Frames;
use program::{Live, LiveError};
use rings::Rings;
use std::error::Error as _;
use std::thread;

/// Frames between two looks at the clock and the flag: a few milliseconds at most.
const CHUNK: u64 = 2048;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// Why a flood cannot be, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No way to the target.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The source that was insisted on is not to be had.
    #[error("no live frames: {0}")]
    NoLiveFrames(String),
    /// Neither source is to be had.
    #[error("no live frames ({live}), and no AF_XDP transmit either")]
    NoSource {
        /// Why no live frames.
        live: String,
        /// Why no `AF_XDP` transmit.
        #[source]
        rings: Box<af_xdp::Error>,
    },
    /// The kernel stopped making frames.
    #[error("live frames ended early")]
    Ended(#[source] Box<dyn std::error::Error + Send + Sync>),
}

enum Source {
    Live(Box<Live>),
    Rings(Box<Rings>),
}

/// A flood that is ready.
pub struct Flood {
    plan: Plan,
    source: Source,
    why_not_live: Option<String>,
}

/// How far a flood is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames sent.
    pub sent: u64,
    /// Time since the first.
    pub elapsed: Duration,
}

impl Flood {
    /// Finds the way to the target and the source. The calling thread must be in the network
    /// namespace of the interface, now and in [`Flood::run`]. No frame of the flood is sent yet;
    /// for an unknown neighbour the kernel is made to ask by an empty UDP datagram to the target.
    ///
    /// # Errors
    /// No interface, route, neighbour or source; or no privilege.
    pub fn open(plan: &Plan) -> Result<Self, Error> {
        let path = Path::find(&plan.interface, &plan.target)?;
        let frames = Frames::new(plan, &path);
        let live = match plan.source {
            Some(SourceKind::AfXdp) => Err("AF_XDP transmit was asked for".into()),
            _ => open_live(plan, &path, &frames),
        };
        let (source, why_not_live) = match live {
            Ok(live) => (Source::Live(Box::new(live)), None),
            Err(why) if plan.source == Some(SourceKind::LiveFrames) => {
                return Err(Error::NoLiveFrames(why));
            }
            Err(why) => {
                let rings = Rings::open(&plan.interface, frames, plan.budget());
                let rings = rings.map_err(|error| Error::NoSource {
                    live: why.clone(),
                    rings: Box::new(error),
                })?;
                (Source::Rings(Box::new(rings)), Some(why))
            }
        };
        Ok(Self {
            plan: plan.clone(),
            source,
            why_not_live,
        })
    }

    /// Where frames will come from.
    #[must_use]
    pub const fn source(&self) -> SourceKind {
        match self.source {
            Source::Live(_) => SourceKind::LiveFrames,
            Source::Rings(_) => SourceKind::AfXdp,
        }
    }

    /// Why live frames are not used, if they are not.
    #[must_use]
    pub fn why_not_live(&self) -> Option<&str> {
        self.why_not_live.as_deref()
    }

    /// Floods until the time is over or `stop` is set, and tells `progress` when the first frames
    /// have left, and twice a second from then on. `now` is a clock that goes on while this sleeps.
    ///
    /// # Errors
    /// The kernel refuses to go on.
    pub fn run(
        mut self,
        now: impl Fn() -> Instant,
        stop: &AtomicBool,
        mut progress: impl FnMut(Progress),
    ) -> Result<Report, Error> {
        let (plan, mut tell_at) = (&self.plan, Duration::ZERO);
        let mut tell = |sent, elapsed| {
            if sent > 0 && elapsed >= tell_at {
                progress(Progress { sent, elapsed });
                tell_at = elapsed + TELL;
            }
        };
        let (elapsed, sent) = match &mut self.source {
            Source::Live(live) => {
                let look = |live: &Live, elapsed| live.sent().map(|sent| tell(sent, elapsed));
                let elapsed = live.run(&now, stop, look).map_err(ended)?;
                (elapsed, live.sent().map_err(ended)?)
            }
            Source::Rings(rings) => {
                let begin = now();
                let mut elapsed = Duration::ZERO;
                // Relaxed: the flag says only itself.
                while elapsed < plan.span.get() && !stop.load(Ordering::Relaxed) {
                    tell(rings.sent(), elapsed);
                    match plan.due(elapsed).saturating_sub(rings.sent()) {
                        0 => thread::sleep(plan.pause(elapsed)),
                        due => rings.send(due.min(CHUNK)),
                    }
                    elapsed = now() - begin;
                }
                (elapsed, rings.finish())
            }
        };
        Ok(Report {
            source: self.source(),
            kind: self.plan.kind,
            sent,
            elapsed,
        })
    }
}

fn ended(error: LiveError) -> Error {
    Error::Ended(Box::new(error))
}

/// Live frames, or why not.
fn open_live(plan: &Plan, path: &Path, frames: &Frames) -> Result<Live, String> {
    let interface = &plan.interface;
    let features = Netlink::open()
        .and_then(|mut netlink| netlink.link(interface))
        .and_then(|link| xdp_features(&link))
        .map_err(|error| error.to_string())?;
    // A driver that cannot would drop every frame, and nobody would be told.
    if !features.is_some_and(XdpFeatures::has_ndo_xmit) {
        return Err(format!(
            "{interface} does not send frames that a program redirects to it now; a veth does \
             once an XDP program is attached to its other end (one that passes everything will \
             do), a NIC once one is attached to it"
        ));
    }
    Live::open(plan, frames, path.interface).map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })
}
