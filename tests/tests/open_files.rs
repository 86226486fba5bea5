//! A pod is not bound by the number of open files that a shell allows by default.
#![allow(clippy::unwrap_used)]

use chat_tests::client::Client;
use chat_tests::open_files;
use chat_tests::pod::{Pod, binary};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const CLIENTS: u64 = 150;

#[tokio::test]
async fn a_pod_serves_more_clients_than_its_soft_limit_of_open_files() {
    binary().unwrap();
    let limits = getrlimit(Resource::Nofile);
    let low = Rlimit {
        current: Some(100),
        ..limits
    };
    // The pod inherits the limit.
    setrlimit(Resource::Nofile, low).unwrap();
    let pod = Pod::start(&[]).unwrap();
    open_files::allow(CLIENTS).unwrap();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&pod.target()).await.unwrap());
    }
    assert!(!pod.log().contains("fewer files"), "{}", pod.log());
    drop(clients);
    pod.stop().unwrap();
}

#[test]
fn a_pod_says_when_even_the_hard_limit_is_too_low() {
    let settings = [
        ("MAX_CONNECTIONS_PER_WORKER", "1000000"),
        ("CLUSTER_WORKERS", "4"),
    ];
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < 4_000_000 => {
            let pod = Pod::start(&settings).unwrap();
            assert!(pod.log().contains("raise the limit"), "{}", pod.log());
        }
        // This machine has no limit that could be too low.
        _ => {}
    }
}
