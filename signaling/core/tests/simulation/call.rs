//! A call as one side's client knows it, and which of its signals the server has answered for.

use std::collections::BTreeMap;

use signaling_core::history::{History, Kind};
use signaling_core::id::{MatchId, PeerId};

/// The ICE fragment of a description: numbered, different for all descriptions of all people.
pub(crate) type Fragment = u64;

/// What a signal was, for the moment when its acknowledgement comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signalled {
    pub match_id: MatchId,
    pub kind: Kind,
    /// Of a description or a candidate; the end of candidates has none.
    pub fragment: Option<Fragment>,
    /// Its place in the history.
    pub index: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub match_id: MatchId,
    pub peer_id: PeerId,
    pub initiator: bool,
    /// `match_found` has come: a client that knows of a match from `session` alone waits for it.
    pub(crate) found: bool,
    /// The partner's offers that are not answered yet.
    pub offers: usize,
    /// The fragment of the last description sent.
    pub fragment: Option<Fragment>,
    /// The fragment of the next description, when candidates have gone ahead of it.
    pub upcoming: Option<Fragment>,
    /// A signal of this call was acknowledged.
    pub signalled: bool,
    /// The fragment of the last description that was acknowledged, unless one without acknowledgement followed.
    described: Option<Fragment>,
    /// Acknowledged candidates that the server may hold until their description comes: the end of candidates among them,
    /// which waits for whatever came ahead of a description, be it from the last match.
    held: BTreeMap<Option<Fragment>, Vec<usize>>,
}

impl Call {
    pub(crate) fn new(match_id: MatchId, peer_id: PeerId, initiator: bool) -> Self {
        Self {
            match_id,
            peer_id,
            initiator,
            found: true,
            offers: 0,
            fragment: None,
            upcoming: None,
            signalled: false,
            described: None,
            held: BTreeMap::new(),
        }
    }

    /// A signal goes out.
    pub(crate) fn sent(&mut self, kind: Kind, fragment: Option<Fragment>, acknowledged: bool) {
        match kind {
            Kind::Offer | Kind::Answer => {
                self.fragment = fragment;
                if !acknowledged {
                    self.described = None;
                }
            }
            Kind::Candidate | Kind::Text => {}
        }
    }

    /// The server has said `ok` to a signal: tells the history what that promises.
    pub(crate) fn acknowledged(&mut self, signal: &Signalled, history: &mut History) {
        self.signalled = true;
        match signal.kind {
            Kind::Text => history.acknowledge(signal.index),
            Kind::Candidate if signal.fragment.is_some() && signal.fragment == self.described => {
                history.acknowledge(signal.index);
            }
            Kind::Candidate => self.held.entry(signal.fragment).or_default().push(signal.index),
            Kind::Offer | Kind::Answer => {
                history.acknowledge(signal.index);
                self.described = signal.fragment;
                let released = [signal.fragment, None].map(|fragment| self.held.remove(&fragment));
                for index in released.into_iter().flatten().flatten() {
                    history.acknowledge(index);
                }
            }
        }
    }
}
