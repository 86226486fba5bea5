//! What a load test came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use signaling_core::history::Report;

use super::options::Options;
use super::tally::{Fault, Percentiles, Tally};

/// What a load test came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// There was no error, and no law of [`signaling_core::history`] was broken.
    pub passed: bool,
    /// Whom it was run against.
    pub server_url: String,
    /// How long it took, with the leaving of all, in milliseconds.
    pub duration_ms: u64,
    /// About the connections.
    pub connections: Connections,
    /// Matches that were made.
    pub matches: usize,
    /// How often somebody was told that nobody had been found.
    pub match_timeouts: u64,
    /// Calls in which everything that both sent came to the other.
    pub calls: u64,
    /// About the signals.
    pub signals: Signals,
    /// How long things took, in milliseconds.
    pub latency_ms: Latencies,
    /// Bytes on the wire, with their framing.
    pub bytes: Bytes,
    /// Errors by kind.
    pub errors: Errors,
    /// What everybody saw, judged.
    pub history: Report,
}

/// About the connections.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// How many there should be.
    pub wanted: u32,
    /// The most that there were at once.
    pub peak: usize,
    /// How often one was opened.
    pub opened: u64,
    /// How often a session was resumed.
    pub resumed: u64,
    /// How many the server closed because it goes away, having said so.
    pub drained: u64,
    /// How often a server that goes away refused.
    pub refused_draining: u64,
}

/// About the signals.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signals {
    /// Sent,
    pub sent: usize,
    /// acknowledged,
    pub acknowledged: usize,
    /// and received by the partner.
    pub received: usize,
    /// Received in the average second.
    pub per_second: f64,
}

/// How long things took.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latencies {
    /// From the first packet to the joined namespace.
    pub connect: Percentiles,
    /// From `find_match` to `match_found`.
    pub match_wait: Percentiles,
    /// From `match_found` until all descriptions and candidates have been exchanged.
    pub call_setup: Percentiles,
    /// From one client to the other.
    pub signal: Percentiles,
    /// From an event to its acknowledgement.
    pub acknowledgement: Percentiles,
    /// How late the load test itself was: what is above is too long by about as much.
    pub own_lag: Percentiles,
}

/// Bytes on the wire.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bytes {
    /// Sent by the clients.
    pub sent: u64,
    /// Received by the clients.
    pub received: u64,
}

/// Errors by kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Errors {
    /// All of them.
    pub total: u64,
    /// Each kind, and the first of it in words.
    pub by_kind: BTreeMap<String, Fault>,
}

impl Summary {
    pub(super) fn new(
        options: &Options,
        peak: usize,
        duration: Duration,
        tally: Tally,
        history: Report,
    ) -> Self {
        let errors = tally.errors();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = history.received as f64 / duration.as_secs_f64().max(0.001);
        Self {
            passed: errors == 0 && history.is_clean(),
            server_url: options.server_url.clone(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            connections: Connections {
                wanted: options.max_connections,
                peak,
                opened: tally.connects,
                resumed: tally.resumed,
                drained: tally.drained,
                refused_draining: tally.refused_draining,
            },
            matches: history.matches,
            match_timeouts: tally.match_timeouts,
            calls: tally.calls,
            signals: Signals {
                sent: history.sent,
                acknowledged: history.acknowledged,
                received: history.received,
                per_second: (per_second * 10.0).round() / 10.0,
            },
            latency_ms: Latencies {
                connect: tally.connect.percentiles(),
                match_wait: tally.match_wait.percentiles(),
                call_setup: tally.setup.percentiles(),
                signal: tally.signal.percentiles(),
                acknowledgement: tally.acknowledgement.percentiles(),
                own_lag: tally.lag.percentiles(),
            },
            bytes: Bytes {
                sent: tally.traffic.sent,
                received: tally.traffic.received,
            },
            errors: Errors {
                total: errors,
                by_kind: tally.faults,
            },
            history,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "PASSED" } else { "FAILED" };
        let seconds = Duration::from_millis(self.duration_ms).as_secs_f64();
        writeln!(f, "{verdict}: {} for {seconds:.1} s\n", self.server_url)?;
        let Connections {
            wanted,
            peak,
            opened,
            resumed,
            drained,
            refused_draining,
        } = self.connections;
        writeln!(
            f,
            "connections  {peak} of {wanted} at once, {opened} opened, {resumed} resumed"
        )?;
        if drained + refused_draining > 0 {
            writeln!(
                f,
                "             {drained} drained, {refused_draining} refused by a server that goes away"
            )?;
        }
        writeln!(
            f,
            "matches      {}, {} calls set up, {} timeouts",
            self.matches, self.calls, self.match_timeouts
        )?;
        let Signals {
            sent,
            acknowledged,
            received,
            per_second,
        } = self.signals;
        writeln!(
            f,
            "signals      {sent} sent, {acknowledged} acknowledged, {received} received ({per_second:.0}/s)"
        )?;
        writeln!(
            f,
            "bytes        {} sent, {} received",
            Size(self.bytes.sent),
            Size(self.bytes.received)
        )?;
        self.latency_ms.fmt(f)?;
        write!(f, "\nerrors       {}", self.errors.total)?;
        for (kind, Fault { count, first }) in &self.errors.by_kind {
            write!(f, "\n  {count:>7}    {kind} (first: {first})")?;
        }
        write!(
            f,
            "\nhistories    {}",
            self.history.to_string().replace('\n', "\n             ")
        )
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "milliseconds", "p50", "p95", "p99", "max", "count"
        )?;
        for (name, times) in [
            ("connect", self.connect),
            ("match wait", self.match_wait),
            ("call setup", self.call_setup),
            ("signal, one way", self.signal),
            ("acknowledgement", self.acknowledgement),
            ("load test's own lag", self.own_lag),
        ] {
            let Percentiles {
                count,
                p50,
                p95,
                p99,
                max,
            } = times;
            writeln!(
                f,
                "{name:<22}{p50:>10.2}{p95:>10.2}{p99:>10.2}{max:>10.2}{count:>10}"
            )?;
        }
        Ok(())
    }
}

/// A number of bytes.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        let megabytes = self.0 as f64 / 1e6;
        write!(f, "{megabytes:.1} MB")
    }
}
