//! Requests, as bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than anything takes: what does not come by then never does.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The number of a refusal by the engine, which is JSON.
    pub fn refusal(&self) -> u64 {
        assert_eq!(self.status, 400, "{self:?}");
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["code"].as_u64().unwrap()
    }
}

/// A request that has been sent. Dropped, it is aborted.
pub struct Request(BufReader<TcpStream>);

impl Request {
    /// Sends a request with these header lines, each with its line end.
    pub fn send(server: SocketAddr, method: &str, target: &str, headers: &str, body: &[u8]) -> Self {
        let mut socket = TcpStream::connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes();
        request.extend_from_slice(body);
        // A server that refuses early may have closed already; its answer is read all the same.
        let _ = socket.write_all(&request);
        Self(BufReader::new(socket))
    }

    pub fn get(server: SocketAddr, target: &str) -> Self {
        Self::send(server, "GET", target, "", b"")
    }

    pub fn post(server: SocketAddr, target: &str, body: &[u8]) -> Self {
        let length = format!("Content-Length: {}\r\n", body.len());
        Self::send(server, "POST", target, &length, body)
    }

    /// Waits for the answer's head alone: the connection then goes on as something else.
    pub fn head(mut self) -> (Response, BufReader<TcpStream>) {
        let response = self.read_head();
        (response, self.0)
    }

    pub fn response(mut self) -> Response {
        let mut response = self.read_head();
        let length = response
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        response.body = String::from_utf8(body).unwrap();
        response
    }

    /// Waits until the server asks for the body, which the head has announced with `Expect: 100-continue`.
    pub fn wait_until_expected(&mut self) {
        assert_eq!(self.read_head().status, 100);
    }

    /// Sends what was held back.
    pub fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn read_head(&mut self) -> Response {
        let status = self.line();
        let status = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        Response {
            status: status.unwrap().parse().unwrap(),
            headers,
            body: String::new(),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A session that is polled.
pub struct Session {
    pub server: SocketAddr,
    /// With the leading slash and the last one.
    pub path: &'static str,
    pub sid: String,
}

impl Session {
    pub fn open(server: SocketAddr, path: &'static str) -> Self {
        let target = format!("{path}?EIO=4&transport=polling");
        let opened = Request::get(server, &target).response();
        assert_eq!(opened.status, 200);
        let open: serde_json::Value = serde_json::from_str(&opened.body[1..]).unwrap();
        let sid = open["sid"].as_str().unwrap().to_owned();
        Self { server, path, sid }
    }

    pub fn target(&self, transport: &str) -> String {
        format!("{}?EIO=4&transport={transport}&sid={}", self.path, self.sid)
    }

    /// A poll that may hang.
    pub fn begin_poll(&self) -> Request {
        Request::get(self.server, &self.target("polling"))
    }

    pub fn poll(&self) -> Response {
        self.begin_poll().response()
    }

    /// The packets that the next poll is answered.
    pub fn packets(&self) -> String {
        let polled = self.poll();
        assert_eq!(polled.status, 200, "{polled:?}");
        polled.body
    }

    pub fn post(&self, body: impl AsRef<[u8]>) -> Response {
        Request::post(self.server, &self.target("polling"), body.as_ref()).response()
    }

    /// Posts packets that are taken.
    pub fn send(&self, body: impl AsRef<[u8]>) {
        let posted = self.post(body);
        assert_eq!((posted.status, posted.body.as_str()), (200, "ok"));
    }

    /// Waits until the server does not know the session any more.
    pub fn wait_until_gone(&self) {
        loop {
            let polled = self.poll();
            if polled.status != 200 {
                assert_eq!(polled.refusal(), 1);
                return;
            }
        }
    }
}
