//! A cluster, and who is asked for what there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use super::audit::AuditLog;
use super::command_line::{self, Output};
use super::keeper::Keeper;

/// A running cluster. One that this process has started ends when it is dropped, and at the latest with the process.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    /// Of a cluster that this process has started.
    _keeper: Option<Keeper>,
}

impl Cluster {
    /// The cluster that all tests share: that of `CHAT_TEST_CLUSTER`, or else one of this process, which the first call
    /// starts. That takes some seconds, in which the calling thread waits.
    ///
    /// # Errors
    /// There is none, and none comes up; the same for every test. Says which program is missing and how it is built.
    pub fn get() -> anyhow::Result<&'static Self> {
        static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
        let cluster = CLUSTER.get_or_init(|| match std::env::var_os("CHAT_TEST_CLUSTER") {
            Some(folder) => Ok(Self {
                folder: folder.into(),
                _keeper: None,
            }),
            None => Self::start().map_err(|error| format!("{error:#}")),
        });
        cluster.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Starts one of its own for a test that ends it, or changes what others rely on.
    ///
    /// # Errors
    /// It does not come up. Says which program is missing and how it is built.
    pub fn start() -> anyhow::Result<Self> {
        let keeper = Keeper::start()?;
        Ok(Self {
            folder: keeper.folder(),
            _keeper: Some(keeper),
        })
    }

    /// Where its files are: a log of each daemon, and its process id in a file beside that.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// Makes a kubeconfig for a service account, with a token of its own that is good for an hour: whoever uses it may do
    /// what RBAC lets that account do, and is in the audit log as `system:serviceaccount:NAMESPACE:NAME`.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn kubeconfig_of(&self, namespace: &str, service_account: &str) -> anyhow::Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let request = TokenRequest::default();
        let token = accounts
            .create_token_request(service_account, &PostParams::default(), &request)
            .await
            .with_context(|| format!("no token for {namespace}/{service_account}"))?
            .status
            .context("a token request is answered with a token")?
            .token;
        let mut kubeconfig = Kubeconfig::read_from(self.kubeconfig())?;
        for user in &mut kubeconfig.auth_infos {
            user.auth_info.get_or_insert_default().token = Some(token.clone().into());
        }
        let path = self
            .folder
            .join(format!("{namespace}.{service_account}.kubeconfig"));
        // JSON is YAML.
        fs::write(&path, serde_json::to_vec(&kubeconfig)?)?;
        Ok(path)
    }

    /// A client of its administrator. It lives in the runtime that it is made in, so each test makes its own.
    ///
    /// # Errors
    /// The kubeconfig is gone, and the cluster with it.
    pub async fn client(&self) -> anyhow::Result<Client> {
        self.client_with(&self.kubeconfig()).await
    }

    /// A client of whoever this kubeconfig is for.
    ///
    /// # Errors
    /// It is none.
    pub async fn client_with(&self, kubeconfig: &Path) -> anyhow::Result<Client> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Its audit log.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub async fn audit(&self) -> anyhow::Result<AuditLog> {
        Ok(AuditLog::new(self.folder.join("audit.log"), self.client().await?))
    }

    /// Runs `kubectl` as administrator, and waits for it.
    ///
    /// # Errors
    /// It cannot be run, or still runs after a minute.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        command_line::run(&self.folder, "kubectl", arguments, "").await
    }

    /// The same with this standard input, for `-f -`.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn kubectl_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
        command_line::run(&self.folder, "kubectl", arguments, input).await
    }

    /// Runs `helm` as administrator, and waits for it.
    ///
    /// # Errors
    /// As [`Self::kubectl`].
    pub async fn helm(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        command_line::run(&self.folder, "helm", arguments, "").await
    }
}
