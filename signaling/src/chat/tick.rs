//! What a worker does every now and then.

use signaling_core::time::Millis;

use super::{Chat, TICK};
use crate::metrics::process::thread_cpu_time;
use crate::transport::Engine;

impl Chat {
    pub(super) fn tick(&mut self, now: Millis, engine: &mut Engine) {
        self.tick_at = now + TICK;
        let census = self.worker.census();
        let queued = self.pool.as_ref().map_or(0, |(pool, _)| pool.len());
        self.status.workers()[self.number].report(
            census.waiting as u64,
            census.matched as u64,
            queued as u64,
        );
        self.admission.report_lost(self.number, census.lost);
        self.status.tick(self.number, std::time::Instant::now());
        if let Some(worked) = thread_cpu_time() {
            self.status.workers()[self.number].worked(worked);
        }
        self.metrics.writes_deferred(engine.take_deferred());
        if let Some(ice) = self.settings.changed_ice(self.worker.ice()) {
            self.worker.set_ice(ice);
        }
        self.write_statistics(now);
    }
}
