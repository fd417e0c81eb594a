//! Line charts as inline SVG: no script, no network, colours from the page's style sheet.

use core::fmt::Write;

/// The drawing, in its own units; the page scales it.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// Lines of a linear axis, about.
const TICKS: f64 = 5.0;

/// Colours, by their classes in the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Blue,
    Orange,
    Green,
    Red,
    Purple,
    Teal,
}

impl Colour {
    const fn class(self) -> &'static str {
        match self {
            Self::Blue => "s0",
            Self::Orange => "s1",
            Self::Green => "s2",
            Self::Red => "s3",
            Self::Purple => "s4",
            Self::Teal => "s5",
        }
    }
}

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From 0.
    Linear,
    /// Powers of ten, from 1; what is less is drawn as 1.
    Log,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// Its class in the style sheet.
    pub(super) colour: Colour,
    /// In order of x.
    pub(super) points: Vec<(f64, f64)>,
}

/// A chart to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// What stands below.
    pub(super) x: &'a str,
    /// What stands at the left.
    pub(super) y: &'a str,
    pub(super) scale: Scale,
    /// Lines of the x axis; none for a linear one.
    pub(super) x_ticks: Vec<(f64, String)>,
    pub(super) series: Vec<Series>,
}

impl Chart<'_> {
    /// A figure with its legend.
    pub(super) fn figure(&self) -> String {
        let mut out = String::new();
        let title = escape(self.title);
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            "<figure>\n<h2>{title}</h2>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{title}\">\n"
        );
        if self.series.iter().all(|series| series.points.is_empty()) {
            let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" class=\"mid\">nothing</text>"
            );
        } else {
            self.draw(&mut out);
        }
        out.push_str("</svg>\n<figcaption>");
        for series in &self.series {
            let (class, name) = (series.colour.class(), escape(&series.name));
            let _ = write!(out, "<span class=\"key {class}\">{name}</span> ");
        }
        out.push_str("</figcaption>\n</figure>\n");
        out
    }

    fn draw(&self, out: &mut String) {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let x_max = all().map(|point| point.0).fold(0.0, f64::max).max(1e-9);
        let y_max = all().map(|point| point.1).fold(1.0, f64::max);
        let y_ticks = match self.scale {
            Scale::Linear => linear_ticks(y_max),
            Scale::Log => log_ticks(y_max),
        };
        let top = y_ticks.last().map_or(y_max, |tick| tick.0).max(y_max);
        let place_x = |x: f64| LEFT + x / x_max * (WIDTH - LEFT - RIGHT);
        let place_y = |y: f64| {
            let share = match self.scale {
                Scale::Linear => y / top,
                Scale::Log => y.max(1.0).log10() / top.log10().max(1e-9),
            };
            HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        };
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (y, label) in &y_ticks {
            let at = place_y(*y);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" class=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                escape(label),
            );
        }
        let x_ticks = if self.x_ticks.is_empty() {
            linear_ticks(x_max)
        } else {
            self.x_ticks.clone()
        };
        for (x, label) in x_ticks.iter().filter(|(x, _)| *x <= x_max * 1.000_001) {
            let at = place_x(*x);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" class=\"mid\">{}</text>",
                bottom + 16.0,
                escape(label),
            );
        }
        for series in &self.series {
            let class = series.colour.class();
            let mut path = String::new();
            for (n, (x, y)) in series.points.iter().enumerate() {
                let command = if n == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", place_x(*x), place_y(*y));
            }
            let _ = writeln!(out, "<path class=\"line {class}\" d=\"{path}\"/>");
        }
        let (mid_x, mid_y) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        let _ = writeln!(
            out,
            "<text x=\"{mid_x:.1}\" y=\"{:.1}\" class=\"mid\">{}</text>\
             <text transform=\"translate(14 {mid_y:.1}) rotate(-90)\" class=\"mid\">{}</text>",
            HEIGHT - 8.0,
            escape(self.x),
            escape(self.y),
        );
    }
}

// Round numbers from 0 to `max` or a little beyond.
fn linear_ticks(max: f64) -> Vec<(f64, String)> {
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

/// A number in a few characters: 250, 1.5k, 20M.
pub(super) fn short(value: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= unit {
            return trimmed(value / unit) + name;
        }
    }
    trimmed(value)
}

// Three digits at most behind the point, and no zeros there.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that is no markup.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
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

    #[test]
    fn every_point_is_inside_the_drawing() {
        for scale in [Scale::Linear, Scale::Log] {
            let chart = Chart {
                title: "a < b",
                x: "x",
                y: "y",
                scale,
                x_ticks: Vec::new(),
                series: vec![Series {
                    name: "one & only".into(),
                    colour: Colour::Blue,
                    points: vec![(0.0, 0.0), (1.0, 7e5), (2.0, 3.0)],
                }],
            };
            let figure = chart.figure();
            assert!(figure.contains("a &lt; b") && figure.contains("one &amp; only"));
            let line = figure
                .lines()
                .find(|line| line.contains("line s0"))
                .unwrap();
            let path = line.split('"').nth(3).unwrap();
            let points: Vec<f64> = path[1..]
                .split([' ', 'L'])
                .map(|number| number.parse().unwrap())
                .collect();
            for point in points.chunks(2) {
                assert!((LEFT..=WIDTH - RIGHT).contains(&point[0]), "{path}");
                assert!((TOP..=HEIGHT - BOTTOM).contains(&point[1]), "{path}");
            }
        }
    }

    #[test]
    fn a_chart_of_nothing_says_so() {
        let chart = Chart {
            title: "t",
            x: "x",
            y: "y",
            scale: Scale::Log,
            x_ticks: Vec::new(),
            series: Vec::new(),
        };
        assert!(chart.figure().contains("nothing"));
    }
}
