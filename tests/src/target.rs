//! Where a service is, and how to open a socket there.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where Debian keeps the certificates of those who may vouch for a server.
pub const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Why a URL is no target.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTarget {
    /// It does not begin with a scheme that a service speaks.
    #[error("{0}: a URL begins with http://, https://, ws:// or wss://")]
    Scheme(String),
    /// There is no host in it, or its port is no number.
    #[error("{0}: this is no host with a port")]
    Host(String),
    /// There is more than a host.
    #[error("{0}: the path has to be empty")]
    Path(String),
    /// The host has no address.
    #[error("{host} cannot be resolved: {error}")]
    Unresolved {
        /// The host's name.
        host: String,
        /// What the system says.
        error: io::Error,
    },
    /// The certificates to trust cannot be read.
    #[error("{file}: no certificate (PEM) can be read from it: {what}")]
    Certificates {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}

/// A service's address. Cheap to clone; the name is resolved once.
#[derive(Clone)]
pub struct Target(Arc<Parts>);

struct Parts {
    /// `host:port`, for the `Host` header.
    authority: String,
    addresses: Vec<SocketAddr>,
    /// Which of the addresses answered last.
    good: AtomicUsize,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// A service at this address, without TLS.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self(Arc::new(Parts {
            authority: address.to_string(),
            addresses: vec![address],
            good: AtomicUsize::new(0),
            tls: None,
        }))
    }

    /// The service at a URL like `https://chat.example.com`. For TLS those are trusted whose certificates are in
    /// `ca_file`, without one those that the system trusts (Debian's file, or that of `SSL_CERT_FILE`).
    ///
    /// # Errors
    /// The URL cannot be understood, its host not be resolved, or the certificates not be read.
    pub async fn resolve(url: &str, ca_file: Option<&Path>) -> Result<Self, InvalidTarget> {
        let (secure, host, port) = split(url)?;
        let unresolved = |error| InvalidTarget::Unresolved {
            host: host.to_owned(),
            error,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = lookup_host((bare, port)).await.map_err(unresolved)?.collect();
        if addresses.is_empty() {
            return Err(unresolved(io::Error::other("it has no address")));
        }
        let tls = if secure {
            let name =
                ServerName::try_from(bare.to_owned()).map_err(|_| InvalidTarget::Host(url.to_owned()))?;
            Some((trusting(ca_file)?, name))
        } else {
            None
        };
        Ok(Self(Arc::new(Parts {
            authority: format!("{host}:{port}"),
            addresses,
            good: AtomicUsize::new(0),
            tls,
        })))
    }

    /// `host:port`
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Opens a socket, and speaks TLS on it where the URL says so.
    ///
    /// # Errors
    /// None of the host's addresses answers, or not with TLS that is to be trusted.
    pub async fn connect(&self) -> io::Result<Stream> {
        let socket = self.connect_tcp().await?;
        Ok(match &self.0.tls {
            None => Stream::Plain(socket),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), socket).await?;
                Stream::Tls(Box::new(stream))
            }
        })
    }

    /// Opens a plain socket, for tests that write its bytes themselves.
    ///
    /// # Errors
    /// None of the host's addresses answers.
    pub async fn connect_tcp(&self) -> io::Result<TcpStream> {
        let Parts { addresses, good, .. } = &*self.0;
        let first = good.load(Ordering::Relaxed);
        let mut failed = None;
        for turn in 0..addresses.len() {
            let place = (first + turn) % addresses.len();
            match TcpStream::connect(addresses[place]).await {
                Ok(socket) => {
                    good.store(place, Ordering::Relaxed);
                    socket.set_nodelay(true)?;
                    return Ok(socket);
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.0.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.0.authority)
    }
}

/// Whether the URL is one of TLS, its host, and its port.
fn split(url: &str) -> Result<(bool, &str, u16), InvalidTarget> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| InvalidTarget::Scheme(url.to_owned()))?;
    let (secure, default_port) = match scheme {
        "http" | "ws" => (false, 80),
        "https" | "wss" => (true, 443),
        _ => return Err(InvalidTarget::Scheme(url.to_owned())),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(InvalidTarget::Path(url.to_owned()));
    }
    let invalid = || InvalidTarget::Host(url.to_owned());
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| invalid())?),
        _ => (authority, default_port),
    };
    if host.is_empty() || host.contains('@') {
        return Err(invalid());
    }
    Ok((secure, host, port))
}

/// A TLS client that trusts whom the file names.
fn trusting(ca_file: Option<&Path>) -> Result<TlsConnector, InvalidTarget> {
    let system = || std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| SYSTEM_CA_FILE.into());
    let file = ca_file.map_or_else(system, |file| file.as_os_str().to_owned());
    let wrong = |what: String| InvalidTarget::Certificates {
        file: file.display().to_string(),
        what,
    };
    let found = CertificateDer::pem_file_iter(&file).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // Among those of a system are old ones that are of no use.
    let (used, _) = roots.add_parsable_certificates(found.filter_map(Result::ok));
    if used == 0 {
        return Err(wrong("there is none in it".to_owned()));
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A socket, with or without TLS.
#[derive(Debug)]
pub enum Stream {
    /// Without.
    Plain(TcpStream),
    /// With.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The TCP socket below, for its options.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_host_and_a_port() {
        let split = |url| split(url).map_err(|error| error.to_string());
        assert_eq!(split("http://localhost:3000"), Ok((false, "localhost", 3000)));
        assert_eq!(
            split("https://chat.example.com/"),
            Ok((true, "chat.example.com", 443))
        );
        assert_eq!(split("ws://[::1]:80"), Ok((false, "[::1]", 80)));
        assert_eq!(split("http://[::1]"), Ok((false, "[::1]", 80)));
    }

    #[test]
    fn what_is_no_url_of_a_service_is_refused_with_a_reason() {
        for url in [
            "localhost:3000",
            "ftp://x",
            "http://",
            "http://a:b",
            "http://a/path",
            "http://u@a",
        ] {
            assert!(split(url).is_err_and(|error| error.to_string().starts_with(url)));
        }
    }
}
