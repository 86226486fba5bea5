//! A real Redis for a test: the server of the machine, on a free port, with an empty folder, ended with the test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a server may take to start, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(20);
/// How often it is looked whether it listens.
const LOOK: Duration = Duration::from_millis(10);
/// How often another port is tried, where somebody else has taken one first.
const TRIES: usize = 5;

/// A running server. Killed when dropped, its folder removed.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Redis {
    /// Starts `redis-server` with an empty database that is kept in memory only, and waits until it listens. `options` are
    /// its own, such as `["--requirepass", "secret"]`.
    ///
    /// # Errors
    /// When there is no `redis-server`, with the line that installs it; or when it does not listen, with what it said.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        let mut failure = None;
        for _ in 0..TRIES {
            match Self::start_once(options) {
                Ok(redis) => return Ok(redis),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("it was tried")?)
    }

    fn start_once(options: &[&str]) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let child = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .args(["--logfile", "redis.log"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("there is no `redis-server`. On Debian: apt-get install redis-server")?;
        let mut redis = Self {
            child,
            address,
            folder,
        };
        redis.wait_until_it_listens()?;
        Ok(redis)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || deadline < Instant::now() {
                let log = std::fs::read_to_string(self.folder.join("redis.log")).unwrap_or_default();
                bail!("redis-server does not listen on {}: {log}", self.address);
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        remove(&self.folder);
    }
}

/// What is left behind lies in the folder for temporary files, where it belongs.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}
