//! A pod's life: its threads are started, clients are served, SIGTERM ends it.

mod drain;
mod pace;
mod peers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use signaling_wire::engine_io::{Settings as EngineSettings, Transports};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::sleep;

use self::drain::drain;
use self::peers::{Kept, Line, Peers};
use crate::chat::{Admission, Chat, Mail, Post, Settings, Shared};
use crate::config::Config;
use crate::http::{Cors, Site};
use crate::metrics::Metrics;
use crate::open_files;
use crate::rate_limit::RateLimiter;
use crate::redis::Heard;
use crate::status::{Phase, Status};
use crate::tls::Certificate;
use crate::tls::pods::PodKey;
use crate::traces::Traces;
use crate::transport::{self, Inbox, Pod, Worker};

/// First pings are spread over one part in this many of the ping interval: whoever came in one burst, as after a
/// rollout, would be pinged in one burst from then on, and everybody's signals would wait for that.
const PING_SPREAD: u32 = 5;

/// What every worker needs to start.
struct Parts {
    pod: Arc<Pod>,
    shared: Shared,
    site: Site,
}

/// What a pod proves to others who it is with.
struct Identity {
    /// To other pods.
    secret: Vec<u8>,
    /// To clients, where it speaks TLS.
    certificate: Option<Certificate>,
}

impl Identity {
    fn of(config: &Config) -> anyhow::Result<Self> {
        let secret = peers::secret(config)?;
        let load = |files| Certificate::load(files, &PodKey::of(&secret));
        let certificate = config.server.tls.as_ref().map(load).transpose()?;
        Ok(Self { secret, certificate })
    }
}

/// Runs a pod until it is told to end.
///
/// # Errors
/// When it cannot start, or a worker fails.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let runtime = runtime()?;
    // From now on: a pod that is told to end while it starts still ends in order.
    let signals = {
        let _within = runtime.enter();
        Signals::listen()?
    };
    let identity = Identity::of(config)?;
    let metrics = Arc::new(Metrics::new(config.workers.count));
    let (peers, lines) = Peers::compose(config, &metrics)?;
    let (parts, inboxes) = compose(config, metrics, &identity, peers.as_ref())?;
    if let Some(limit) = open_files::raise(config.max_connections()) {
        tracing::warn!(
            limit,
            connections = config.max_connections(),
            "fewer files may be open than connections are allowed; raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
    let listener = listen(config.server.address)?;
    let address = listener.local_addr()?;
    let posts = Post::among(&config.pod.id, config.workers.count);
    let post = posts
        .first()
        .map(|(post, _)| post.clone())
        .context("a pod has a worker")?;
    let router = parts.site.public(config.server.metrics_address.is_none());
    let internal = config.server.metrics_address.map(listen).transpose()?;
    let mut listener = Some(listener);
    let threads: Vec<JoinHandle<()>> = inboxes
        .into_iter()
        .zip(posts)
        .zip(lines)
        .map(|((inbox, post), line)| start_worker(&parts, &router, inbox, post, line, listener.take()))
        .collect::<Result<_, _>>()?;
    parts.shared.status.enter(Phase::Serving);
    tracing::info!(%address, workers = config.workers.count, max = config.max_connections(), "listening");
    runtime.block_on(async {
        if let Some(internal) = internal {
            tracing::info!(address = %internal.local_addr()?, "metrics");
            let internal = axum::serve(TcpListener::from_std(internal)?, parts.site.internal());
            tokio::spawn(internal.into_future());
        }
        if let Some(certificate) = identity.certificate {
            tokio::spawn(certificate.keep_fresh());
        }
        let lease = peers.map(|peers| {
            let status = Arc::clone(&parts.shared.status);
            peers.keep_lease(config, parts.pod.clock(), status, address)
        });
        serve(config, signals, &parts, &post, &threads, lease).await
    })
}

fn compose(
    config: &Config,
    metrics: Arc<Metrics>,
    identity: &Identity,
    peers: Option<&Peers>,
) -> anyhow::Result<(Parts, Vec<Inbox>)> {
    let workers = config.workers.count;
    let status = Arc::new(Status::new(&config.pod.id, workers, config.max_connections()));
    let traces = config
        .traces
        .as_deref()
        .map(|endpoint| Traces::to(endpoint, &config.pod.id));
    let traces = traces.transpose()?.map(Arc::new);
    let limits = &config.rate_limit;
    let limiter = Arc::new(RateLimiter::new(
        limits.window,
        limits.max_requests,
        config.server.trusted_hops,
    ));
    let admission = Arc::new(Admission::new(
        config.max_connections(),
        workers,
        Arc::clone(&limiter),
        peers.is_some(),
    ));
    let settings = Arc::new(Settings::new(config)?);
    let cors = Cors::new(&config.server.client_origins, config.server.production);
    let mut transport = transport_config(config, &cors, identity);
    if let Some(peers) = peers {
        transport.peers = peers.addresses();
    }
    let (pod, inboxes) = Pod::new(transport, workers);
    let site = Site {
        status: Arc::clone(&status),
        metrics: Arc::clone(&metrics),
        redis: peers.map(Peers::state),
        limiter,
        clock: pod.clock(),
        cors,
        tls: config.server.tls.is_some(),
        demo_page: config.server.demo_page,
    };
    Ok((
        Parts {
            pod,
            shared: Shared {
                settings,
                admission,
                status,
                metrics,
                traces,
            },
            site,
        },
        inboxes,
    ))
}

fn transport_config(config: &Config, cors: &Cors, identity: &Identity) -> transport::Config {
    let engine = &config.engine;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let cors = cors.clone();
    transport::Config {
        cors: match cors.allows_any() {
            true => transport::Cors::any(),
            false => transport::Cors::new(move |origin| cors.allows(origin)),
        },
        pod: config.pod.id.clone(),
        secret: identity.secret.clone(),
        engine_io: EngineSettings {
            ping_interval: millis(engine.ping_interval),
            ping_spread: millis(engine.ping_interval / PING_SPREAD),
            ping_timeout: millis(engine.ping_timeout),
            upgrade_timeout: millis(engine.upgrade_timeout),
            max_payload: engine.max_packet_bytes,
            max_waiting: engine.outbound_buffer_bytes,
            transports: Transports {
                polling: engine.polling,
                websocket: engine.websocket,
            },
            ..EngineSettings::default()
        },
        // Twice, for those who return to a full pod, and some for polls beside their sessions and plain requests.
        max_sockets: usize::try_from(config.max_connections() * 4 + 256).unwrap_or(usize::MAX),
        tls: identity.certificate.as_ref().map(Certificate::acceptor),
        header_timeout: config.server.headers_timeout,
        body_timeout: config.server.body_timeout,
        ..transport::Config::default()
    }
}

/// Binds the address, with a backlog for a whole service's clients that come at once.
fn listen(address: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket
        .bind(&address.into())
        .with_context(|| format!("{address} cannot be bound"))?;
    socket.listen(4096)?;
    Ok(socket.into())
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts one worker's thread. The one that gets the listener accepts for all.
fn start_worker(
    parts: &Parts,
    router: &Router,
    inbox: Inbox,
    (post, mails): (Post, mpsc::Receiver<Mail>),
    line: Option<Line>,
    listener: Option<std::net::TcpListener>,
) -> anyhow::Result<JoinHandle<()>> {
    let (pod, router, shared) = (Arc::clone(&parts.pod), router.clone(), parts.shared.clone());
    let runtime = runtime()?;
    let name = format!("worker-{}", inbox.worker());
    let work = move || {
        let (client, line) = line
            .map(|line| (line.client, (line.listener, line.heard)))
            .unzip();
        let chat = Chat::new(shared, post, client, pod.clock().now());
        LocalSet::new().block_on(&runtime, async move {
            let worker = Worker::start(pod, inbox, chat, router);
            let accepting = async {
                if let Some(listener) = listener {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => transport::accept(&worker, listener).await,
                        Err(error) => tracing::error!(%error, "the listener cannot be used"),
                    }
                }
            };
            let hearing = async {
                if let Some((listener, heard)) = line {
                    tokio::spawn(listener.run());
                    hear(&worker, heard).await;
                }
            };
            tokio::join!(accepting, take_mail(&worker, mails), hearing);
        });
    };
    Ok(std::thread::Builder::new().name(name).spawn(work)?)
}

async fn take_mail(worker: &Worker<Chat>, mut mails: mpsc::Receiver<Mail>) {
    while let Some(mail) = mails.recv().await {
        worker.turn(|chat, engine| {
            chat.mail(mail, engine);
            // What has piled up is one turn: its answers travel together.
            while let Ok(mail) = mails.try_recv() {
                chat.mail(mail, engine);
            }
        });
    }
}

async fn hear(worker: &Worker<Chat>, mut hears: mpsc::Receiver<Heard>) {
    while let Some(heard) = hears.recv().await {
        worker.turn(|chat, engine| {
            chat.heard(heard, engine);
            while let Ok(heard) = hears.try_recv() {
                chat.heard(heard, engine);
            }
        });
    }
}

/// What tells a pod to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal, then drains. A second signal ends the process at once.
async fn serve(
    config: &Config,
    mut signals: Signals,
    parts: &Parts,
    post: &Post,
    threads: &[JoinHandle<()>],
    mut lease: Option<Kept>,
) -> anyhow::Result<()> {
    let lease_failed = async {
        match &mut lease {
            Some(lease) => lease.failed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.next() => {}
        () = any_ended(threads) => anyhow::bail!("a worker has failed"),
        error = lease_failed => return Err(error),
    }
    tokio::select! {
        () = drain(config, parts, post, lease) => Ok(()),
        () = signals.next() => anyhow::bail!("a second signal: not waiting for clients any longer"),
    }
}

/// Ends when a worker's thread has: it does not while all is well.
async fn any_ended(threads: &[JoinHandle<()>]) {
    while !threads.iter().any(JoinHandle::is_finished) {
        sleep(Duration::from_secs(1)).await;
    }
}
