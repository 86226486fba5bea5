//! Traces (OpenTelemetry, OTLP over HTTP): what became of each search, and how long each match lasted.
//!
//! A match is one trace, whichever workers and pods its two sides are on: the identifiers of trace and spans are derived
//! from the match's own. Its root is the span `match`, which the initiator's side tells; below it lies one span `search`
//! for each side. A search that found nobody is a trace of its own. Nothing says who the people are or what they say.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use sha2::{Digest as _, Sha256};
use signaling_core::id::{MatchId, SessionId};
use signaling_core::time::Millis;
use signaling_core::worker::{EndReason, Record, WaitEnd};

/// How long the last spans may take to leave when the pod ends.
const FLUSH: Duration = Duration::from_secs(2);

/// The way of spans to the collector: a bounded queue (2,048 spans; what does not fit is dropped and logged), sent in
/// batches from a thread of its own. A collector that is away costs the pod nothing.
#[derive(Debug)]
pub struct Traces {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
}

/// The endpoint is of no use.
#[derive(Debug, thiserror::Error)]
#[error("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used: {0}")]
pub struct ExporterError(#[from] ExporterBuildError);

impl Traces {
    /// Sends to `endpoint`, which takes OTLP over HTTP at `/v1/traces`.
    ///
    /// # Errors
    /// When the endpoint is no URL that an HTTP client can be made for.
    pub fn to(endpoint: &str, pod: &str) -> Result<Self, ExporterError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_protocol(Protocol::HttpBinary)
            .build()?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let resource = Resource::builder()
            .with_service_name("signaling")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", pod.to_owned()))
            .build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder("signaling").build();
        Ok(Self { processor, scope })
    }

    /// Makes a span of what happened, where it is the end of something that took time.
    pub fn record(&self, record: &Record, now: Millis) {
        match *record {
            Record::MatchMade {
                match_id,
                session,
                initiator,
                waited,
                same_pod,
            } => {
                let attributes = vec![
                    KeyValue::new("chat.outcome", "matched"),
                    KeyValue::new("chat.initiator", initiator),
                    KeyValue::new("chat.same_pod", same_pod),
                ];
                let place = Place::search(match_id, session);
                self.end("search", place, now, waited, attributes);
            }
            Record::WaitEnded { session, how, waited } => {
                let attributes = vec![KeyValue::new("chat.outcome", wait_end(how))];
                self.end("search", Place::alone(session, now), now, waited, attributes);
            }
            Record::MatchEnded {
                match_id,
                initiator: true,
                reason,
                lasted,
                ..
            } => {
                let attributes = vec![KeyValue::new("chat.reason", reason.as_str())];
                let failed = matches!(reason, EndReason::Error);
                let place = Place {
                    failed,
                    ..Place::root(match_id)
                };
                self.end("match", place, now, lasted, attributes);
            }
            _ => {}
        }
    }

    fn end(&self, name: &'static str, place: Place, now: Millis, took: Duration, attributes: Vec<KeyValue>) {
        let end_time = SystemTime::UNIX_EPOCH + Duration::from_millis(now.0);
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(
                place.trace,
                place.span,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: place.parent,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: end_time - took,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if place.failed {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Sends what there is, and ends. Blocks for two seconds at the most.
    pub fn finish(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// A span's place among the others.
#[derive(Clone, Copy)]
struct Place {
    trace: TraceId,
    span: SpanId,
    parent: SpanId,
    failed: bool,
}

impl Place {
    fn root(match_id: MatchId) -> Self {
        let (trace, span) = ids(&[&match_id.text()]);
        Self {
            trace,
            span,
            parent: SpanId::INVALID,
            failed: false,
        }
    }

    fn search(match_id: MatchId, session: SessionId) -> Self {
        let root = Self::root(match_id);
        let (_, span) = ids(&[&match_id.text(), &session.text()]);
        Self {
            span,
            parent: root.span,
            ..root
        }
    }

    fn alone(session: SessionId, now: Millis) -> Self {
        let (trace, span) = ids(&[&session.text(), &now.0.to_be_bytes()]);
        Self {
            trace,
            span,
            parent: SpanId::INVALID,
            failed: false,
        }
    }
}

fn ids(parts: &[&[u8]]) -> (TraceId, SpanId) {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&digest[..16]);
    span.copy_from_slice(&digest[16..24]);
    (TraceId::from_bytes(trace), SpanId::from_bytes(span))
}

fn wait_end(how: WaitEnd) -> &'static str {
    match how {
        WaitEnd::Cancelled => "cancelled",
        WaitEnd::TimedOut => "timeout",
        WaitEnd::Disconnected => "disconnected",
    }
}

#[cfg(test)]
mod tests;
