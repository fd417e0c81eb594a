//! Charts of lines and bars as inline SVG: no script, no network, colours from the page's style
//! sheet.

mod axes;

use axes::{Axes, END, FLOOR, HEIGHT, LEFT, TOP, WIDTH, linear_ticks};
use core::fmt::Write;

/// Colours, by their classes in the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Blue,
    Orange,
    Green,
    Red,
    Purple,
    Teal,
    Grey,
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
            Self::Grey => "s6",
        }
    }
}

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// Powers of ten, from 1; what is less is drawn as 1.
    Log,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    /// From one to the next.
    Line,
    /// From one to the next, with a dot at each: where there are few.
    Dots,
    /// As `Dots`, and dashed: the lesser of two in one colour.
    Dashes,
    /// Bars from the axis, as wide as this on the x axis, with their numbers.
    Bars(f64),
    /// Outlines of such bars, with no number.
    Outlines(f64),
}

impl Mark {
    const fn class(self) -> &'static str {
        match self {
            Self::Line | Self::Dots => "line",
            Self::Dashes => "line dashes",
            Self::Bars(_) => "block",
            Self::Outlines(_) => "block outline",
        }
    }
}

/// Points of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// What the legend says; nothing when this is empty.
    pub(crate) name: String,
    /// Its class in the style sheet.
    pub(crate) colour: Colour,
    pub(crate) mark: Mark,
    /// In order of x; those that are no numbers are left out.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Series {
    /// Without an entry in the legend.
    pub(crate) fn unnamed(mut self) -> Self {
        self.name.clear();
        self
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let points = self.points.iter().copied();
        points.filter(|(x, y)| x.is_finite() && y.is_finite())
    }
}

/// A part of the x axis that stands out.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) name: &'static str,
}

/// A chart to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    /// What stands below.
    pub(crate) x: &'a str,
    /// What stands at the left.
    pub(crate) y: &'a str,
    /// A sentence under the title.
    pub(crate) note: &'a str,
    pub(crate) scale: Scale,
    /// How far the axes go at least.
    pub(crate) x_end: f64,
    pub(crate) y_end: f64,
    /// Lines of the x axis; none for a linear one.
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) bands: Vec<Band>,
    pub(crate) series: Vec<Series>,
}

impl<'a> Chart<'a> {
    /// An empty one with linear axes, named `x` and `y`.
    pub(crate) const fn new(title: &'a str, x: &'a str, y: &'a str) -> Self {
        Self {
            title,
            x,
            y,
            note: "",
            scale: Scale::Linear,
            x_end: 0.0,
            y_end: 1.0,
            x_ticks: Vec::new(),
            bands: Vec::new(),
            series: Vec::new(),
        }
    }

    /// A figure with its legend.
    pub(crate) fn figure(&self) -> String {
        let mut out = String::new();
        let title = escape(self.title);
        // Writing into a string cannot fail.
        let _ = writeln!(out, "<figure>\n<h2>{title}</h2>");
        if !self.note.is_empty() {
            let _ = writeln!(out, "<p>{}</p>", escape(self.note));
        }
        let _ = writeln!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
        );
        if self.points().next().is_none() {
            let (x, y) = (WIDTH / 2.0, HEIGHT / 2.0);
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" class=\"mid\">nothing</text>"
            );
        } else {
            self.draw(&mut out);
        }
        out.push_str("</svg>\n<figcaption>");
        for series in self.series.iter().filter(|series| !series.name.is_empty()) {
            let (mark, colour) = (series.mark.class(), series.colour.class());
            let name = escape(&series.name);
            let _ = write!(out, "<span class=\"key {mark} {colour}\">{name}</span> ");
        }
        out.push_str("</figcaption>\n</figure>\n");
        out
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.series.iter().flat_map(Series::points)
    }

    fn draw(&self, out: &mut String) {
        let x_max = self.points().map(|point| point.0);
        let x_max = x_max.fold(self.x_end.max(1e-9), f64::max);
        let y_max = self.points().map(|point| point.1);
        let (axes, y_ticks) = Axes::new(self.scale, x_max, y_max.fold(self.y_end, f64::max));
        for band in &self.bands {
            axes.band(out, band);
        }
        axes.horizontals(out, &y_ticks);
        if self.x_ticks.is_empty() {
            axes.verticals(out, &linear_ticks(x_max));
        } else {
            axes.verticals(out, &self.x_ticks);
        }
        for series in &self.series {
            match series.mark {
                Mark::Line => axes.line(out, series),
                Mark::Dots | Mark::Dashes => {
                    axes.line(out, series);
                    axes.dots(out, series);
                }
                Mark::Bars(width) | Mark::Outlines(width) => axes.blocks(out, series, width),
            }
        }
        let (mid_x, mid_y) = (f64::midpoint(LEFT, END), f64::midpoint(TOP, FLOOR));
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

/// A number in a few characters: 250, 1.5k, 20M.
pub(crate) fn short(value: f64) -> String {
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
pub(crate) fn escape(text: &str) -> String {
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
    fn every_point_is_inside_the_drawing() {
        for scale in [Scale::Linear, Scale::Log] {
            let chart = Chart {
                scale,
                series: vec![Series {
                    name: "one & only".into(),
                    colour: Colour::Blue,
                    mark: Mark::Line,
                    points: vec![(0.0, 0.0), (1.0, 7e5), (1.5, f64::NAN), (2.0, 3.0)],
                }],
                ..Chart::new("a < b", "x", "y")
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
                assert!((LEFT..=END).contains(&point[0]), "{path}");
                assert!((TOP..=FLOOR).contains(&point[1]), "{path}");
            }
        }
    }

    #[test]
    fn bars_stand_on_the_axis_with_their_numbers() {
        let series = |name: &str, mark, y| Series {
            name: name.into(),
            colour: Colour::Teal,
            mark,
            points: vec![(0.5, y), (1.5, f64::INFINITY)],
        };
        let chart = Chart {
            x_end: 2.0,
            y_end: 100.0,
            series: vec![
                series("", Mark::Outlines(0.5), 100.0),
                series("bars", Mark::Bars(0.5), 50.0),
            ],
            ..Chart::new("t", "x", "y")
        };
        let figure = chart.figure();
        let attribute = |class: &str, name: &str| -> f64 {
            let block = figure.lines().find(|line| line.contains(class)).unwrap();
            let (_, value) = block.split_once(&format!(" {name}=\"")).unwrap();
            value.split_once('"').unwrap().0.parse().unwrap()
        };
        let whole = attribute("\"block outline s5", "height");
        let half = attribute("\"block s5", "height");
        assert!((whole - (FLOOR - TOP)).abs() < 0.1 && (half - whole / 2.0).abs() < 0.1);
        assert!((attribute("\"block s5", "y") + half - FLOOR).abs() < 0.1);
        assert_eq!(figure.matches("number").count(), 1, "outlines have none");
        assert_eq!(figure.matches("class=\"key").count(), 1, "nor names");
    }

    #[test]
    fn a_chart_of_nothing_says_so() {
        let chart = Chart::new("t", "x", "y");
        assert!(chart.figure().contains("nothing"));
    }
}
