//! What can be wrong with a configuration.

use core::fmt;
use core::time::Duration;

/// A configuration that was refused, with the field, its value and what would have been accepted.
///
/// Nothing was constructed, so there is nothing to undo: correct the field and try again.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Normal, NormalConfig};
///
/// let config = NormalConfig::new(Duration::from_secs(1)).min_std_dev(Duration::ZERO);
/// let error = Normal::new(config).unwrap_err();
/// assert_eq!(error.to_string(), "`min_std_dev` is 0ns; set it to between 1ns and 31536000s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A span of time outside its range.
    Duration {
        /// The field, as its setter is called.
        field: &'static str,
        /// What it was set to.
        value: Duration,
        /// The least that is accepted.
        min: Duration,
        /// The most that is accepted.
        max: Duration,
    },
    /// A number that is outside its range or not a number.
    Number {
        /// The field, as its setter or parameter is called.
        field: &'static str,
        /// What it was set to.
        value: f64,
        /// The least that is accepted.
        min: f64,
        /// The most that is accepted.
        max: f64,
    },
}

impl ConfigError {
    /// Accepts a `value` within `min..=max`.
    pub(crate) fn check_duration(
        field: &'static str,
        value: Duration,
        min: Duration,
        max: Duration,
    ) -> Result<(), Self> {
        if (min..=max).contains(&value) { Ok(()) } else { Err(Self::Duration { field, value, min, max }) }
    }

    /// Accepts a `value` within `min..=max`; a NaN is within nothing.
    #[cfg_attr(not(feature = "alloc"), allow(dead_code, reason = "only the monitor has a number to check"))]
    pub(crate) fn check_number(field: &'static str, value: f64, min: f64, max: f64) -> Result<(), Self> {
        if (min..=max).contains(&value) { Ok(()) } else { Err(Self::Number { field, value, min, max }) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration { field, value, min, max } => {
                write!(f, "`{field}` is {value:?}; set it to between {min:?} and {max:?}")
            }
            Self::Number { field, value, min, max } => {
                write!(f, "`{field}` is {value}; set it to between {min} and {max}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_message_says_which_why_and_what_to_do() {
        let ms = Duration::from_millis;
        let error = ConfigError::check_duration("pause", ms(7), ms(10), ms(1500)).unwrap_err();
        assert_eq!(error.to_string(), "`pause` is 7ms; set it to between 10ms and 1.5s");
        let error = ConfigError::check_number("threshold", f64::NAN, 0.5, 10.0).unwrap_err();
        assert_eq!(error.to_string(), "`threshold` is NaN; set it to between 0.5 and 10");
    }

    #[test]
    fn the_ends_of_a_range_belong_to_it() {
        let ms = Duration::from_millis;
        for (value, accepted) in [(9, false), (10, true), (11, true), (12, true), (13, false)] {
            let checked = ConfigError::check_duration("x", ms(value), ms(10), ms(12));
            assert_eq!(checked.is_ok(), accepted, "{value}");
        }
        for (value, accepted) in
            [(0.9, false), (1.0, true), (2.0, true), (2.1, false), (f64::INFINITY, false)]
        {
            assert_eq!(ConfigError::check_number("x", value, 1.0, 2.0).is_ok(), accepted, "{value}");
        }
    }
}
