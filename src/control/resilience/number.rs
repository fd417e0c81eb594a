//! How people read numbers.

use crate::flood::Rate;
use crate::load::chart::short;

/// What stands where no number is.
pub(super) const NONE: &str = "–";

/// To the nearest whole, in groups of three digits: 1,234,567.
pub(super) fn grouped(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    let digits = format!("{:.0}", value.max(0.0));
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Rounded to three digits; what is no number is 0.
pub(super) fn rounded(value: f64) -> f64 {
    if !value.is_normal() {
        return 0.0;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 2.0);
    (value / unit).round() * unit
}

/// In three digits and a unit: 1.23M.
pub(super) fn brief(value: f64) -> String {
    short(rounded(value))
}

/// `part` of `whole` in percent, if there is a whole. Never rounded up: only all is 100.
pub(super) fn percent(part: f64, whole: f64) -> Option<f64> {
    let share = 100.0 * part / whole;
    // Half a hundredth at most is lost to binary fractions, not to rounding.
    (whole > 0.0 && share.is_finite()).then(|| (share * 100.0 + 1e-9).floor() / 100.0)
}

/// A time of so many microseconds, in three digits.
pub(super) fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        _ if micros >= 1e6 => (micros / 1e6, "s"),
        _ if micros >= 1e3 => (micros / 1e3, "ms"),
        _ => (micros, "µs"),
    };
    format!("{} {unit}", brief(value))
}

/// The rate that was asked of a flood.
pub(super) fn flood_rate(per_s: u64) -> String {
    if per_s == Rate::MAX.per_s() {
        return "max".into();
    }
    // Exact as far as people ask: three digits behind the unit.
    short(crate::load::float(per_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_in_groups_of_three() {
        for (value, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.5, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1.0, "0"),
            (f64::NAN, NONE),
        ] {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn three_digits_are_brief() {
        for (value, text) in [
            (0.0, "0"),
            (f64::INFINITY, "0"),
            (1_912_345.6, "1.91M"),
            (99_951.0, "100k"),
            (7.126, "7.13"),
        ] {
            assert_eq!(brief(value), text);
        }
        assert_eq!(
            [0.0, 412.4, 1234.0, 1_034_000.0].map(time),
            ["0 µs", "412 µs", "1.23 ms", "1.03 s"]
        );
    }

    #[test]
    fn only_all_is_100_percent() {
        assert_eq!(percent(99_999.0, 100_000.0), Some(99.99));
        assert_eq!(percent(7.0, 7.0), Some(100.0));
        assert_eq!(percent(29.0, 100.0), Some(29.0));
        assert_eq!(percent(0.0, 0.0), None);
        assert_eq!(percent(f64::NAN, 1.0), None);
    }

    #[test]
    fn a_flood_at_the_ceiling_is_max() {
        assert_eq!(flood_rate(Rate::MAX.per_s()), "max");
        assert_eq!(flood_rate(250_000), "250k");
    }
}
