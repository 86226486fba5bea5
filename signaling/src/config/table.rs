//! The table of environment variables: name, type with bounds, default and sentence of each. The documentation and
//! `.env.example` are generated from it.

use super::variable::Default::{Unset, Value};
use super::variable::{Effect, Kind, Variable, variables};

const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, unit: "" }
}

const fn ms(min: u64, max: u64) -> Kind {
    Kind::Number { min, max, unit: "ms" }
}

const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: "seconds",
    }
}

const fn bytes(min: u64, max: u64) -> Kind {
    Kind::Number {
        min,
        max,
        unit: "bytes",
    }
}

const fn list(of: &'static str, prefixes: &'static [&'static str]) -> Kind {
    Kind::List { of, prefixes }
}

const PORT_NUMBER: Kind = number(0, 65_535);
const HOUR_MS: u64 = 3_600_000;
const MIB: u64 = 1_048_576;

variables! {
"Server": {
    /// `production` switches the demo page and localhost origins off and logs JSON; everything else counts as
    /// development.
    NODE_ENV: Kind::Text("a word such as production or development"), Value("development");
    /// The address to listen on.
    HOST: Kind::Text("an IPv4 or IPv6 address, or localhost"), Value("0.0.0.0");
    /// The port for clients; 0 takes a free one.
    PORT: PORT_NUMBER, Value("3000");
    /// A second port, for `/metrics`, `/metrics/business`, `/health/detailed` and `/health/system`, which then leave
    /// the client port.
    METRICS_PORT: PORT_NUMBER, Unset("all on `PORT`");
    /// The origins whose pages may connect, or `*` for any. Outside production every localhost origin may, too.
    CLIENT_URL: list("origins such as https://chat.example.com, or *", &["*", "http://", "https://"]), Value("http://localhost:3001");
    /// Serve the demo page at `/`.
    DEMO_PAGE: Kind::Flag, Unset("true outside production");
    /// How many proxies in front add to `X-Forwarded-For`: that many of its last entries are believed.
    TRUST_PROXY: number(0, 16), Value("0");
    /// How long the head of a request may take to arrive, and how long a connection may idle between two requests.
    HTTP_HEADERS_TIMEOUT_MS: ms(100, HOUR_MS), Value("10000");
    /// How long the body of a request may take to arrive, a TLS handshake to complete, and a client to take more of an
    /// answer.
    HTTP_BODY_TIMEOUT_MS: ms(100, HOUR_MS), Value("20000");
    /// The certificate chain (PEM). With it and `TLS_KEY_FILE` the client port speaks HTTPS; both are read again when
    /// they change.
    TLS_CERT_FILE: Kind::Path, Unset("plain HTTP");
    /// The certificate's private key (PEM).
    TLS_KEY_FILE: Kind::Path, Unset("plain HTTP");
}
"Workers": {
    /// The number of worker threads.
    CLUSTER_WORKERS: number(1, 256), Value("4");
    /// Connections for each worker; the pod takes this many times `CLUSTER_WORKERS`.
    MAX_CONNECTIONS_PER_WORKER: number(1, 1_000_000), Value("300");
}
"Socket.IO": {
    /// The transports offered to clients.
    SOCKET_IO_TRANSPORTS: Kind::SomeOf(&["websocket", "polling"]), Value("websocket,polling");
    /// How long the server waits for the answer to a ping before the connection counts as lost.
    SOCKET_IO_PING_TIMEOUT: ms(100, HOUR_MS), Value("30000");
    /// How often the server pings.
    SOCKET_IO_PING_INTERVAL: ms(100, HOUR_MS), Value("15000");
    /// How long a client may take from its connection to its first CONNECT packet.
    SOCKET_IO_CONNECT_TIMEOUT: ms(100, HOUR_MS), Value("45000");
    /// How long an upgrade from polling may take from the opening of the WebSocket.
    SOCKET_IO_UPGRADE_TIMEOUT: ms(100, HOUR_MS), Value("10000");
}
"Matching and sessions": {
    /// How long a person waits for a partner before `match_timeout`.
    MATCH_TIMEOUT_MS: ms(100, HOUR_MS), Value("60000");
    /// How long a lost session is kept for its person's return, counted from when the server noticed.
    RESUME_WINDOW_MS: ms(100, HOUR_MS), Value("60000");
    /// Who gets the offsets of Socket.IO's connection state recovery: browsers and whoever asks (`auto`), everyone, or
    /// nobody.
    SESSION_RECOVERY: Kind::OneOf(&["auto", "always", "never"]), Value("auto");
}
"Limits": {
    /// The window of the rate limit for new connections and plain HTTP requests of one client address.
    RATE_LIMIT_WINDOW_MS: ms(100, 86_400_000), Value("60000");
    /// How many of them a client address has in one window; 0 lifts the limit.
    RATE_LIMIT_MAX_REQUESTS: number(0, 1_000_000_000), Value("200");
    /// The longest session description.
    MAX_SDP_BYTES: bytes(1024, MIB), Value("65536");
    /// The longest ICE candidate.
    MAX_CANDIDATE_BYTES: bytes(256, 65_536), Value("4096");
    /// The longest chat message.
    MAX_TEXT_BYTES: bytes(1, 65_536), Value("4096");
    /// The longest criteria of `find_match` (with at most 10 interests of 64 characters).
    MAX_CRITERIA_BYTES: bytes(64, 65_536), Value("2048");
    /// The longest packet: what a client learns as `maxPayload`.
    MAX_PACKET_BYTES: bytes(1024, 16 * MIB), Value("131072");
    /// How much a slow client may leave unread before it is cut off.
    OUTBOUND_BUFFER_BYTES: bytes(16_384, 64 * MIB), Value("262144");
}
"TURN and STUN": {
    /// TURN servers that share `TURN_SECRET` (coturn's `use-auth-secret`).
    TURN_URLS: list("turn: or turns: URLs", &["turn:", "turns:"]), Unset("no TURN");
    /// The secret shared with the TURN servers; two, comma-separated, while it is rotated: the first one signs.
    TURN_SECRET: Kind::Secret, Unset("no TURN");
    /// How long TURN credentials are good for; fresh ones are sent at 80 % of it.
    TURN_TTL_SECONDS: seconds(60, 604_800), Value("3600");
    /// STUN servers; empty turns them off.
    STUN_URLS: list("stun: or stuns: URLs", &["stun:", "stuns:"]), Value("stun:stun.l.google.com:19302");
}
"Authentication": {
    /// Clients show a JWT signed with this secret (HS256, HS384 or HS512; 32 bytes at least are advised).
    AUTH_JWT_SECRET: Kind::Secret, Unset("no authentication");
    /// Clients show a JWT signed by the owner of this public key (PEM: RSA, EC P-256 or P-384, or Ed25519).
    AUTH_JWT_PUBLIC_KEY_FILE: Kind::Path, Unset("no authentication");
    /// Clients show a JWT signed by one of the keys of this JSON Web Key Set, found by `kid`.
    AUTH_JWKS_FILE: Kind::Path, Unset("no authentication");
    /// The audience that a token must name.
    AUTH_JWT_AUDIENCE: Kind::Text("text"), Unset("any; then a token for another audience is refused only by its key");
    /// The issuer that a token must name.
    AUTH_JWT_ISSUER: Kind::Text("text"), Unset("any");
}
"Pod": {
    /// This pod's name among its peers.
    POD_ID: Kind::Text("1 to 63 letters, digits, hyphens and dots"), Unset("the host name");
    /// The address at which other pods reach this one.
    POD_ADDRESS: Kind::Text("host:port"), Unset("the address from which Redis is reached, with `PORT`");
    /// What all pods of a service share, to trust each other.
    POD_SECRET: Kind::Secret, Unset("made of Redis' password; without Redis, drawn anew at each start");
    /// How long a pod's lease in Redis is good for. It is renewed more often; a pod that has not renewed it for twice as
    /// long counts as lost. The same in all pods.
    POD_LEASE_MS: ms(200, 600_000), Value("5000");
    /// How long connections are still accepted after SIGTERM, until load balancers have noticed.
    SHUTDOWN_DELAY_MS: ms(0, 600_000), Value("5000");
    /// How long after SIGTERM the process has ended at the latest.
    DRAIN_TIMEOUT_MS: ms(1000, HOUR_MS), Value("30000");
    /// How many connections a second all pods that drain close together; the rate rises where the deadline demands it. The same in all pods.
    DRAIN_DISCONNECTS_PER_SECOND: number(1, 1_000_000), Unset("50, or all pods' sessions ÷ 120 where that is more");
}
"Logging and tracing": {
    /// What is logged; `http`, `verbose` and `silly` are Node's names and mean debug, debug and trace.
    LOG_LEVEL: Kind::OneOf(&["error", "warn", "info", "http", "verbose", "debug", "silly", "trace"]), Value("info");
    /// One JSON object a line, or text for people.
    LOG_FORMAT: Kind::OneOf(&["json", "text"]), Unset("json in production, else text");
    /// Where traces of searches and matches go: an OpenTelemetry collector that takes OTLP over HTTP at `/v1/traces`.
    OTEL_EXPORTER_OTLP_ENDPOINT: Kind::Text("http:// or https:// URL"), Unset("no traces");
}
"Redis": {
    /// The Redis that pods share; a comma list names Sentinels or seeds of a cluster.
    REDIS_URL: list("redis:// or rediss:// URLs", &["redis://", "rediss://"]), Unset("embedded: one pod on its own");
    /// The kind of Redis behind `REDIS_URL`.
    REDIS_TOPOLOGY: Kind::OneOf(&["standalone", "sentinel", "cluster"]), Value("standalone");
    /// The name of the master that the Sentinels watch.
    REDIS_SENTINEL_MASTER: Kind::Text("text"), Unset("needed with sentinel");
    /// The user to log in as.
    REDIS_USERNAME: Kind::Text("text"), Unset("the default user");
    /// The password to log in with.
    REDIS_PASSWORD: Kind::Secret, Unset("none");
    /// The certificate authority (PEM) that Redis' certificate is checked against.
    REDIS_TLS_CA_FILE: Kind::Path, Unset("the system's authorities");
    /// What every key and channel begins with: two services on one Redis never meet.
    REDIS_PREFIX: Kind::Text("1 to 128 letters, digits and any of -_.:/"), Value("chat");
    /// Connections over which this pod asks Redis, shared among its workers, one for each at least. Each worker has another
    /// one on which it listens.
    REDIS_POOL_SIZE: number(1, 1024), Value("8");
    /// How long a session's record outlives its last refresh.
    REDIS_TTL_SOCKET_MAP: seconds(60, 31_536_000), Value("7200");
    /// How long a match's record outlives its last refresh.
    REDIS_TTL_MATCH_MAP: seconds(60, 31_536_000), Value("3600");
    /// How long the statistics of a user outlive their last change: sessions, searches, matches and so on of whoever shows a JWT.
    REDIS_TTL_USER_STATS: seconds(60, 31_536_000), Value("172800");
}
"Kafka": {
    /// The brokers to publish events to.
    KAFKA_BROKERS: list("host:port pairs", &[]), Unset("off"), NotYetUsed;
    /// The topic for events.
    KAFKA_TOPIC_EVENTS: Kind::Text("1 to 249 letters, digits and any of -_."), Value("webrtc-events"), NotYetUsed;
    /// How many events go into one batch at most.
    KAFKA_BATCH_SIZE: number(1, 100_000), Value("100"), NotYetUsed;
    /// How long an event waits for its batch to fill.
    KAFKA_BATCH_TIMEOUT: ms(0, 60_000), Value("1000"), NotYetUsed;
    /// How brokers are spoken to.
    KAFKA_SECURITY_PROTOCOL: Kind::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Value("PLAINTEXT"), NotYetUsed;
    /// How the pod logs in where the protocol is one of SASL.
    KAFKA_SASL_MECHANISM: Kind::OneOf(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]), Value("SCRAM-SHA-512"), NotYetUsed;
    /// The user to log in as.
    KAFKA_SASL_USERNAME: Kind::Text("text"), Unset("none"), NotYetUsed;
    /// The password to log in with.
    KAFKA_SASL_PASSWORD: Kind::Secret, Unset("none"), NotYetUsed;
    /// The certificate authority (PEM) that the brokers' certificates are checked against.
    KAFKA_TLS_CA_FILE: Kind::Path, Unset("the system's authorities"), NotYetUsed;
    /// The certificate (PEM) to show to brokers that ask for one.
    KAFKA_TLS_CERT_FILE: Kind::Path, Unset("none"), NotYetUsed;
    /// The private key (PEM) of `KAFKA_TLS_CERT_FILE`.
    KAFKA_TLS_KEY_FILE: Kind::Path, Unset("none"), NotYetUsed;
}
"Node.js": {
    /// Accepted from older deployments.
    NODE_OPTIONS: Kind::Text("text"), Unset("none"), None;
    /// Accepted from older deployments.
    UV_THREADPOOL_SIZE: Kind::Text("text"), Unset("none"), None;
}
}
