//! A whole service for a while: pods over one Redis behind a proxy that sends each connection to the next of them, with no
//! stickiness. Says where it listens as a pod does, and ends with all its parts at SIGTERM.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use chat_tests::client::PATIENCE;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use clap::Parser;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

#[derive(Debug, Parser)]
struct Arguments {
    /// The pod's binary.
    binary: PathBuf,
    /// How many pods.
    #[arg(long, default_value_t = 3)]
    pods: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let redis = Redis::start(&[])?;
    let url = redis.url();
    let pods = (0..arguments.pods).map(|number| {
        let name = format!("pod-{number}");
        let settings = [
            ("REDIS_URL", &*url),
            ("POD_ID", &name),
            ("POD_SECRET", "of this service"),
            ("CLUSTER_WORKERS", "1"),
        ];
        Pod::start_binary(&arguments.binary, &settings)
    });
    let pods = pods.collect::<anyhow::Result<Vec<Pod>>>()?;
    for pod in &pods {
        until_ready(pod).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        r#"{{"message":"listening","address":"{address}"}}"#
    )?;
    tokio::select! {
        ended = accept(&listener, &pods) => ended.context("the proxy has ended"),
        _ = terminated.recv() => Ok(()),
    }
}

/// Waits until a pod would be given clients.
async fn until_ready(pod: &Pod) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut socket = TcpStream::connect(pod.address()).await?;
        let request = b"GET /health/ready HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n";
        socket.write_all(request).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "a pod is not ready: {answer}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends each connection to the next pod.
async fn accept(listener: &TcpListener, pods: &[Pod]) -> anyhow::Result<()> {
    for pod in pods.iter().cycle() {
        let (mut client, _) = listener.accept().await?;
        let upstream = pod.address();
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(upstream).await {
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                // However it ends, it is over.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
    anyhow::bail!("there is no pod")
}
