//! The audit log: every request to the API server, and whose it was.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde::Deserialize;

use super::eventually::eventually;

/// How long requests may go on that have come before it was asked for them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads the log of a cluster.
///
/// Nothing is lost between a request and a look into the log: what was answered before [`Self::mark`] is before the mark,
/// and what was answered before [`Self::since`] is in its answer.
#[derive(Clone)]
pub struct AuditLog {
    file: PathBuf,
    client: Client,
}

/// A place in the log, after everything that had been answered when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Of the first line behind it, in bytes.
    offset: u64,
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What was to be done: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; where it is
    /// about no object, the method of HTTP in lower case.
    pub verb: String,
    /// Who it was, such as `admin` or `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// The client's `User-Agent`.
    pub agent: String,
    /// The API group of the object; empty for the core group.
    pub group: String,
    /// The plural name of its kind, such as `deployments`. Empty where it is about no object.
    pub resource: String,
    /// Such as `status`, `scale` or `eviction`; empty for the object itself.
    pub subresource: String,
    /// Where the object is; empty for all namespaces, and for objects that are in none.
    pub namespace: String,
    /// The object's name; empty for all of them, and for a creation that was refused.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// The status of HTTP; `None` for a watch that goes on and has not begun to answer.
    pub status: Option<u16>,
}

impl Entry {
    /// Whether it was to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.resource.is_empty() && !matches!(&*self.verb, "get" | "list" | "watch")
    }
}

impl AuditLog {
    pub(super) fn new(file: PathBuf, client: Client) -> Self {
        Self { file, client }
    }

    /// Where the log stands now.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn mark(&self) -> anyhow::Result<Mark> {
        let from = Mark {
            offset: self.file.metadata()?.len(),
        };
        let (_, mark) = self.settled(from).await?;
        Ok(mark)
    }

    /// Every request that came after the mark, in their order, once each.
    ///
    /// # Errors
    /// The API server does not answer; or a request is still not answered after 20 seconds, with which.
    pub async fn since(&self, mark: Mark) -> anyhow::Result<Vec<Entry>> {
        Ok(self.settled(mark).await?.0)
    }

    /// Asks for an object that nobody else asks for, and waits until that is in the log and every request before it is
    /// answered: these requests, and where the log stands behind them.
    ///
    /// The first line of a request is in the log before the API server sees to it; its last line may come when its client
    /// has the answer already.
    async fn settled(&self, from: Mark) -> anyhow::Result<(Vec<Entry>, Mark)> {
        let question = format!("nobody-{:032x}", rand::random::<u128>());
        let objects: Api<ConfigMap> = Api::default_namespaced(self.client.clone());
        objects.get_opt(&question).await?;
        eventually(PATIENCE, "every request is answered", async || {
            Requests::read(&self.file, from)?.before(&question)
        })
        .await
    }
}

/// The requests that begin behind a mark.
#[derive(Debug, Default)]
struct Requests {
    /// In the order in which they came, with the end of their first line.
    entries: Vec<(Entry, u64)>,
    /// Where they are in there, by audit id.
    places: HashMap<String, usize>,
}

impl Requests {
    fn read(file: &Path, from: Mark) -> anyhow::Result<Self> {
        let mut file = File::open(file)?;
        file.seek(SeekFrom::Start(from.offset))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let mut requests = Self::default();
        let mut offset = from.offset;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            offset += line.len() as u64;
            // The last one may still be in the writing.
            if line.ends_with(b"\n") {
                let event = serde_json::from_slice(line).context("a line of the audit log")?;
                requests.take(event, offset);
            }
        }
        Ok(requests)
    }

    fn take(&mut self, event: Event, end: u64) {
        if event.stage == Stage::RequestReceived {
            self.places.insert(event.audit_id.clone(), self.entries.len());
            self.entries.push((event.entry(), end));
        } else if let Some(&place) = self.places.get(&event.audit_id) {
            // The name of a new object is known only now.
            self.entries[place].0 = event.entry();
        }
    }

    /// Those that came before somebody asked for this, and where that was.
    fn before(self, question: &str) -> anyhow::Result<(Vec<Entry>, Mark)> {
        let asked = self
            .entries
            .iter()
            .position(|(entry, _)| entry.name == question)
            .context("the last request is not in the log yet")?;
        let offset = self.entries[asked].1;
        let entries = self.entries.into_iter().take(asked).map(|(entry, _)| entry);
        let entries: Vec<Entry> = entries.collect();
        let open = |entry: &&Entry| entry.status.is_none() && entry.verb != "watch";
        if let Some(open) = entries.iter().find(open) {
            bail!("{open:?} goes on");
        }
        Ok((entries, Mark { offset }))
    }
}

/// A line of the log: an `Event` of `audit.k8s.io/v1`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: Stage,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    response_status: Option<ResponseStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Stage {
    RequestReceived,
    /// Of a watch, which goes on.
    ResponseStarted,
    ResponseComplete,
    Panic,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct ResponseStatus {
    code: u16,
}

impl Event {
    fn entry(self) -> Entry {
        let object = self.object_ref;
        Entry {
            verb: self.verb,
            user: self.impersonated_user.unwrap_or(self.user).username,
            agent: self.user_agent,
            group: object.api_group,
            resource: object.resource,
            subresource: object.subresource,
            namespace: object.namespace,
            name: object.name,
            uri: self.request_uri,
            status: self.response_status.map(|status| status.code),
        }
    }
}
