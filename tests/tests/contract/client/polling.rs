//! A session that is polled.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::{Answer, ask, get, request};
use super::raw::Raw;

pub struct Polling {
    address: SocketAddr,
    pub sid: String,
    /// What the session was opened with.
    pub open: Value,
}

impl Polling {
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &[]).unwrap_or_else(|answer| panic!("no session but {answer:?}"))
    }

    /// Opens a session, with more headers; the answer where it is refused.
    pub fn open_with(address: SocketAddr, headers: &[&str]) -> Result<Self, Answer> {
        let answer = ask(address, "GET /socket.io/?EIO=4&transport=polling", headers, "");
        if answer.status != 200 {
            return Err(answer);
        }
        let open: Value =
            serde_json::from_str(answer.text().strip_prefix('0').expect("an open packet")).unwrap();
        let sid = open["sid"].as_str().expect("a sid").to_owned();
        Ok(Self { address, sid, open })
    }

    /// Opens a session and joins the chat: what CONNECT was answered, and the payload of `session`.
    pub fn join(address: SocketAddr) -> Self {
        let polling = Self::open(address);
        assert_eq!(polling.post("40").text(), "ok");
        let packets = polling.poll();
        assert!(packets[0].starts_with("40{"), "{packets:?}");
        assert!(packets[1].starts_with("42[\"session\""), "{packets:?}");
        polling
    }

    pub fn path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    /// Where the session can be upgraded.
    pub fn upgrade_path(&self) -> String {
        format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid)
    }

    pub fn post(&self, body: &str) -> Answer {
        ask(
            self.address,
            &format!("POST {}", self.path()),
            &["Content-Type: text/plain;charset=UTF-8"],
            body,
        )
    }

    /// Polls: the packets.
    pub fn poll(&self) -> Vec<String> {
        let answer = self.try_poll();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text().split('\u{1e}').map(str::to_owned).collect()
    }

    pub fn try_poll(&self) -> Answer {
        get(self.address, &self.path())
    }

    /// Sends a poll and leaves it hanging.
    pub fn begin_poll(&self) -> Raw {
        Raw::saying(self.address, request(&format!("GET {}", self.path()), &[], ""))
    }
}
