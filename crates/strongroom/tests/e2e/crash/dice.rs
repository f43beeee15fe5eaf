//! Chance that can be repeated: the same seed gives the same moments.

/// A small generator (xorshift64*), because the tests need repeatable chance and not good chance.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number from the first to the last of the range.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        first + (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % (last - first + 1)
    }

    /// Dice of their own for somebody else.
    pub(crate) fn child(&mut self) -> Self {
        Self::new(self.between(1, u64::MAX >> 12))
    }
}

/// The seed from the environment, or one of the moment.
#[expect(clippy::disallowed_methods, reason = "somebody who repeats a run says so in the environment")]
pub(crate) fn seed() -> u64 {
    std::env::var("STRONGROOM_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| jiff::Timestamp::now().as_microsecond().unsigned_abs())
}
