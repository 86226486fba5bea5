#![allow(clippy::unwrap_used)]

use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

const NOW: Millis = Millis(1_800_000_000_000);

/// A collector on a free port; what it is sent comes out of the channel.
fn collector() -> (String, mpsc::Receiver<ExportTraceServiceRequest>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let (taken, requests) = mpsc::channel();
    let take = move |body: Bytes| async move {
        taken
            .send(ExportTraceServiceRequest::decode(body).unwrap())
            .unwrap();
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().route("/v1/traces", post(take)))
                .await
                .unwrap();
        });
    });
    (endpoint, requests)
}

fn attribute(span: &Span, key: &str) -> String {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)
        .unwrap();
    format!("{:?}", attribute.value.as_ref().unwrap().value.as_ref().unwrap())
}

#[test]
fn both_sides_of_a_match_are_one_trace_at_the_collector() {
    let (endpoint, requests) = collector();
    let traces = Traces::to(&endpoint, "pod-1").unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let match_id = MatchId::random(&mut rng);
    let [one, other] = [(); 2].map(|()| SessionId::random(&mut rng));
    for (session, initiator) in [(one, true), (other, false)] {
        let waited = Duration::from_secs(2);
        traces.record(
            &Record::MatchMade {
                match_id,
                session,
                initiator,
                waited,
                same_pod: true,
            },
            NOW,
        );
        let (reason, lasted) = (EndReason::Next, Duration::from_secs(60));
        let end = NOW + lasted;
        traces.record(
            &Record::MatchEnded {
                match_id,
                session,
                initiator,
                reason,
                lasted,
            },
            end,
        );
    }
    let (how, waited) = (WaitEnd::TimedOut, Duration::from_secs(60));
    traces.record(
        &Record::WaitEnded {
            session: one,
            how,
            waited,
        },
        NOW,
    );
    traces.finish();

    let request = requests.recv_timeout(Duration::from_secs(10)).unwrap();
    let resource = &request.resource_spans[0];
    let names: Vec<&str> = resource
        .resource
        .as_ref()
        .unwrap()
        .attributes
        .iter()
        .map(|a| a.key.as_str())
        .collect();
    assert!(
        names.contains(&"service.name") && names.contains(&"service.instance.id"),
        "{names:?}"
    );
    let spans = &resource.scope_spans[0].spans;
    let root: Vec<&Span> = spans.iter().filter(|span| span.name == "match").collect();
    assert_eq!(root.len(), 1, "the initiator's side tells the match");
    assert_eq!(
        root[0].end_time_unix_nano - root[0].start_time_unix_nano,
        60_000_000_000
    );
    assert!(attribute(root[0], "chat.reason").contains("next"));
    let searches: Vec<&Span> = spans
        .iter()
        .filter(|span| span.parent_span_id == root[0].span_id)
        .collect();
    assert_eq!(searches.len(), 2);
    assert!(
        searches
            .iter()
            .all(|span| span.name == "search" && span.trace_id == root[0].trace_id)
    );
    assert_ne!(searches[0].span_id, searches[1].span_id);
    let alone = spans
        .iter()
        .find(|span| span.trace_id != root[0].trace_id)
        .unwrap();
    assert!(alone.parent_span_id.is_empty() && attribute(alone, "chat.outcome").contains("timeout"));
}

#[test]
fn a_collector_that_is_away_does_not_hold_up_the_pod() {
    let traces = Traces::to("http://127.0.0.1:9", "pod").unwrap();
    let session = SessionId::random(&mut StdRng::seed_from_u64(1));
    for _ in 0..10_000 {
        let (how, waited) = (WaitEnd::Cancelled, Duration::ZERO);
        traces.record(&Record::WaitEnded { session, how, waited }, NOW);
    }
    traces.finish();
}
