//! Deadlines of detectors that only answer φ, and only for whole milliseconds.

/// The first whole millisecond at which `reached` holds, near `guess_ms`; `reached` must not go back to `false`.
///
/// Steps away from the guess double, so a good guess costs few calls. Gives up at `end_ms`, and answers with it.
pub(super) fn first_ms(guess_ms: u64, end_ms: u64, reached: impl Fn(u64) -> bool) -> u64 {
    let guess = guess_ms.min(end_ms);
    let mut step = 1;
    let (mut before, mut after) = if reached(guess) {
        let mut after = guess;
        loop {
            let Some(below) = after.checked_sub(step) else { break (None, after) };
            if !reached(below) {
                break (Some(below), after);
            }
            (after, step) = (below, 2 * step);
        }
    } else {
        let mut before = guess;
        loop {
            let above = before.saturating_add(step).min(end_ms);
            if above == end_ms || reached(above) {
                break (Some(before), above);
            }
            (before, step) = (above, 2 * step);
        }
    };
    while after - before.map_or(0, |b| b + 1) > 0 {
        let middle = before.map_or(0, |b| b + 1).midpoint(after - 1);
        if reached(middle) { after = middle } else { before = Some(middle) }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::first_ms;

    #[test]
    fn finds_the_first_from_any_guess() {
        for wanted in [0, 1, 2, 7, 100, 999, 1_000] {
            for guess in [0, 1, 6, 50, 998, 5_000] {
                assert_eq!(first_ms(guess, 1_000, |ms| ms >= wanted), wanted, "from {guess}");
            }
        }
        assert_eq!(first_ms(3, 1_000, |_| false), 1_000);
    }
}
