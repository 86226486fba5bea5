//! Session identifiers: `<pod>.<worker>.<16 characters>.<MAC>`.
//!
//! The 16 characters are 96 bits of base64url: where the connection is in its worker's table, and its 64 random bits.
//! The MAC tells a pod that an identifier of another pod is genuine, before it asks there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of HMAC-SHA256 that an identifier carries.
const MAC: usize = 12;

/// A session, as its worker finds it: the place in the worker's table, and the random bits that whoever is in that place
/// must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Locator {
    pub(super) index: u32,
    pub(super) salt: u64,
}

impl Locator {
    fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.index.to_be_bytes());
        bytes[4..].copy_from_slice(&self.salt.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; 12]) -> Self {
        let [i0, i1, i2, i3, s0, s1, s2, s3, s4, s5, s6, s7] = bytes;
        Self {
            index: u32::from_be_bytes([i0, i1, i2, i3]),
            salt: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        }
    }
}

/// Whose session an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// A worker's of this pod, if there is such a session.
    Here { worker: u16, locator: Locator },
    /// Another pod's; the identifier is genuine.
    OtherPod {
        pod: &'a str,
        worker: u16,
        locator: Locator,
    },
}

/// Writes and reads the identifiers of a pod.
pub(super) struct Sids {
    pod: String,
    mac: Hmac<Sha256>,
}

impl Sids {
    pub(super) fn new(pod: &str, secret: &[u8]) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        Self {
            pod: pod.chars().map(|c| if plain(c) { c } else { '-' }).collect(),
            mac: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"),
        }
    }

    /// The identifier of a session of worker `worker`.
    pub(super) fn text(&self, worker: u16, locator: Locator) -> String {
        let locator = URL_SAFE_NO_PAD.encode(locator.bytes());
        let named = format!("{}.{worker}.{locator}", self.pod);
        let mac = self.mac.clone().chain_update(named.as_bytes()).finalize();
        let mac = URL_SAFE_NO_PAD.encode(&mac.as_bytes()[..MAC]);
        named + "." + &mac
    }

    /// What proves to another pod that this one has sent a request for the session `sid` on.
    pub(super) fn proof(&self, sid: &str) -> String {
        let mac = self.forwarded(sid).finalize();
        URL_SAFE_NO_PAD.encode(mac.as_bytes())
    }

    /// Whether another pod has sent a request for the session `sid` on.
    pub(super) fn is_proof(&self, proof: &[u8], sid: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(proof) else {
            return false;
        };
        self.forwarded(sid).verify_slice(&tag).is_ok()
    }

    fn forwarded(&self, sid: &str) -> Hmac<Sha256> {
        self.mac
            .clone()
            .chain_update(b"forwarded ")
            .chain_update(sid.as_bytes())
    }

    /// Whose session `sid` names; none when it is no identifier, or not a genuine one of another pod.
    pub(super) fn owner<'a>(&self, sid: &'a str) -> Option<Owner<'a>> {
        let (named, mac) = sid.rsplit_once('.')?;
        let (rest, text) = named.rsplit_once('.')?;
        let (pod, worker) = rest.rsplit_once('.')?;
        let worker = worker.parse().ok()?;
        let mut locator = [0; 12];
        (URL_SAFE_NO_PAD.decode_slice(text, &mut locator) == Ok(12)).then_some(())?;
        let locator = Locator::from_bytes(locator);
        if pod == self.pod {
            // The random bits are proof enough where they can be looked up.
            return Some(Owner::Here { worker, locator });
        }
        let mut tag = [0; MAC];
        (URL_SAFE_NO_PAD.decode_slice(mac, &mut tag) == Ok(MAC)).then_some(())?;
        let genuine = self.mac.clone().chain_update(named.as_bytes());
        genuine.verify_truncated_left(&tag).ok()?;
        Some(Owner::OtherPod { pod, worker, locator })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCATOR: Locator = Locator {
        index: 7,
        salt: 0x0123_4567_89ab_cdef,
    };

    #[test]
    fn an_identifier_leads_to_the_worker_that_made_it() {
        let sids = Sids::new("acme-7f9c", b"secret");
        let sid = sids.text(3, LOCATOR);
        assert!(sid.starts_with("acme-7f9c.3."), "{sid}");
        assert_eq!(sid.rsplit('.').map(str::len).collect::<Vec<_>>(), [16, 16, 1, 9]);
        assert_eq!(
            sids.owner(&sid),
            Some(Owner::Here {
                worker: 3,
                locator: LOCATOR
            })
        );
    }

    #[test]
    fn another_pod_with_the_same_secret_knows_it_as_genuine() {
        let sid = Sids::new("a.b", b"secret").text(0, LOCATOR);
        let other = Sids::new("c", b"secret");
        assert_eq!(
            other.owner(&sid),
            Some(Owner::OtherPod {
                pod: "a.b",
                worker: 0,
                locator: LOCATOR
            })
        );
        assert_eq!(Sids::new("c", b"else").owner(&sid), None);
        assert_eq!(other.owner(&sid.replace("a.b.0", "a.b.1")), None);
    }

    #[test]
    fn a_pods_name_needs_no_escaping_in_an_identifier() {
        assert!(
            Sids::new("Wörk\"er", b"")
                .text(0, LOCATOR)
                .starts_with("W-rk-er.0.")
        );
    }

    #[test]
    fn only_pods_with_the_secret_prove_that_they_have_sent_a_request_on() {
        let proof = Sids::new("a", b"secret").proof("sid");
        let other = Sids::new("b", b"secret");
        assert!(other.is_proof(proof.as_bytes(), "sid"));
        assert!(!other.is_proof(proof.as_bytes(), "another"));
        assert!(!other.is_proof(b"", "sid") && !other.is_proof(b"????", "sid"));
        assert!(!Sids::new("b", b"else").is_proof(proof.as_bytes(), "sid"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_nobodys(sid in ".{0,80}", dots in "[a-z0-9.]{0,80}") {
            let sids = Sids::new("pod", b"secret");
            for text in [sid, dots] {
                let foreign = matches!(sids.owner(&text), Some(Owner::OtherPod { .. }));
                prop_assert!(!foreign);
            }
        }
    }
}
