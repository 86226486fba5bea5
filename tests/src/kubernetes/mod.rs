//! A real Kubernetes for tests: API server, controllers and scheduler on this machine, with nodes that are fake.
//!
//! Everything of the API is there: schemas, defaults, CEL, server-side apply, RBAC, garbage collection, autoscalers,
//! aggregated APIs, Helm. Pods are scheduled and become ready, but nothing runs in them. `tests/kubernetes/cluster` says
//! how it is made, `tests/kubernetes/build` builds its programs.
//!
//! - [`Cluster`] is one for all tests: that of `CHAT_TEST_CLUSTER`, which `make test-operator` starts for a whole run, or
//!   else one for this process, which ends with it.
//! - [`Namespace`] is a test's own. What has none, such as a ClusterRole, all tests share.
//! - [`AuditLog`] tells every request that the API server has had, and whose it was.
//! - [`eventually`] waits for what a controller will bring about.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use std::time::Duration;
//!
//! use anyhow::ensure;
//! use chat_tests::kubernetes::{Namespace, eventually};
//! use k8s_openapi::api::core::v1::ConfigMap;
//!
//! let namespace = Namespace::new("example").await?;
//! let log = namespace.cluster().audit().await?;
//! let before = log.mark().await?;
//! namespace.kubectl(&["create", "configmap", "one"]).await?.succeeded()?;
//! eventually(Duration::from_secs(5), "the map is there", async || {
//!     let maps = namespace.api::<ConfigMap>().list(&Default::default()).await?;
//!     ensure!(maps.iter().any(|map| map.metadata.name.as_deref() == Some("one")), "{maps:?}");
//!     Ok(())
//! })
//! .await?;
//! let entries = log.since(before).await?;
//! assert!(entries.iter().any(|entry| entry.verb == "create" && entry.name == "one"));
//! # Ok(())
//! # }
//! ```

mod audit;
mod cluster;
mod command_line;
mod eventually;
mod keeper;
mod namespace;

pub use audit::{AuditLog, Entry, Mark};
pub use cluster::Cluster;
pub use command_line::Output;
pub use eventually::eventually;
pub use namespace::Namespace;
