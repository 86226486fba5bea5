//! Redis of every kind, and what is said of one that will not do.

use chat_tests::client::Client;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;

use super::matching::pair;
use super::{eventually, health};

/// The rules for the user `pods` of the README, for this prefix.
pub(super) fn access_control_list(prefix: &str) -> String {
    let readme = include_str!("../../../README.md");
    let mut rules = readme.lines().filter_map(|line| line.strip_prefix("user "));
    rules.next().unwrap().replace("chat:", &format!("{prefix}:"))
}

/// A pod that is not expected to reach its Redis.
fn lonely(settings: &[(&str, &str)]) -> Pod {
    Pod::start(&[super::QUICK, &[("POD_ID", "pod-0")], settings].concat()).unwrap()
}

/// The pod goes on, and says why it has no Redis: in one line of its log, and in its health.
async fn says(pod: &Pod, words: &str) {
    eventually(words, async || {
        let redis = &health(pod).await["redis"];
        redis["error"].as_str().is_some_and(|error| error.contains(words))
    })
    .await;
    let told = health(pod).await;
    assert_eq!(told["redis"]["status"], "away", "{told}");
    assert_eq!(told["reasons"], serde_json::json!(["redis"]), "{told}");
    assert_eq!(super::status(pod, "/health/ready").await, 503);
    eventually("it tries again and again", async || {
        let metrics = super::get(pod, "/metrics").await;
        let count = "redis_operation_duration_seconds_count{operation=\"connect\"} ";
        let tries = metrics.lines().find_map(|line| line.strip_prefix(count));
        tries.is_some_and(|tries| tries.parse::<u32>().unwrap() >= 20)
    })
    .await;
    let lines = pod.log();
    let lines = lines
        .lines()
        .filter(|line| line.contains("\"WARN\"") && line.contains(words));
    assert_eq!(lines.count(), 1, "tried again and again, said once");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_tried_again() {
    let redis = Redis::start(&["--requirepass", "right"]).unwrap();
    let file = std::env::temp_dir().join(format!("redis-password-{}", std::process::id()));
    std::fs::write(&file, "wrong").unwrap();
    let url = redis.url();
    let pod = lonely(&[
        ("REDIS_URL", &url),
        ("REDIS_PASSWORD_FILE", file.to_str().unwrap()),
    ]);
    says(&pod, "REDIS_PASSWORD").await;
    std::fs::write(&file, "right").unwrap();
    eventually("the password is read again", async || {
        health(&pod).await["status"] == "ok"
    })
    .await;
    std::fs::remove_file(&file).unwrap();
    assert!(!pod.log().contains("wrong"), "no secret in the log");
}

#[tokio::test]
async fn the_access_control_list_of_the_readme_and_a_database_number_will_do() {
    let rule = access_control_list("acme");
    let words: Vec<&str> = ["--user"].into_iter().chain(rule.split(' ')).collect();
    let redis = Redis::start(&words).unwrap();
    let url = format!("redis://{}/7", redis.address());
    let settings = [
        ("REDIS_USERNAME", "pods"),
        ("REDIS_PASSWORD", "secret"),
        ("REDIS_PREFIX", "acme"),
    ];
    let pods: Vec<Pod> = (0..2)
        .map(|number| super::start_pod(&url, number, &settings))
        .collect();
    super::have_met(&pods).await;
    pair(&pods[0], &pods[1]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_and_tried_again() {
    let pod = lonely(&[("REDIS_URL", "redis://127.0.0.1:1")]);
    says(&pod, "Redis cannot be reached").await;
    // Whoever comes all the same is served by the pod on its own.
    Client::pair(&pod.target()).await.unwrap();
}

#[tokio::test]
async fn tls_that_the_server_does_not_speak_is_told() {
    let redis = Redis::start(&[]).unwrap();
    let pod = lonely(&[("REDIS_URL", &redis.url().replace("redis://", "rediss://"))]);
    says(&pod, "TLS").await;
}

#[tokio::test]
async fn a_private_authority_vouches_for_the_server() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let path = |what: &str| std::env::temp_dir().join(format!("redis-{what}-{}.pem", std::process::id()));
    let (certificate, key) = (path("certificate"), path("key"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let [authority, key_file] = [&certificate, &key].map(|path| path.to_str().unwrap());
    let redis = Redis::start_tls(authority, key_file).unwrap();
    let url = redis.url().replace("redis://127.0.0.1", "rediss://localhost");
    let pods: Vec<Pod> = (0..2)
        .map(|number| super::start_pod(&url, number, &[("REDIS_TLS_CA_FILE", authority)]))
        .collect();
    super::have_met(&pods).await;
    pair(&pods[0], &pods[1]).await;
    let stranger = lonely(&[("REDIS_URL", &url)]);
    says(&stranger, "TLS").await;
    std::fs::remove_file(&certificate).unwrap();
    std::fs::remove_file(&key).unwrap();
}

#[test]
fn what_no_retry_can_help_ends_the_pod_with_one_line() {
    let redis = Redis::start(&[]).unwrap();
    let cluster = Redis::start(&["--cluster-enabled", "yes"]).unwrap();
    let wrong_database = format!("{}/99", redis.url());
    let cases = [
        (
            wrong_database,
            "standalone",
            "the database number in REDIS_URL is refused",
        ),
        (
            redis.url(),
            "cluster",
            "REDIS_TOPOLOGY=cluster, but the server is of mode standalone",
        ),
        (
            cluster.url(),
            "standalone",
            "REDIS_TOPOLOGY=standalone, but the server is of mode cluster",
        ),
    ];
    for (url, topology, words) in cases {
        let settings = [
            ("REDIS_URL", &*url),
            ("REDIS_TOPOLOGY", topology),
            ("POD_SECRET", "x"),
        ];
        let (status, said) = Pod::fail(&settings).unwrap();
        assert!(!status.success(), "{said}");
        assert_eq!(said.matches(words).count(), 1, "{words} in {said}");
    }
}
