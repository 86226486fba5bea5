//! The store of records, as Redis is one: whoever writes shows a term, and a later one wins.

use std::collections::BTreeMap;

use signaling_core::id::{ConnectionId, Epoch, SessionId, WorkerId};
use signaling_core::worker::{Input, Stored};

use super::{Happening, World};

/// What a worker asks of the store.
#[derive(Clone)]
pub enum ToStore {
    Save(SessionId, Kept),
    Forget(SessionId, Epoch),
    Load(ConnectionId, SessionId),
    Take(ConnectionId, SessionId, Epoch, Kept),
}

/// What the store answers.
#[derive(Clone)]
pub enum FromStore {
    Loaded(ConnectionId, Option<Kept>),
    Taken(ConnectionId, Option<Kept>),
    Superseded(SessionId, Epoch, WorkerId),
}

/// A record.
#[derive(Clone, Debug)]
pub struct Kept {
    pub owner: WorkerId,
    pub epoch: Epoch,
    pub body: Vec<u8>,
    pub matched: Option<Vec<u8>>,
}

/// All records, and what they once were.
#[derive(Default)]
pub struct Store {
    pub records: BTreeMap<SessionId, Kept>,
    pub snapshot: BTreeMap<SessionId, Kept>,
}

impl Kept {
    fn stored(&self) -> Stored<'_> {
        Stored {
            owner: &self.owner,
            epoch: self.epoch,
            body: &self.body,
            matched: self.matched.as_deref(),
        }
    }
}

impl World {
    /// Notes what the store holds, to go back to.
    pub fn take_snapshot(&mut self) {
        self.store.snapshot = self.store.records.clone();
    }

    /// The store is as it was once, or empty; its users find out.
    pub fn restore_snapshot(&mut self) {
        self.note(|| "the store is as it once was".to_owned());
        self.store.records = self.store.snapshot.clone();
        for index in 0..self.workers() {
            self.input(index, Input::Emptied);
        }
    }

    pub(super) fn send_to_store(&mut self, from: usize, request: ToStore) {
        if !self.hosts[from].cut_off && !self.chance(self.faults.pool_loss) {
            self.after(1, Happening::ToStore { from, request });
        }
    }

    pub(super) fn in_store(&mut self, from: usize, request: ToStore) {
        let records = &mut self.store.records;
        let answer = match request {
            ToStore::Save(session, kept) => match records.get(&session) {
                Some(later) if later.epoch > kept.epoch => {
                    Some(FromStore::Superseded(session, later.epoch, later.owner.clone()))
                }
                _ => {
                    records.insert(session, kept);
                    None
                }
            },
            ToStore::Forget(session, epoch) => {
                if records.get(&session).is_some_and(|kept| kept.epoch <= epoch) {
                    records.remove(&session);
                }
                None
            }
            ToStore::Load(connection, session) => {
                Some(FromStore::Loaded(connection, records.get(&session).cloned()))
            }
            ToStore::Take(connection, session, from, taker) => {
                let kept = records.get_mut(&session).filter(|kept| kept.epoch == from);
                let taken = kept.map(|kept| {
                    (kept.owner, kept.epoch) = (taker.owner, taker.epoch);
                    kept.clone()
                });
                Some(FromStore::Taken(connection, taken))
            }
        };
        if let Some(answer) = answer
            && !self.hosts[from].cut_off
            && !self.chance(self.faults.pool_loss)
        {
            self.after(1, Happening::FromStore { to: from, answer });
        }
    }

    pub(super) fn hear_from_store(&mut self, to: usize, answer: &FromStore) {
        match answer {
            FromStore::Loaded(connection, kept) => {
                let (connection, record) = (*connection, kept.as_ref().map(Kept::stored));
                self.input(to, Input::Loaded { connection, record });
            }
            FromStore::Taken(connection, kept) => {
                let (connection, record) = (*connection, kept.as_ref().map(Kept::stored));
                self.input(to, Input::Taken { connection, record });
            }
            FromStore::Superseded(session, epoch, owner) => {
                let (session, epoch) = (*session, *epoch);
                self.input(
                    to,
                    Input::Superseded {
                        session,
                        epoch,
                        owner,
                    },
                );
            }
        }
    }
}
