//! What the workers of a pod share: the configuration, the clock, and a way to send each other sockets and requests.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::clock::Clock;
use super::config::Config;
use super::poll::{Answer, Call};
use super::sid::{Locator, Sids};
use super::stream::{Parked, Permit};

/// Mails that may wait for a worker. A worker with more than that is not given any.
const MAILBOX: usize = 1024;

/// Sockets beyond the limit that may be told so at a time; more than that are closed without a word.
const FAREWELLS: usize = 256;

/// What one worker sends another.
#[derive(Debug)]
pub(super) enum Mail {
    /// A socket that was accepted.
    Accepted {
        socket: std::net::TcpStream,
        peer: SocketAddr,
        permit: Permit,
    },
    /// A request for a session of the receiver.
    Call {
        locator: Locator,
        call: Call,
        answer: oneshot::Sender<Answer>,
    },
    /// A WebSocket to which a session of the receiver is to move, and what was read of it.
    HandOver {
        locator: Locator,
        stream: Parked,
        early: Bytes,
    },
}

/// What the workers of a pod have in common.
pub struct Pod {
    config: Config,
    clock: Clock,
    sids: Sids,
    mailboxes: Vec<mpsc::Sender<Mail>>,
    sockets: Arc<AtomicUsize>,
    farewells: Arc<AtomicUsize>,
    accepting: watch::Sender<bool>,
}

/// The receiving end of one worker's mailbox.
#[derive(Debug)]
pub struct Inbox {
    pub(super) worker: u16,
    pub(super) mails: mpsc::Receiver<Mail>,
}

impl Inbox {
    /// The number of the worker, from 0.
    #[must_use]
    pub fn worker(&self) -> u16 {
        self.worker
    }
}

impl Pod {
    /// A pod of `workers` workers, and the inbox of each.
    #[must_use]
    pub fn new(config: Config, workers: u16) -> (Arc<Self>, Vec<Inbox>) {
        let (mailboxes, inboxes) = (0..workers)
            .map(|worker| {
                let (mailbox, mails) = mpsc::channel(MAILBOX);
                (mailbox, Inbox { worker, mails })
            })
            .unzip();
        let pod = Self {
            clock: Clock::start(),
            sids: Sids::new(&config.pod, &config.secret),
            config,
            mailboxes,
            sockets: Arc::default(),
            farewells: Arc::default(),
            accepting: watch::Sender::new(true),
        };
        (Arc::new(pod), inboxes)
    }

    /// How the pod is set up.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The pod's time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How many sockets are open, whatever they are used for.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Closes the listener. Sockets that are open stay open.
    pub fn stop_accepting(&self) {
        self.accepting.send_replace(false);
    }

    pub(super) fn accepting(&self) -> watch::Receiver<bool> {
        self.accepting.subscribe()
    }

    pub(super) fn sids(&self) -> &Sids {
        &self.sids
    }

    /// A place for one more socket, unless all are taken.
    pub(super) fn permit(&self) -> Option<Permit> {
        Permit::take(&self.sockets, self.config.max_sockets)
    }

    /// A place for one more socket that is only told that there are too many.
    pub(super) fn farewell(&self) -> Option<Permit> {
        Permit::take(&self.farewells, FAREWELLS)
    }

    pub(super) fn workers(&self) -> u16 {
        u16::try_from(self.mailboxes.len()).expect("made of that many")
    }

    /// Sends worker `worker` a mail; gives it back when there is no such worker, or it does not come after.
    pub(super) fn send(&self, worker: u16, mail: Mail) -> Result<(), Mail> {
        match self.mailboxes.get(usize::from(worker)) {
            Some(mailbox) => mailbox.try_send(mail).map_err(|error| match error {
                mpsc::error::TrySendError::Full(mail) | mpsc::error::TrySendError::Closed(mail) => mail,
            }),
            None => Err(mail),
        }
    }
}

impl Mail {
    /// A socket that was accepted, for another worker's runtime.
    pub(super) fn accepted(socket: TcpStream, peer: SocketAddr, permit: Permit) -> std::io::Result<Self> {
        Ok(Self::Accepted {
            socket: socket.into_std()?,
            peer,
            permit,
        })
    }
}

impl fmt::Debug for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pod")
            .field("config", &self.config)
            .field("workers", &self.mailboxes.len())
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}
