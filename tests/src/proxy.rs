//! A proxy between clients and a pod that breaks what passes, for tests of those who should notice.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signaling_wire::websocket::{Decoder, Message, Opcode, Role, encode, encode_close};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The longest message that passes.
const MAX_MESSAGE: usize = 1 << 20;

/// What becomes of each text message on its way to a client: whatever is put into the list is sent instead.
pub type Tamper = Box<dyn FnMut(&str, &mut Vec<String>) + Send>;

/// A proxy for WebSockets. It ends when dropped, with all that it carries.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    /// Changes when connections are to be cut.
    cuts: watch::Sender<Cut>,
    connections: AtomicUsize,
    tamper: Box<dyn Fn(usize) -> Tamper + Send + Sync>,
}

/// Which connections are cut: one of so many, each time others.
#[derive(Clone, Copy, Debug)]
struct Cut {
    turn: usize,
    one_of: usize,
}

impl Cut {
    fn means(self, number: usize) -> bool {
        number % self.one_of == self.turn % self.one_of
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("upstream", &self.upstream)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Listens on a free port. `tamper` is asked for each connection, by its number from 0, what is to become of the
    /// messages to its client.
    ///
    /// # Errors
    /// There is no port to be had.
    pub async fn start(
        upstream: SocketAddr,
        tamper: impl Fn(usize) -> Tamper + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            cuts: watch::Sender::new(Cut { turn: 0, one_of: 1 }),
            connections: AtomicUsize::new(0),
            tamper: Box::new(tamper),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// A proxy that changes nothing.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn honest(upstream: SocketAddr) -> io::Result<Self> {
        Self::start(upstream, |_| Box::new(|text, out| out.push(text.to_owned()))).await
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that it has carried so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// From now on connections go there; those that are open stay where they are.
    pub fn turn_to(&self, upstream: SocketAddr) {
        *self
            .shared
            .upstream
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Cuts all connections, without a close frame.
    pub fn cut(&self) {
        self.cut_one_of(1);
    }

    /// Cuts one of so many connections, each time others, without a close frame.
    pub fn cut_one_of(&self, one_of: usize) {
        self.shared.cuts.send_modify(|cut| {
            *cut = Cut {
                turn: cut.turn + 1,
                one_of,
            };
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let upstream = *shared.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let (tamper, mut cuts) = ((shared.tamper)(number), shared.cuts.subscribe());
        let before = cuts.borrow_and_update().turn;
        tokio::spawn(async move {
            tokio::select! {
                // However a connection ends, it ends for both sides.
                _ = carry(client, upstream, tamper) => {}
                _ = cuts.wait_for(|cut| cut.turn > before && cut.means(number)) => {}
            }
        });
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, tamper: Tamper) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let up = async {
        copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let (up, down) = tokio::join!(up, down(from_server, to_client, tamper));
    up.and(down)
}

/// What the server says: the answer to the opening request as it is, then message by message.
async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut tamper: Tamper) -> io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if from.read_buf(&mut bytes).await? == 0 {
            to.write_all(&bytes).await?;
            return to.shutdown().await;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut rest = bytes.split_off(head);
    if !bytes.starts_with(b"HTTP/1.1 101") {
        to.write_all(&[bytes, rest].concat()).await?;
        copy(&mut from, &mut to).await?;
        return to.shutdown().await;
    }
    to.write_all(&bytes).await?;
    let mut decoder = Decoder::new(Role::Client, MAX_MESSAGE);
    loop {
        let mut out = Vec::new();
        let open = pass(&mut decoder, &mut rest, &mut tamper, &mut out);
        to.write_all(&out).await?;
        rest.clear();
        if !open || from.read_buf(&mut rest).await? == 0 {
            return to.shutdown().await;
        }
    }
}

/// Passes all messages on; `false` when that was the last.
fn pass(decoder: &mut Decoder, mut bytes: &mut [u8], tamper: &mut Tamper, out: &mut Vec<u8>) -> bool {
    let mut instead = Vec::new();
    while let Ok(Some(message)) = decoder.decode(&mut bytes) {
        match message {
            Message::Text(text) => {
                tamper(text, &mut instead);
                for text in instead.drain(..) {
                    encode(Opcode::Text, &[text.as_bytes()], out);
                }
            }
            Message::Binary(bytes) => encode(Opcode::Binary, &[bytes], out),
            Message::Ping(bytes) => encode(Opcode::Ping, &[bytes], out),
            Message::Pong(bytes) => encode(Opcode::Pong, &[bytes], out),
            Message::Close(frame) => {
                encode_close(frame, out);
                return false;
            }
        }
    }
    true
}
