//! Bytes as one piece. By itself serde writes and reads a slice byte by byte; the form is the same.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are written as one piece.
pub(crate) struct Piece<'a>(pub(crate) &'a [u8]);

impl Serialize for Piece<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// For `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    Piece(bytes).serialize(serializer)
}

/// For `#[serde(with)]`: borrows, and copies nothing.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, [u8]>, D::Error> {
    <&[u8]>::deserialize(deserializer).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_the_form_of_a_slice() {
        for length in [0, 1, 127, 128, 70_000] {
            let bytes = vec![7; length];
            let piece = postcard::to_stdvec(&Piece(&bytes)).unwrap();
            assert_eq!(piece, postcard::to_stdvec(&bytes).unwrap());
            assert_eq!(postcard::from_bytes::<&[u8]>(&piece).unwrap(), bytes);
        }
    }
}
