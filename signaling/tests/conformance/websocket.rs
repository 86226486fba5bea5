//! A WebSocket of a client, frame by frame.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use signaling_wire::websocket::{Decoder, Message, Opcode, Role, encode_frame};

use crate::http::{Request, Response};

const KEY: [u8; 4] = [0x5e, 0x00, 0xa7, 0x31];
/// The handshake of RFC 6455 §1.3, whose answer is known.
const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame, and its code.
    Close(Option<u16>),
    /// The end of the connection.
    End,
}

pub struct WebSocket {
    socket: TcpStream,
    decoder: Decoder,
    received: VecDeque<Frame>,
    /// A close frame has come: whatever follows is given out as it is.
    ends: bool,
}

impl WebSocket {
    /// Opens a WebSocket.
    pub fn open(server: SocketAddr, target: &str) -> Self {
        Self::try_open(server, target).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Asks for a WebSocket, which may be refused.
    pub fn try_open(server: SocketAddr, target: &str) -> Result<Self, Response> {
        let request = Request::send(server, "GET", target, HANDSHAKE, b"");
        let (head, socket) = request.head();
        if head.status != 101 {
            return Err(head);
        }
        assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT));
        assert_eq!(head.header("sec-websocket-extensions"), None);
        let mut this = Self {
            decoder: Decoder::new(Role::Client, 1 << 25),
            received: VecDeque::new(),
            ends: false,
            socket: socket.get_ref().try_clone().unwrap(),
        };
        this.take(&mut socket.buffer().to_vec());
        Ok(this)
    }

    /// Opens a session that this WebSocket carries.
    pub fn session(server: SocketAddr, path: &str) -> Self {
        let mut this = Self::open(server, &format!("{path}?EIO=4&transport=websocket"));
        let open = this.text();
        assert!(open.starts_with("0{"), "{open}");
        this
    }

    pub fn send(&mut self, text: &str) {
        self.frame(Opcode::Text, true, text.as_bytes());
    }

    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.frame(Opcode::Binary, true, bytes);
    }

    pub fn frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        let mut frame = Vec::new();
        encode_frame(opcode, fin, Some(KEY), &[payload], &mut frame);
        self.write(&frame);
    }

    /// Sends a close frame with this body.
    pub fn close(&mut self, body: &[u8]) {
        self.frame(Opcode::Close, true, body);
    }

    pub fn write(&mut self, bytes: &[u8]) {
        // The server may have closed already: what it said then is read all the same.
        let _ = self.socket.write_all(bytes);
    }

    /// Ends our direction without a word.
    pub fn hang_up(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    pub fn next(&mut self) -> Frame {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some(frame) = self.received.pop_front() {
                return frame;
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return Frame::End,
                Ok(count) if self.ends => return Frame::Binary(buffer[..count].to_vec()),
                Ok(count) => self.take(&mut buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Frame::End,
                Err(error) => panic!("nothing comes: {error}"),
            }
        }
    }

    /// The next frame, which is text.
    pub fn text(&mut self) -> String {
        match self.next() {
            Frame::Text(text) => text,
            other => panic!("{other:?} is not text"),
        }
    }

    /// Waits for the close frame, which ends the connection, answers it, and returns its code.
    pub fn closed(&mut self) -> Option<u16> {
        let code = loop {
            match self.next() {
                Frame::Close(code) => break code,
                Frame::End => panic!("the connection ended without a close frame"),
                _ => {}
            }
        };
        self.close(&code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec()));
        assert_eq!(self.next(), Frame::End, "nothing follows a close frame");
        code
    }

    /// Waits for the end of the connection, with or without a close frame.
    pub fn ended(&mut self) {
        while self.next() != Frame::End {}
    }

    fn take(&mut self, mut bytes: &mut [u8]) {
        while let Some(message) = self.decoder.decode(&mut bytes).unwrap() {
            self.received.push_back(match message {
                Message::Text(text) => Frame::Text(text.to_owned()),
                Message::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                Message::Ping(payload) => Frame::Ping(payload.to_vec()),
                Message::Pong(payload) => Frame::Pong(payload.to_vec()),
                Message::Close(frame) => Frame::Close(frame.map(|frame| frame.code.0)),
            });
            if matches!(self.received.back(), Some(Frame::Close(_))) {
                // What the decoder would swallow.
                self.received
                    .extend((!bytes.is_empty()).then(|| Frame::Binary(bytes.to_vec())));
                bytes = &mut [];
                self.ends = true;
            }
        }
    }
}
