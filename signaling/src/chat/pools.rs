//! The two pools: the pod's own, and that of all pods.
//!
//! A ticket is in the pod's own pool from the start, and in that of all pods once its person has waited long enough for a
//! neighbour. Either may pair it, or both: owners decide, and a second claim comes to nothing. While Redis is away, the
//! pod's own pool is the only one.

use signaling_core::pairing::{Reply, Request};
use signaling_core::worker::Input;

use super::Chat;
use crate::redis;
use crate::transport::Engine;

impl Chat {
    pub(super) fn ask_pools(&mut self, request: Request, engine: &Engine) {
        if let Some(redis) = &self.redis {
            let concerns_all = match &request {
                Request::Enter(ticket) => {
                    let far = ticket.anywhere_from <= engine.now();
                    if far {
                        self.ticketed.insert(ticket.session, ());
                    }
                    far
                }
                Request::Leave { session, .. } => self.ticketed.remove(session).is_some(),
                Request::Block { .. } => true,
            };
            if concerns_all {
                redis.ask_pool(request.clone(), engine.now());
            }
        }
        self.ask_own_pool(request, engine);
    }

    fn ask_own_pool(&mut self, request: Request, engine: &Engine) {
        let Some((pool, rng)) = &mut self.pool else {
            return self.post.ask(request);
        };
        let reply = pool.handle(request, engine.now(), rng);
        if let Some(reply) = reply.and_then(|reply| self.of_own_pool(reply)) {
            self.worker
                .handle(Input::Pool(reply), engine.now(), &mut self.outputs);
        }
    }

    /// What the worker is to know of the own pool's answer. Where there is a pool of all pods, that one tells places, and
    /// remembers blocks. While it is away, the people of one pod find a partner as many times slower as there are pods.
    pub(super) fn of_own_pool(&self, mut reply: Reply) -> Option<Reply> {
        let Some(state) = self.redis.as_ref().map(redis::Client::state) else {
            return Some(reply);
        };
        match &mut reply {
            Reply::Blocked { .. } => return None,
            Reply::Waiting { .. } if state.is_up() => return None,
            Reply::Waiting {
                estimated_wait_ms, ..
            } => {
                let pods = state.peers().len() as u64 + 1;
                let longest = u64::try_from(self.settings.match_timeout().as_millis()).unwrap_or(u64::MAX);
                *estimated_wait_ms = estimated_wait_ms.saturating_mul(pods).min(longest);
            }
            Reply::Claimed(_) | Reply::Full { .. } => {}
        }
        Some(reply)
    }
}
