//! What is counted and measured while people come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::connection::{ConnectError, Ended};
use crate::websocket::{Closed, OpenError, Traffic};

/// The longest time that is measured, in microseconds; what takes longer counts as this.
const LONGEST: u64 = 600_000_000;

/// What went wrong in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// How often.
    pub count: u64,
    /// The first time, in words.
    pub first: String,
}

/// Times in microseconds.
#[derive(Debug)]
pub(crate) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are constants, and valid"))
    }
}

/// Times in milliseconds, as the summary has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// What 95 of 100 do not exceed.
    pub p95: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    /// Counts a time in microseconds.
    pub(crate) fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros.max(1));
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let millis = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1e3;
        let rounded = |micros: u64| (millis(micros) * 1e3).round() / 1e3;
        Percentiles {
            count: self.0.len(),
            p50: rounded(self.0.value_at_quantile(0.50)),
            p95: rounded(self.0.value_at_quantile(0.95)),
            p99: rounded(self.0.value_at_quantile(0.99)),
            max: rounded(self.0.max()),
        }
    }
}

/// Everything that is counted and measured.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections that joined the namespace.
    pub(crate) connects: u64,
    /// Sessions that came back to where they were.
    pub(crate) resumed: u64,
    /// Connections that the server closed because it goes away, having said so.
    pub(crate) drained: u64,
    /// Connections that were refused because the server goes away.
    pub(crate) refused_draining: u64,
    pub(crate) match_timeouts: u64,
    /// Calls in which everything came to both.
    pub(crate) calls: u64,
    pub(crate) events_sent: u64,
    pub(crate) events_received: u64,
    pub(crate) connect: Times,
    pub(crate) match_wait: Times,
    pub(crate) setup: Times,
    pub(crate) signal: Times,
    pub(crate) acknowledgement: Times,
    /// How late the test's own clock was.
    pub(crate) lag: Times,
    pub(crate) traffic: Traffic,
    pub(crate) faults: BTreeMap<String, Fault>,
}

impl Tally {
    /// Counts an error of this kind; `words` tell of the first.
    pub(crate) fn fault(&mut self, kind: impl Into<String>, words: impl FnOnce() -> String) {
        let fault = self.faults.entry(kind.into()).or_default();
        if fault.count == 0 {
            fault.first = words();
        }
        fault.count += 1;
    }

    /// How many errors there were.
    pub(crate) fn errors(&self) -> u64 {
        self.faults.values().map(|fault| fault.count).sum()
    }

    /// Counts a connection that did not come about. That a server which goes away refuses is no error.
    pub(crate) fn not_connected(&mut self, error: &ConnectError) {
        if is_draining(error) {
            self.refused_draining += 1;
        } else {
            self.fault(format!("connect: {}", connect_kind(error)), || error.to_string());
        }
    }

    /// Counts a connection that was lost.
    pub(crate) fn lost(&mut self, ended: &Ended) {
        self.fault(format!("lost: {}", end_kind(ended)), || ended.to_string());
    }

    /// Adds the bytes of a connection that is over.
    pub(crate) fn add_traffic(&mut self, traffic: Traffic) {
        self.traffic.sent += traffic.sent;
        self.traffic.received += traffic.received;
    }
}

/// Whether the server refused because it goes away.
fn is_draining(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Open(OpenError::Refused { body, .. }) if refusal_code(body) == Some("draining"))
}

/// The contract's code in the body of a refusal.
fn refusal_code(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("\"code\":\"")?;
    rest.split_once('"').map(|(code, _)| code)
}

/// A kind of failure to connect, without what differs from one time to the next.
pub(crate) fn connect_kind(error: &ConnectError) -> String {
    match error {
        ConnectError::Open(OpenError::Io(error)) => error.kind().to_string(),
        ConnectError::Open(OpenError::Refused { status, body, .. }) => match refusal_code(body) {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        },
        ConnectError::Open(OpenError::Invalid(what)) => (*what).to_owned(),
        ConnectError::Ended(ended) => end_kind(ended),
        ConnectError::Refused(_) => "the namespace is refused".to_owned(),
    }
}

/// A kind of end, without what differs from one time to the next.
fn end_kind(ended: &Ended) -> String {
    match ended {
        Ended::Closed(Closed::Frame { code, .. }) => format!("close code {code}"),
        Ended::Closed(Closed::Ended) => "no close frame".to_owned(),
        Ended::Closed(Closed::Failed(kind)) => kind.to_string(),
        Ended::Closed(Closed::Protocol(_)) | Ended::Protocol(_) => "broken protocol".to_owned(),
        Ended::Disconnected => "disconnected".to_owned(),
        Ended::SessionClosed => "session closed".to_owned(),
        Ended::Refused(status) => format!("a poll was answered with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> ConnectError {
        ConnectError::Open(OpenError::Refused {
            status,
            retry_after: None,
            body: body.to_owned(),
        })
    }

    #[test]
    fn errors_are_counted_by_kind_with_the_first_in_words() {
        let mut tally = Tally::default();
        tally.not_connected(&refused(503, r#"{"code":"capacity","message":"full"}"#));
        tally.not_connected(&refused(503, r#"{"code":"capacity","message":"still full"}"#));
        tally.lost(&Ended::Closed(Closed::Ended));
        assert_eq!(tally.errors(), 3);
        let fault = &tally.faults["connect: 503 capacity"];
        assert_eq!(fault.count, 2);
        assert!(fault.first.contains("full") && !fault.first.contains("still"));
        assert!(tally.faults.contains_key("lost: no close frame"));
    }

    #[test]
    fn a_server_that_goes_away_may_refuse() {
        let mut tally = Tally::default();
        tally.not_connected(&refused(503, r#"{"code":"draining","message":"try again"}"#));
        assert_eq!((tally.errors(), tally.refused_draining), (0, 1));
    }

    #[test]
    fn times_are_told_in_milliseconds() {
        let mut times = Times::default();
        for micros in 1..=1000 {
            times.record(micros * 100);
        }
        let Percentiles {
            count, p50, p99, max, ..
        } = times.percentiles();
        assert_eq!(count, 1000);
        assert!(
            (49.9..50.2).contains(&p50) && (98.9..99.2).contains(&p99),
            "{p50} {p99}"
        );
        assert!((99.9..100.2).contains(&max));
    }
}
