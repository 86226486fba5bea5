//! The service that is broken: pods over a Redis, behind a balancer without stickiness.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::kind::Topology;
use super::network::{Entrance, Link};
use super::servers::Servers;
use super::timers::Timers;
use crate::pod::{self, Pod};
use crate::target::Target;

/// How long a pod may take to be ready; longer than Redis is away.
const READY: Duration = Duration::from_secs(40);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(50);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// What a service is made of.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) topology: Topology,
    pub(super) pods: usize,
    pub(super) workers: usize,
    pub(super) timers: Timers,
    pub(super) log_level: String,
    /// Where pods' logs go, and what Redis keeps.
    pub(super) folder: PathBuf,
}

/// A running service.
#[derive(Debug)]
pub(super) struct Service {
    shape: Shape,
    servers: Arc<Mutex<Servers>>,
    environment: Vec<(&'static str, String)>,
    slots: Vec<Slot>,
    front: Entrance,
}

/// A place for a pod, as a Deployment has several.
#[derive(Debug)]
pub(super) struct Slot {
    number: usize,
    /// How many pods of other names it has had.
    generation: AtomicU32,
    pod: Arc<tokio::sync::Mutex<Option<Pod>>>,
    /// The way from clients to the pod, and from the pod to Redis where that is one server.
    pub(super) clients: Arc<Link>,
    pub(super) redis: Option<(Arc<Link>, Entrance)>,
}

impl Service {
    /// Starts Redis and the pods, and waits until they are ready.
    pub(super) async fn start(shape: Shape) -> anyhow::Result<Self> {
        let servers = {
            let (topology, folder) = (shape.topology, shape.folder.clone());
            spawn_blocking(move || Servers::start(topology, &folder)).await??
        };
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut slots = Vec::new();
        for number in 0..shape.pods {
            let redis = match servers.single() {
                Some(address) => {
                    let link = Link::new(address);
                    let entrance = Entrance::open(vec![Arc::clone(&link)]).await?;
                    Some((link, entrance))
                }
                None => None,
            };
            slots.push(Slot {
                number,
                generation: AtomicU32::new(0),
                pod: Arc::default(),
                clients: Link::new(nowhere),
                redis,
            });
        }
        let front = Entrance::open(slots.iter().map(|slot| Arc::clone(&slot.clients)).collect()).await?;
        let service = Self {
            environment: servers.environment(),
            servers: Arc::new(Mutex::new(servers)),
            shape,
            slots,
            front,
        };
        for slot in &service.slots {
            let pod = service.start_pod(slot).await?;
            slot.clients.turn_to(pod.address());
            *slot.pod.lock().await = Some(pod);
        }
        for slot in &service.slots {
            service.until_ready(slot).await?;
        }
        Ok(service)
    }

    /// Where clients find it.
    pub(super) fn target(&self) -> Target {
        Target::plain(self.front.address())
    }

    pub(super) fn slot(&self, number: usize) -> &Slot {
        &self.slots[number]
    }

    /// The ways from clients to all pods.
    pub(super) fn client_links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.slots.iter().map(|slot| &slot.clients)
    }

    /// Does something to Redis that blocks.
    pub(super) async fn with_servers(
        &self,
        act: impl FnOnce(&mut Servers) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let servers = Arc::clone(&self.servers);
        spawn_blocking(move || act(&mut servers.lock().unwrap_or_else(PoisonError::into_inner))).await?
    }

    async fn start_pod(&self, slot: &Slot) -> anyhow::Result<Pod> {
        let name = slot.name();
        let workers = self.shape.workers.to_string();
        let mut settings: Vec<(String, String)> = [
            ("POD_ID", &*name),
            ("POD_SECRET", "of this service"),
            ("CLUSTER_WORKERS", &workers),
            ("RATE_LIMIT_MAX_REQUESTS", "0"),
            ("LOG_LEVEL", &self.shape.log_level),
        ]
        .into_iter()
        .chain(self.shape.timers.environment.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in &self.environment {
            let value = match (&slot.redis, *name) {
                (Some((_, entrance)), "REDIS_URL") => format!("redis://{}", entrance.address()),
                _ => value.clone(),
            };
            settings.push(((*name).to_owned(), value));
        }
        spawn_blocking(move || {
            let settings: Vec<(&str, &str)> =
                settings.iter().map(|(name, value)| (&**name, &**value)).collect();
            Pod::start_binary(pod::binary()?, &settings)
        })
        .await?
    }

    async fn until_ready(&self, slot: &Slot) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY;
        loop {
            let address = slot.pod.lock().await.as_ref().map(Pod::address);
            let ready = async { is_ready(address.context("there is no pod")?).await };
            if matches!(timeout(ANSWER, ready).await, Ok(Ok(true))) {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "{} is not ready after {READY:?}",
                slot.name()
            );
            sleep(LOOK).await;
        }
    }

    /// Kills a pod, and starts it again after a while.
    pub(super) async fn kill_pod(&self, slot: &Slot, lasts: Duration) -> anyhow::Result<()> {
        let mut place = slot.pod.lock().await;
        let mut pod = place.take().context("there is a pod")?;
        let health = is_well(&mut pod);
        self.bury(slot, pod).await?;
        health?;
        sleep(lasts).await;
        let pod = self.start_pod(slot).await?;
        slot.clients.turn_to(pod.address());
        *place = Some(pod);
        drop(place);
        self.until_ready(slot).await
    }

    /// Stops a pod, and lets it go on after a while.
    pub(super) async fn stop_pod(&self, slot: &Slot, lasts: Duration) -> anyhow::Result<()> {
        let place = slot.pod.lock().await;
        let pod = place.as_ref().context("there is a pod")?;
        pod.signal(Signal::STOP)?;
        sleep(lasts).await;
        pod.signal(Signal::CONT)
    }

    /// Replaces a pod as a rollout does: the new one is there before the old one has gone.
    pub(super) async fn drain_pod(&self, slot: &Slot) -> anyhow::Result<()> {
        let mut place = slot.pod.lock().await;
        let mut old = place.take().context("there is a pod")?;
        is_well(&mut old)?;
        old.signal(Signal::TERM)?;
        slot.generation.fetch_add(1, Ordering::Relaxed);
        let new = self.start_pod(slot).await?;
        slot.clients.turn_to(new.address());
        *place = Some(new);
        drop(place);
        let patience = self.shape.timers.drain + Duration::from_secs(5);
        let (status, old) = spawn_blocking(move || (old.wait(patience), old)).await?;
        let log = old.log();
        self.bury(slot, old).await?;
        let status = status?;
        anyhow::ensure!(status.success(), "a drained pod ended with {status}: {log}");
        no_panic(&log)?;
        self.until_ready(slot).await
    }

    /// Ends a pod, and keeps its log.
    async fn bury(&self, slot: &Slot, pod: Pod) -> anyhow::Result<()> {
        let path = self.log_path(slot);
        spawn_blocking(move || {
            let log = pod.log();
            drop(pod);
            keep(&path, &log)
        })
        .await?
    }

    fn log_path(&self, slot: &Slot) -> PathBuf {
        self.shape.folder.join(format!("pod-{}.log", slot.number))
    }

    /// Whether all pods run, and none has panicked.
    pub(super) async fn are_well(&self) -> anyhow::Result<()> {
        for slot in &self.slots {
            if let Some(pod) = &mut *slot.pod.lock().await {
                is_well(pod).with_context(|| slot.name())?;
            }
        }
        Ok(())
    }

    /// Writes down what all pods have said.
    pub(super) async fn keep_logs(&self) -> anyhow::Result<&Path> {
        for slot in &self.slots {
            if let Some(pod) = &*slot.pod.lock().await {
                keep(&self.log_path(slot), &pod.log())?;
            }
        }
        Ok(&self.shape.folder)
    }
}

impl Slot {
    fn name(&self) -> String {
        format!("pod-{}-{}", self.number, self.generation.load(Ordering::Relaxed))
    }
}

/// Whether a pod runs, as it should until it is told to end.
fn is_well(pod: &mut Pod) -> anyhow::Result<()> {
    let log = pod.log();
    if let Some(status) = pod.ended()? {
        let last = log.lines().next_back().unwrap_or_default();
        anyhow::bail!("a pod has ended by itself with {status}; it said last: {last}");
    }
    no_panic(&log)
}

fn no_panic(log: &str) -> anyhow::Result<()> {
    let panicked = log.lines().find(|line| line.contains("panicked at"));
    panicked.map_or(Ok(()), |line| anyhow::bail!("a pod has panicked: {line}"))
}

fn keep(path: &Path, log: &str) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.write_all(log.as_bytes())?)
}

async fn is_ready(address: SocketAddr) -> anyhow::Result<bool> {
    let mut socket = TcpStream::connect(address).await?;
    let request = b"GET /health/ready HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n";
    socket.write_all(request).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
