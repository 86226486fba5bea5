//! Text that arrives in pieces, refused at the first byte that cannot be UTF-8.

use super::decode::ProtocolError;

/// How many bytes of a text that is still growing were found to be whole characters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked(usize);

impl Checked {
    /// Checks what was appended to `text` since the last call. A character may be cut off at the end, but nothing
    /// that cannot become one may stand anywhere.
    pub(super) fn advance(&mut self, text: &[u8]) -> Result<(), ProtocolError> {
        match std::str::from_utf8(&text[self.0..]) {
            Ok(_) => self.0 = text.len(),
            Err(error) if error.error_len().is_none() => self.0 += error.valid_up_to(),
            Err(_) => return Err(ProtocolError::InvalidUtf8),
        }
        Ok(())
    }
}
