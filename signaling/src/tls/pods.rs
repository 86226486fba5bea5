//! TLS from pod to pod: whoever knows what all pods of the service share has the key.
//!
//! A pod's own certificate bears the name that clients know, not the address at which other pods reach it; it changes while
//! pods run, not everywhere in one moment, and may be of an authority that no pod knows. So that name says nothing here. A
//! pod that asks for [`NAME`] is shown another certificate, whose key is made of `POD_SECRET`: it takes the other one for a
//! pod of the service when that signs the handshake with this key, whatever else the certificate says.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, PublicKeyData as _};
use sha2::Sha256;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};

/// The name that one pod asks another for; nobody else has a reason to.
pub const NAME: &str = "pod.invalid";

/// What comes before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The key of a service's pods.
pub struct PodKey {
    pkcs8: PrivatePkcs8KeyDer<'static>,
    pair: KeyPair,
}

impl PodKey {
    /// The key that belongs to this secret.
    ///
    /// # Panics
    /// Never: any 32 bytes are a key.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        let seed = mac.chain_update(b"tls between pods").finalize().into_bytes();
        let pkcs8 = PrivatePkcs8KeyDer::from([&PKCS8[..], &seed[..]].concat());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ED25519);
        Self {
            pair: pair.expect("any 32 bytes are a key"),
            pkcs8,
        }
    }

    /// What is shown to pods.
    ///
    /// # Errors
    /// The library makes no certificate of it, or no use of the key.
    pub(super) fn certified(&self) -> Result<CertifiedKey, Error> {
        let other = |error: rcgen::Error| Error::General(error.to_string());
        let params = CertificateParams::new([NAME.to_owned()]).map_err(other)?;
        let certificate = params.self_signed(&self.pair).map_err(other)?;
        let provider = ServerConfig::builder().crypto_provider().clone();
        let key = PrivateKeyDer::Pkcs8(self.pkcs8.clone_key());
        CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider)
    }

    /// How other pods of the service are spoken to, under the name [`NAME`].
    ///
    /// # Panics
    /// When the library is built without TLS 1.3.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let provider: Arc<CryptoProvider> = ClientConfig::builder().crypto_provider().clone();
        let holder = HoldsKey {
            public: self.pair.subject_public_key_info().into(),
            algorithms: provider.signature_verification_algorithms,
        };
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(holder))
            .with_no_client_auth()
    }
}

/// Takes whoever holds the key for a pod.
#[derive(Debug)]
struct HoldsKey {
    public: SubjectPublicKeyInfoDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for HoldsKey {
    /// The certificate says nothing: its signature under the handshake does.
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("pods speak TLS 1.3".to_owned()))
    }

    /// By the service's key, not by whatever the certificate names.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &self.public, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io;

    use tokio_rustls::rustls::server::ResolvesServerCertUsingSni;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    /// Whether a pod with one secret takes another one for a pod of its service.
    async fn trusts(own: &[u8], other: &[u8]) -> io::Result<()> {
        let mut resolver = ResolvesServerCertUsingSni::new();
        resolver
            .add(NAME, PodKey::of(other).certified().unwrap())
            .unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let connector = TlsConnector::from(Arc::new(PodKey::of(own).client()));
        let (near, far) = tokio::io::duplex(4096);
        let name = ServerName::try_from(NAME).unwrap();
        let (connected, _) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
        connected.map(|_| ())
    }

    #[tokio::test]
    async fn whoever_has_the_secret_is_a_pod_of_the_service_and_nobody_else() {
        assert!(trusts(b"of this service", b"of this service").await.is_ok());
        let refused = trusts(b"of this service", b"of another one").await.unwrap_err();
        assert!(refused.to_string().contains("BadSignature"), "{refused}");
    }
}
