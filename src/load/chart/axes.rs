//! Where values stand in a drawing, and what is drawn there.

use super::{Band, Mark, Scale, Series, escape, short};
use core::fmt::Write;

/// The drawing, in its own units; the page scales it.
pub(super) const WIDTH: f64 = 760.0;
pub(super) const HEIGHT: f64 = 280.0;
pub(super) const LEFT: f64 = 64.0;
pub(super) const TOP: f64 = 18.0;
/// Where the x axis ends.
pub(super) const END: f64 = WIDTH - 16.0;
/// Where the x axis lies.
pub(super) const FLOOR: f64 = HEIGHT - 44.0;

/// Lines of a linear axis, about.
const TICKS: f64 = 5.0;

/// A bar narrower than this has no number above it.
const NUMBERED_BAR: f64 = 26.0;

/// Where values are in the drawing.
pub(super) struct Axes {
    scale: Scale,
    x_max: f64,
    y_max: f64,
}

impl Axes {
    /// Axes that go to `x_max` and at least to `y_max`, and the lines of the vertical one.
    pub(super) fn new(scale: Scale, x_max: f64, y_max: f64) -> (Self, Vec<(f64, String)>) {
        let ticks = match scale {
            Scale::Linear => linear_ticks(y_max),
            Scale::Log => log_ticks(y_max),
        };
        let y_max = ticks.last().map_or(y_max, |tick| tick.0).max(y_max);
        let axes = Self {
            scale,
            x_max,
            y_max,
        };
        (axes, ticks)
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + x / self.x_max * (END - LEFT)
    }

    fn y(&self, y: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => y / self.y_max,
            Scale::Log => y.max(1.0).log10() / self.y_max.log10().max(1e-9),
        };
        FLOOR - share * (FLOOR - TOP)
    }

    pub(super) fn band(&self, out: &mut String, band: &Band) {
        let (from, to) = (self.x(band.from), self.x(band.to));
        let _ = writeln!(
            out,
            "<rect class=\"band\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" class=\"mid\">{}</text>",
            to - from,
            FLOOR - TOP,
            f64::midpoint(from, to),
            TOP - 4.0,
            escape(band.name),
        );
    }

    pub(super) fn horizontals(&self, out: &mut String, ticks: &[(f64, String)]) {
        for (y, label) in ticks {
            let at = self.y(*y);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{END}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                escape(label),
            );
        }
    }

    pub(super) fn verticals(&self, out: &mut String, ticks: &[(f64, String)]) {
        let is_inside = |x: f64| x <= self.x_max * 1.000_001;
        for (x, label) in ticks.iter().filter(|(x, _)| is_inside(*x)) {
            let at = self.x(*x);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{FLOOR}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" class=\"mid\">{}</text>",
                FLOOR + 16.0,
                escape(label),
            );
        }
    }

    pub(super) fn line(&self, out: &mut String, series: &Series) {
        let (mark, colour) = (series.mark.class(), series.colour.class());
        let mut path = String::new();
        for (n, (x, y)) in series.points().enumerate() {
            let command = if n == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", self.x(x), self.y(y));
        }
        let _ = writeln!(out, "<path class=\"{mark} {colour}\" d=\"{path}\"/>");
    }

    pub(super) fn dots(&self, out: &mut String, series: &Series) {
        let colour = series.colour.class();
        for (x, y) in series.points() {
            let (x, y) = (self.x(x), self.y(y));
            let _ = writeln!(
                out,
                "<circle class=\"dot {colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
            );
        }
    }

    pub(super) fn blocks(&self, out: &mut String, series: &Series, width: f64) {
        let (mark, colour) = (series.mark.class(), series.colour.class());
        let width = self.x(width) - self.x(0.0);
        for (x, y) in series.points() {
            let (mid, top) = (self.x(x), self.y(y));
            let _ = writeln!(
                out,
                "<rect class=\"{mark} {colour}\" x=\"{:.1}\" y=\"{top:.1}\" \
                 width=\"{width:.1}\" height=\"{:.1}\"/>",
                mid - width / 2.0,
                FLOOR - top,
            );
            if matches!(series.mark, Mark::Bars(_)) && width >= NUMBERED_BAR {
                let _ = writeln!(
                    out,
                    "<text x=\"{mid:.1}\" y=\"{:.1}\" class=\"mid number\">{}</text>",
                    top - 4.0,
                    short(y),
                );
            }
        }
    }
}

/// Round numbers from 0 to `max` or a little beyond.
pub(super) fn linear_ticks(max: f64) -> Vec<(f64, String)> {
    let raw = max / TICKS;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|times| times * power)
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let mut ticks = Vec::new();
    let mut value = 0.0;
    loop {
        ticks.push((value, short(value)));
        if value >= max {
            return ticks;
        }
        value += step;
    }
}

fn log_ticks(max: f64) -> Vec<(f64, String)> {
    let mut ticks = vec![(1.0, short(1.0))];
    let mut value = 1.0;
    while value < max {
        value *= 10.0;
        ticks.push((value, short(value)));
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        for (max, expected) in [
            (1.0, "0 0.2 0.4 0.6 0.8 1"),
            (9.3, "0 2 4 6 8 10"),
            (123_456.0, "0 50k 100k 150k"),
        ] {
            let labels: Vec<_> = linear_ticks(max).into_iter().map(|tick| tick.1).collect();
            assert_eq!(labels.join(" "), expected);
        }
        let labels: Vec<_> = log_ticks(2500.0).into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels.join(" "), "1 10 100 1k 10k");
    }
}
