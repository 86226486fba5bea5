//! What the fuzz targets do with their input, independent of what makes it up.
//!
//! Each `run` feeds a parser with bytes as they could come from the network and panics when the parser does, holds more
//! memory than it may, or contradicts itself.

pub mod engine_io;
pub mod event;
pub mod socket_io;
pub mod websocket;

/// A target: a property of arbitrary bytes, and inputs from which a search for a counterexample starts.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its file in `targets`.
    pub name: &'static str,
    /// Panics if the property does not hold for these bytes.
    pub run: fn(&[u8]),
    /// Inputs that reach far into the parser.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 4] = [
    Target {
        name: "websocket",
        run: websocket::run,
        seeds: websocket::seeds,
    },
    Target {
        name: "engine_io",
        run: engine_io::run,
        seeds: engine_io::seeds,
    },
    Target {
        name: "socket_io",
        run: socket_io::run,
        seeds: socket_io::seeds,
    },
    Target {
        name: "event",
        run: event::run,
        seeds: event::seeds,
    },
];

/// Pieces of the languages that the parsers read, to be dropped into an input.
pub const WORDS: [&[u8]; 52] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"null",
    b"true",
    b"false",
    b"-0.1e+9",
    b"\x1e",
    b"/",
    b"?",
    b"51-",
    b"18446744073709551616",
    b"\"_placeholder\":true",
    b"\"num\":",
    b"\"matchId\":\"",
    b"\xc3\xa9",
    b"\xf0\x9f",
    b"\x88\x80",
    b"\x01\xfe",
    b"\x80\x80",
    b"\x88\x82",
    b"\x03\xe8",
    b"1e999",
    b"\\u00e9",
    b"[[[[[[[[",
    b" \t\r\n",
    b"ufrag ",
    b"a=ice-ufrag:",
    b"\"seq\":",
    b"2probe",
    b"EIO=4",
    b"transport=websocket",
    b"\x1e>5\x1e",
    b"8e308",
    b"1.5E-3",
    b"1e-400",
    b"3.",
    b"-",
    b"0e",
    b"fals",
    b"nul",
    b"\\ud83d\\ud8dd",
    b"\\b\\f\\n\\r\\t\\/",
    b"\r",
    b"\n\n",
];
