//! Pods that go away, together or while Redis is away.

use std::time::Duration;

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Service, eventually, health};

/// How many clients each pod has.
const CLIENTS: u32 = 20;
/// How many are closed in a second, by all pods together.
const BUDGET: u32 = 10;

async fn two_full_pods() -> (Service, Vec<Vec<Client>>) {
    let budget = BUDGET.to_string();
    let settings = [
        ("DRAIN_DISCONNECTS_PER_SECOND", &*budget),
        ("DRAIN_TIMEOUT_MS", "60000"),
    ];
    let service = Service::start_with(2, &settings).await;
    let mut clients = Vec::new();
    for pod in &service.pods {
        let mut some = Vec::new();
        for _ in 0..CLIENTS {
            some.push(Client::connect(&pod.target()).await.unwrap());
        }
        clients.push(some);
    }
    (service, clients)
}

/// Tells both pods to end, and how long it took from the first close to the last of each.
async fn drain(pods: &[Pod], clients: Vec<Vec<Client>>) -> Vec<Duration> {
    for pod in pods {
        pod.signal(Signal::TERM).unwrap();
    }
    let mut closing = JoinSet::new();
    for (pod, clients) in clients.into_iter().enumerate() {
        for mut client in clients {
            closing.spawn(async move {
                client.ended().await.unwrap();
                (pod, Instant::now())
            });
        }
    }
    let closed = closing.join_all().await;
    let first = closed.iter().map(|(_, at)| *at).min().unwrap();
    let last = |pod: usize| {
        let its_own = closed.iter().filter(|(closed, _)| *closed == pod);
        its_own.map(|(_, at)| *at - first).max().unwrap()
    };
    (0..pods.len()).map(last).collect()
}

fn ended_in_order(service: &mut Service) {
    for pod in &mut service.pods {
        let status = pod.wait(Duration::from_secs(30)).unwrap();
        assert!(status.success(), "{status}");
        assert!(!pod.log().contains("closing faster than the budget allows"));
    }
}

#[tokio::test]
async fn two_pods_that_drain_at_once_keep_to_one_budget() {
    let (mut service, clients) = two_full_pods().await;
    let took = drain(&service.pods, clients).await;
    let whole = Duration::from_secs((2 * CLIENTS / BUDGET).into());
    // What is closed first is over before the time is taken; a busy machine only makes it longer.
    assert!(*took.iter().max().unwrap() > whole * 3 / 4, "{took:?}");
    // Neither has waited for the other.
    assert!(*took.iter().min().unwrap() > whole * 3 / 8, "{took:?}");
    ended_in_order(&mut service);
}

#[tokio::test]
async fn two_pods_that_drain_while_redis_is_away_take_half_of_the_budget_each() {
    let (mut service, clients) = two_full_pods().await;
    service.redis.pause().unwrap();
    for pod in &service.pods {
        eventually("the pod notices", async || {
            health(pod).await["redis"]["status"] == "away"
        })
        .await;
    }
    let took = drain(&service.pods, clients).await;
    let whole = Duration::from_secs((2 * CLIENTS / BUDGET).into());
    assert!(took.iter().all(|took| *took > whole * 3 / 4), "{took:?}");
    ended_in_order(&mut service);
}
