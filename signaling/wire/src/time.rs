//! Time as this crate knows it: an argument, never a clock.

use std::fmt;

/// A moment, in whole milliseconds since an epoch of the caller's choosing; only differences have a meaning here.
///
/// The caller's clock must not run backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The moment `duration_ms` milliseconds after this one, or the last one there is.
    #[must_use]
    pub const fn after(self, duration_ms: u64) -> Self {
        Self(self.0.saturating_add(duration_ms))
    }

    /// How many milliseconds ago `earlier` was; 0 when it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
