//! Does what the plan says.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::kind::Kind;
use super::network::Blow;
use super::plan::{Fault, Plan};
use super::service::Service;
use super::timeline::Timeline;
use crate::load_test::crowd::Crowd;

/// What faults are done to, and where they are written down.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) service: Rc<Service>,
    pub(super) crowd: Rc<Crowd>,
    pub(super) timeline: Rc<RefCell<Timeline>>,
}

impl Scene {
    /// Lets everything happen in its time, and answers when all of it is over.
    pub(super) async fn play(&self, plan: &Plan, progress: &mut impl FnMut(&str)) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut under_way = JoinSet::new();
        for fault in plan.faults.iter().copied() {
            tokio::select! {
                () = sleep_until(start + fault.at) => {}
                failed = first_failure(&mut under_way) => return failed,
            }
            progress(&fault.to_string());
            let scene = self.clone();
            under_way.spawn_local(async move {
                let done = scene.carry_out(fault).await;
                done.with_context(|| format!("the fault cannot be carried out: {fault}"))
            });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn carry_out(&self, fault: Fault) -> anyhow::Result<()> {
        let Self { service, .. } = self;
        let slot = service.slot(fault.target);
        if matches!(
            fault.kind,
            Kind::RedisRestored | Kind::MasterKilled | Kind::FailedOver
        ) {
            service
                .with_servers(move |servers| servers.prepare(&fault))
                .await?;
        }
        let number = self.timeline.borrow_mut().begin(fault, self.crowd.now());
        match fault.kind {
            Kind::PodKilled => service.kill_pod(slot, fault.lasts).await?,
            Kind::PodPaused | Kind::PodStopped => service.stop_pod(slot, fault.lasts).await?,
            Kind::PodDrained => service.drain_pod(slot).await?,
            Kind::RedisUnreachable | Kind::RedisDelayed => {
                let (link, _) = slot.redis.as_ref().context("there is one Redis")?;
                weather(link, &fault).await;
            }
            Kind::PodUnreachable | Kind::PodDelayed => weather(&slot.clients, &fault).await,
            Kind::ClientsDropped => service
                .client_links()
                .for_each(|link| link.strike(fault.degree, Blow::Drop)),
            Kind::HalfClosed => {
                service
                    .client_links()
                    .for_each(|link| link.strike(fault.degree, Blow::HalfClose));
            }
            Kind::RedisEmptied
            | Kind::RedisRestarted
            | Kind::RedisFlushed
            | Kind::RedisRestored
            | Kind::MasterKilled
            | Kind::FailedOver => {
                service
                    .with_servers(move |servers| servers.carry_out(&fault))
                    .await?
            }
        }
        self.timeline.borrow_mut().end(number, self.crowd.now());
        Ok(())
    }
}

/// Lets nothing pass, or all of it late, for a while.
async fn weather(link: &super::network::Link, fault: &Fault) {
    match fault.kind {
        Kind::RedisDelayed | Kind::PodDelayed => {
            link.delay(Duration::from_millis(fault.degree.into()));
            sleep(fault.lasts).await;
            link.delay(Duration::ZERO);
        }
        _ => {
            link.silence(true);
            sleep(fault.lasts).await;
            link.silence(false);
        }
    }
}

/// Waits for the first that fails; for ever, where none does.
async fn first_failure(under_way: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    loop {
        match under_way.join_next().await {
            Some(Ok(Ok(()))) => {}
            Some(failed) => return failed?,
            None => std::future::pending().await,
        }
    }
}
