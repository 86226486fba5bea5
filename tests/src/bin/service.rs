//! A whole service for a while: pods over one Redis behind a proxy that sends each connection to the next of them, with no
//! stickiness. Says where it listens as a pod does, and ends with all its parts at SIGTERM.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use chat_tests::pod::Pod;
use chat_tests::redis::Redis;
use clap::Parser;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

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
