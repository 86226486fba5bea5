//! The names of things: workers, connections, sessions, matches, peers and persons.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Millis;

/// A worker, `pod/worker`: the unit of ownership, lease and link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// Worker number `worker` of the pod named `pod`.
    #[must_use]
    pub fn new(pod: &str, worker: u16) -> Self {
        Self(format!("{pod}/{worker}").into())
    }

    /// The whole name, `pod/worker`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pod's part of the name.
    #[must_use]
    pub fn pod(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(pod, _)| pod)
    }
}

impl From<&str> for WorkerId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One client connection of a worker. Never reused while the worker lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How often a session has changed its owner, as a moment in milliseconds: each change raises it to
/// `max(now, last known + 1)`. Frames and records of an older epoch are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of an owner who takes over now. Later than this one even where the clock is behind.
    #[must_use]
    pub fn next(self, now: Millis) -> Self {
        Self(now.0.max(self.0 + 1))
    }
}

/// A map whose keys are names that this service has made: random ones, or numbers in sequence. Nobody outside can choose
/// keys that collide, so that hashing may be cheap.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// The hash function of [`IdMap`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // Multiplied by 2^64 divided by the golden ratio, numbers in sequence lie far apart.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        // The upper bits are the well-mixed ones, and the table begins with the lower ones.
        self.0.rotate_left(32)
    }
}

/// 15 bytes as 20 characters of base64url. Every relayed signal bears some, and this knows the lengths beforehand.
fn text(bytes: [u8; 15]) -> [u8; 20] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = [0; 20];
    for (three, four) in bytes.as_chunks().0.iter().zip(text.as_chunks_mut().0) {
        let [a, b, c] = *three;
        let bits = u32::from_be_bytes([0, a, b, c]);
        *four = [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift) as usize % 64]);
    }
    text
}

/// Not the 20 characters of base64url that identifiers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier has 20 characters of base64url")]
pub struct InvalidId;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name([u8; 15]);

        impl Hash for $name {
            /// Any 64 of the random bits will do.
            fn hash<H: Hasher>(&self, state: &mut H) {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
            }
        }

        impl $name {
            /// Draws a new one: 120 random bits.
            pub fn random(rng: &mut impl Rng) -> Self {
                let mut bytes = [0; 15];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// The 20 characters of base64url, ASCII.
            #[must_use]
            pub fn text(&self) -> [u8; 20] {
                text(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.text()).expect("base64url is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let mut bytes = [0; 15];
                match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
                    Ok(15) => Ok(Self(bytes)),
                    _ => Err(InvalidId),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <[u8; 15]>::deserialize(deserializer).map(Self)
            }
        }
    };
}

random_id!(
    /// A session, for as long as its person may return: the Socket.IO `sid`.
    SessionId
);
random_id!(
    /// The secret part of a session's resume token (Socket.IO's `pid`).
    Secret
);
random_id!(
    /// A match of two sessions.
    MatchId
);
random_id!(
    /// One side of one match, as the other side knows it: made anew for each match, so that nobody is followed.
    PeerId
);
random_id!(
    /// Who someone is for blocks and recent partners: drawn from the JWT's `sub` where there is one, else the session's
    /// own identity.
    Person
);

impl Person {
    /// The person that a session without authentication is: nobody else's.
    #[must_use]
    pub fn of_session(session: SessionId) -> Self {
        Self(session.0)
    }

    /// The person that the authenticated user `sub` is, the same for every session and pod.
    #[must_use]
    pub fn of_user(sub: &str) -> Self {
        use sha1::Digest as _;
        let digest = sha1::Sha1::digest(sub.as_bytes());
        let mut bytes = [0; 15];
        bytes.copy_from_slice(&digest[..15]);
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_identifier_survives_its_text() {
        let id = SessionId::random(&mut rand_chacha::ChaCha12Rng::seed_from_u64(1));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("short".parse::<SessionId>(), Err(InvalidId));
        assert_eq!("////////////////////".parse::<SessionId>(), Err(InvalidId));
    }

    #[test]
    fn its_text_is_base64url() {
        let rng = &mut rand_chacha::ChaCha12Rng::seed_from_u64(2);
        for _ in 0..100 {
            let id = SessionId::random(rng);
            assert_eq!(id.to_string(), URL_SAFE_NO_PAD.encode(id.0));
        }
    }

    #[test]
    fn numbers_in_sequence_are_spread_over_a_table() {
        let slot = |number: u64| {
            let mut hasher = IdHasher::default();
            ConnectionId(number << 32 | number).hash(&mut hasher);
            (hasher.finish() % 1024, hasher.finish() >> 57)
        };
        let slots: std::collections::HashSet<_> = (0..512).map(slot).collect();
        assert!(slots.len() > 500, "{}", slots.len());
        let places: std::collections::HashSet<_> = slots.into_iter().map(|(place, _)| place).collect();
        assert!(places.len() > 350, "{}", places.len());
    }

    #[test]
    fn an_epoch_is_now_or_one_more_than_the_last() {
        assert_eq!(Epoch(5).next(Millis(9)), Epoch(9));
        assert_eq!(Epoch(9).next(Millis(9)), Epoch(10));
        assert_eq!(Epoch(50).next(Millis(9)), Epoch(51), "a clock that is behind");
    }

    #[test]
    fn a_worker_knows_its_pod() {
        assert_eq!(WorkerId::new("acme-7f9c", 3).pod(), "acme-7f9c");
    }
}
