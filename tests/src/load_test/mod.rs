//! The load test: people who find each other, call each other and part again, over and over, and what they saw.
//!
//! All of it is one thread. [`crowd`] has a task for each connection and one clock for all; a [`person`] is a state machine
//! that is given what came and says what to send; what everybody saw goes into the ledger of [`signaling_core::history`],
//! which judges matches when they are over and forgets them, so that memory does not grow with time. What is counted and
//! measured is in [`tally`], what it comes to in [`Summary`].
//!
//! It keeps within the service's limits for well-behaved clients, comes back with `auth.resume` when a connection is lost,
//! and takes a server that drains as one that drains: told beforehand, that is no error.

mod budget;
mod call;
pub(crate) mod chronicle;
pub(crate) mod crowd;
pub(crate) mod habits;
mod options;
mod person;
mod signal;
mod summary;
pub(crate) mod tally;
mod told;
pub(crate) mod world;

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use signaling_core::history::{Ledger, Rules};
use signaling_core::time::Millis;
use signaling_wire::websocket::CloseCode;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, interval, sleep_until, timeout};

use self::crowd::{Census, Crowd};
use self::habits::Habits;
pub use self::options::Options;
pub use self::summary::{Bytes, Connections, Errors, Latencies, Signals, Summary};
pub use self::tally::{Fault, Percentiles};
use crate::connection::{ConnectError, Connection, Incoming};
use crate::open_files::{self, TooFew};
use crate::target::{InvalidTarget, Target};
use crate::websocket::OpenError;

/// How long the first client may take to connect.
const REACH: Duration = Duration::from_secs(10);
/// How long the leaving of all may take; longer than the checker waits for what should come at once.
const LEAVE: Duration = Duration::from_secs(8);
/// How often matches that are over are judged, and how long ago they must have been.
const SETTLE_EVERY: u64 = 5;
const SETTLED_AFTER: u64 = 15_000;

/// Why there was nothing to test.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The URL is none.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// The ramp-up does not fit into the test.
    #[error("--rampUpTime {ramp_up} must not be longer than --testDuration {duration}")]
    RampUp {
        /// Milliseconds.
        ramp_up: u64,
        /// Milliseconds.
        duration: u64,
    },
    /// The system does not allow that many connections.
    #[error(transparent)]
    OpenFiles(#[from] TooFew),
    /// The first client could not connect.
    #[error("{url} cannot be tested: {error}{hint}")]
    Unreachable {
        /// The server.
        url: String,
        /// Why.
        error: String,
        /// What to do.
        hint: &'static str,
    },
}

/// Runs a load test. `progress` is given a line each second.
///
/// # Errors
/// There is nothing to test: the options make no sense, or nobody answers there.
pub async fn run(options: &Options, mut progress: impl FnMut(&str)) -> Result<Summary, Unusable> {
    if options.ramp_up() > options.duration() {
        return Err(Unusable::RampUp {
            ramp_up: options.ramp_up_time.unwrap_or_default(),
            duration: options.test_duration,
        });
    }
    open_files::allow(u64::from(options.max_connections))?;
    let target = Target::resolve(&options.server_url, options.ca_file.as_deref()).await?;
    reach(&target, options).await?;
    let tasks = LocalSet::new();
    Ok(tasks.run_until(drive(options, target, &mut progress)).await)
}

/// Connects once, to say clearly when nobody is there, or somebody else.
async fn reach(target: &Target, options: &Options) -> Result<(), Unusable> {
    let unreachable = |error: String, hint| Unusable::Unreachable {
        url: options.server_url.clone(),
        error,
        hint,
    };
    match timeout(REACH, greet(target)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error @ ConnectError::Open(OpenError::Io(_)))) => {
            let hint = ". Does the server run? `make run` starts one on http://localhost:3000";
            Err(unreachable(error.to_string(), hint))
        }
        Ok(Err(error)) => Err(unreachable(error.to_string(), "")),
        Err(_) => {
            let error = format!(
                "it does not welcome a client with `session` in {} s",
                REACH.as_secs()
            );
            Err(unreachable(error, ". Is it a signaling service?"))
        }
    }
}

/// Connects, waits for `session`, and leaves.
async fn greet(target: &Target) -> Result<(), ConnectError> {
    let mut connection = Connection::connect(target, None).await?;
    let mut welcome = false;
    while !welcome {
        connection
            .read(|incoming, _| {
                welcome |=
                    matches!(incoming, Incoming::Event { args, .. } if args.starts_with("[\"session\""));
            })
            .await?;
    }
    connection.close(CloseCode::NORMAL);
    Ok(connection.flush().await?)
}

/// Lets people come step by step, and all leave when the time is over.
async fn drive(options: &Options, target: Target, progress: &mut impl FnMut(&str)) -> Summary {
    let people = usize::try_from(options.max_connections).unwrap_or(usize::MAX);
    let crowd = Crowd::new(target, people, Habits::default());
    let start = Instant::now();
    let mut watch = Watch::new(options, start);
    let mut tasks = JoinSet::new();
    {
        let test = async {
            let admitted_and_over = async {
                admit(&crowd, options, start, &mut tasks).await;
                sleep_until(start + options.duration()).await;
            };
            tokio::select! {
                () = admitted_and_over => {}
                // Whoever interrupts the test wants to know what it came to until then.
                _ = tokio::signal::ctrl_c() => {}
            }
            crowd.stop().await;
            let all_gone = async { while tasks.join_next().await.is_some() {} };
            // Whoever is not through by then is counted below.
            let _ = timeout(LEAVE, all_gone).await;
        };
        let (mut test, mut time) = (pin!(test), pin!(crowd.keep_time()));
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = &mut test => break,
                () = &mut time => {}
                _ = seconds.tick() => progress(&watch.look(&crowd)),
            }
        }
    }
    watch.look(&crowd);
    summarize(options, &crowd, start.elapsed(), watch.peak)
}

/// Lets people come, some at each step.
async fn admit(crowd: &Rc<Crowd>, options: &Options, start: Instant, tasks: &mut JoinSet<()>) {
    let mut place = 0;
    for (at, until) in options.steps() {
        sleep_until(start + at).await;
        let until = usize::try_from(until).unwrap_or(usize::MAX);
        (place..until).for_each(|place| crowd.admit(place, tasks));
        place = until;
    }
}

fn summarize(options: &Options, crowd: &Crowd, duration: Duration, peak: usize) -> Summary {
    let world = &mut *crowd.world().borrow_mut();
    if crowd.here() > 0 {
        let here = crowd.here();
        let words = || format!("{here} people have not left after {LEAVE:?}");
        world.tally.fault("not left", words);
    }
    if world.tally.calls == 0 {
        world.tally.fault("no calls", || {
            "nobody had a whole call: there is nothing to judge by".into()
        });
    }
    let ledger = std::mem::replace(&mut world.ledger, Ledger::new(0));
    let history = ledger.finish(&Rules::default());
    let tally = std::mem::take(&mut world.tally);
    Summary::new(options, peak, duration, tally, history)
}

/// Looks at the crowd once a second.
struct Watch {
    start: Instant,
    wanted: u32,
    looks: u64,
    peak: usize,
    /// Events that had passed by the last look.
    events: u64,
}

impl Watch {
    fn new(options: &Options, start: Instant) -> Self {
        Self {
            start,
            wanted: options.max_connections,
            looks: 0,
            peak: 0,
            events: 0,
        }
    }

    /// Counts, judges what is over from time to time, and says how things stand.
    fn look(&mut self, crowd: &Crowd) -> String {
        let Census {
            connected,
            waiting,
            matched,
            traffic,
            ..
        } = crowd.look_around();
        let world = &mut *crowd.world().borrow_mut();
        self.looks += 1;
        if self.looks.is_multiple_of(SETTLE_EVERY) {
            let before = Millis((crowd.now() / 1_000).saturating_sub(SETTLED_AFTER));
            world.ledger.settle(before, &Rules::default());
        }
        self.peak = self.peak.max(connected);
        let events = world.tally.events_sent + world.tally.events_received;
        let per_second = events - std::mem::replace(&mut self.events, events);
        format!(
            "{seconds:>4} s   {connected} of {wanted} connected, {waiting} waiting, {matched} matched   {per_second} events/s, \
             {calls} calls, {megabytes} MB, {errors} errors",
            seconds = self.start.elapsed().as_secs(),
            wanted = self.wanted,
            calls = world.tally.calls,
            megabytes = (traffic.sent + traffic.received) / 1_000_000,
            errors = world.tally.errors(),
        )
    }
}
