//! Connections that go from pod to pod, because a client's WebSocket has reached another pod than its polls did.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use signaling_core::id::{ConnectionId, Epoch, WorkerId};
use signaling_core::time::Millis;
use signaling_core::worker::{Connect, Departure, Input, Origin, Papers, User};
use signaling_wire::socket_io::Client;
use signaling_wire::time::Millis as WireMillis;

use super::{Chat, Socket};
use crate::transport::{Close, Engine};

/// What one pod tells another of a connection, in JSON. Two releases speak with each other in every rollout: fields are
/// only added, and each of those may be absent.
#[derive(Debug, Serialize, Deserialize)]
struct Luggage {
    /// Whether it is a browser's.
    browser: bool,
    /// Its session, when it has joined.
    session: Option<Passport>,
}

/// [`Papers`], as they are written.
#[derive(Debug, Serialize, Deserialize)]
struct Passport {
    /// The worker that has the session.
    owner: String,
    epoch: u64,
    /// Milliseconds since 1970.
    since: u64,
    token: String,
    offsets: bool,
    user: Option<Arc<str>>,
}

impl From<Papers> for Passport {
    fn from(papers: Papers) -> Self {
        let Papers {
            from: Origin { owner, epoch, since },
            token,
            offsets,
            user,
        } = papers;
        Self {
            owner: owner.as_str().to_owned(),
            epoch: epoch.0,
            since: since.0,
            token,
            offsets,
            user,
        }
    }
}

impl Chat {
    /// Lets a connection go; what the other pod has to know, or nothing yet.
    pub(super) fn let_go(&mut self, id: ConnectionId, engine: &Engine) -> Option<String> {
        let browser = self.sockets.get(&id).is_some_and(|socket| socket.browser);
        let session = match self.worker.depart(id, engine.now()) {
            Departure::NotYet => return None,
            Departure::Empty => None,
            Departure::Ready(papers) => Some(papers.into()),
        };
        serde_json::to_string(&Luggage { browser, session }).ok()
    }

    /// Takes a connection that comes from another pod, and fetches its session from there.
    pub(super) fn take_in(&mut self, id: ConnectionId, luggage: &str, engine: &mut Engine) {
        self.status.workers()[self.number].connected();
        self.metrics.connection_opened();
        let Ok(Luggage { browser, session }) = serde_json::from_str(luggage) else {
            tracing::warn!("what another pod says of a connection cannot be read");
            return engine.close(id, Close::Internal);
        };
        let limits = self.settings.socket_io(false);
        let io = match session {
            Some(_) => Client::joined(limits),
            None => Client::new(limits, WireMillis(engine.now().0)),
        };
        if let Some(deadline) = io.deadline() {
            self.joining.insert((Millis(deadline.0), id));
        }
        let socket = Socket {
            io,
            browser,
            admitted: None,
            leaving: false,
        };
        self.sockets.insert(id, socket);
        let Some(passport) = session else {
            return engine.release(id);
        };
        let connect = Connect {
            connection: id,
            token: Some(&passport.token),
            offset: None,
            seq: None,
            offsets: passport.offsets,
            user: passport.user.map_or(User::Anonymous, User::Known),
            may_begin: false,
            from: Some(Origin {
                owner: WorkerId::from(&*passport.owner),
                epoch: Epoch(passport.epoch),
                since: Millis(passport.since),
            }),
        };
        self.run(Input::Connect(connect), engine);
    }
}
