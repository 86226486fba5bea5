//! The load test against a real pod: it passes where all is well, and names what is not.
#![allow(clippy::unwrap_used)]

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chat_tests::client::PATIENCE;
use chat_tests::pod::Pod;
use chat_tests::proxy::{Proxy, Tamper};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::RwLock;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// How a load test ended.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    /// The summary, or null.
    summary: Value,
    /// Progress, or why there is nothing to test.
    words: String,
}

/// The one test that says how the service does under load has the machine for itself.
static MACHINE: RwLock<()> = RwLock::const_new(());

async fn load_test(url: &str, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load-test"));
    command
        .args(["--serverUrl", url, "--json"])
        .args(arguments)
        .stdin(Stdio::null());
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    Outcome {
        code: output.status.code(),
        summary: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        words: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A GET without a client library; the answer's body as JSON.
async fn get(address: SocketAddr, path: &str) -> Value {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// Waits until a pod says that this holds of its connections.
async fn until(pod: &Pod, holds: impl Fn(&Value) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let connections = get(pod.address(), "/health/connections").await;
        if holds(&connections) {
            return;
        }
        assert!(Instant::now() < deadline, "{connections}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until most of these people are in a call.
async fn until_they_talk(pod: &Pod, people: u64) {
    until(pod, |connections| {
        connections["matched"].as_u64().unwrap() > people * 2 / 3
    })
    .await;
}

#[tokio::test]
async fn two_hundred_people_call_each_other_without_an_error_and_leave_nothing_behind() {
    let _alone = MACHINE.write().await;
    let pod = Pod::start(&[]).unwrap();
    let arguments = [
        "--maxConnections",
        "200",
        "--testDuration",
        "8000",
        "--rampUpTime",
        "2000",
    ];
    let Outcome { code, summary, words } = load_test(&pod.url(), &arguments).await;
    assert_eq!(code, Some(0), "{summary:#}\n{words}");
    assert_eq!(
        (&summary["passed"], &summary["errors"]["total"]),
        (&true.into(), &0.into())
    );
    assert_eq!(summary["connections"]["peak"], 200);
    assert_eq!(summary["history"]["counts"], serde_json::json!({}));
    let count = |pointer: &str| summary.pointer(pointer).unwrap().as_u64().unwrap();
    assert!(count("/matches") >= 100 && count("/calls") >= 100, "{summary:#}");
    assert!(count("/signals/received") >= 42 * count("/calls"));
    assert!(count("/signals/acknowledged") <= count("/signals/sent"));
    for latency in ["connect", "matchWait", "callSetup", "signal", "acknowledgement"] {
        let latency = &summary["latencyMs"][latency];
        let [p50, p95, p99] = ["p50", "p95", "p99"].map(|name| latency[name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{latency}");
    }
    assert!(
        words.contains("200 of 200 connected"),
        "progress was told: {words}"
    );
    // Everybody has left by a close frame, so nobody is waited for.
    until(&pod, |connections| {
        ["active", "waiting", "matched", "queued"]
            .iter()
            .all(|name| connections[name] == 0)
    })
    .await;
    pod.stop().unwrap();
}

/// Told whether a message is a chosen one, puts into the list what is to be sent instead.
type Choosy = Box<dyn FnMut(bool, &str, &mut Vec<String>) + Send>;

/// Has `what`, of which each connection has its own, tamper with one of many events of this name. It is told of each
/// message whether it is the chosen one.
fn to_some<T>(
    event: &str,
    one_of: usize,
    what: impl Fn() -> T + Send + Sync + 'static,
) -> impl Fn(usize) -> Tamper
where
    T: FnMut(bool, &str, &mut Vec<String>) + Send + 'static,
{
    let seen = Arc::new(AtomicUsize::new(1));
    let prefix = format!("42[\"{event}\"");
    move |_| {
        let (seen, prefix, mut what) = (Arc::clone(&seen), prefix.clone(), what());
        Box::new(move |text, out| {
            let is_one = text.starts_with(&prefix);
            let chosen = is_one && seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(one_of);
            what(chosen, text, out);
        })
    }
}

/// Replaces the chosen ones.
fn replacing(
    replace: impl Fn(&str, &mut Vec<String>) + Clone + Send + Sync + 'static,
) -> impl Fn() -> Choosy {
    move || {
        let replace = replace.clone();
        Box::new(move |chosen, text, out| {
            if chosen {
                replace(text, out);
            } else {
                out.push(text.to_owned());
            }
        })
    }
}

/// Runs a load test of some milliseconds through a proxy that does this, and expects that this law is named.
async fn expect_breach(law: &str, duration: &str, tamper: impl Fn(usize) -> Tamper + Send + Sync + 'static) {
    let _shared = MACHINE.read().await;
    let pod = Pod::start(&[("CLUSTER_WORKERS", "2")]).unwrap();
    let proxy = Proxy::start(pod.address(), tamper).await.unwrap();
    let arguments = [
        "--maxConnections",
        "20",
        "--testDuration",
        duration,
        "--rampUpTime",
        "0",
    ];
    let Outcome { code, summary, words } = load_test(&proxy.url(), &arguments).await;
    assert_eq!(code, Some(1), "{summary:#}\n{words}");
    assert_eq!(summary["passed"], false);
    assert!(
        summary["history"]["counts"][law].as_u64().unwrap_or(0) > 0,
        "{law} is not among {summary:#}"
    );
    let breaches = summary["history"]["breaches"].as_array().unwrap();
    assert!(
        breaches
            .iter()
            .any(|breach| breach["law"] == law && breach["matchId"].is_string())
    );
    pod.stop().unwrap();
}

#[tokio::test]
async fn a_signal_that_is_dropped_is_found_to_be_lost() {
    // Batches of five keep step with each other: a number that is no multiple of five hits both sides of the calls.
    expect_breach(
        "lost",
        "4000",
        to_some("webrtc_ice_candidate", 13, replacing(|_, _| {})),
    )
    .await;
}

#[tokio::test]
async fn a_signal_that_comes_twice_is_found_to_be_duplicated() {
    let twice = |text: &str, out: &mut Vec<String>| out.extend([text.to_owned(), text.to_owned()]);
    expect_breach(
        "duplicated",
        "4000",
        to_some("webrtc_ice_candidate", 50, replacing(twice)),
    )
    .await;
}

#[tokio::test]
async fn a_signal_that_is_overtaken_is_found_to_be_reordered() {
    let held_back = || {
        let mut held = None;
        move |chosen: bool, text: &str, out: &mut Vec<String>| {
            if chosen {
                held = Some(text.to_owned());
                return;
            }
            out.push(text.to_owned());
            // Only behind another candidate: what overtakes it is what it is about.
            if text.starts_with("42[\"webrtc_ice_candidate\"") {
                out.extend(held.take());
            }
        }
    };
    expect_breach(
        "reordered",
        "4000",
        to_some("webrtc_ice_candidate", 50, held_back),
    )
    .await;
}

#[tokio::test]
async fn a_signal_of_another_match_is_found_to_be_crossed() {
    let forge = |text: &str, out: &mut Vec<String>| {
        let (before, _) = text.split_once("\"matchId\":\"").unwrap();
        let (_, after) = text.split_once("\",\"from\":\"").unwrap();
        out.push(format!(
            "{before}\"matchId\":\"AAAAAAAAAAAAAAAAAAAA\",\"from\":\"{after}"
        ));
    };
    expect_breach(
        "crossed",
        "4000",
        to_some("webrtc_ice_candidate", 50, replacing(forge)),
    )
    .await;
}

#[tokio::test]
async fn a_changed_byte_is_found_to_be_nothing_that_the_partner_sent() {
    let change = |text: &str, out: &mut Vec<String>| out.push(text.replacen("typ ", "typ_", 1));
    expect_breach(
        "crossed",
        "4000",
        to_some("webrtc_ice_candidate", 50, replacing(change)),
    )
    .await;
}

#[tokio::test]
async fn a_partner_who_never_hears_of_the_match_is_found_to_be_a_ghost() {
    expect_breach("ghost", "8000", to_some("match_found", 4, replacing(|_, _| {}))).await;
}

#[tokio::test]
async fn who_loses_the_connection_comes_back_to_the_match() {
    let _shared = MACHINE.read().await;
    let pod = Pod::start(&[]).unwrap();
    let proxy = Proxy::honest(pod.address()).await.unwrap();
    let url = proxy.url();
    let arguments = [
        "--maxConnections",
        "30",
        "--testDuration",
        "8000",
        "--rampUpTime",
        "0",
    ];
    let test = load_test(&url, &arguments);
    let cut = async {
        until_they_talk(&pod, 30).await;
        proxy.cut();
    };
    let (Outcome { code, summary, words }, ()) = tokio::join!(test, cut);
    // A lost connection is an error of the service, but the promises hold.
    assert_eq!(code, Some(1), "{summary:#}\n{words}");
    let kinds: Vec<&String> = summary["errors"]["byKind"].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["lost: no close frame"], "{summary:#}");
    assert_eq!(summary["history"]["counts"], serde_json::json!({}), "{summary:#}");
    // Whoever was in a match: others may not have been told their token yet.
    assert!(
        summary["connections"]["resumed"].as_u64().unwrap() > 20,
        "{summary:#}"
    );
}

#[tokio::test]
async fn what_is_promised_holds_while_connections_are_cut_again_and_again() {
    let _shared = MACHINE.read().await;
    let pod = Pod::start(&[]).unwrap();
    let proxy = Proxy::honest(pod.address()).await.unwrap();
    let url = proxy.url();
    let arguments = [
        "--maxConnections",
        "30",
        "--testDuration",
        "12000",
        "--rampUpTime",
        "0",
    ];
    let mut test = std::pin::pin!(load_test(&url, &arguments));
    let mut cuts = tokio::time::interval(Duration::from_millis(200));
    let Outcome { summary, words, .. } = loop {
        tokio::select! {
            outcome = &mut test => break outcome,
            _ = cuts.tick() => proxy.cut_one_of(10),
        }
    };
    assert_eq!(
        summary["history"]["counts"],
        serde_json::json!({}),
        "{summary:#}\n{words}"
    );
    assert!(
        summary["connections"]["resumed"].as_u64().unwrap() > 20,
        "{summary:#}"
    );
    let mut kinds = summary["errors"]["byKind"].as_object().unwrap().keys();
    assert!(
        kinds.all(|kind| kind.starts_with("lost: ") || kind.starts_with("connect: ")),
        "{summary:#}"
    );
}

#[tokio::test]
async fn a_pod_that_drains_is_left_for_the_next_without_an_error() {
    let _shared = MACHINE.read().await;
    let mut old = Pod::start(&[("DRAIN_TIMEOUT_MS", "10000")]).unwrap();
    let new = Pod::start(&[]).unwrap();
    let proxy = Proxy::honest(old.address()).await.unwrap();
    let url = proxy.url();
    let arguments = [
        "--maxConnections",
        "30",
        "--testDuration",
        "10000",
        "--rampUpTime",
        "0",
    ];
    let test = load_test(&url, &arguments);
    let rollout = async {
        until_they_talk(&old, 30).await;
        proxy.turn_to(new.address());
        old.signal(Signal::TERM).unwrap();
    };
    let (Outcome { code, summary, words }, ()) = tokio::join!(test, rollout);
    assert_eq!(code, Some(0), "{summary:#}\n{words}");
    assert_eq!(summary["connections"]["drained"], 30, "{summary:#}");
    assert!(old.wait(PATIENCE).unwrap().success());
}

#[tokio::test]
async fn a_service_with_a_private_certificate_is_tested_when_it_is_trusted() {
    let _shared = MACHINE.read().await;
    let folder = std::env::temp_dir().join(format!("chat-load-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let settings = [
        ("TLS_CERT_FILE", &*file("cert.pem")),
        ("TLS_KEY_FILE", &*file("key.pem")),
    ];
    let pod = Pod::start(&settings).unwrap();
    let url = format!("https://localhost:{}", pod.address().port());
    let short = [
        "--maxConnections",
        "10",
        "--testDuration",
        "3000",
        "--rampUpTime",
        "0",
    ];
    let Outcome { code, words, .. } = load_test(&url, &short).await;
    assert_eq!(code, Some(2));
    assert!(words.contains("certificate"), "{words}");
    let certificate = file("cert.pem");
    let trusting = [&short[..], &["--caFile", &certificate]].concat();
    let Outcome { code, summary, words } = load_test(&url, &trusting).await;
    assert_eq!(code, Some(0), "{summary:#}\n{words}");
    std::fs::remove_dir_all(&folder).unwrap();
    pod.stop().unwrap();
}

#[tokio::test]
async fn who_interrupts_a_test_is_told_what_it_came_to() {
    let _shared = MACHINE.read().await;
    let pod = Pod::start(&[]).unwrap();
    let test = Command::new(env!("CARGO_BIN_EXE_load-test"))
        .args([
            "--serverUrl",
            &pod.url(),
            "--json",
            "--maxConnections",
            "30",
            "--rampUpTime",
            "0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until_they_talk(&pod, 30).await;
    let process = Pid::from_raw(i32::try_from(test.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    let output = spawn_blocking(move || test.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.code().is_some(), "{summary:#}");
    assert!(summary["durationMs"].as_u64().unwrap() < 60_000);
    assert!(summary["matches"].as_u64().unwrap() >= 10, "{summary:#}");
    pod.stop().unwrap();
}

#[tokio::test]
async fn what_cannot_be_tested_is_said_in_one_sentence() {
    // A port that was free a moment ago, and a server that knows nothing of us.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Outcome { code, words, .. } = load_test(&format!("http://{free}"), &[]).await;
    assert_eq!(code, Some(2));
    assert!(
        words.contains("cannot be tested") && words.contains("make run"),
        "{words}"
    );
    let pod = Pod::start(&[("SOCKET_IO_TRANSPORTS", "polling")]).unwrap();
    let Outcome { code, words, .. } = load_test(&pod.url(), &[]).await;
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("the server answered 400"), "{words}");
    let Outcome { code, words, .. } = load_test("localhost:3000", &[]).await;
    assert_eq!(code, Some(2));
    assert!(words.contains("a URL begins with http://"), "{words}");
    let Outcome { code, words, .. } = load_test("http://localhost:3000", &["--rampUpTime", "70000"]).await;
    assert_eq!(code, Some(2));
    assert!(words.contains("--rampUpTime 70000 must not be longer"), "{words}");
    let Outcome { code, .. } = load_test("http://localhost:3000", &["--connections", "9"]).await;
    assert_eq!(code, Some(2));
}
