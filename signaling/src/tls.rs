//! HTTPS: the certificate, read again when its files change, so that a renewed one needs no restart.

pub mod pods;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use self::pods::PodKey;

use crate::config::{Tls, table};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate and what was in its files.
pub struct Certificate {
    files: Tls,
    read: Pem,
    /// What other pods are shown.
    for_pods: Arc<CertifiedKey>,
    acceptor: Arc<ArcSwap<TlsAcceptor>>,
}

#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Why a certificate is of no use. One line for whoever set the variable.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file could not be read.
    #[error("{name}={path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file holds something else.
    #[error("{name}={path} is not allowed: it takes {allowed} ({reason})", path = path.display())]
    NotPem {
        /// The variable.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the file must hold.
        allowed: &'static str,
        /// What is wrong with it.
        reason: pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("TLS_CERT_FILE and TLS_KEY_FILE cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Certificate {
    /// Reads the files. Other pods are shown `key` instead.
    ///
    /// # Errors
    /// When they cannot be read, or do not make a certificate with its key.
    pub fn load(files: &Tls, key: &PodKey) -> Result<Self, CertificateError> {
        let for_pods = Arc::new(key.certified()?);
        let read = Pem::read(files)?;
        let acceptor = read.acceptor(files, Arc::clone(&for_pods))?;
        let acceptor = Arc::new(ArcSwap::from_pointee(acceptor));
        Ok(Self {
            files: files.clone(),
            read,
            for_pods,
            acceptor,
        })
    }

    /// What the transport accepts sockets with; always the newest certificate.
    #[must_use]
    pub fn acceptor(&self) -> Arc<ArcSwap<TlsAcceptor>> {
        Arc::clone(&self.acceptor)
    }

    /// Takes new files over; `true` when there were any. Sockets that are open keep what they have.
    ///
    /// # Errors
    /// As [`load`](Self::load); then the last certificate stays. The two files change one after the other, so a failure
    /// may be gone at the next look.
    pub fn refresh(&mut self) -> Result<bool, CertificateError> {
        let read = Pem::read(&self.files)?;
        if read == self.read {
            return Ok(false);
        }
        let acceptor = read.acceptor(&self.files, Arc::clone(&self.for_pods))?;
        self.acceptor.store(Arc::new(acceptor));
        self.read = read;
        Ok(true)
    }

    /// Looks at the files for as long as the pod runs.
    pub async fn keep_fresh(mut self) {
        let mut told = false;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.refresh() {
                Ok(false) => told = false,
                Ok(true) => tracing::info!("the TLS certificate has changed"),
                Err(error) if !told => {
                    told = true;
                    tracing::warn!(%error, "the TLS certificate stays as it was");
                }
                Err(_) => {}
            }
        }
    }
}

impl Pem {
    fn read(files: &Tls) -> Result<Self, CertificateError> {
        Ok(Self {
            certificate: read(table::TLS_CERT_FILE.name, &files.certificate)?,
            key: read(table::TLS_KEY_FILE.name, &files.key)?,
        })
    }

    fn acceptor(&self, files: &Tls, for_pods: Arc<CertifiedKey>) -> Result<TlsAcceptor, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| {
                if chain.is_empty() {
                    Err(pem::Error::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(|reason| CertificateError::NotPem {
                name: table::TLS_CERT_FILE.name,
                path: files.certificate.clone(),
                allowed: "a certificate chain in PEM",
                reason,
            })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|reason| CertificateError::NotPem {
            name: table::TLS_KEY_FILE.name,
            path: files.key.clone(),
            allowed: "a private key in PEM",
            reason,
        })?;
        let builder = ServerConfig::builder();
        let for_clients = CertifiedKey::from_der(chain, key, builder.crypto_provider())?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(ByName {
            for_clients: Arc::new(for_clients),
            for_pods,
        }));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Which certificate is shown to whom.
#[derive(Debug)]
struct ByName {
    for_clients: Arc<CertifiedKey>,
    for_pods: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let by_pod = hello.server_name() == Some(pods::NAME);
        Some(Arc::clone(if by_pod {
            &self.for_pods
        } else {
            &self.for_clients
        }))
    }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(path).map_err(|reason| CertificateError::Unreadable {
        name,
        path: path.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Files(Tls);

    impl Files {
        fn new(name: &str) -> Self {
            let path =
                |kind| std::env::temp_dir().join(format!("tls-{}-{name}-{kind}.pem", std::process::id()));
            let files = Self(Tls {
                certificate: path("cert"),
                key: path("key"),
            });
            files.renew();
            files
        }

        fn renew(&self) {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(&self.0.certificate, made.cert.pem()).unwrap();
            std::fs::write(&self.0.key, made.signing_key.serialize_pem()).unwrap();
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0.certificate);
            let _ = std::fs::remove_file(&self.0.key);
        }
    }

    #[test]
    fn a_renewed_certificate_is_taken_over_without_a_restart() {
        let files = Files::new("renewed");
        let mut certificate = Certificate::load(&files.0, &PodKey::of(b"secret")).unwrap();
        let before = certificate.acceptor().load_full();
        assert!(!certificate.refresh().unwrap());
        assert!(Arc::ptr_eq(&before, &certificate.acceptor().load_full()));
        files.renew();
        assert!(certificate.refresh().unwrap());
        assert!(!Arc::ptr_eq(&before, &certificate.acceptor().load_full()));
    }

    #[test]
    fn while_only_one_of_the_files_is_new_the_last_certificate_stays() {
        let (files, other) = (Files::new("half"), Files::new("other"));
        let mut certificate = Certificate::load(&files.0, &PodKey::of(b"secret")).unwrap();
        let before = certificate.acceptor().load_full();
        std::fs::copy(&other.0.key, &files.0.key).unwrap();
        assert!(matches!(
            certificate.refresh(),
            Err(CertificateError::Unusable(_))
        ));
        assert!(Arc::ptr_eq(&before, &certificate.acceptor().load_full()));
        std::fs::copy(&other.0.certificate, &files.0.certificate).unwrap();
        assert!(certificate.refresh().unwrap());
    }

    #[test]
    fn what_is_no_certificate_is_named_in_one_line() {
        let files = Files::new("broken");
        std::fs::write(&files.0.certificate, "nothing").unwrap();
        let error = Certificate::load(&files.0, &PodKey::of(b"secret"))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("TLS_CERT_FILE=") && !error.contains('\n'),
            "{error}"
        );
        std::fs::remove_file(&files.0.key).unwrap();
        let error = Certificate::load(&files.0, &PodKey::of(b"secret"))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("TLS_KEY_FILE=") && !error.contains('\n'),
            "{error}"
        );
    }
}
