//! A WebSocket whose client may break every rule.

use std::collections::VecDeque;
use std::net::SocketAddr;

use signaling_wire::websocket::{
    CloseCode, CloseFrame, Decoder, Message, Opcode, Role, accept_key, encode_close_masked, encode_masked,
};

use super::http::{Answer, request};
use super::raw::Raw;

pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// What a WebSocket begins with.
pub const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
/// Where a session is opened by WebSocket.
pub const OPEN: &str = "/socket.io/?EIO=4&transport=websocket";

/// What comes out of a WebSocket.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    /// A close frame; without a code it is 1005.
    Close(u16),
    /// The end of the connection.
    End,
}

pub struct WebSocket {
    pub raw: Raw,
    decoder: Decoder,
    heard: VecDeque<Heard>,
}

impl WebSocket {
    /// Asks for a WebSocket at that path.
    pub fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[]).unwrap_or_else(|answer| panic!("no WebSocket but {answer:?}"))
    }

    /// The same, with more headers; the answer where it is refused.
    pub fn open_with(address: SocketAddr, path: &str, headers: &[&str]) -> Result<Self, Answer> {
        let headers: Vec<&str> = UPGRADE.iter().chain(headers).copied().collect();
        let raw = Raw::saying(address, request(&format!("GET {path}"), &headers, ""));
        Self::answered(raw)
    }

    /// Takes the answer to a request that has been sent.
    pub fn answered(mut raw: Raw) -> Result<Self, Answer> {
        let answer = raw.answer();
        if answer.status != 101 {
            return Err(answer);
        }
        assert_eq!(answer.header("sec-websocket-accept"), Some(&*accept_key(KEY)));
        Ok(Self {
            raw,
            decoder: Decoder::new(Role::Client, 64 * 1024 * 1024),
            heard: VecDeque::new(),
        })
    }

    pub fn send_text(&mut self, text: &str) {
        self.raw.send(text_frame(text));
    }

    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        encode_masked(opcode, MASK, &[payload], &mut frame);
        self.raw.send(frame);
    }

    pub fn send_close(&mut self, code: u16) {
        let mut frame = Vec::new();
        let close = CloseFrame {
            code: CloseCode(code),
            reason: "",
        };
        encode_close_masked(Some(close), MASK, &mut frame);
        self.raw.send(frame);
    }

    /// The next thing that comes.
    pub fn hear(&mut self) -> Heard {
        loop {
            self.decode();
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            if !self.raw.read_more() {
                return Heard::End;
            }
        }
    }

    /// The next text.
    pub fn hear_text(&mut self) -> String {
        match self.hear() {
            Heard::Text(text) => text,
            other => panic!("no text but {other:?}"),
        }
    }

    /// Waits for the end: the code of the close frame, none where the connection just ended.
    pub fn hear_close(&mut self) -> Option<u16> {
        loop {
            match self.hear() {
                Heard::Close(code) => return Some(code),
                Heard::End => return None,
                _ => {}
            }
        }
    }

    fn decode(&mut self) {
        let mut bytes = std::mem::take(&mut self.raw.unread);
        let mut rest = &mut bytes[..];
        while let Some(message) = self
            .decoder
            .decode(&mut rest)
            .expect("the pod keeps to the protocol")
        {
            self.heard.push_back(match message {
                Message::Text(text) => Heard::Text(text.to_owned()),
                Message::Binary(bytes) => Heard::Binary(bytes.to_vec()),
                Message::Ping(_) => Heard::Ping,
                Message::Pong(payload) => Heard::Pong(payload.to_vec()),
                Message::Close(frame) => Heard::Close(frame.map_or(1005, |frame| frame.code.0)),
            });
        }
    }
}

/// A text message as a client's frame.
pub fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(Opcode::Text, MASK, &[text.as_bytes()], &mut frame);
    frame
}
