//! Records: what an owner to come finds of a session whose owner is lost.
//!
//! They are written behind, those that change within a moment together, and again before they run out. Whoever writes
//! shows the term in which it owns the session: a later owner's record is not overwritten, and its writer learns that it is
//! no owner any more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::frame::Frame;
use super::io::{Output, Outputs, Record};
use super::{Due, Key, Worker};
use crate::id::{Epoch, SessionId, WorkerId};
use crate::session::{Chat, Session};
use crate::time::Millis;

/// How long a change waits for others to be written with it.
const BATCH: Duration = Duration::from_millis(20);
/// For how long after a silence what clients say may have been sent before it.
const STALE: Duration = Duration::from_millis(500);
/// How many are written in one batch: when all are to be written again, the store is not to choke on them.
const MAX_BATCH: usize = 1024;

/// Which records are to be written.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    changed: BTreeSet<Key>,
    /// When the first of them changed.
    since: Option<Millis>,
    /// All sessions that have a record, by when it was written last.
    saved: BTreeSet<(Millis, Key)>,
}

impl Worker {
    /// Something has changed that a later owner has to know.
    pub(super) fn changed(&mut self, key: Key) {
        if self.config.save_every.is_some() {
            self.unsaved.changed.insert(key);
        }
    }

    /// Everything is to be written again.
    fn all_changed(&mut self) {
        let keys: Vec<Key> = self.sessions.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.changed(key));
    }

    /// Sees to it that what has changed is written soon, and everything before it runs out.
    pub(super) fn schedule_records(&mut self, now: Millis) {
        let Some(every) = self.config.save_every else {
            return;
        };
        if !self.unsaved.changed.is_empty() {
            self.unsaved.since.get_or_insert(now);
        }
        let changed = self.unsaved.since.map(|since| since + BATCH);
        let oldest = self.unsaved.saved.first().map(|(saved, _)| *saved + every);
        self.deadlines
            .set(&Due::Records, changed.into_iter().chain(oldest).min());
    }

    /// Writes what is due.
    pub(super) fn save_records(&mut self, now: Millis, out: &mut Outputs) {
        let Some(every) = self.config.save_every else {
            return;
        };
        while let Some(&(saved, key)) = self.unsaved.saved.first()
            && saved + every <= now
        {
            self.unsaved.saved.pop_first();
            self.unsaved.changed.insert(key);
        }
        let mut batch = std::mem::take(&mut self.unsaved.changed);
        if let Some(&next) = batch.iter().nth(MAX_BATCH) {
            self.unsaved.changed = batch.split_off(&next);
        }
        self.unsaved.since = (!self.unsaved.changed.is_empty()).then_some(now);
        for key in batch {
            if let Some(session) = self.sessions.get_mut(key) {
                let saved = std::mem::replace(&mut session.saved, now);
                self.unsaved.saved.remove(&(saved, key));
                self.unsaved.saved.insert((now, key));
                save(session, out);
            }
        }
    }

    /// A session is here no more.
    pub(super) fn forget_record(&mut self, key: Key, session: &Session) {
        self.unsaved.changed.remove(&key);
        self.unsaved.saved.remove(&(session.saved, key));
    }

    /// The store may have lost what was written. The blocks of users are kept there only, but for those of live sessions.
    pub(super) fn emptied(&mut self, now: Millis, out: &mut Outputs) {
        self.all_changed();
        let users = self.sessions.iter().filter(|(_, session)| session.user.is_some());
        let users: Vec<Key> = users.map(|(key, _)| key).collect();
        for key in users {
            let session = &mut self.sessions[key];
            session.unsaved = session.blocked.clone();
            self.save_blocks(key, now, out);
        }
    }

    /// This worker was silent for so long that others may have taken it for lost, and its sessions over: it neither takes
    /// anybody for alive, nor itself for an owner, before both have been confirmed.
    pub(super) fn interrupted(&mut self, now: Millis) {
        self.stale_until = now + STALE;
        self.deadlines.set(&Due::Doubted, Some(self.stale_until));
        for (_, session) in &mut self.sessions {
            session.last_alive = Millis(0);
            session.doubted = true;
        }
        self.all_changed();
    }

    /// Who waits is pinged: what was heard of them in the meantime may have been said long before.
    pub(super) fn ask_doubted(&self, out: &mut Outputs) {
        for (_, session) in &self.sessions {
            if let (true, Chat::Waiting(_), Some(connection)) =
                (session.doubted, &session.chat, session.connection())
            {
                out.push(Output::Ping(connection));
            }
        }
    }

    /// Another worker owns a session since that later term: here it ends, and nobody is told that anything else does. A
    /// client that is still connected comes back, and finds its way.
    pub(super) fn superseded(
        &mut self,
        session: SessionId,
        epoch: Epoch,
        owner: &WorkerId,
        now: Millis,
        out: &mut Outputs,
    ) {
        let key = self.by_id.get(&session).copied();
        let Some(key) = key.filter(|&key| self.sessions[key].epoch < epoch) else {
            return;
        };
        if *owner == self.config.worker {
            // Taken from the record by this worker while it was handed over to it.
            self.sessions[key].epoch = epoch.next(now);
            return self.changed(key);
        }
        out.record(Record::SessionSuperseded { session });
        if let Chat::Waiting(_) = self.sessions[key].chat {
            self.park(key, now, out);
        }
        if let Chat::Matched(matched) = &self.sessions[key].chat {
            // The later owner may not know of it: it is asked.
            let moved = Frame::Moved {
                match_id: matched.id,
                gone: session,
                worker: owner.clone(),
            };
            let worker = matched.partner.worker.clone();
            self.send(&worker, moved, now, out);
        }
        if let Some((connection, _)) = self.confirming(session) {
            self.forget_pending(connection);
            out.push(Output::Close(connection));
        }
        if let Some(connection) = self.take_out(key).connection() {
            out.push(Output::Close(connection));
        }
        self.departed.note(session, owner.clone());
    }
}

fn save(session: &mut Session, out: &mut Outputs) {
    let start = out.bytes.len();
    let second = session.write_record(&mut out.bytes);
    let end = out.bytes.len();
    out.push(Output::Save {
        session: session.id,
        epoch: session.epoch,
        body: start..second.unwrap_or(end),
        matched: second.map(|second| second..end),
    });
}
