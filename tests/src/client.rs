//! A whole client for tests that read like a conversation.
//!
//! Whatever is waited for is waited for [`PATIENCE`], and what came instead is told then.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use signaling_wire::websocket::CloseCode;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{Connection, Ended, Incoming};
use crate::target::Target;

/// How long anything may take, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An event that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// A client and what it has been told.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    session: Value,
    events: VecDeque<Event>,
    acks: HashMap<u64, Value>,
    ended: Option<Ended>,
}

impl Client {
    /// Connects, and waits for `session`.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or says nothing.
    pub async fn connect(target: &Target) -> anyhow::Result<Self> {
        Self::connect_with(target, &json!({})).await
    }

    /// The same with this `auth`.
    ///
    /// # Errors
    /// As [`Self::connect`]; a refusal of the namespace is a
    /// [`ConnectError::Refused`](crate::connection::ConnectError::Refused).
    pub async fn connect_with(target: &Target, auth: &Value) -> anyhow::Result<Self> {
        let auth = auth.to_string();
        let connection = timeout(PATIENCE, Connection::connect(target, Some(&auth)))
            .await
            .context("no connection in time")??;
        Self::welcome(connection).await
    }

    /// Takes a connection that has just joined, and waits for `session`.
    ///
    /// # Errors
    /// It does not come.
    pub async fn welcome(connection: Connection) -> anyhow::Result<Self> {
        let mut client = Self {
            connection,
            session: Value::Null,
            events: VecDeque::new(),
            acks: HashMap::new(),
            ended: None,
        };
        client.session = client.event("session").await?;
        Ok(client)
    }

    /// Two clients in one match: the initiator first.
    ///
    /// # Errors
    /// They do not find each other, but perhaps somebody else.
    pub async fn pair(target: &Target) -> anyhow::Result<[Self; 2]> {
        let mut one = Self::connect(target).await?;
        let mut other = Self::connect(target).await?;
        one.call("find_match", None).await?;
        other.call("find_match", None).await?;
        let found = one.event("match_found").await?;
        let found_too = other.event("match_found").await?;
        if found["matchId"] != found_too["matchId"] {
            bail!("the two did not find each other: {found} and {found_too}");
        }
        Ok(if found["initiator"] == true {
            [one, other]
        } else {
            [other, one]
        })
    }

    /// What `session` said after the connect.
    #[must_use]
    pub fn session(&self) -> &Value {
        &self.session
    }

    /// The `auth` that resumes this session, with the number of the last signal seen.
    #[must_use]
    pub fn resume(&self, seq: Option<u64>) -> Value {
        match seq {
            Some(seq) => json!({"resume": self.session["resumeToken"], "seq": seq}),
            None => json!({"resume": self.session["resumeToken"]}),
        }
    }

    /// The connection below, for what a well-behaved client does not do.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Sends an event without asking for an acknowledgement.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn emit(&mut self, name: &str, payload: impl Into<Option<Value>>) -> anyhow::Result<()> {
        let payload = payload.into().map(|payload| payload.to_string());
        match &payload {
            Some(payload) => self.connection.emitter().emit(name, &[payload.as_bytes()]),
            None => self.connection.emitter().emit(name, &[]),
        }
        Ok(self.connection.flush().await?)
    }

    /// Sends an event and waits for its acknowledgement.
    ///
    /// # Errors
    /// The connection ends, or it does not come.
    pub async fn call(&mut self, name: &str, payload: impl Into<Option<Value>>) -> anyhow::Result<Value> {
        let payload = payload.into().map(|payload| payload.to_string());
        let mut emitter = self.connection.emitter();
        let id = match &payload {
            Some(payload) => emitter.emit_with_ack(name, &[payload.as_bytes()]),
            None => emitter.emit_with_ack(name, &[]),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ack) = self.acks.remove(&id) {
                return Ok(ack);
            }
            self.read(deadline, &format!("the acknowledgement of {name}"))
                .await?;
        }
    }

    /// Waits for the next event of this name and answers its first argument. Events of other names stay to be asked for.
    ///
    /// # Errors
    /// The connection ends, or it does not come.
    pub async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.events.iter().position(|event| event.name == name) {
                let event = self.events.remove(place).context("it was just found")?;
                return Ok(event.args.into_iter().next().unwrap_or_default());
            }
            self.read(deadline, name).await?;
        }
    }

    /// Waits for the next event, whatever it is.
    ///
    /// # Errors
    /// The connection ends, or none comes.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.read(deadline, "an event").await?;
        }
    }

    /// The events that have come and were not asked for yet.
    #[must_use]
    pub fn unread(&self) -> &VecDeque<Event> {
        &self.events
    }

    /// Waits until the connection has come to its end. Events that come before stay to be looked at.
    ///
    /// # Errors
    /// It does not end.
    pub async fn ended(&mut self) -> anyhow::Result<Ended> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = &self.ended {
                return Ok(ended.clone());
            }
            self.read(deadline, "the end of the connection").await?;
        }
    }

    /// Leaves as a closed tab does, by a close frame, and waits until the server has closed, too.
    ///
    /// # Errors
    /// It does not.
    pub async fn leave(mut self) -> anyhow::Result<()> {
        self.connection.close(CloseCode::NORMAL);
        self.ended().await?;
        Ok(())
    }

    /// Leaves the namespace, and so the service.
    ///
    /// # Errors
    /// The connection has ended before.
    pub async fn disconnect(mut self) -> anyhow::Result<()> {
        self.connection.emitter().raw_packet(b"1");
        self.connection.flush().await?;
        Ok(())
    }

    /// Loses the connection as a phone in a tunnel does: without a close frame.
    pub fn lose(self) {
        drop(self);
    }

    /// Reads once. An end is told by the next call only: events may have come before it.
    async fn read(&mut self, deadline: Instant, wanted: &str) -> anyhow::Result<()> {
        if let Some(ended) = self.ended.clone() {
            return Err(ended).with_context(|| format!("waiting for {wanted}, after {:?}", self.events));
        }
        let Self {
            connection,
            events,
            acks,
            ..
        } = self;
        let reading = connection.read(|incoming, _| match incoming {
            Incoming::Ack { id, args } => {
                let args: Vec<Value> = serde_json::from_str(args).unwrap_or_default();
                acks.insert(id, args.into_iter().next().unwrap_or_default());
            }
            Incoming::Event { args, .. } => {
                let mut args: Vec<Value> = serde_json::from_str(args).unwrap_or_default();
                if !args.is_empty() {
                    let name = args.remove(0).as_str().unwrap_or_default().to_owned();
                    events.push_back(Event { name, args });
                }
            }
        });
        match timeout_at(deadline, reading).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ended)) => {
                self.ended = Some(ended);
                Ok(())
            }
            Err(_) => bail!("{wanted} does not come; what came: {:?}", self.events),
        }
    }
}
