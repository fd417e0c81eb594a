//! What is asked for, what became of it, and how much is due when.

use super::guard::{Rate, Span, Target};
use crate::time::Duration;
use crate::wire::Ctl;
use core::fmt;

/// Segments of a flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `<CTL=SYN>` with the options of a real client
    #[default]
    Syn,
    /// `<CTL=ACK>` for no connection
    Ack,
    /// `<CTL=RST>` for no connection
    Rst,
    /// `<CTL=FIN,ACK>` for no connection
    Fin,
    /// `<CTL=FIN,PSH,URG>`: what no stack sends
    Xmas,
    /// All of them in turn
    Mixed,
}

impl Kind {
    /// As it is written on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::Ack => "ack",
            Self::Rst => "rst",
            Self::Fin => "fin",
            Self::Xmas => "xmas",
            Self::Mixed => "mixed",
        }
    }

    /// What people call its segments.
    #[must_use]
    pub const fn segments(self) -> &'static str {
        match self {
            Self::Syn => "SYNs",
            Self::Ack => "ACKs",
            Self::Rst => "RSTs",
            Self::Fin => "FINs",
            Self::Xmas => "Xmas segments",
            Self::Mixed => "segments of all kinds",
        }
    }

    /// The control bits of its segments, which take turns.
    #[must_use]
    pub const fn turns(self) -> &'static [Ctl] {
        const XMAS: Ctl = Ctl {
            urg: true,
            psh: true,
            ack: false,
            ..Ctl::FIN_ACK
        };
        match self {
            Self::Syn => &[Ctl::SYN],
            Self::Ack => &[Ctl::ACK],
            Self::Rst => &[Ctl::RST],
            Self::Fin => &[Ctl::FIN_ACK],
            Self::Xmas => &[XMAS],
            Self::Mixed => &[Ctl::SYN, Ctl::ACK, Ctl::RST, Ctl::FIN_ACK, XMAS],
        }
    }
}

/// Where frames come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SourceKind {
    /// The kernel makes them with an XDP program (`BPF_PROG_RUN` on live frames).
    LiveFrames,
    /// We make them, in an `AF_XDP` transmit ring.
    AfXdp,
}

impl SourceKind {
    /// As it stands in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiveFrames => "live_frames",
            Self::AfXdp => "af_xdp",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LiveFrames => "live frames",
            Self::AfXdp => "AF_XDP transmit",
        })
    }
}

/// A flood that may be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Interface of this network namespace that frames leave by.
    pub interface: String,
    /// Where they go.
    pub target: Target,
    /// How many a second.
    pub rate: Rate,
    /// For how long.
    pub span: Span,
    /// What they are.
    pub kind: Kind,
    /// `None` for the fastest source that works here.
    pub source: Option<SourceKind>,
    /// The frames are a function of this and their number.
    pub seed: u64,
}

/// Frames are due in slices of this length.
const SLICE: Duration = Duration::from_millis(1);

impl Plan {
    /// Frames that are never exceeded: rate x duration, rounded down.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.frames_in(self.span.get())
    }

    /// Frames that may have been sent `elapsed` after the beginning: those of a slice are due when
    /// it begins, so that all are sent when the last one ends.
    #[must_use]
    pub fn due(&self, elapsed: Duration) -> u64 {
        if elapsed >= self.span.get() {
            return self.budget();
        }
        let slices = elapsed.as_nanos() / SLICE.as_nanos() + 1;
        let until = SLICE.saturating_mul(u32::try_from(slices).unwrap_or(u32::MAX));
        self.frames_in(until.min(self.span.get()))
    }

    /// Time from `elapsed` to the next slice, or to the end.
    #[must_use]
    pub fn pause(&self, elapsed: Duration) -> Duration {
        let into = (elapsed.as_nanos() % SLICE.as_nanos()) as u64;
        let left = self.span.get().saturating_sub(elapsed);
        SLICE.saturating_sub(Duration::from_nanos(into)).min(left)
    }

    fn frames_in(&self, time: Duration) -> u64 {
        // 10 M/s for a minute at most: far from either limit.
        let frames = u128::from(self.rate.per_s()) * time.as_nanos() / 1_000_000_000;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// What became of a flood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Where frames came from.
    pub source: SourceKind,
    /// What they were.
    pub kind: Kind,
    /// Frames handed to the driver of the interface.
    pub sent: u64,
    /// Time from the first frame to the end.
    pub elapsed: Duration,
}

impl Report {
    /// Frames a second, over the whole time.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds == 0.0 {
            return 0.0;
        }
        self.sent as f64 / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(per_s: u64, span: Duration) -> Plan {
        Plan {
            interface: String::new(),
            target: "10.0.0.1:80".parse().unwrap(),
            rate: Rate::new(per_s).unwrap(),
            span: Span::new(span).unwrap(),
            kind: Kind::Syn,
            source: None,
            seed: 0,
        }
    }

    #[test]
    fn the_budget_is_rate_times_duration() {
        for (per_s, millis, budget) in [
            (1, 999, 0),
            (1, 1000, 1),
            (100_000, 10_000, 1_000_000),
            (3, 500, 1),
            (10_000_000, 60_000, 600_000_000),
        ] {
            let span = Duration::from_millis(millis);
            assert_eq!(
                plan(per_s, span).budget(),
                budget,
                "{per_s} for {millis} ms"
            );
        }
    }

    #[test]
    fn what_is_due_grows_by_slices_and_ends_at_the_budget() {
        let plan = plan(100_000, Duration::from_micros(2_500));
        for (micros, due) in [
            (0, 100),
            (999, 100),
            (1_000, 200),
            (1_999, 200),
            (2_000, 250),
            (2_499, 250),
            (2_500, 250),
            (9_999_999, 250),
        ] {
            assert_eq!(plan.due(Duration::from_micros(micros)), due, "{micros} us");
        }
        for (micros, pause) in [(0, 1_000), (1, 999), (1_999, 1), (2_000, 500), (2_600, 0)] {
            let pause = Duration::from_micros(pause);
            assert_eq!(plan.pause(Duration::from_micros(micros)), pause, "{micros}");
        }
    }

    // Whenever it is asked, no more is due than a slice ahead of the rate.
    #[test]
    fn a_rate_is_never_exceeded_by_more_than_a_slice() {
        for per_s in [1, 7, 999, 1_000, 123_457, 10_000_000] {
            let plan = plan(per_s, Duration::from_secs(2));
            let mut before = 0;
            for step in 0..5_000_u64 {
                let elapsed = Duration::from_nanos(step * 487_651);
                let due = plan.due(elapsed);
                assert!(due >= before && due <= plan.budget());
                assert!(
                    due <= plan.frames_in(elapsed + SLICE),
                    "{per_s}/s at {elapsed:?}"
                );
                before = due;
            }
            assert_eq!(before, plan.budget());
        }
    }

    #[test]
    fn each_kind_has_its_control_bits() {
        let rows: [(Kind, &[u8]); 6] = [
            (Kind::Syn, &[0b00_0010]),
            (Kind::Ack, &[0b01_0000]),
            (Kind::Rst, &[0b00_0100]),
            (Kind::Fin, &[0b01_0001]),
            (Kind::Xmas, &[0b10_1001]),
            (
                Kind::Mixed,
                &[0b00_0010, 0b01_0000, 0b00_0100, 0b01_0001, 0b10_1001],
            ),
        ];
        for (kind, bits) in rows {
            let turns: Vec<u8> = kind.turns().iter().map(|ctl| ctl.to_byte()).collect();
            assert_eq!(turns, bits, "{}", kind.name());
        }
    }
}
