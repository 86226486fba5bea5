//! How a worker of a pod that goes away closes connections: as many as it is told to.

use std::time::Duration;

use signaling_core::id::ConnectionId;
use signaling_core::worker::Input;

use super::Chat;
use crate::transport::Engine;

/// When a client that is sent away should come back; by then its load balancer knows better.
const RECONNECT_IN: Duration = Duration::from_millis(500);

impl Chat {
    /// Tells `some` clients when to come back, and closes their connections; says how many are left.
    pub(super) fn drain(&mut self, some: usize, engine: &mut Engine) {
        let mut staying = self.staying(engine);
        let left = staying.len().saturating_sub(some);
        staying.truncate(some);
        for connection in staying {
            if let Some(socket) = self.sockets.get_mut(&connection) {
                socket.leaving = true;
            }
            let reconnect_in = RECONNECT_IN;
            let input = Input::Drain {
                connection,
                reconnect_in,
            };
            self.run(input, engine);
        }
        self.status.workers()[self.number].stay(left as u64);
    }

    fn staying(&self, engine: &Engine) -> Vec<ConnectionId> {
        let stays = |id: &_| self.sockets.get(id).is_some_and(|socket| !socket.leaving);
        engine.ids().filter(stays).collect()
    }
}
