//! Many people on one thread: a task for each connection, one clock for all of them.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use signaling_core::history::Seen;

use super::habits::Habits;
use super::person::Person;
use super::world::{Turn, World};
use crate::connection::{ConnectError, Connection, Ended};
use crate::target::Target;
use crate::websocket::{OpenError, Traffic};

/// How often it is looked whose time has come.
const TICK: Duration = Duration::from_millis(5);
/// When who could not connect tries again, unless the server names a time.
const RETRY: Duration = Duration::from_secs(1);

/// All people, and what they share.
pub(crate) struct Crowd {
    target: Target,
    start: Instant,
    world: RefCell<World>,
    seats: Box<[RefCell<Seat>]>,
    /// Whose time comes when, in microseconds. What is out of date is found out when it comes.
    due: RefCell<BinaryHeap<Reverse<(u64, usize)>>>,
    /// People who are not through yet.
    here: Cell<usize>,
}

/// One person's place.
struct Seat {
    person: Person,
    connection: Option<Connection>,
    waker: Option<Waker>,
    /// What the clock was last asked for.
    asked: Option<u64>,
    /// The connection is a WebSocket.
    websocket: bool,
    /// When bytes last came, and how many had come by then.
    heard: (u64, u64),
}

/// How many are where.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) connected: usize,
    pub(crate) waiting: usize,
    pub(crate) matched: usize,
    /// Connected by a WebSocket, some of them after an upgrade.
    pub(crate) websockets: usize,
    pub(crate) traffic: Traffic,
}

impl Crowd {
    pub(crate) fn new(target: Target, people: usize, habits: Habits) -> Rc<Self> {
        let seat = |place| {
            RefCell::new(Seat {
                person: Person::new(place),
                connection: None,
                waker: None,
                websocket: false,
                asked: None,
                heard: (0, 0),
            })
        };
        Rc::new(Self {
            target,
            start: Instant::now(),
            world: RefCell::new(World::new(people, habits)),
            seats: (0..people).map(seat).collect(),
            due: RefCell::default(),
            here: Cell::new(0),
        })
    }

    /// Microseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn world(&self) -> &RefCell<World> {
        &self.world
    }

    /// How many people there are in all.
    pub(crate) fn places(&self) -> usize {
        self.seats.len()
    }

    /// How many people are not through yet.
    pub(crate) fn here(&self) -> usize {
        self.here.get()
    }

    /// Lets a person come, on a task of its own.
    pub(crate) fn admit(self: &Rc<Self>, place: usize, tasks: &mut JoinSet<()>) {
        self.here.set(self.here.get() + 1);
        tasks.spawn_local(Rc::clone(self).live(place));
    }

    /// One person's life: connects, comes back when the connection is lost, until the test is over.
    async fn live(self: Rc<Self>, place: usize) {
        loop {
            let delay = match self.connect(place).await {
                Ok(()) => {
                    let ended = poll_fn(|cx| self.poll_seat(place, cx)).await;
                    self.vacate(place, &ended)
                }
                Err(delay) => Some(delay),
            };
            match delay {
                Some(delay) if !self.world.borrow().stopping => sleep(delay).await,
                _ => break,
            }
        }
        let person = &mut self.seats[place].borrow_mut().person;
        person.give_up(self.now(), &mut self.world.borrow_mut());
        self.here.set(self.here.get() - 1);
    }

    /// Takes a seat; answers when to try again where that fails.
    async fn connect(&self, place: usize) -> Result<(), Duration> {
        let auth = self.seats[place].borrow().person.auth();
        let begun = self.now();
        let (transport, within, longest_retry) = {
            let world = &mut *self.world.borrow_mut();
            let habits = &world.habits;
            let (transport, within) = (habits.transport(place), habits.connect_within);
            let longest_retry = habits.longest_retry;
            world.note(begun, place, || {
                format!(
                    "connects by {transport:?} with {}",
                    auth.as_deref().unwrap_or("nothing")
                )
            });
            (transport, within, longest_retry)
        };
        let connecting = Connection::connect_by(&self.target, transport, auth.as_deref());
        let connected = timeout(within, connecting).await;
        let now = self.now();
        let world = &mut *self.world.borrow_mut();
        if let Ok(Ok(connection)) = &connected {
            world.note(now, place, || {
                format!("connected as {}", connection.handshake().sid)
            });
        }
        let tally = &mut world.tally;
        match connected {
            Ok(Ok(connection)) => {
                tally.connects += 1;
                tally.connect.record(now - begun);
                let seat = &mut *self.seats[place].borrow_mut();
                seat.heard = (now, 0);
                seat.websocket = connection.is_websocket();
                seat.connection = Some(connection);
                Ok(())
            }
            Ok(Err(error)) => {
                tally.not_connected(&error);
                Err(retry_after(&error, longest_retry))
            }
            Err(_) => {
                tally.fault("connect: timed out", || format!("no connection after {within:?}"));
                Err(RETRY)
            }
        }
    }

    /// Drives a connection until it ends.
    fn poll_seat(&self, place: usize, cx: &mut Context<'_>) -> Poll<Ended> {
        let seat = &mut *self.seats[place].borrow_mut();
        if !seat
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            seat.waker = Some(cx.waker().clone());
        }
        let now = self.now();
        loop {
            let Seat {
                person, connection, ..
            } = seat;
            let Some(connection) = connection else {
                return Poll::Ready(Ended::SessionClosed);
            };
            if let Poll::Ready(Err(ended)) = connection.poll_flush(cx) {
                return Poll::Ready(ended);
            }
            let world = &mut *self.world.borrow_mut();
            let read = connection.poll_read(cx, |incoming, emitter| {
                person.take(incoming, &mut Turn { now, world, emitter });
            });
            let websocket = connection.is_websocket();
            if websocket && !std::mem::replace(&mut seat.websocket, websocket) {
                // Perhaps of another pod.
                world.see(now, place, Seen::Upgraded);
            }
            let received = seat
                .connection
                .as_ref()
                .map(|connection| connection.traffic().received);
            if let Some(received) = received.filter(|received| *received != seat.heard.1) {
                seat.heard = (now, received);
            }
            self.note_due(place, seat);
            if let Err(ended) = ready!(read) {
                return Poll::Ready(ended);
            }
        }
    }

    /// The connection has ended; answers when to come back, if so.
    fn vacate(&self, place: usize, ended: &Ended) -> Option<Duration> {
        let seat = &mut *self.seats[place].borrow_mut();
        let world = &mut *self.world.borrow_mut();
        if let Some(connection) = seat.connection.take() {
            world.tally.add_traffic(connection.traffic());
        }
        if seat.person.has_finished() {
            return None;
        }
        let delay = seat.person.lost(ended, self.now(), world);
        Some(Duration::from_micros(delay))
    }

    /// Puts a person's next time into the clock, if it is not there.
    fn note_due(&self, place: usize, seat: &mut Seat) {
        let due = seat.person.due();
        if due != seat.asked {
            seat.asked = due;
            if let Some(due) = due {
                self.due.borrow_mut().push(Reverse((due, place)));
            }
        }
    }

    /// Lets everybody act whose time has come, again and again.
    pub(crate) async fn keep_time(&self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let late = ticks.tick().await.elapsed();
            let now = self.now();
            let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            self.world.borrow_mut().tally.lag.record(late);
            while let Some(place) = self.next_due(now) {
                self.act(place, |person, turn| person.on_time(turn));
            }
        }
    }

    /// Whose time has come, one by one.
    fn next_due(&self, now: u64) -> Option<usize> {
        let mut due = self.due.borrow_mut();
        let Reverse((at, place)) = *due.peek()?;
        (at <= now).then(|| {
            due.pop();
            place
        })
    }

    /// The test is over: everybody leaves.
    pub(crate) async fn stop(&self) {
        self.world.borrow_mut().stopping = true;
        for place in 0..self.seats.len() {
            self.act(place, |person, turn| person.stop(turn));
            if place % 100 == 99 {
                // Connections are read meanwhile.
                yield_now().await;
            }
        }
    }

    /// Lets a person act who is connected, and has what they say sent.
    fn act(&self, place: usize, how: impl FnOnce(&mut Person, &mut Turn<'_, '_>)) {
        let seat = &mut *self.seats[place].borrow_mut();
        seat.asked = None;
        if let Some(connection) = &mut seat.connection {
            let mut turn = Turn {
                now: self.now(),
                world: &mut self.world.borrow_mut(),
                emitter: &mut connection.emitter(),
            };
            how(&mut seat.person, &mut turn);
            if let Some(waker) = &seat.waker {
                waker.wake_by_ref();
            }
        }
        self.note_due(place, seat);
    }

    /// Since when the service works for everybody who is here: what they said then has been answered.
    pub(crate) fn works_since(&self) -> u64 {
        let working = self.seats.iter().filter_map(|seat| {
            let seat = seat.borrow();
            let here = !seat.person.has_finished();
            here.then(|| seat.person.works_since(seat.heard.0))
        });
        working.min().unwrap_or(u64::MAX)
    }

    /// Looks for what should have come and has not, and counts who is where.
    pub(crate) fn look_around(&self) -> Census {
        let now = self.now();
        let world = &mut *self.world.borrow_mut();
        let mut census = Census {
            traffic: world.tally.traffic,
            ..Census::default()
        };
        for seat in &self.seats {
            let Seat {
                person,
                connection: Some(connection),
                heard,
                waker,
                ..
            } = &mut *seat.borrow_mut()
            else {
                continue;
            };
            census.connected += 1;
            census.websockets += usize::from(connection.is_websocket());
            census.waiting += usize::from(person.is_waiting());
            census.matched += usize::from(person.is_matched());
            let traffic = connection.traffic();
            census.traffic.sent += traffic.sent;
            census.traffic.received += traffic.received;
            person.look_for_silence(now, world);
            let handshake = connection.handshake();
            let silence = (handshake.ping_interval + handshake.ping_timeout) * 1_000;
            if heard.0 + silence < now {
                let words = || format!("the server was silent for {} ms", silence / 1_000);
                world.tally.fault("silence", words);
                connection.abandon();
                waker.iter().for_each(Waker::wake_by_ref);
            }
        }
        census
    }
}

fn retry_after(error: &ConnectError, longest: Duration) -> Duration {
    match error {
        ConnectError::Open(OpenError::Refused {
            retry_after: Some(after),
            ..
        }) => (*after).min(longest),
        _ => RETRY,
    }
}
