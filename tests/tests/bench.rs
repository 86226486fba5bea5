//! The bench measures; what it measures is not judged here, for that takes a quiet machine.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::process::Command;

use chat_tests::pod;
use serde_json::Value;

/// Runs the bench in a hurry: its table, and what it has written.
fn run_quickly(options: &[&str]) -> (String, Value) {
    let name = format!("bench-{}-{}.json", options[1], std::process::id());
    let json = std::env::temp_dir().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--quick", "--rounds", "1"])
        .args(options)
        .arg("--json")
        .arg(&json)
        .env("SIGNALING_BIN", pod::binary().unwrap())
        .output()
        .unwrap();
    let (table, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{table}\n{log}");
    let report = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(&json).unwrap();
    (table.into_owned(), report)
}

/// How many samples of a quantity were taken of a server.
fn measured(report: &Value, quantity: &str, server: &str) -> usize {
    let rows = report["measured"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["quantity"] == quantity && row["server"] == server);
    row.unwrap_or_else(|| panic!("no {quantity} of {server}"))["samples"]
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn the_bench_measures_pod_and_echo_and_writes_what_it_found() {
    let sections = "memory,relay,latency,handshakes,match";
    let (table, report) = run_quickly(&["--only", sections, "--sessions", "200", "--servers", "pod,echo"]);
    assert!(table.contains("CPU per 100,000 events relayed"), "{table}");
    for quantity in [
        "idle_memory",
        "call_memory",
        "after_memory",
        "relay_cpu",
        "latency_p99",
        "handshake_rate",
    ] {
        let samples = ["pod", "echo"].map(|server| measured(&report, quantity, server));
        assert_eq!(samples, [1, 1], "{quantity}");
    }
    assert_eq!(measured(&report, "match_cpu", "pod"), 1);
    // All but the comparison with Node can be judged.
    assert_eq!(report["targets"].as_array().unwrap().len(), 6);
}

#[test]
fn the_bench_measures_what_goes_from_pod_to_pod_over_redis() {
    let (table, report) = run_quickly(&["--only", "cross", "--sessions", "50", "--servers", "pod"]);
    assert!(table.contains("CPU per 100,000 events between them"), "{table}");
    for quantity in [
        "cross_cpu",
        "cross_redis_cpu",
        "alone_cpu",
        "four_cpu",
        "event_commands",
        "cross_latency_p99",
        "cross_match_cpu",
        "match_commands",
    ] {
        assert_eq!(measured(&report, quantity, "pod"), 1, "{quantity}");
    }
    // All but the comparisons with Node can be judged.
    assert_eq!(report["targets"].as_array().unwrap().len(), 2);
}
