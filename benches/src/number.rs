//! Numbers for people.

/// With the thousands set apart: 10,000.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok());
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([1, 100, 1000, 1_234_567].map(grouped), ["1", "100", "1,000", "1,234,567"]);
    }
}
