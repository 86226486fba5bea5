//! A session as it is kept for an owner to come, should this one be lost: without what its person sent, which dies with
//! the owner, and without what belongs to the connection.
//!
//! A record is one version byte and the postcard form. Fields are added at the end, as with frames.

use crate::session::{Chat, Match, Presence, Session};
use crate::time::Millis;

/// The version of the records that are written.
const VERSION: u8 = 1;

/// After how many signals of one side a record is written again, for their numbers' sake.
pub(crate) const SIGNALS_PER_RECORD: u64 = 1_000;

/// Stands behind a record that is read: the fields that its writer may not have known.
const ABSENT: [u8; 8] = [0; 8];

/// Not a record of a version that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record of version {VERSION}")]
pub(crate) struct UnreadableRecord;

impl Session {
    /// Appends the session's record and, where it is in a match, that of its side of the match. Answers where the second
    /// begins.
    pub(crate) fn write_record(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let lost = Presence::Lost {
            until: Millis(0),
            clean: false,
        };
        let presence = std::mem::replace(&mut self.presence, lost);
        let matched = match &mut self.chat {
            Chat::Matched(_) => Some(std::mem::replace(&mut self.chat, Chat::Idle)),
            _ => None,
        };
        write(self, out);
        self.presence = presence;
        let Some(Chat::Matched(mut matched)) = matched else {
            return None;
        };
        let second = out.len();
        matched.write_record(out);
        self.chat = Chat::Matched(matched);
        Some(second)
    }

    /// Reads a session's record, and that of its side of a match.
    pub(crate) fn read_record(record: &[u8], matched: Option<&[u8]>) -> Result<Self, UnreadableRecord> {
        let mut session: Self = read(record)?;
        if let Some(matched) = matched {
            let mut matched: Match = read(matched)?;
            // Nobody knows what came after the record. No number may come twice.
            matched.all_acknowledged = false;
            matched.held.pass_all();
            matched.numbered_from = matched.sent.last() + 2 * SIGNALS_PER_RECORD;
            matched.sent.skip_to(matched.numbered_from);
            session.chat = Chat::Matched(Box::new(matched));
        }
        Ok(session)
    }
}

impl Match {
    fn write_record(&mut self, out: &mut Vec<u8>) {
        let numbered = self.sent.without_signals();
        let sent = std::mem::replace(&mut self.sent, numbered);
        let held = std::mem::take(&mut self.held);
        write(self, out);
        (self.sent, self.held) = (sent, held);
    }
}

fn write(what: &impl serde::Serialize, out: &mut Vec<u8>) {
    out.push(VERSION);
    *out = postcard::to_extend(what, std::mem::take(out)).expect("a Vec takes every record");
}

fn read<T: serde::de::DeserializeOwned>(record: &[u8]) -> Result<T, UnreadableRecord> {
    match record.split_first() {
        Some((&VERSION, body)) => {
            postcard::from_bytes(&[body, &ABSENT].concat()).map_err(|_| UnreadableRecord)
        }
        _ => Err(UnreadableRecord),
    }
}
