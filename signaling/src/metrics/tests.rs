#![allow(clippy::unwrap_used)]

use super::*;
use crate::status::Phase;

fn pod() -> (Metrics, Status) {
    (Metrics::new(2), Status::new("pod", 2, 600))
}

fn line<'a>(text: &'a str, series: &str) -> &'a str {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {series} in:\n{text}"))
}

#[test]
fn the_six_names_are_there_from_the_first_scrape() {
    let (metrics, status) = pod();
    let text = metrics.text(&status);
    for series in [
        "webrtc_active_connections",
        "webrtc_total_connections",
        "webrtc_matchmaking_duration_seconds_count",
        "webrtc_signaling_messages_total{type=\"offer\"}",
        "webrtc_signaling_messages_total{type=\"ice_candidate\"}",
        "webrtc_errors_total{type=\"invalid_payload\"}",
        "redis_operation_duration_seconds_count{operation=\"script\"}",
    ] {
        assert_eq!(line(&text, series), "0");
    }
}

#[test]
fn what_workers_count_apart_is_summed_once() {
    let (metrics, status) = pod();
    metrics.worker(0).signal_relayed(SignalKind::Offer, 2000);
    metrics.worker(1).signal_relayed(SignalKind::Offer, 500);
    metrics.worker(1).received(Transport::Polling, 7);
    for _ in 0..2 {
        let text = metrics.text(&status);
        assert_eq!(
            line(&text, "webrtc_signaling_messages_total{type=\"offer\"}"),
            "2"
        );
        assert_eq!(
            line(&text, "webrtc_signaling_bytes_total{type=\"offer\"}"),
            "2500"
        );
        assert_eq!(
            line(&text, "webrtc_received_bytes_total{transport=\"polling\"}"),
            "7"
        );
    }
}

#[test]
fn gauges_follow_the_status() {
    let (metrics, status) = pod();
    status.workers()[1].connected();
    status.workers()[1].report(3, 4, 5);
    status.workers()[1].worked(Duration::from_millis(1500));
    status.enter(Phase::Serving);
    let text = metrics.text(&status);
    for (series, value) in [
        ("webrtc_active_connections", "1"),
        ("webrtc_max_connections", "600"),
        ("webrtc_waiting_sessions", "3"),
        ("webrtc_matched_sessions", "4"),
        ("webrtc_queue_length", "5"),
        ("webrtc_worker_connections{worker=\"1\"}", "1"),
        ("webrtc_worker_busy_seconds_total{worker=\"1\"}", "1.5"),
        ("webrtc_ready", "1"),
    ] {
        assert_eq!(line(&text, series), value, "{series}");
    }
    assert_ne!(line(&text, "process_resident_memory_bytes"), "0");
}

#[test]
fn every_name_follows_the_conventions_of_prometheus() {
    for metric in documented() {
        let total = metric.name.ends_with("_total");
        let exception = metric.name == "webrtc_total_connections";
        assert_eq!(metric.kind == "counter", total || exception, "{}", metric.name);
        assert!(
            metric.kind != "histogram" || metric.name.ends_with("_seconds"),
            "{}",
            metric.name
        );
        assert!(
            metric.help.ends_with('.') || metric.help.ends_with("worker's utilisation."),
            "{}",
            metric.name
        );
    }
}

#[test]
fn business_figures_come_from_the_same_counts() {
    let (metrics, status) = pod();
    let seconds = Duration::from_secs;
    for _ in 0..2 {
        metrics.search_began();
        metrics.search_ended(SearchOutcome::Matched, seconds(2));
    }
    metrics.search_ended(SearchOutcome::Timeout, seconds(60));
    metrics.search_ended(SearchOutcome::Cancelled, seconds(1));
    metrics.match_made(Placement::SamePod);
    metrics.match_ended(MatchEnd::Next, seconds(90));
    for candidate in [CandidateType::Host, CandidateType::Host, CandidateType::Relay] {
        metrics.ice_state(IceState::Connected, candidate, Some(Duration::from_millis(30)));
    }
    metrics.ice_state(IceState::Failed, CandidateType::Unknown, None);
    metrics.worker(0).signal_relayed(SignalKind::ChatMessage, 5);

    let business = metrics.business(&status);
    assert_eq!((business.matches_total, business.matches_today), (1, 1));
    assert_eq!(business.match_success_rate, Some(0.5));
    assert_eq!(business.average_wait_ms, Some(2000.0));
    assert_eq!(business.average_match_seconds, Some(90.0));
    assert_eq!(business.call_success_rate, Some(0.75));
    assert_eq!(business.calls_by_candidate_type["relay"], Some(0.3333));
    assert_eq!(business.resume_success_rate, None);
    assert_eq!(business.chat_messages_total, 1);
    let json = serde_json::to_value(&business).unwrap();
    assert_eq!(json["searches"]["timeout"], 1);
}

#[test]
fn a_slow_reader_is_counted_as_closed_and_as_slow() {
    let (metrics, status) = pod();
    metrics.connection_opened();
    metrics.connection_closed(Closed::SlowReader);
    let text = metrics.text(&status);
    assert_eq!(
        line(&text, "webrtc_closed_connections_total{how=\"slow_reader\"}"),
        "1"
    );
    assert_eq!(line(&text, "webrtc_slow_readers_total"), "1");
    assert_eq!(line(&text, "webrtc_total_connections"), "1");
}
