//! One session of the server: which transport carries it, what its packets mean, and what is due when.

use super::heartbeat::{Beat, Heartbeat};
use super::open::{Settings, Transport};
use super::outbox::{Body, Full, Outbox};
use super::packet::{InvalidPacket, Packet};
use super::request::Refusal;
use crate::time::Millis;

/// A moment that never comes.
const NEVER: Millis = Millis(u64::MAX);

/// The state machine of one session.
///
/// While polling carries it, packets to the client wait here ([`Self::push`]) until [`Self::take_response`] moves them
/// into the answer to a poll. Once a WebSocket carries it, the caller writes packets itself, and nothing is held here.
#[derive(Debug)]
pub struct Socket {
    heartbeat: Heartbeat,
    outbox: Outbox,
    /// When an upgrade that is under way has taken too long.
    upgrade_until: Millis,
    /// When a session that is closing is given up.
    close_until: Millis,
    transport: Transport,
    stage: Stage,
    upgrade: Upgrade,
    /// A poll hangs.
    polling: bool,
    /// A POST is being read.
    posting: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The server has begun to close; what the client has sent until it knows is still taken.
    Closing,
    /// Closing, and the client has been told.
    Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    /// A WebSocket has been opened for this session.
    Opened,
    /// It has been probed: polls are released, so that the client can switch.
    Probed,
}

/// What a packet of the client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The answer to a ping: the client is alive.
    Pong,
    /// The client closes the session. Nothing that follows counts.
    Close,
    /// Nothing of meaning here; ignored, as the reference server does.
    Nothing,
}

/// What a packet on a WebSocket that is not yet the session's transport asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Answer `3probe`, on that WebSocket. A poll that hangs can be answered now.
    Answer,
    /// The WebSocket carries the session from now on. What waited must be [drained](Socket::drain) into it first.
    Switch,
    /// Close that WebSocket; the session stays where it is.
    Abandon,
}

/// What a deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a ping.
    Ping,
    /// End the session: a ping was not answered in time.
    PingTimeout,
    /// Close the WebSocket of the upgrade; the session stays where it is.
    UpgradeTimeout,
    /// End the session: it has been closing for long enough.
    CloseTimeout,
}

/// Who ends a session. Decides what a poll that hangs is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client: its poll is released.
    ByClient,
    /// The server, for whatever reason: its poll says so.
    ByServer,
}

/// The client breaks the protocol. Its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// What came is no packet.
    #[error(transparent)]
    InvalidPacket(#[from] InvalidPacket),
    /// In this revision, pings come from the server.
    #[error("a ping from a client")]
    PingFromClient,
    /// A poll while another one hangs, or a POST while another one is being read.
    #[error("two requests at once")]
    Overlap,
}

/// Why a request for an existing session is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// It is refused, and the session goes on.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It breaks the protocol: refused with [`Refusal::BadRequest`], and the session ends.
    #[error(transparent)]
    Broken(#[from] ProtocolError),
}

impl Socket {
    /// A session that begins on `transport`.
    #[must_use]
    pub fn open(transport: Transport, settings: &Settings, now: Millis) -> Self {
        Self {
            heartbeat: Heartbeat::start(settings, now),
            outbox: Outbox::default(),
            upgrade_until: NEVER,
            close_until: NEVER,
            transport,
            stage: Stage::Open,
            upgrade: Upgrade::None,
            polling: false,
            posting: false,
        }
    }

    /// What carries the session.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether the server has begun to close.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Whether a client that polls has been given the close packet.
    #[must_use]
    pub fn has_told_closing(&self) -> bool {
        self.stage == Stage::Told
    }

    /// When [`Self::handle_deadline`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Millis {
        match self.stage {
            Stage::Open => self.heartbeat.due().min(self.upgrade_until),
            Stage::Closing | Stage::Told => self.close_until.min(self.upgrade_until),
        }
    }

    /// What is due by `now`. Call it again until nothing is.
    pub fn handle_deadline(&mut self, settings: &Settings, now: Millis) -> Option<Due> {
        if now >= self.close_until {
            return Some(Due::CloseTimeout);
        }
        if now >= self.upgrade_until {
            self.abandon_upgrade();
            return Some(Due::UpgradeTimeout);
        }
        if self.is_closing() {
            return None;
        }
        Some(match self.heartbeat.tick(settings, now)? {
            Beat::Ping => Due::Ping,
            Beat::Timeout => Due::PingTimeout,
        })
    }

    /// Begins a ping off schedule; the caller sends it. `false` when one is unanswered as it is, or the session closes.
    pub fn ping(&mut self, settings: &Settings, now: Millis) -> bool {
        !self.is_closing() && self.heartbeat.ping(settings, now)
    }

    /// Takes a packet that came on the session's transport.
    ///
    /// # Errors
    /// When the client must not send it. The session ends.
    pub fn receive<'a>(
        &mut self,
        packet: Packet<'a>,
        settings: &Settings,
        now: Millis,
    ) -> Result<Received<'a>, ProtocolError> {
        self.heartbeat.heard(now);
        Ok(match packet {
            Packet::Text(text) => Received::Text(text),
            Packet::Binary(bytes) => Received::Binary(bytes),
            Packet::Pong(_) => {
                self.heartbeat.pong(settings, now);
                Received::Pong
            }
            Packet::Close => Received::Close,
            Packet::Ping(_) => return Err(ProtocolError::PingFromClient),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => Received::Nothing,
        })
    }

    /// Keeps a packet for the next poll: its type (a digit, or `b` for binary) and what it carries, concatenated.
    ///
    /// # Errors
    /// When more than [`Settings::max_waiting`] would wait.
    pub fn push(&mut self, kind: u8, parts: &[&[u8]], settings: &Settings) -> Result<(), Full> {
        self.outbox.push(kind, parts, settings.max_waiting)
    }

    /// A poll has come. It hangs until [`Self::take_response`] has an answer.
    ///
    /// # Errors
    /// When this session is not polled, or another poll hangs.
    pub fn poll(&mut self) -> Result<(), Unserved> {
        self.expect_polling()?;
        if std::mem::replace(&mut self.polling, true) {
            return Err(ProtocolError::Overlap.into());
        }
        Ok(())
    }

    /// Appends the answer to the poll that hangs, if there is one and there is something to say.
    pub fn take_response(&mut self, settings: &Settings, out: &mut Vec<u8>) -> bool {
        if !self.polling {
            return false;
        }
        if self.transport == Transport::WebSocket {
            out.push(b'6');
        } else if !self.outbox.is_empty() {
            self.outbox.fill(settings, out);
        } else if self.is_closing() {
            self.stage = Stage::Told;
            out.push(b'1');
        } else if self.upgrade == Upgrade::Probed {
            out.push(b'6');
        } else {
            return false;
        }
        self.polling = false;
        true
    }

    /// A POST has come; its body is being read.
    ///
    /// # Errors
    /// When this session does not take any, or another one is being read.
    pub fn begin_post(&mut self) -> Result<(), Unserved> {
        self.expect_polling()?;
        if std::mem::replace(&mut self.posting, true) {
            return Err(ProtocolError::Overlap.into());
        }
        Ok(())
    }

    /// The body of the POST has been taken.
    pub fn end_post(&mut self) {
        self.posting = false;
    }

    fn expect_polling(&self) -> Result<(), Refusal> {
        match self.transport {
            Transport::Polling => Ok(()),
            Transport::WebSocket => Err(Refusal::BadRequest),
        }
    }

    /// A WebSocket has been asked for, to carry this session.
    ///
    /// # Errors
    /// When a WebSocket carries it already or may soon, or the session is closing.
    pub fn begin_upgrade(&mut self, settings: &Settings, now: Millis) -> Result<(), Refusal> {
        if self.is_closing() {
            return Err(Refusal::SessionUnknown);
        }
        if self.transport == Transport::WebSocket || self.upgrade != Upgrade::None {
            return Err(Refusal::BadRequest);
        }
        self.upgrade = Upgrade::Opened;
        self.upgrade_until = now.after(settings.upgrade_timeout);
        Ok(())
    }

    /// Takes a packet that came on the WebSocket of the upgrade.
    pub fn receive_probe(&mut self, packet: Packet<'_>) -> Probe {
        match packet {
            Packet::Ping("probe") if self.upgrade != Upgrade::None => {
                self.upgrade = Upgrade::Probed;
                Probe::Answer
            }
            Packet::Upgrade if self.upgrade != Upgrade::None => {
                self.abandon_upgrade();
                self.transport = Transport::WebSocket;
                Probe::Switch
            }
            _ => {
                self.abandon_upgrade();
                Probe::Abandon
            }
        }
    }

    /// The WebSocket of the upgrade is gone; the session stays where it is.
    pub fn abandon_upgrade(&mut self) {
        self.upgrade = Upgrade::None;
        self.upgrade_until = NEVER;
    }

    /// Hands over what waited, in order, when the transport has been switched.
    pub fn drain(&mut self, take: impl FnMut(Body<'_>)) {
        self.outbox.drain(take);
    }

    /// Begins to close: the next poll is told, once it has what waits. `false` when the session was closing.
    pub fn close(&mut self, settings: &Settings, now: Millis) -> bool {
        if self.is_closing() {
            return false;
        }
        self.stage = Stage::Closing;
        self.close_until = now.after(settings.close_timeout);
        true
    }

    /// Ends the session, which takes nothing more. Appends the answer to a poll that still hangs, if one does (`true`): what
    /// waits, or that it is over.
    pub fn end(&mut self, ending: Ending, settings: &Settings, out: &mut Vec<u8>) -> bool {
        if !self.polling {
            return false;
        }
        if !self.take_response(settings, out) {
            out.push(match ending {
                Ending::ByClient => b'6',
                Ending::ByServer => b'1',
            });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        ping_interval: 300,
        ping_timeout: 200,
        upgrade_timeout: 1_000,
        close_timeout: 400,
        max_payload: 1_000_000,
        max_waiting: 1_000,
        transports: super::super::open::Transports::ALL,
    };

    fn polled() -> Socket {
        Socket::open(Transport::Polling, &SETTINGS, Millis(0))
    }

    fn response(socket: &mut Socket) -> Option<String> {
        let mut out = Vec::new();
        socket
            .take_response(&SETTINGS, &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    fn last_words(mut socket: Socket, ending: Ending) -> Option<String> {
        let mut out = Vec::new();
        socket
            .end(ending, &SETTINGS, &mut out)
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_idle_session_is_small() {
        assert!(size_of::<Socket>() <= 96, "{} bytes", size_of::<Socket>());
    }

    #[test]
    fn a_poll_hangs_until_there_is_something_to_say() {
        let mut socket = polled();
        socket.poll().unwrap();
        assert_eq!(response(&mut socket), None);
        socket.push(b'4', &[b"hel", b"lo"], &SETTINGS).unwrap();
        socket.push(b'b', &[&[1, 2, 3, 4]], &SETTINGS).unwrap();
        assert_eq!(response(&mut socket).unwrap(), "4hello\u{1e}bAQIDBA==");
        assert_eq!(response(&mut socket), None);
    }

    #[test]
    fn two_polls_or_two_posts_at_once_break_the_protocol() {
        let mut socket = polled();
        socket.poll().unwrap();
        assert_eq!(socket.poll(), Err(Unserved::Broken(ProtocolError::Overlap)));
        socket.begin_post().unwrap();
        assert_eq!(socket.begin_post(), Err(Unserved::Broken(ProtocolError::Overlap)));
        assert_eq!(last_words(socket, Ending::ByServer).unwrap(), "1");
    }

    #[test]
    fn a_poll_that_hangs_is_released_when_the_client_closes() {
        let mut socket = polled();
        socket.poll().unwrap();
        assert_eq!(
            socket.receive(Packet::Close, &SETTINGS, Millis(1)),
            Ok(Received::Close)
        );
        assert_eq!(last_words(socket, Ending::ByClient).unwrap(), "6");
        assert_eq!(last_words(polled(), Ending::ByClient), None);
    }

    #[test]
    fn what_waited_is_the_last_word_of_a_session() {
        let mut socket = polled();
        socket.poll().unwrap();
        socket.push(b'4', &[b"bye"], &SETTINGS).unwrap();
        assert_eq!(last_words(socket, Ending::ByClient).unwrap(), "4bye");
    }

    #[test]
    fn an_upgrade_releases_polls_keeps_the_order_and_then_switches() {
        let mut socket = polled();
        socket.poll().unwrap();
        socket.begin_upgrade(&SETTINGS, Millis(10)).unwrap();
        assert_eq!(response(&mut socket), None);
        assert_eq!(socket.receive_probe(Packet::Ping("probe")), Probe::Answer);
        assert_eq!(response(&mut socket).unwrap(), "6");
        socket.push(b'4', &[b"1"], &SETTINGS).unwrap();
        socket.poll().unwrap();
        assert_eq!(response(&mut socket).unwrap(), "41");
        socket.push(b'4', &[b"2"], &SETTINGS).unwrap();
        socket.push(b'b', &[b"3"], &SETTINGS).unwrap();
        assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
        let mut drained = Vec::new();
        socket.drain(|body| match body {
            Body::Text(text) => drained.push(text.to_vec()),
            Body::Binary(bytes) => drained.push(bytes.to_vec()),
        });
        assert_eq!(drained, [b"42".to_vec(), b"3".to_vec()]);
        assert_eq!(socket.transport(), Transport::WebSocket);
        assert_eq!(socket.poll(), Err(Unserved::Refused(Refusal::BadRequest)));
        assert_eq!(socket.begin_post(), Err(Unserved::Refused(Refusal::BadRequest)));
    }

    #[test]
    fn a_poll_that_hangs_while_the_transport_switches_is_released() {
        let mut socket = polled();
        socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
        socket.poll().unwrap();
        assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
        assert_eq!(response(&mut socket).unwrap(), "6");
    }

    #[test]
    fn a_session_is_upgraded_once_and_by_one_websocket_at_a_time() {
        let mut socket = polled();
        socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
        assert_eq!(
            socket.begin_upgrade(&SETTINGS, Millis(0)),
            Err(Refusal::BadRequest)
        );
        socket.abandon_upgrade();
        socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
        assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Switch);
        assert_eq!(
            socket.begin_upgrade(&SETTINGS, Millis(0)),
            Err(Refusal::BadRequest)
        );
    }

    #[test]
    fn an_upgrade_that_fails_or_lasts_too_long_leaves_the_session_where_it_is() {
        let mut socket = polled();
        socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
        assert_eq!(socket.receive_probe(Packet::Text("early")), Probe::Abandon);
        assert_eq!(socket.receive_probe(Packet::Upgrade), Probe::Abandon);
        socket.begin_upgrade(&SETTINGS, Millis(0)).unwrap();
        while let Some(due) = socket.handle_deadline(&SETTINGS, Millis(1_000)) {
            if due == Due::UpgradeTimeout {
                assert_eq!(socket.transport(), Transport::Polling);
                assert_eq!(socket.poll(), Ok(()));
                return;
            }
        }
        panic!("the upgrade has no end");
    }

    #[test]
    fn an_unanswered_ping_ends_the_session() {
        let mut socket = polled();
        assert_eq!(socket.deadline(), Millis(300));
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), Some(Due::Ping));
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), None);
        assert_eq!(socket.deadline(), Millis(500));
        assert_eq!(
            socket.handle_deadline(&SETTINGS, Millis(500)),
            Some(Due::PingTimeout)
        );
    }

    #[test]
    fn a_pong_keeps_the_session_and_a_ping_breaks_it() {
        let mut socket = polled();
        assert!(socket.ping(&SETTINGS, Millis(100)));
        assert_eq!(
            socket.receive(Packet::Pong(""), &SETTINGS, Millis(120)),
            Ok(Received::Pong)
        );
        assert_eq!(socket.deadline(), Millis(420));
        assert_eq!(
            socket.receive(Packet::Ping(""), &SETTINGS, Millis(130)),
            Err(ProtocolError::PingFromClient)
        );
        assert_eq!(
            socket.receive(Packet::Noop, &SETTINGS, Millis(130)),
            Ok(Received::Nothing)
        );
    }

    #[test]
    fn a_closing_session_gives_what_waits_then_says_so_and_still_listens() {
        let mut socket = polled();
        socket.push(b'4', &[b"last"], &SETTINGS).unwrap();
        assert!(socket.close(&SETTINGS, Millis(50)));
        assert!(!socket.close(&SETTINGS, Millis(60)));
        socket.poll().unwrap();
        assert_eq!(response(&mut socket).unwrap(), "4last");
        socket.poll().unwrap();
        assert_eq!(response(&mut socket).unwrap(), "1");
        assert!(socket.has_told_closing());
        assert_eq!(
            socket.receive(Packet::Text("late"), &SETTINGS, Millis(70)),
            Ok(Received::Text("late"))
        );
        assert!(!socket.ping(&SETTINGS, Millis(80)));
        assert_eq!(socket.deadline(), Millis(450));
        assert_eq!(
            socket.handle_deadline(&SETTINGS, Millis(450)),
            Some(Due::CloseTimeout)
        );
    }
}
