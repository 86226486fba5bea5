//! Taking a session over from its record, when nobody hands it over.

use super::Worker;
use super::connect::{Pending, PendingStage, user_name};
use super::io::{Output, Outputs, Record, Stored};
use crate::id::{ConnectionId, Epoch, WorkerId};
use crate::session::Session;
use crate::time::Millis;

/// A session as its last owner has written it down.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) owner: WorkerId,
    pub(super) epoch: Epoch,
    session: Session,
}

impl Worker {
    /// What was found of a session that is looked for. An owner who lives is asked, for a record is never as new; else the
    /// record is taken.
    pub(super) fn loaded(
        &mut self,
        connection: ConnectionId,
        stored: Option<Stored<'_>>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let looking = |pending: &Pending| matches!(pending.stage, PendingStage::Looking);
        if !self.pending.get(&connection).is_some_and(looking) {
            return;
        }
        let Some(pending) = self.forget_pending(connection) else {
            return;
        };
        let record = stored.and_then(|stored| read(&stored, &pending, out));
        if let Some(record) = &record {
            // What is here may be a copy of before this worker was silent.
            self.superseded(record.session.id, record.epoch, &record.owner, now, out);
        }
        let gone = |record: &Recorded| match record.owner == self.config.worker {
            // Where it has been handed to, its record may not have been written yet.
            true => self.departed.worker(record.session.id).is_none(),
            false => !self.workers.contains(&record.owner),
        };
        match record {
            Some(record) if gone(&record) => {
                self.take(connection, pending, Box::new(record), now, out);
            }
            record => self.ask_owners(connection, pending, record.map(Box::new), now, out),
        }
    }

    /// Asks for the record to name this worker as the owner, which it does unless somebody else has been quicker.
    pub(super) fn take(
        &mut self,
        connection: ConnectionId,
        mut pending: Pending,
        record: Box<Recorded>,
        now: Millis,
        out: &mut Outputs,
    ) {
        if self.by_id.contains_key(&record.session.id) {
            // It has come in the meantime.
            return self.not_recovered(connection, pending, now, out);
        }
        out.push(Output::Take {
            connection,
            session: record.session.id,
            from: record.epoch,
            epoch: record.epoch.next(now),
        });
        pending.stage = PendingStage::Taking;
        self.await_answer(connection, pending, now);
    }

    /// The record names this worker now, and is as it was last written; or it is of a later term than was asked for.
    pub(super) fn taken(
        &mut self,
        connection: ConnectionId,
        stored: Option<Stored<'_>>,
        now: Millis,
        out: &mut Outputs,
    ) {
        let taking = |pending: &Pending| {
            matches!(
                pending.stage,
                PendingStage::Taking | PendingStage::Abandoned { .. }
            )
        };
        let Some(pending) = self.pending.get(&connection).filter(|pending| taking(pending)) else {
            return;
        };
        let record = stored.and_then(|stored| read(&stored, pending, out));
        let taken = record.is_some();
        if let Some(Recorded { session, .. }) = record
            && !self.by_id.contains_key(&session.id)
        {
            out.record(Record::SessionTaken { session: session.id });
            return self.arrived(connection, session, now, out);
        }
        let Some(pending) = self.forget_pending(connection) else {
            return;
        };
        match pending.stage {
            PendingStage::Abandoned { .. } => self.answer(pending.questions, now, out),
            // It was handed over in the meantime.
            _ if taken => self.not_recovered(connection, pending, now, out),
            // Whoever has it now is asked; the record is no good any more.
            _ => self.ask_owners(connection, pending, None, now, out),
        }
    }
}

/// Reads a record, if it is of the session that the client may have.
fn read(stored: &Stored<'_>, pending: &Pending, out: &mut Outputs) -> Option<Recorded> {
    let Ok(mut session) = Session::read_record(stored.body, stored.matched) else {
        out.record(Record::Unreadable);
        return None;
    };
    let token = pending.returning.token.as_ref()?;
    let user = user_name(&pending.returning.user).map(|user| &**user);
    let theirs =
        session.id == token.session && session.secret == token.secret && session.user.as_deref() == user;
    session.epoch = stored.epoch;
    theirs.then(|| Recorded {
        owner: stored.owner.clone(),
        epoch: stored.epoch,
        session,
    })
}
