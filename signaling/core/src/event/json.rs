//! A reader of JSON that builds nothing: it goes over the text once, finds it valid (RFC 8259) or not, and says where
//! things lie.
//!
//! Like most parsers it takes unpaired surrogates in `\u` escapes; whoever unescapes such a string may refuse it.

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not JSON.
    Syntax,
    /// Arrays and objects are nested deeper than allowed.
    TooDeep,
}

/// A place in a JSON text, from the front to the back.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many more levels may be entered.
    levels: usize,
}

impl<'a> Reader<'a> {
    /// The start of a text in which arrays and objects are nested at most `levels` deep.
    pub(super) fn new(text: &'a str, levels: usize) -> Self {
        Self { text, at: 0, levels }
    }

    /// How many bytes are behind the reader.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is no whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Moves past whitespace, and past `byte` if that follows.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Moves past whitespace and `byte`, which must follow.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }

    /// Nothing but whitespace may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::Syntax),
        }
    }

    /// Enters an array or object, whose first byte is next.
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        self.levels = self.levels.checked_sub(1).ok_or(Fault::TooDeep)?;
        self.at += 1;
        Ok(())
    }

    /// Leaves an array or object, whose last byte was taken.
    pub(super) fn leave(&mut self) {
        self.levels += 1;
    }

    /// A string, with its quotes and escapes.
    pub(super) fn string(&mut self) -> Result<&'a str, Fault> {
        self.expect(b'"')?;
        let start = self.at - 1;
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain(&bytes[self.at..]);
            // Lines of a description end in two escapes.
            while bytes.get(self.at) == Some(&b'\\') {
                self.escape()?;
            }
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[start..self.at]);
                }
                Some(b' '..) => {}
                _ => return Err(Fault::Syntax),
            }
        }
    }

    /// A value of any kind: its text.
    pub(super) fn value(&mut self) -> Result<&'a str, Fault> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => return self.string(),
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(Fault::Syntax),
        }
        Ok(&self.text[start..self.at])
    }

    fn object(&mut self) -> Result<(), Fault> {
        self.enter()?;
        if !self.take(b'}') {
            loop {
                self.string()?;
                self.expect(b':')?;
                self.value()?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}')?;
        }
        self.leave();
        Ok(())
    }

    fn array(&mut self) -> Result<(), Fault> {
        self.enter()?;
        if !self.take(b']') {
            loop {
                self.value()?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']')?;
        }
        self.leave();
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let length = match self.text.as_bytes()[self.at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return Err(Fault::Syntax),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.at += usize::from(self.next_is(b"-"));
        if self.next_is(b"0") {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.next_is(b".") {
            self.at += 1;
            self.digits()?;
        }
        if self.next_is(b"eE") {
            self.at += 1;
            self.at += usize::from(self.next_is(b"+-"));
            self.digits()?;
        }
        Ok(())
    }

    /// One digit and those that follow it.
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(Fault::Syntax) } else { Ok(()) }
    }

    /// Whether the very next byte is one of these.
    fn next_is(&self, bytes: &[u8]) -> bool {
        self.text
            .as_bytes()
            .get(self.at)
            .is_some_and(|byte| bytes.contains(byte))
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }
}

/// How many bytes stand before the first quote, backslash or control character.
///
/// Looks at eight at a time: subtracting borrows from the highest bit of each byte that is one of those, and perhaps of
/// bytes above the first such byte.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*word);
        let below = |limit: u8, word: u64| word.wrapping_sub(ONES * u64::from(limit));
        let quote = below(1, word ^ (ONES * u64::from(b'"')));
        let backslash = below(1, word ^ (ONES * u64::from(b'\\')));
        let found = (quote | backslash | below(b' ', word)) & !word & HIGHEST;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    let rest = &bytes[at..];
    at + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn whole(text: &str, levels: usize) -> Result<&str, Fault> {
        let mut reader = Reader::new(text, levels);
        let value = reader.value()?;
        reader.end().map(|()| value)
    }

    #[test]
    fn a_byte_that_ends_plain_text_is_found_wherever_it_stands() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for length in 0..40 {
                let mut text = "aé~\u{80}\u{7f} !#[]".repeat(4).into_bytes();
                text.truncate(length);
                text.push(special);
                text.extend_from_slice(b"\"\\ and what follows");
                assert_eq!(plain(&text), length, "{special}");
            }
        }
        assert_eq!(plain("ÿ".repeat(20).as_bytes()), 40);
    }

    #[test]
    fn values_end_where_they_end() {
        let text = r#" {"a" : [1,-2.5e+3 ,"\u00e9\"",{}] } , 7"#;
        let mut reader = Reader::new(text, 3);
        assert_eq!(reader.value(), Ok(r#"{"a" : [1,-2.5e+3 ,"\u00e9\"",{}] }"#));
        assert!(reader.take(b',') && reader.value() == Ok("7") && reader.end() == Ok(()));
    }

    #[test]
    fn what_is_nested_too_deep_is_told_from_what_is_no_json() {
        assert_eq!(whole("[[{}]]", 3), Ok("[[{}]]"));
        assert_eq!(whole("[[{}]]", 2), Err(Fault::TooDeep));
        assert_eq!(whole(&"[".repeat(100_000), 32), Err(Fault::TooDeep));
        assert_eq!(whole("[[}", 3), Err(Fault::Syntax));
        assert_eq!(
            whole(r#"[[],{"a":[]}]"#, 3),
            Ok(r#"[[],{"a":[]}]"#),
            "a level that was left counts no more"
        );
    }

    proptest! {
        #[test]
        fn it_takes_what_another_parser_takes(text in r#"[ \[\]{}:,"\\/ubnrt0-9a-fA-F.eE+\-\n\x00é]{0,24}"#) {
            let other = serde_json::from_str::<&RawValue>(text.trim_matches([' ', '\n'])).is_ok();
            prop_assert_eq!(whole(&text, 100).is_ok(), other, "{:?}", text);
        }

        #[test]
        fn it_takes_every_value(value in "[^\\u{0}]{0,40}", key in ".{0,20}", number in any::<f64>()) {
            let json = serde_json::json!({ &*key: [value, number, null, true, {"n": false}] }).to_string();
            prop_assert_eq!(whole(&json, 3), Ok(&*json));
            for cut in (0..json.len()).filter(|cut| json.is_char_boundary(*cut)) {
                prop_assert!(whole(&json[..cut], 3).is_err());
            }
        }
    }
}
