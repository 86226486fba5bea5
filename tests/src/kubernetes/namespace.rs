//! A test's own namespace.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use k8s_openapi::api::core::v1::{self, ServiceAccount};
use kube::api::{ObjectMeta, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};

use super::cluster::Cluster;
use super::command_line::Output;
use super::eventually::eventually;

/// How long its service account may take, without which no Deployment gets a pod.
const SERVICE_ACCOUNT: Duration = Duration::from_secs(20);

/// A new namespace of the shared cluster. It is deleted in the background with everything in it when it is dropped; when
/// that is because a test has failed, what was in it is shown first.
pub struct Namespace {
    name: String,
    cluster: &'static Cluster,
    client: Client,
}

impl Namespace {
    /// Makes one, with a name that begins like this, up to 54 characters of those that Kubernetes allows, and is nobody
    /// else's. It has its service account `default`.
    ///
    /// # Errors
    /// There is no cluster, as [`Cluster::get`]; or the name is none.
    pub async fn new(name: &str) -> anyhow::Result<Self> {
        let cluster = Cluster::get()?;
        let namespace = Self {
            name: format!("{name}-{:08x}", rand::random::<u32>()),
            cluster,
            client: cluster.client().await?,
        };
        let metadata = ObjectMeta {
            name: Some(namespace.name.clone()),
            ..ObjectMeta::default()
        };
        let object = v1::Namespace {
            metadata,
            ..v1::Namespace::default()
        };
        let namespaces: Api<v1::Namespace> = Api::all(namespace.client.clone());
        namespaces.create(&PostParams::default(), &object).await?;
        eventually(
            SERVICE_ACCOUNT,
            "a namespace has its service account",
            async || Ok(namespace.api::<ServiceAccount>().get("default").await?),
        )
        .await?;
        Ok(namespace)
    }

    /// Its whole name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    #[must_use]
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// A client of the administrator, for the test that has made this.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The objects of a kind that are in here.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.name)
    }

    /// Runs `kubectl` in it, and waits for that.
    ///
    /// # Errors
    /// As [`Cluster::kubectl`].
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.kubectl_with(arguments, "").await
    }

    /// The same with this standard input, for `-f -`.
    ///
    /// # Errors
    /// As [`Cluster::kubectl`].
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
        let here = ["--namespace", self.name()];
        self.cluster
            .kubectl_with(&[&here, arguments].concat(), input)
            .await
    }

    /// Runs `helm` in it, and waits for that.
    ///
    /// # Errors
    /// As [`Cluster::kubectl`].
    pub async fn helm(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let here = ["--namespace", self.name()];
        self.cluster.helm(&[&here, arguments].concat()).await
    }

    /// `kubectl` for those who cannot wait for a future.
    fn blocking_kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.cluster.folder().join("bin/kubectl"));
        command
            .arg("--kubeconfig")
            .arg(self.cluster.kubeconfig())
            .args(arguments)
            .env("KUBECACHEDIR", self.cluster.folder().join("kubectl"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    #[expect(
        clippy::print_stderr,
        reason = "a failing test shows what was in its namespace"
    )]
    fn show(&self) {
        let kinds = "events,deployments,replicasets,statefulsets,pods,services";
        let arguments = ["--namespace", self.name(), "get", kinds, "--output", "wide"];
        if let Ok(output) = self.blocking_kubectl(&arguments).output() {
            let objects = String::from_utf8_lossy(&output.stdout);
            eprintln!("--- namespace {} ---\n{objects}--- end of it ---", self.name);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show();
        }
        // A process of its own, for it may go on when the test's runtime and process are gone. It needs no discovery, so
        // that it leaves nothing in the folder of a cluster that ends in that moment.
        let path = format!("/api/v1/namespaces/{}", self.name);
        let deletion = self
            .blocking_kubectl(&["delete", "--raw", &path])
            .stdout(Stdio::null())
            .spawn();
        // Where it cannot be started the cluster is gone, and the namespace with it.
        if let Ok(mut deletion) = deletion {
            thread::spawn(move || deletion.wait());
        }
    }
}
