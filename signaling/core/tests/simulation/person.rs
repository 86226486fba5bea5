//! One person at a client: what they know, and what they note of what they see.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use signaling_core::history::{History, Kind, Seen as Noted, State};
use signaling_core::id::MatchId;
use signaling_core::time::Millis;
use signaling_core::worker::User;

use crate::call::{Call, Signalled};
use crate::plan::Wish;
use crate::world::{Client, ClientId, Seen};

/// How much later than one sent after it a message on another connection may come.
const RACE: Duration = Duration::from_millis(10);

/// What a person believes to be in.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Idle,
    Asking,
    Calling(Box<Call>),
}

/// What has become of a question, as the history has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// There is none, or it is answered.
    None,
    Open,
    Accepted,
}

/// What an acknowledgement will be about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Errand {
    Find,
    Next,
    Cancel,
    Leave,
    Block,
    Report,
    Signal(Signalled),
    /// Something that names a match that is over.
    Stale,
    Other,
}

/// Habits, for the whole history.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// Share of the events that ask for an acknowledgement, where the history does not depend on it.
    pub acks: f64,
    /// Questions may do without an acknowledgement.
    pub(crate) plain_questions: bool,
    /// Share of the signals that name their match.
    pub names_match: f64,
    /// How likely an act is to end a connection.
    pub breaks: f64,
    /// How likely an act is to take the connection to another worker.
    pub upgrades: f64,
    /// How likely an act ends a wait or a match.
    pub restless: f64,
}

/// Somebody who was blocked: the partner in that match, by the session or user that blocked them.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub at: Millis,
    pub by: String,
    pub in_match: MatchId,
}

pub(crate) struct Person {
    pub client: ClientId,
    pub user: User,
    pub wish: Wish,
    pub habits: Habits,
    pub history: History,
    pub phase: Phase,
    /// Never to come back.
    pub gone: bool,
    /// Did not answer pings at some time, or changed the wish: not judged as stranded.
    pub unsteady: bool,
    pub defects: Vec<String>,
    pub blocks: Vec<Block>,
    /// Asked to block somebody and never heard what became of it.
    pub may_block: bool,
    /// Matches that began, and as whom this person was in them.
    pub matches: Vec<(Millis, MatchId, String)>,
    /// Since when a connection is not answered.
    pub connecting_since: Option<Millis>,
    /// When the connection was last lost, and whether the session must still be there.
    pub lost_at: Option<Millis>,
    pub errands: BTreeMap<u64, Errand>,
    pub last_match: Option<MatchId>,
    /// A question is open, as the history has it.
    asked: Question,
    /// When the place was last shown in this wait and on this connection.
    shown_at: Option<Millis>,
    /// `session` has come on this connection, so that it is known what one is in.
    pub(crate) greeted: bool,
    /// The session must be resumed by the connection under way.
    pub must_resume: bool,
    read: usize,
}

impl Person {
    pub(crate) fn new(client: ClientId, user: User, wish: Wish, habits: Habits) -> Self {
        Self {
            client,
            user,
            wish,
            habits,
            history: History::new(),
            phase: Phase::Idle,
            gone: false,
            unsteady: false,
            defects: Vec::new(),
            blocks: Vec::new(),
            may_block: false,
            matches: Vec::new(),
            connecting_since: None,
            lost_at: None,
            errands: BTreeMap::new(),
            last_match: None,
            asked: Question::None,
            shown_at: None,
            greeted: false,
            must_resume: false,
            read: 0,
        }
    }

    pub(crate) fn call(&mut self) -> Option<&mut Call> {
        match &mut self.phase {
            Phase::Calling(call) => Some(call),
            _ => None,
        }
    }

    /// Notes a question.
    pub(crate) fn ask(&mut self, at: Millis) {
        self.note(at, Noted::Asked);
        if self.asked == Question::None {
            self.shown_at = None;
            self.asked = Question::Open;
        }
    }

    pub(crate) fn note(&mut self, at: Millis, seen: Noted) -> usize {
        self.history.record(at, seen)
    }

    pub(crate) fn defect(&mut self, at: Millis, words: impl Into<String>) {
        self.defects
            .push(format!("{at} client {}: {}", self.client, words.into()));
    }

    /// Whether an acknowledgement of this kind is still to come.
    pub(crate) fn awaits(&self, kind: fn(&Errand) -> bool) -> bool {
        self.errands.values().any(kind)
    }

    /// Who this person is to those who are blocked by them.
    fn identity(&self, client: &Client) -> String {
        match &self.user {
            User::Known(sub) | User::Expired(sub) => sub.to_string(),
            User::Anonymous => client.sid.clone().unwrap_or_default(),
        }
    }

    /// Reads what the client has seen since the last time.
    pub(crate) fn read(&mut self, client: &Client) {
        let from = std::mem::replace(&mut self.read, client.seen.len());
        for (at, seen) in &client.seen[from..] {
            match seen {
                Seen::Connected { resumed } => self.connected(*at, *resumed),
                Seen::Event { name, payload } => self.event(*at, name, payload, client),
                Seen::Ack { id, ok, payload } => self.ack(*at, *id, *ok, payload, client),
                Seen::Lost => self.lost(*at),
                Seen::Refused => self.defect(*at, "refused"),
                Seen::Disconnected => {
                    // A connection that was given up while it asked for the session may ask later than the next one.
                    let own = client.withdrew.is_some_and(|before| at.since(before) <= RACE);
                    if !own {
                        self.defect(*at, "told to give up, though nobody took the session over");
                    }
                    self.lost(*at);
                }
            }
        }
    }

    fn connected(&mut self, at: Millis, resumed: bool) {
        (self.connecting_since, self.shown_at, self.greeted) = (None, None, false);
        let must = std::mem::take(&mut self.must_resume);
        if resumed {
            return;
        }
        if must {
            self.defect(at, "came back in time and found the session gone");
        }
        self.note(at, Noted::Connected);
        self.end_call();
        (self.phase, self.asked, self.last_match) = (Phase::Idle, Question::None, None);
    }

    fn lost(&mut self, at: Millis) {
        self.note(at, Noted::TransportLost);
        self.lost_at.get_or_insert(at);
        self.may_block |= self.awaits(|errand| matches!(errand, Errand::Block | Errand::Report));
        self.errands.clear();
        self.connecting_since = None;
    }

    fn end_call(&mut self) {
        if let Phase::Calling(call) = &self.phase {
            self.last_match = Some(call.match_id);
            self.phase = Phase::Idle;
        }
    }

    fn event(&mut self, at: Millis, name: &str, payload: &Value, client: &Client) {
        match name {
            "session" => self.session(at, payload),
            "waiting" => self.waiting(at),
            "match_found" => self.found(at, payload, client),
            "match_timeout" => {
                self.note(at, Noted::TimedOut);
                self.asked = Question::None;
                if let Phase::Asking = self.phase {
                    self.phase = Phase::Idle;
                }
            }
            "peer_disconnected" => {
                let match_id = match_id(payload);
                self.note(at, Noted::PeerDisconnected { match_id });
                if self.call().is_some_and(|call| call.match_id == match_id) {
                    self.end_call();
                }
                self.last_match = Some(match_id);
            }
            "peer_reconnecting" => {
                let match_id = match_id(payload);
                self.note(at, Noted::PeerReconnecting { match_id });
            }
            "peer_resumed" => {
                let renegotiate = payload["renegotiate"] == true;
                let match_id = match_id(payload);
                self.note(
                    at,
                    Noted::PeerResumed {
                        match_id,
                        renegotiate,
                    },
                );
            }
            "webrtc_offer" | "webrtc_answer" | "webrtc_ice_candidate" | "chat_message" => {
                self.signal(at, name, payload);
            }
            "error" => {
                let code = payload["code"].as_str().unwrap_or_default();
                if self.asked == Question::Open && code == "already_matched" {
                    self.refused(at);
                }
            }
            _ => {}
        }
    }

    fn session(&mut self, at: Millis, payload: &Value) {
        (self.lost_at, self.greeted) = (None, true);
        if payload["resumed"] != true {
            return;
        }
        let state = match payload["state"].as_str() {
            Some("matched") => State::Matched(match_id(payload)),
            Some("waiting") => State::Waiting,
            _ => State::Idle,
        };
        let renegotiate = payload["renegotiate"] == true;
        self.note(at, Noted::Resumed { state, renegotiate });
        let same = |call: &mut Call| state == State::Matched(call.match_id);
        if !self.call().is_some_and(same) {
            self.end_call();
        }
        self.asked = match state {
            State::Waiting => Question::Accepted,
            _ => Question::None,
        };
        match state {
            State::Idle => self.phase = Phase::Idle,
            State::Waiting => self.phase = Phase::Asking,
            State::Matched(match_id) => {
                let peer_id = payload["peerId"].as_str().unwrap().parse().unwrap();
                let initiator = payload["initiator"] == true;
                let known = self.call().map(|call| (call.peer_id, call.initiator));
                if known.is_some_and(|known| known != (peer_id, initiator)) {
                    self.defect(at, "the match has another partner or role after the return");
                }
                if known.is_none() {
                    let mut call = Call::new(match_id, peer_id, initiator);
                    call.found = false;
                    self.phase = Phase::Calling(Box::new(call));
                }
            }
        }
    }

    fn waiting(&mut self, at: Millis) {
        self.note(at, Noted::Waiting);
        if self
            .shown_at
            .is_some_and(|before| at.since(before) < Duration::from_millis(990))
        {
            self.defect(at, "waiting came more than once a second");
        }
        self.shown_at = Some(at);
        self.asked = Question::Accepted;
        if let Phase::Idle = self.phase {
            self.phase = Phase::Asking;
        }
    }

    fn found(&mut self, at: Millis, payload: &Value, client: &Client) {
        let match_id = match_id(payload);
        let peer_id = payload["peerId"].as_str().unwrap().parse().unwrap();
        let initiator = payload["initiator"] == true;
        self.note(
            at,
            Noted::Found {
                match_id,
                peer_id,
                initiator,
            },
        );
        self.asked = Question::None;
        if !self.matches.iter().any(|(_, known, _)| *known == match_id) {
            self.matches.push((at, match_id, self.identity(client)));
        }
        match self.call() {
            Some(call) if call.match_id == match_id => {
                call.found = true;
                if call.signalled {
                    self.defect(at, "match_found came again after a signal");
                }
            }
            _ => {
                self.end_call();
                self.phase = Phase::Calling(Box::new(Call::new(match_id, peer_id, initiator)));
            }
        }
    }

    fn signal(&mut self, at: Millis, name: &str, payload: &Value) {
        let (kind, text) = match name {
            "webrtc_offer" => (Kind::Offer, &payload["sdp"]),
            "webrtc_answer" => (Kind::Answer, &payload["sdp"]),
            "webrtc_ice_candidate" => (Kind::Candidate, &payload["mark"]),
            _ => (Kind::Text, &payload["text"]),
        };
        let body = text
            .as_str()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let from = payload["from"].as_str().unwrap().parse().unwrap();
        let (match_id, seq) = (match_id(payload), payload["seq"].as_u64().unwrap());
        let received = Noted::Received {
            match_id,
            from,
            seq,
            kind,
            body,
        };
        self.note(at, received);
        if kind == Kind::Offer
            && let Some(call) = self.call().filter(|call| call.match_id == match_id)
        {
            call.offers += 1;
        }
    }

    /// A question was refused; an earlier one that was accepted stands.
    fn refused(&mut self, at: Millis) {
        if self.asked == Question::Accepted {
            return;
        }
        self.note(at, Noted::Refused);
        self.asked = Question::None;
    }

    fn ack(&mut self, at: Millis, id: u64, ok: bool, payload: &Value, client: &Client) {
        let Some(errand) = self.errands.remove(&id) else {
            return self.defect(at, "an acknowledgement that nobody asked for");
        };
        let code = payload["error"]["code"].as_str().unwrap_or("ok").to_owned();
        if ok != (code == "ok") {
            self.defect(at, format!("a strange acknowledgement: {payload}"));
        }
        let calling = self.call().map(|call| call.match_id);
        match (errand, code.as_str(), calling) {
            (Errand::Find, "ok", Some(_)) => self.defect(at, "find_match was accepted in a match"),
            (Errand::Find, "ok", None) => self.accepted(at),
            (Errand::Find | Errand::Cancel, "already_matched", None) => {
                self.defect(at, format!("{errand:?}: already_matched without a match"));
            }
            (Errand::Find | Errand::Next, _, _) if code != "ok" => self.refused(at),
            (Errand::Cancel, "ok", Some(_)) => self.defect(at, "cancel_match was accepted in a match"),
            (Errand::Cancel, "ok", None) => {
                self.note(at, Noted::Cancelled);
                (self.asked, self.phase) = (Question::None, Phase::Idle);
            }
            (Errand::Leave | Errand::Next | Errand::Block, "ok", Some(match_id)) => {
                self.note(at, Noted::Left { match_id });
                self.end_call();
                if let Errand::Next = errand {
                    self.accepted(at);
                }
                if let Errand::Block = errand {
                    self.blocked(at, match_id, client);
                }
            }
            (Errand::Next, "ok", None) => self.accepted(at),
            (Errand::Report, "ok", Some(match_id)) => self.blocked(at, match_id, client),
            (Errand::Block | Errand::Report, "ok", None) => {
                // Without one it is somebody whom this client was never told of.
                if let Some(match_id) = self.last_match {
                    self.blocked(at, match_id, client);
                }
            }
            (Errand::Leave, "ok", None) => self.defect(at, "leave_match was accepted without a match"),
            (Errand::Leave, "not_matched", Some(_)) => self.defect(at, "leave_match found no match"),
            (Errand::Stale, "ok", _) => self.defect(at, "what names a match that is over was accepted"),
            (Errand::Signal(signal), _, _) => self.signal_answered(at, &signal, &code),
            _ => {}
        }
    }

    /// A question was accepted; where an answer to an earlier one has crossed it, it is a new one.
    fn accepted(&mut self, at: Millis) {
        if self.asked == Question::None {
            self.ask(at);
        }
        self.asked = Question::Accepted;
        self.phase = Phase::Asking;
    }

    fn blocked(&mut self, at: Millis, in_match: MatchId, client: &Client) {
        let by = self.identity(client);
        self.blocks.push(Block { at, by, in_match });
    }

    fn signal_answered(&mut self, at: Millis, signal: &Signalled, code: &str) {
        let call = match &mut self.phase {
            Phase::Calling(call) if call.match_id == signal.match_id => call,
            _ => return,
        };
        match code {
            "ok" => call.acknowledged(signal, &mut self.history),
            "not_matched" => self.defect(at, "a signal of the present match was not_matched"),
            _ => {}
        }
    }
}

fn match_id(payload: &Value) -> MatchId {
    payload["matchId"].as_str().unwrap().parse().unwrap()
}
