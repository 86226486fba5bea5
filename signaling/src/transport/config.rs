//! How a pod's transport is set up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::header::HeaderValue;
use signaling_wire::engine_io::Settings;
use tokio_rustls::TlsAcceptor;

/// What all workers of a pod have in common.
#[derive(Clone)]
pub struct Config {
    /// The pod's name, which session identifiers carry. Characters other than letters, digits, `.`, `_` and `-` become
    /// `-`.
    pub pod: String,
    /// What session identifiers are sealed with; the same in all pods of a service.
    pub secret: Vec<u8>,
    /// Paths that the engine answers, each with and without its last slash. All else goes to the router.
    pub paths: Vec<String>,
    /// The protocol's settings. [`Settings::max_waiting`] also bounds what waits for a WebSocket to become writable.
    pub engine_io: Settings,
    /// The most sockets that may be open at once, of whatever kind. Beyond, a client is answered 503.
    pub max_sockets: usize,
    /// How long a request's head may take to arrive, and how long a socket may be idle between requests.
    pub header_timeout: Duration,
    /// How long the body of a POST may take to arrive, and a TLS handshake to complete.
    pub body_timeout: Duration,
    /// Which sites' pages may use the engine.
    pub cors: Cors,
    /// Where other pods are reached.
    pub peers: Peers,
    /// Serves TLS, with whatever certificate is in there when a socket is accepted.
    pub tls: Option<Arc<ArcSwap<TlsAcceptor>>>,
}

impl Default for Config {
    /// Path `/socket.io/`, the protocol's default settings, 10,000 sockets, 10 s for heads and 20 s for bodies; no other
    /// sites; no TLS. The name and the (empty) secret are to be set.
    fn default() -> Self {
        Self {
            pod: "pod".to_owned(),
            secret: Vec::new(),
            paths: vec!["/socket.io/".to_owned()],
            engine_io: Settings::default(),
            max_sockets: 10_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            cors: Cors::none(),
            peers: Peers::none(),
            tls: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("pod", &self.pod)
            .field("paths", &self.paths)
            .field("engine_io", &self.engine_io)
            .field("max_sockets", &self.max_sockets)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// Where other pods are reached, `http://host:port` or `https://host:port`, by their names.
#[derive(Clone)]
pub struct Peers(Arc<AddressOf>);

type AddressOf = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Peers {
    /// Those that `address` knows.
    pub fn new(address: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(address))
    }

    /// There are no other pods.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    pub(super) fn address(&self, pod: &str) -> Option<String> {
        (self.0)(pod)
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peers(..)")
    }
}

/// Which origins a browser lets use the engine (CORS).
#[derive(Clone)]
pub struct Cors(Option<Allow>);

type Allow = Arc<dyn Fn(&str) -> bool + Send + Sync>;

impl Cors {
    /// Those that `allow` answers `true` for. They may send credentials.
    pub fn new(allow: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(allow)))
    }

    /// None but the service's own, for which a browser does not ask.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| false)
    }

    /// All, but none with credentials.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// What `Access-Control-Allow-Origin` says to a page of this origin, and whether the page may send credentials; none
    /// where it may not use the engine at all.
    pub(super) fn share(&self, origin: Option<&HeaderValue>) -> Option<(HeaderValue, bool)> {
        let Some(allow) = &self.0 else {
            return Some((HeaderValue::from_static("*"), false));
        };
        let origin = origin.filter(|origin| origin.to_str().is_ok_and(|origin| allow(origin)))?;
        Some((origin.clone(), true))
    }

    /// Whether the answer depends on who asks.
    pub(super) fn varies(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cors(..)")
    }
}
