//! Chance for the world, apart from the nodes' own.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x51ab_72e0_93c4_d85f)
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// In `low..high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + ((u128::from(self.word()) * u128::from(high - low)) >> 64) as u64
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.between(0, len as u64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.unit() < p
    }

    /// Some of `0..len`, each with probability one half, neither none nor all if that can be.
    pub fn side(&mut self, len: usize) -> Vec<usize> {
        let mut side: Vec<usize> = (0..len).filter(|_| self.chance(0.5)).collect();
        if side.is_empty() {
            side.push(self.index(len));
        }
        if side.len() == len && len > 1 {
            side.pop();
        }
        side
    }
}
