//! A 64-bit hash that is the same on every machine and in every release.
//!
//! Keys, ring positions and digests are compared between nodes, so the standard library's hasher, which promises
//! nothing across versions, will not do. FNV-1a folds the bytes in, SplitMix64's finaliser (Steele, Lea, Flood,
//! *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014) spreads them. It resists accidents, not attackers:
//! what must resist those is the frame's authentication.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes a byte string.
pub(crate) fn bytes(input: &[u8]) -> u64 {
    let folded = input.iter().fold(FNV_OFFSET, |h, &b| (h ^ u64::from(b)).wrapping_mul(FNV_PRIME));
    mix(folded ^ input.len() as u64)
}

/// Hashes a sequence of words, in order.
pub(crate) fn words(input: &[u64]) -> u64 {
    input.iter().fold(FNV_OFFSET, |h, &w| mix(h ^ w).wrapping_add(FNV_PRIME))
}

/// A bijection of 64-bit words in which every input bit reaches every output bit.
pub(crate) fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden values from an independent implementation (Python): were they to change, nodes of two releases would disagree about every ring and digest.
    #[test]
    fn values_never_change() {
        assert_eq!(bytes(b""), 0xc381_7c01_6ba4_ff30);
        assert_eq!(bytes(b"n1"), 0xe609_abef_08bd_7e9e);
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_ne!(bytes(b"n1"), bytes(b"n2"));
        assert_ne!(words(&[1, 2]), words(&[2, 1]));
    }
}
