//! Requests for sessions that are polled: from a socket of this worker, or forwarded by a sibling.

use std::ops::ControlFlow;
use std::str;
use std::time::Duration;

use bytes::Bytes;
use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::{Packet, Payload, Probe, Refusal, Unserved};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::application::{Application, Closing, Loss};
use super::connection::Carrier;
use super::engine::{Engine, wire};
use super::mailbox::Mail;
use super::session::{Stop, take_packet};
use super::sid::Locator;
use super::worker::Worker;

/// How soon a session is asked again that cannot go yet.
const NOT_YET: Duration = Duration::from_millis(10);

/// What a request asks of the worker that owns the session.
#[derive(Debug)]
pub(super) enum Call {
    /// Answers with packets, when there are any.
    Poll,
    /// A POST has come, and its body is going to be read.
    BeginPost,
    /// The body of that POST, or why there is none.
    EndPost(Result<Bytes, Loss>),
    /// A WebSocket is going to be opened, to carry the session.
    BeginUpgrade,
    /// That WebSocket is at another pod, and has been probed.
    ProbeUpgrade,
    /// It is gone.
    AbandonUpgrade,
    /// The client has switched to it, and the session goes there.
    Depart,
}

/// What a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Packets.
    Payload(Vec<u8>),
    /// The packets of a POST have been taken.
    Taken,
    /// Go on: read the body, open the WebSocket.
    GoOn,
    /// The session is gone to another pod: what its application says, a line, and the packets that waited, a payload.
    Departed(Vec<u8>),
    /// It is refused.
    Refused(Refusal),
    /// The body is too large.
    TooLarge,
    /// The body did not come in time.
    TooSlow,
    /// The session's worker does not answer.
    Unavailable,
}

/// Has the owner of the session, worker `owner`, answer a call.
pub(super) async fn call<A: Application>(
    worker: &Worker<A>,
    owner: u16,
    locator: Locator,
    call: Call,
) -> Answer {
    if owner == worker.number() {
        return answer(worker, locator, call).await;
    }
    let (sender, receiver) = oneshot::channel();
    match worker.pod().send(
        owner,
        Mail::Call {
            locator,
            call,
            answer: sender,
        },
    ) {
        Ok(()) => receiver.await.unwrap_or(Answer::Unavailable),
        Err(_) if owner < worker.pod().workers() => Answer::Unavailable,
        Err(_) => Answer::Refused(Refusal::SessionUnknown),
    }
}

/// Ends a POST that its client has given up, without waiting for an answer.
pub(super) fn give_up_post<A: Application>(worker: &Worker<A>, owner: u16, locator: Locator) {
    let lost = Err(Loss::AbortedRequest);
    if owner == worker.number() {
        end_post(worker, locator, lost);
    } else {
        let (answer, _) = oneshot::channel();
        // When the owner does not even take that, the ping timeout ends the session.
        let _ = worker.pod().send(
            owner,
            Mail::Call {
                locator,
                call: Call::EndPost(lost),
                answer,
            },
        );
    }
}

/// Answers a call of a sibling; gives up when the sibling's client has.
pub(super) fn answer_sibling<A: Application>(
    worker: &Worker<A>,
    locator: Locator,
    call: Call,
    mut sender: oneshot::Sender<Answer>,
) {
    let worker = worker.clone();
    if let Call::EndPost(body) = call {
        // In the order of arrival, and whether somebody waits for the answer or not.
        let _ = sender.send(end_post(&worker, locator, body));
        return;
    }
    spawn_local(async move {
        let answer = tokio::select! {
            // First, and once at least: a poll that was given up must have hung, to end its session.
            biased;
            answer = answer(&worker, locator, call) => answer,
            () = sender.closed() => return,
        };
        if let Err(Answer::Payload(_)) = sender.send(answer) {
            lose(&worker, locator, Loss::AbortedRequest);
        }
    });
}

async fn answer<A: Application>(worker: &Worker<A>, locator: Locator, call: Call) -> Answer {
    match call {
        Call::Poll => poll(worker, locator).await,
        Call::BeginPost => begin_post(worker, locator),
        Call::EndPost(body) => end_post(worker, locator, body),
        Call::BeginUpgrade => begin_upgrade(worker, locator),
        Call::ProbeUpgrade => probe_upgrade(worker, locator, Packet::Ping("probe")),
        Call::AbandonUpgrade => probe_upgrade(worker, locator, Packet::Close),
        Call::Depart => depart(worker, locator).await,
    }
}

async fn poll<A: Application>(worker: &Worker<A>, locator: Locator) -> Answer {
    let hanging = worker.turn(|_, engine| {
        let id = located(engine, locator)?;
        let connection = engine.get_mut(id).ok_or(UNKNOWN)?;
        let polled = connection.socket.poll();
        served(engine, id, polled)?;
        let (sender, receiver) = oneshot::channel();
        let connection = engine.writable(id).ok_or(UNKNOWN)?;
        if let Carrier::Polling { poll, .. } = &mut connection.carrier {
            *poll = Some(sender);
        }
        Ok(receiver)
    });
    match hanging {
        Ok(receiver) => {
            let mut unanswered = Unanswered {
                worker,
                locator,
                answered: false,
            };
            let answer = receiver.await;
            unanswered.answered = true;
            answer.unwrap_or(UNKNOWN)
        }
        Err(answer) => answer,
    }
}

/// A poll that hangs. When it is dropped before it is answered, its client has given it up, and with it the session.
struct Unanswered<'a, A: Application> {
    worker: &'a Worker<A>,
    locator: Locator,
    answered: bool,
}

impl<A: Application> Drop for Unanswered<'_, A> {
    fn drop(&mut self) {
        if !self.answered {
            lose(self.worker, self.locator, Loss::AbortedRequest);
        }
    }
}

fn begin_post<A: Application>(worker: &Worker<A>, locator: Locator) -> Answer {
    let begun = worker.turn(|_, engine| {
        let id = located(engine, locator)?;
        let connection = engine.get_mut(id).ok_or(UNKNOWN)?;
        let begun = connection.socket.begin_post();
        served(engine, id, begun)
    });
    begun.map_or_else(|refused| refused, |()| Answer::GoOn)
}

fn end_post<A: Application>(worker: &Worker<A>, locator: Locator, body: Result<Bytes, Loss>) -> Answer {
    worker.turn(|application, engine| {
        let id = match located(engine, locator) {
            Ok(id) => id,
            Err(unknown) => return unknown,
        };
        match body {
            Ok(body) => take_body(application, engine, id, &body),
            Err(loss) => {
                engine.end(id, Closing::Lost(loss));
                match loss {
                    Loss::TooLarge => Answer::TooLarge,
                    Loss::AbortedRequest => Answer::TooSlow,
                    _ => Answer::Refused(Refusal::BadRequest),
                }
            }
        }
    })
}

fn take_body<A: Application>(
    application: &mut A,
    engine: &mut Engine,
    id: ConnectionId,
    body: &[u8],
) -> Answer {
    if let Some(connection) = engine.get_mut(id) {
        connection.socket.end_post();
    }
    let stop = match str::from_utf8(body) {
        Ok(body) => take_payload(application, engine, id, body),
        Err(_) => Some(Stop::Broken),
    };
    if let Some(stop) = stop {
        engine.end(id, stop.how());
    }
    match stop {
        None | Some(Stop::Closed | Stop::Gone) => Answer::Taken,
        Some(Stop::Broken) => Answer::Refused(Refusal::BadRequest),
    }
}

fn take_payload<A: Application>(
    application: &mut A,
    engine: &mut Engine,
    id: ConnectionId,
    body: &str,
) -> Option<Stop> {
    let mut payload = Payload::new(body);
    while let Some(packet) = payload.next() {
        if let ControlFlow::Break(stop) = take_packet(application, engine, id, packet) {
            return Some(stop);
        }
    }
    None
}

fn begin_upgrade<A: Application>(worker: &Worker<A>, locator: Locator) -> Answer {
    let begun = worker.turn(|_, engine| {
        let id = located(engine, locator)?;
        let (settings, now) = (engine.settings, wire(engine.now()));
        let connection = engine.get_mut(id).ok_or(UNKNOWN)?;
        connection
            .socket
            .begin_upgrade(&settings, now)
            .map_err(Answer::Refused)?;
        engine.rearm(id);
        Ok(())
    });
    begun.map_or_else(|refused| refused, |()| Answer::GoOn)
}

fn probe_upgrade<A: Application>(worker: &Worker<A>, locator: Locator, packet: Packet<'_>) -> Answer {
    let probed = worker.turn(|_, engine| {
        let id = located(engine, locator)?;
        // A poll that hangs is answered then.
        let connection = engine.writable(id).ok_or(UNKNOWN)?;
        match connection.socket.receive_probe(packet) {
            Probe::Answer => Ok(Answer::GoOn),
            Probe::Switch | Probe::Abandon => Err(Answer::Refused(Refusal::BadRequest)),
        }
    });
    probed.unwrap_or_else(|refused| refused)
}

/// Lets the session go to the pod that has its WebSocket, as soon as the application does.
async fn depart<A: Application>(worker: &Worker<A>, locator: Locator) -> Answer {
    loop {
        let departed = worker.turn(|application, engine| {
            let id = located(engine, locator)?;
            let upgrading = engine
                .get_mut(id)
                .is_some_and(|connection| connection.socket.is_upgrading());
            if !upgrading {
                return Err(Answer::Refused(Refusal::BadRequest));
            }
            Ok(application.depart(id, engine).map(|luggage| {
                let mut bytes = luggage.into_bytes();
                bytes.push(b'\n');
                engine.depart(id, &mut bytes);
                Answer::Departed(bytes)
            }))
        });
        match departed {
            Ok(Some(departed)) => return departed,
            // The timeout of the upgrade ends this.
            Ok(None) => sleep(NOT_YET).await,
            Err(refused) => return refused,
        }
    }
}

const UNKNOWN: Answer = Answer::Refused(Refusal::SessionUnknown);

fn located(engine: &Engine, locator: Locator) -> Result<ConnectionId, Answer> {
    engine.locate(locator).ok_or(UNKNOWN)
}

/// Ends the session when its client breaks the protocol by this very request.
fn served(engine: &mut Engine, id: ConnectionId, request: Result<(), Unserved>) -> Result<(), Answer> {
    request.map_err(|unserved| match unserved {
        Unserved::Refused(refusal) => Answer::Refused(refusal),
        Unserved::Broken(_) => {
            engine.end(id, Closing::Lost(Loss::Protocol));
            Answer::Refused(Refusal::BadRequest)
        }
    })
}

fn lose<A: Application>(worker: &Worker<A>, locator: Locator, loss: Loss) {
    worker.turn(|_, engine| {
        if let Some(id) = engine.locate(locator) {
            engine.end(id, Closing::Lost(loss));
        }
    });
}
