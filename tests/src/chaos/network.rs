//! What stands between clients and pods, and between pods and Redis: sockets that can be cut, held up and silenced.

use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How much passes at once.
const CHUNK: usize = 16 * 1024;

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    /// Nothing passes; what was said passes later, as if it had been sent again.
    hole: bool,
    delay: Duration,
}

/// How connections are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// They end.
    Drop,
    /// One direction ends.
    HalfClose,
}

/// A blow to some connections.
#[derive(Clone, Copy, Debug)]
struct Strike {
    number: u64,
    percent: u32,
    blow: Blow,
}

impl Strike {
    /// Whether it hits this connection, and by what else there is of chance in it.
    fn hits(self, connection: u64) -> Option<bool> {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.number);
        hasher.write_u64(connection);
        let chance = hasher.finish();
        (chance % 100 < u64::from(self.percent)).then_some(chance & 128 != 0)
    }
}

/// The way to one server.
#[derive(Debug)]
pub(super) struct Link {
    upstream: Mutex<SocketAddr>,
    weather: watch::Sender<Weather>,
    strikes: watch::Sender<Strike>,
}

impl Link {
    pub(super) fn new(upstream: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            upstream: Mutex::new(upstream),
            weather: watch::Sender::new(Weather::default()),
            strikes: watch::Sender::new(Strike {
                number: 0,
                percent: 0,
                blow: Blow::Drop,
            }),
        })
    }

    /// From now on connections go there; those that are open stay where they are.
    pub(super) fn turn_to(&self, upstream: SocketAddr) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Lets nothing pass, or all again.
    pub(super) fn silence(&self, hole: bool) {
        self.weather.send_modify(|weather| weather.hole = hole);
    }

    /// Holds up everything for so long.
    pub(super) fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Breaks so many of a hundred connections.
    pub(super) fn strike(&self, percent: u32, blow: Blow) {
        self.strikes.send_modify(|strike| {
            *strike = Strike {
                number: strike.number + 1,
                percent,
                blow,
            };
        });
    }

    async fn carry(&self, client: TcpStream, number: u64) {
        let mut strikes = self.strikes.subscribe();
        let seen = strikes.borrow_and_update().number;
        let mut weather = self.weather.subscribe();
        let passing = async {
            clear(&mut weather.clone()).await;
            let upstream = *self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
            let server = TcpStream::connect(upstream).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            self.pass(client, server, number, seen).await
        };
        tokio::select! {
            // However a connection ends, it ends for both sides.
            _ = passing => {}
            _ = strikes.wait_for(|strike| {
                strike.number > seen && strike.blow == Blow::Drop && strike.hits(number).is_some()
            }) => {}
        }
        // But nobody hears of it through silence.
        clear(&mut weather).await;
    }

    async fn pass(&self, client: TcpStream, server: TcpStream, number: u64, seen: u64) -> io::Result<()> {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let half_closed = |upward: bool| {
            let mut strikes = self.strikes.subscribe();
            async move {
                let hit = strikes.wait_for(|strike| {
                    let hit = strike.number > seen && strike.blow == Blow::HalfClose;
                    hit && strike.hits(number) == Some(upward)
                });
                hit.await.is_ok()
            }
        };
        let up = Direction {
            from: from_client,
            to: to_server,
            weather: self.weather.subscribe(),
        };
        let down = Direction {
            from: from_server,
            to: to_client,
            weather: self.weather.subscribe(),
        };
        tokio::try_join!(up.pass(half_closed(true)), down.pass(half_closed(false)))?;
        Ok(())
    }
}

/// One direction of a connection.
struct Direction {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: watch::Receiver<Weather>,
}

impl Direction {
    async fn pass(mut self, half_closed: impl Future<Output = bool>) -> io::Result<()> {
        let Self { from, to, weather } = &mut self;
        tokio::select! {
            ended = forward(from, to, weather) => return ended,
            _ = half_closed => {}
        }
        to.shutdown().await?;
        // What is still said goes nowhere.
        let mut rest = [0; 1024];
        while from.read(&mut rest).await? > 0 {}
        Ok(())
    }
}

async fn forward(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    weather: &mut watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        let delay = weather.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        clear(weather).await;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..count]).await?;
    }
}

/// Waits until something passes.
async fn clear(weather: &mut watch::Receiver<Weather>) {
    // It fails only when the link is gone, and the connection with it.
    let _ = weather.wait_for(|weather| !weather.hole).await;
}

/// A port at which connections are accepted, and sent to each of some links in turn.
#[derive(Debug)]
pub(super) struct Entrance {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Entrance {
    pub(super) async fn open(links: Vec<Arc<Link>>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, links));
        Ok(Self { address, accepting })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, links: Vec<Arc<Link>>) {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    for link in links.iter().cycle() {
        let Ok((client, _)) = listener.accept().await else {
            return;
        };
        let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let link = Arc::clone(link);
        tokio::spawn(async move { link.carry(client, number).await });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A server that says everything back, a link to it, and a client there.
    async fn echo() -> (Arc<Link>, Entrance, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::new(listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    let _ = to.shutdown().await;
                });
            }
        });
        let entrance = Entrance::open(vec![Arc::clone(&link)]).await.unwrap();
        let client = TcpStream::connect(entrance.address()).await.unwrap();
        (link, entrance, client)
    }

    async fn say(client: &mut TcpStream) -> io::Result<Vec<u8>> {
        client.write_all(b"hello").await?;
        let mut answer = vec![0; 5];
        let read = timeout(Duration::from_secs(10), client.read(&mut answer)).await;
        answer.truncate(read??);
        Ok(answer)
    }

    #[tokio::test]
    async fn what_passes_is_held_up_and_then_comes() {
        let (link, _entrance, mut client) = echo().await;
        assert_eq!(say(&mut client).await.unwrap(), b"hello");
        link.silence(true);
        let silent = timeout(Duration::from_millis(100), say(&mut client)).await;
        assert!(silent.is_err());
        link.silence(false);
        let mut late = [0; 5];
        client.read_exact(&mut late).await.unwrap();
        assert_eq!(&late, b"hello");
    }

    #[tokio::test]
    async fn a_dropped_connection_ends() {
        let (link, _entrance, mut client) = echo().await;
        say(&mut client).await.unwrap();
        link.strike(100, Blow::Drop);
        let mut rest = [0; 5];
        let read = timeout(Duration::from_secs(10), client.read(&mut rest))
            .await
            .unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }

    #[tokio::test]
    async fn a_half_closed_connection_ends_in_one_direction() {
        let (link, _entrance, mut client) = echo().await;
        say(&mut client).await.unwrap();
        link.strike(100, Blow::HalfClose);
        // The server is told, or the client is; an echo that is told says so.
        let mut rest = [0; 5];
        let read = timeout(Duration::from_secs(10), client.read(&mut rest))
            .await
            .unwrap();
        assert_eq!(read.unwrap(), 0);
    }

    #[test]
    fn a_strike_hits_about_as_many_as_it_should() {
        let strike = Strike {
            number: 7,
            percent: 30,
            blow: Blow::Drop,
        };
        let hits = (0..10_000)
            .filter(|number| strike.hits(*number).is_some())
            .count();
        assert!((2_700..3_300).contains(&hits), "{hits}");
    }
}
