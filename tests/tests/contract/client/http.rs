//! HTTP, by hand.

use std::net::SocketAddr;

use serde_json::Value;

use super::raw::Raw;

/// An answer of the pod.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the header of that name, in lower case; of several, the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Status and `code` of an answer that refuses.
    pub fn refusal(&self) -> (u16, Value) {
        (self.status, self.json()["code"].take())
    }
}

impl Raw {
    /// Reads the answer to a request that has a body in its answer.
    pub fn answer(&mut self) -> Answer {
        self.answer_with_body(true)
    }

    /// Reads the answer to a HEAD.
    pub fn answer_without_body(&mut self) -> Answer {
        self.answer_with_body(false)
    }

    fn answer_with_body(&mut self, has_body: bool) -> Answer {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(
                self.read_more(),
                "the pod closed instead of answering: {:?}",
                self.unread.escape_ascii().to_string()
            );
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let mut answer = parse_head(std::str::from_utf8(&head).expect("a head is text"));
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if has_body && !matches!(answer.status, 101 | 204 | 304) {
            while self.unread.len() < length {
                assert!(self.read_more(), "the pod closed within the body of {answer:?}");
            }
            answer.body = self.unread.drain(..length).collect();
        }
        answer
    }
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.trim_end().split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .expect("a status line");
    let headers = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Answer {
        status: status.parse().expect("a status"),
        headers: headers.collect(),
        body: Vec::new(),
    }
}

/// A request's bytes: `head` is method and target, `headers` are lines without their ends.
pub fn request(head: &str, headers: &[&str], body: &str) -> String {
    let mut request = format!("{head} HTTP/1.1\r\nHost: pod\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request + "\r\n" + body
}

/// Sends a request on a connection of its own.
pub fn ask(address: SocketAddr, head: &str, headers: &[&str], body: &str) -> Answer {
    let mut raw = Raw::saying(address, request(head, headers, body));
    if head.starts_with("HEAD") {
        raw.answer_without_body()
    } else {
        raw.answer()
    }
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path}"), &[], "")
}
