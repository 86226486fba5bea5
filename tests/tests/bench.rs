//! The bench measures; what it measures is not judged here, for that takes a quiet machine.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use std::process::Command;

use chat_tests::pod;
use serde_json::Value;

#[test]
fn the_bench_measures_pod_and_echo_and_writes_what_it_found() {
    let json = std::env::temp_dir().join(format!("bench-{}.json", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([
            "--quick",
            "--rounds",
            "1",
            "--sessions",
            "200",
            "--servers",
            "pod,echo",
            "--json",
        ])
        .arg(&json)
        .env("SIGNALING_BIN", pod::binary().unwrap())
        .output()
        .unwrap();
    let (table, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{table}\n{log}");
    assert!(table.contains("CPU per 100,000 events relayed"), "{table}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    std::fs::remove_file(&json).unwrap();
    let measured = |quantity: &str, server: &str| {
        let rows = report["measured"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["quantity"] == quantity && row["server"] == server);
        row.unwrap_or_else(|| panic!("no {quantity} of {server}"))["samples"]
            .as_array()
            .unwrap()
            .len()
    };
    for quantity in [
        "idle_memory",
        "call_memory",
        "after_memory",
        "relay_cpu",
        "latency_p99",
        "handshake_rate",
    ] {
        assert_eq!(
            (measured(quantity, "pod"), measured(quantity, "echo")),
            (1, 1),
            "{quantity}"
        );
    }
    assert_eq!(measured("match_cpu", "pod"), 1);
    // All but the comparison with Node can be judged.
    assert_eq!(report["targets"].as_array().unwrap().len(), 6);
}
