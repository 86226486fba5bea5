//! The end of a pod.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Parts;
use super::pace::{Allowed, Pace};
use super::peers::Kept;
use crate::chat::Post;
use crate::config::Config;
use crate::status::{Phase, Status};

/// How long a closing connection may take to say goodbye, and the process to end after it.
const GOODBYE: Duration = Duration::from_millis(2_500);
/// How often some are closed.
const STEP: Duration = Duration::from_millis(50);

/// Says that the pod goes, accepts as usual until load balancers know, then closes all connections within what is left of
/// the drain timeout.
pub(super) async fn drain(config: &Config, parts: &Parts, post: &Post, mut lease: Option<Kept>) {
    let deadline = Instant::now() + config.drain.timeout;
    let status = &parts.shared.status;
    status.enter(Phase::Draining);
    let delay = config.drain.shutdown_delay.min(config.drain.timeout);
    tracing::info!(
        delay_ms = delay.as_millis(),
        "draining: not ready from now on, still accepting"
    );
    sleep(delay).await;
    parts.shared.admission.close();
    let closing = close_all(config, status, post, lease.as_mut(), deadline);
    let left = deadline.saturating_duration_since(Instant::now());
    if timeout(left, closing).await.is_err() {
        tracing::warn!(left = status.occupancy().active, "the drain timeout has passed");
    }
    parts.pod.stop_accepting();
    if let Some(lease) = lease {
        lease.give_up().await;
    }
    if let Some(traces) = &parts.shared.traces {
        traces.finish();
    }
    tracing::info!("drained");
}

/// Closes connections until there are none, as fast as the service's budget allows and the deadline demands.
async fn close_all(
    config: &Config,
    status: &Status,
    post: &Post,
    mut lease: Option<&mut Kept>,
    deadline: Instant,
) {
    let connections = status.occupancy().active;
    let elsewhere = lease.as_ref().map_or(0, |lease| lease.connections_elsewhere());
    let budget = config.drain.budget(connections + elsewhere);
    tracing::info!(connections, per_second = budget, "closing connections");
    let start = Instant::now();
    let mut pace = Pace::new(budget, (deadline - start).saturating_sub(GOODBYE));
    for worker in status.workers() {
        worker.stay(worker.occupancy().active);
    }
    let mut told = false;
    while status.occupancy().active > 0 {
        let left = status.staying();
        let allowed = match &mut lease {
            Some(lease) if left > 0 => lease.allows(left, budget).await,
            _ => Allowed::Part { of: 1 },
        };
        let at = start.elapsed();
        let closes = pace.step(allowed, left, at);
        if pace.hurries() && !std::mem::replace(&mut told, true) {
            let per_second = pace.needed(left, at);
            tracing::warn!(connections, per_second, "closing faster than the budget allows");
        }
        post.drain(shares(status, closes)).await;
        // Pods that drain together do not always ask in the same order.
        sleep(STEP.mul_f64(rand::random_range(0.5..1.5))).await;
    }
}

/// How many each worker closes: all are done at the same time.
fn shares(status: &Status, mut closes: u64) -> Vec<usize> {
    let mut left = status.staying();
    let workers = status.workers().iter();
    workers
        .map(|worker| {
            let own = worker.staying();
            let share = (closes * own).div_ceil(left.max(1)).min(closes);
            closes -= share;
            left -= own.min(left);
            usize::try_from(share).unwrap_or(usize::MAX)
        })
        .collect()
}
