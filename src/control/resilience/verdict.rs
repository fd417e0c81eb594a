//! What the rows prove, in words.

use super::contestant::Contestant;
use super::number::{brief, grouped, percent, time};
use super::row::{Phase, Row};
use crate::flood::Kind;
use crate::load::float;
use core::fmt;

/// What the rows say of one contestant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub against: String,
    /// A flood came, honest clients came, and all of them succeeded: before, during and after.
    pub is_kept: bool,
    /// What became of them.
    pub outcome: String,
    /// What it cost them at the highest rate of the flood, if it can be said.
    pub price: Option<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.against, self.outcome)?;
        self.price
            .iter()
            .try_for_each(|price| write!(f, ". {price}"))
    }
}

/// One verdict for each contestant that honest clients met, in order of appearance.
#[must_use]
pub fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let mut contestants = Contestant::all(rows);
    contestants.retain(|contestant| !contestant.is_baseline());
    contestants.iter().map(Verdict::of).collect()
}

impl Verdict {
    fn of(contestant: &Contestant<'_>) -> Self {
        let flooded = Attempts::of(contestant.of(Phase::During));
        let calm = Attempts::of(
            contestant
                .of(Phase::Before)
                .chain(contestant.of(Phase::After)),
        );
        let rows = contestant.of(Phase::During);
        let most = rows.map(|row| row.flood.offered_per_s).fold(0.0, f64::max);
        let least = least_to_fail(contestant).filter(|least| *least < most);
        let first = least.map(|least| format!(", the first under {}", brief(least)));
        let outside = (calm.failed > 0).then(|| format!("; before and after the flood, {calm}"));
        let inside = if flooded.attempted == 0 {
            "no honest client tried to connect during the flood, so nothing is shown".into()
        } else if most <= 0.0 {
            format!("{flooded}, but no flood came")
        } else {
            let kind = contestant.kind();
            if kind == Kind::Syn {
                format!("{flooded} under up to {} SYN/s", brief(most))
            } else {
                format!(
                    "{flooded} under up to {} {} a second",
                    brief(most),
                    kind.segments()
                )
            }
        };
        Self {
            against: contestant.name.clone(),
            is_kept: flooded.attempted > 0 && most > 0.0 && flooded.failed + calm.failed == 0,
            outcome: inside + &first.unwrap_or_default() + &outside.unwrap_or_default(),
            price: price(contestant),
        }
    }
}

// Segments a second of the weakest flood beside which an honest connection failed.
fn least_to_fail(contestant: &Contestant<'_>) -> Option<f64> {
    let rows = contestant.of(Phase::During);
    let failing = rows.filter(|row| row.honest.succeeded < row.honest.attempted);
    failing.map(|row| row.flood.offered_per_s).reduce(f64::min)
}

fn price(contestant: &Contestant<'_>) -> Option<String> {
    let during = &contestant.at_peak(Phase::During)?.honest;
    if during.attempted == 0 {
        return None;
    }
    let rate = brief(during.rate_per_s);
    let before = contestant.at_peak(Phase::Before);
    let before = before.map_or(0.0, |row| row.honest.rate_per_s);
    let share = percent(during.rate_per_s, before);
    let share = share.map(|share| format!(" ({share:.0} % of {} before)", brief(before)));
    let p99 = Some(during.handshake_us.p99).filter(|p99| *p99 > 0.0);
    let p99 = p99.map(|p99| format!(", handshake p99 {}", time(p99)));
    Some(format!(
        "At the highest rate {rate} honest connections a second{}{}, {} SYNs sent again.",
        share.unwrap_or_default(),
        p99.unwrap_or_default(),
        grouped(float(during.syn_retransmitted)),
    ))
}

// What became of the honest connections of some rows.
struct Attempts {
    attempted: u64,
    failed: u64,
}

impl Attempts {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Self {
        let nothing = Self {
            attempted: 0,
            failed: 0,
        };
        rows.fold(nothing, |sum, row| Self {
            attempted: sum.attempted + row.honest.attempted,
            failed: sum.failed + row.honest.attempted.saturating_sub(row.honest.succeeded),
        })
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [all, failed] = [self.attempted, self.failed].map(|n| grouped(float(n)));
        if self.failed == 0 {
            write!(f, "every one of {all} honest connections succeeded")
        } else if self.failed == self.attempted {
            write!(f, "none of {all} honest connections succeeded")
        } else {
            write!(f, "{failed} of {all} honest connections failed")
        }
    }
}
