//! Records of sessions, for whoever owns them next.

use signaling_core::time::Millis;
use signaling_core::worker::{Input, Output};

use super::Chat;
use crate::redis::records::{Ask, Save};

impl Chat {
    /// Carries out an output that concerns a record; there are none without Redis.
    pub(super) fn ask_record(&mut self, output: Output, now: Millis) {
        let Some(redis) = &self.redis else { return };
        let bytes = |range: &std::ops::Range<usize>| self.outputs.slice(range).to_vec();
        let ask = match output {
            Output::Save {
                session,
                epoch,
                body,
                matched,
            } => Ask::Save(Save {
                session,
                epoch,
                body: bytes(&body),
                matched: matched.as_ref().map(bytes).unwrap_or_default(),
            }),
            Output::Forget { session, epoch } => Ask::Forget { session, epoch },
            Output::Load { connection, session } => Ask::Load { connection, session },
            Output::Take {
                connection,
                session,
                from,
                epoch,
            } => Ask::Take {
                connection,
                session,
                from,
                epoch,
            },
            _ => return,
        };
        let looked_for = match ask {
            Ask::Load { connection, .. } => Some(connection),
            _ => None,
        };
        if !redis.ask_record(ask)
            && let Some(connection) = looked_for
        {
            let record = None;
            self.worker
                .handle(Input::Loaded { connection, record }, now, &mut self.outputs);
        }
    }

    /// A pod that was stopped, or cut off, finds out before it does anything else.
    pub(super) fn notice_silence(&mut self, now: Millis) {
        let Some(renewed) = self.redis.as_ref().and_then(|redis| redis.state().renewed_at()) else {
            return;
        };
        let silent = now.since(renewed) >= self.settings.silence();
        if silent && !std::mem::replace(&mut self.silent, silent) {
            self.worker.handle(Input::Interrupted, now, &mut self.outputs);
        }
    }
}
