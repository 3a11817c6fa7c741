//! A logarithmic axis with ticks at powers of ten.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::number::grouped;

/// From the lower to the upper end, both positive.
#[derive(Debug, Clone)]
pub(crate) struct Decades {
    range: Range<f64>,
    text: fn(i32) -> String,
}

impl Decades {
    /// Ticks written out: 0.1, 1, 10, 100.
    pub(crate) fn plain(range: Range<f64>) -> Self {
        Self { range, text: |exponent| format!("{}", 10f64.powi(exponent)) }
    }

    /// Ticks as numbers of things: 100, 1,000, 10,000.
    pub(crate) fn counts(range: Range<f64>) -> Self {
        Self { range, text: |exponent| grouped(10f64.powi(exponent) as usize) }
    }

    /// Ticks as powers: 10⁻³.
    pub(crate) fn powers(range: Range<f64>) -> Self {
        Self { range, text: power }
    }
}

/// How much further than the values a range reaches.
const AIR: f64 = 1.25;

/// What the values span, with some air, within `limits`; all of `limits` if there are none.
pub(crate) fn spanning(values: impl Iterator<Item = f64>, limits: Range<f64>) -> Range<f64> {
    let (low, high) = ends(values);
    if low > high {
        return limits;
    }
    (low / AIR).max(limits.start)..(high * AIR).min(limits.end)
}

/// The whole decades that the values span, with some air; there must be some, all positive.
pub(crate) fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = ends(values);
    let (low, high) = ((low.log10() + 1e-9).floor(), (high.log10() - 1e-9).ceil());
    10f64.powf(low) / AIR..10f64.powf(high) * AIR
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), v| (v.min(low), v.max(high)))
}

impl Ranged for Decades {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (low, high) = (self.range.start.ln(), self.range.end.ln());
        let share = (value.max(f64::MIN_POSITIVE).ln() - low) / (high - low);
        // A picture is a few thousand pixels wide; further out nothing is seen.
        limit.0 + (f64::from(limit.1 - limit.0) * share.clamp(-10.0, 10.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        let first = (self.range.start.log10() - 1e-9).ceil() as i32;
        let last = (self.range.end.log10() + 1e-9).floor() as i32;
        (first..=last).map(|exponent| 10f64.powi(exponent)).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Decades {
    fn format_ext(&self, value: &f64) -> String {
        (self.text)(value.log10().round() as i32)
    }
}

fn power(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let sign = if exponent < 0 { "⁻" } else { "" };
    let digits = exponent.unsigned_abs().to_string();
    let raised = digits.bytes().map(|digit| DIGITS[usize::from(digit - b'0')]);
    format!("10{sign}{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::coord::ranged1d::BoldPoints;

    #[test]
    fn ticks_are_the_powers_of_ten_within() {
        let axis = Decades::powers(0.5..2e3);
        let ticks = axis.key_points(BoldPoints(5));
        assert_eq!(
            ticks.iter().map(|t| axis.format_ext(t)).collect::<Vec<_>>(),
            ["10⁰", "10¹", "10²", "10³"]
        );
        assert_eq!(Decades::plain(0.1..1.0).format_ext(&0.1), "0.1");
        assert_eq!(power(-12), "10⁻¹²");
    }

    #[test]
    fn ranges_span_the_values_within_limits() {
        let spanned = spanning([2.0, 50.0].into_iter(), 0.1..60.0);
        assert_eq!(spanned, 1.6..60.0);
        assert_eq!(spanning(std::iter::empty(), 0.1..60.0), 0.1..60.0);
    }

    #[test]
    fn whole_decades_have_a_tick_at_either_end() {
        for (values, range) in [([100.0, 100.0], 80.0..125.0), ([200.0, 1000.0], 80.0..1250.0)] {
            assert_eq!(decades(values.into_iter()), range);
        }
        assert_eq!(Decades::counts(80.0..12_500.0).format_ext(&10_000.0), "10,000");
    }

    #[test]
    fn equal_ratios_are_equal_lengths() {
        let axis = Decades::plain(1.0..100.0);
        assert_eq!([1.0, 10.0, 100.0].map(|v| axis.map(&v, (0, 200))), [0, 100, 200]);
    }
}
