//! One worker: its application, its connections, and the turns in which both go on.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::application::{Application, Event};
use super::connection::{Carrier, Written, write_out};
use super::engine::Engine;
use super::forward::Forwarder;
use super::mailbox::{Inbox, Mail, Pod};
use super::{accept, poll, upgrade};

/// Bytes that one read of a WebSocket takes at most. All WebSockets of a worker are read into the same buffer.
const READ_BUFFER: usize = 64 * 1024;
/// The most bytes in the head of a request, and of headers in it.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// A handle to a worker, for its own thread.
pub struct Worker<A>(Rc<Shared<A>>);

struct Shared<A> {
    pod: Arc<Pod>,
    number: u16,
    router: Router,
    http: http1::Builder,
    forwarder: Forwarder,
    state: RefCell<State<A>>,
    read_buffer: RefCell<Box<[u8]>>,
    /// What the timer waits for, and what tells it that there is something earlier.
    armed: Cell<Option<Millis>>,
    earlier: Notify,
    /// Whether the task that writes knows that there is something to write, and what tells it.
    gathering: Cell<bool>,
    gathered: Notify,
}

struct State<A> {
    application: A,
    engine: Engine,
}

impl<A> Clone for Worker<A> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<A: Application> Worker<A> {
    /// Starts the worker that `inbox` belongs to: from now on it takes sockets and requests from its siblings. Requests
    /// that are not the engine's go to `router`.
    ///
    /// # Panics
    /// When not called within a [`tokio::task::LocalSet`], which must go on running for as long as the worker is to work.
    #[must_use]
    pub fn start(pod: Arc<Pod>, inbox: Inbox, application: A, router: Router) -> Self {
        let config = pod.config();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD);
        let engine = Engine::new(Arc::clone(&pod), inbox.worker);
        let worker = Self(Rc::new(Shared {
            number: inbox.worker,
            router,
            http,
            forwarder: Forwarder::new(&config.secret),
            state: RefCell::new(State { application, engine }),
            read_buffer: RefCell::new(vec![0; READ_BUFFER].into()),
            armed: Cell::new(None),
            earlier: Notify::new(),
            gathering: Cell::new(false),
            gathered: Notify::new(),
            pod,
        }));
        spawn_local(worker.clone().keep_time());
        spawn_local(worker.clone().keep_writing());
        spawn_local(worker.clone().take_mail(inbox));
        worker
    }

    /// Takes a turn: something from outside of the transport happens to the application, such as a message of another
    /// worker. What it sends leaves when all sockets that can be read at present have had their turn: whatever they say to
    /// the same client then goes in one write.
    ///
    /// # Panics
    /// Within a turn, that is, when called by the application.
    pub fn turn<R>(&self, act: impl FnOnce(&mut A, &mut Engine) -> R) -> R {
        let mut state = self.0.state.borrow_mut();
        let State { application, engine } = &mut *state;
        engine.begin_turn(self.0.pod.clock().now());
        // The timer may be a little late: what is over by now does not get this turn.
        engine.handle_deadlines();
        let result = act(application, engine);
        while let Some((id, how)) = engine.take_ended() {
            application.handle(Event::Closed { id, how }, engine);
        }
        if engine.has_gathered_enough() {
            self.flush(application, engine);
        } else if (engine.has_gathered() || application.has_to_flush()) && !self.0.gathering.replace(true) {
            self.0.gathered.notify_one();
        }
        let deadline = engine.deadline().into_iter().chain(application.deadline()).min();
        drop(state);
        self.arm(deadline);
        result
    }

    /// Writes what has been gathered, and what comes of it when a socket turns out to be dead.
    fn flush(&self, application: &mut A, engine: &mut Engine) {
        application.flush(engine);
        while engine.flush(|id| drop(spawn_local(self.clone().write(id)))) {
            while let Some((id, how)) = engine.take_ended() {
                application.handle(Event::Closed { id, how }, engine);
            }
        }
    }

    pub(super) fn pod(&self) -> &Arc<Pod> {
        &self.0.pod
    }

    pub(super) fn number(&self) -> u16 {
        self.0.number
    }

    pub(super) fn router(&self) -> &Router {
        &self.0.router
    }

    pub(super) fn http(&self) -> &http1::Builder {
        &self.0.http
    }

    pub(super) fn forwarder(&self) -> &Forwarder {
        &self.0.forwarder
    }

    /// Hands `read` the buffer that this worker reads WebSockets into.
    pub(super) fn with_read_buffer<R>(&self, read: impl FnOnce(&mut [u8]) -> R) -> R {
        read(&mut self.0.read_buffer.borrow_mut())
    }

    /// Has the timer look at the deadlines no later than at `deadline`.
    fn arm(&self, deadline: Option<Millis>) {
        let Some(deadline) = deadline else { return };
        if self.0.armed.get().is_none_or(|armed| deadline < armed) {
            self.0.armed.set(Some(deadline));
            self.0.earlier.notify_one();
        }
    }

    /// The worker's only timer.
    async fn keep_time(self) {
        let clock = self.0.pod.clock();
        loop {
            let due = self.0.armed.get().and_then(|deadline| clock.instant(deadline));
            match due {
                Some(due) => tokio::select! {
                    biased;
                    () = self.0.earlier.notified() => continue,
                    () = sleep_until(Instant::from_std(due)) => {}
                },
                None => {
                    self.0.earlier.notified().await;
                    continue;
                }
            }
            self.0.armed.set(None);
            self.turn(|application, engine| {
                let now = engine.now();
                while application.deadline().is_some_and(|deadline| deadline <= now) {
                    application.handle_deadline(now, engine);
                }
            });
        }
    }

    /// Writes what turns have gathered. Woken by the first of them, it comes behind all that could be read then.
    async fn keep_writing(self) {
        loop {
            self.0.gathered.notified().await;
            self.0.gathering.set(false);
            self.turn(|application, engine| self.flush(application, engine));
        }
    }

    /// Takes what siblings send.
    async fn take_mail(self, mut inbox: Inbox) {
        while let Some(mail) = inbox.mails.recv().await {
            match mail {
                Mail::Accepted { socket, peer, permit } => accept::take(&self, socket, peer, permit),
                Mail::Call {
                    locator,
                    call,
                    answer,
                } => poll::answer_sibling(&self, locator, call, answer),
                Mail::HandOver {
                    locator,
                    stream,
                    early,
                } => {
                    // A socket that this runtime cannot take is closed; its session's upgrade times out.
                    if let Ok(stream) = stream.unpark() {
                        spawn_local(upgrade::take_over(self.clone(), locator, stream, early));
                    }
                }
            }
        }
    }

    /// Writes what a socket did not take at once, until nothing is left.
    async fn write(self, id: ConnectionId) {
        poll_fn(|context| self.poll_write(id, context)).await;
    }

    fn poll_write(&self, id: ConnectionId, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut state = self.0.state.borrow_mut();
            let Some(connection) = state.engine.get_mut(id) else {
                return Poll::Ready(());
            };
            let Carrier::WebSocket { write, .. } = &connection.carrier else {
                return Poll::Ready(());
            };
            let written = match ready!(write.poll_write_ready(context)) {
                Ok(()) => write_out(write, &mut connection.out),
                Err(_) => Written::Nothing,
            };
            drop(state);
            self.turn(|_, engine| engine.written(id, written));
            if written != Written::Part {
                return Poll::Ready(());
            }
        }
    }
}
