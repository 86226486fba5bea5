//! The bytes of frames, which two releases share a bus with in every rollout: each of the files holds one of each kind as
//! it was written at a time. A line there never changes; what writes other bytes gets a file of its own.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::id::Secret;
use crate::pairing::{Criteria, Mode};
use crate::session::{
    Away, Bucket, Chat, Ended, Last, Match, Outcome, Partner, Presence, Proposal, Shown, Stage, Waiting,
};

/// As they are written now.
const GOLDEN: &str = include_str!("frames_4.txt");
/// As they were written before: the epoch of `End` and the number that `Confirmed` tells; clients that go on elsewhere; the
/// owner that `Summon` knows.
const OLDER: [&str; 3] = [
    include_str!("frames_1.txt"),
    include_str!("frames_2.txt"),
    include_str!("frames_3.txt"),
];

/// Reads a frame as it comes from the bus.
fn read(bytes: &[u8]) -> Result<Frame<'static>, Unreadable> {
    let padded = [bytes, &Frame::ABSENT].concat().leak();
    Frame::read(padded)
}

/// The same names in every run.
struct Names(ChaCha12Rng);

impl Names {
    fn session(&mut self) -> SessionId {
        SessionId::random(&mut self.0)
    }

    fn match_id(&mut self) -> MatchId {
        MatchId::random(&mut self.0)
    }

    fn side(&mut self) -> Side {
        Side {
            session: self.session(),
            epoch: Epoch(1_800_000_000_001),
            person: Person::of_user("alice"),
            peer_id: PeerId::random(&mut self.0),
        }
    }

    fn handed(&mut self, chat: Chat) -> Session {
        Session {
            id: self.session(),
            secret: Secret::random(&mut self.0),
            made_by: WorkerId::new("acme-0", 1),
            epoch: Epoch(1_800_000_000_002),
            person: Person::of_user("bob"),
            user: Some(Arc::from("bob")),
            presence: Presence::Lost {
                until: Millis(1_800_000_060_000),
                clean: true,
            },
            offsets: true,
            version: 7,
            last_alive: Millis(1_800_000_000_003),
            connected: Millis(1_800_000_000_000),
            chat,
            recent: vec![Person::of_user("carol")],
            blocked: vec![Person::of_user("dan")],
            unsaved: vec![Person::of_user("dan")],
            save_at: Millis(1_800_000_000_004),
            last: Some(Last {
                match_id: self.match_id(),
                partner: self.session(),
                person: Person::of_user("dan"),
                ended: Millis(1_800_000_000_005),
                reason: EndReason::Next,
                heard: 8,
            }),
            outcome: Some(Ended {
                outcome: Outcome::TimedOut { waited_ms: 60_000 },
                version: 6,
                at: Millis(1_800_000_000_006),
            }),
            requests: Bucket::default(),
            signals: Bucket::default(),
            text: Bucket::default(),
            limited_until: [Millis(0), Millis(1), Millis(2)],
            saved: Millis(0),
            doubted: false,
        }
    }

    fn waiting(&mut self) -> Chat {
        Chat::Waiting(Box::new(Waiting {
            since: Millis(1_800_000_000_000),
            until: Millis(1_800_000_060_000),
            criteria: Arc::new(Criteria::new(
                Some(Mode::Text),
                Some("en".into()),
                Some("eu".into()),
                vec!["go".into(), "jazz".into()],
            )),
            stage: Stage::Parked,
            ask_at: Millis(1_800_000_002_000),
            shown: Some(Shown {
                position: 3,
                estimated_wait_ms: 4_000,
                at: Millis(1_800_000_000_001),
            }),
        }))
    }

    fn matched(&mut self) -> Chat {
        let proposal = Proposal {
            match_id: self.match_id(),
            partner: Partner {
                session: self.session(),
                worker: WorkerId::new("acme-1", 0),
                epoch: Epoch(1_800_000_000_003),
                person: Person::of_user("carol"),
                peer_id: PeerId::random(&mut self.0),
            },
            peer_id: PeerId::random(&mut self.0),
            criteria: "{}".into(),
            until: Millis(0),
            alive: true,
            accepted: true,
        };
        let mut matched = Match::new(proposal, true, Millis(1_800_000_000_007), 5);
        matched
            .sent
            .push(b"[\"chat_message\",{\"text\":\"hi\"}", Millis(1_800_000_000_008));
        matched.held.push(Some("frag"), b"{\"candidate\":\"x\",");
        matched.away = Away::Until(Millis(1_800_000_070_000));
        (matched.heard, matched.offered, matched.named) = (4, true, true);
        (matched.renegotiate, matched.returned) = (Some(6), Some(7));
        matched.ice_refresh = Some(Millis(1_800_002_880_000));
        Chat::Matched(Box::new(matched))
    }
}

/// One frame of each kind; a session in each of its states.
fn samples() -> Vec<(&'static str, Frame<'static>)> {
    let mut names = Names(ChaCha12Rng::seed_from_u64(1));
    let (match_id, to) = (names.match_id(), names.session());
    let mut frames = about_proposals(&mut names, match_id, to);
    frames.extend(about_matches(&mut names, match_id, to));
    frames.extend(about_moving(&mut names, to));
    frames
}

fn about_proposals(
    names: &mut Names,
    match_id: MatchId,
    to: SessionId,
) -> Vec<(&'static str, Frame<'static>)> {
    let propose = Propose {
        match_id,
        from: names.side(),
        to,
        to_epoch: Epoch(3),
        criteria: Cow::Borrowed("{\"mode\":\"text\"}"),
    };
    let accept = Frame::Accept {
        match_id,
        from: names.side(),
        to,
    };
    let commit = Frame::Commit {
        match_id,
        from: names.session(),
        to,
    };
    let release = Frame::Release { to, epoch: Epoch(3) };
    vec![
        ("propose", Frame::Propose(propose)),
        ("accept", accept),
        ("refuse", Frame::Refuse { match_id, to }),
        ("commit", commit),
        ("release", release),
    ]
}

fn about_matches(names: &mut Names, match_id: MatchId, to: SessionId) -> Vec<(&'static str, Frame<'static>)> {
    let gone = to;
    let worker = WorkerId::new("acme-2", 3);
    let signal = Relayed {
        match_id,
        to,
        seq: 300,
        offer: true,
        body: Cow::Borrowed(b"[\"webrtc_offer\",{\"seq\":300}"),
    };
    let confirm = Confirm {
        match_id,
        from: names.session(),
        epoch: Epoch(4),
        to,
        ask: 5,
        after: Some(6),
        renegotiate: false,
    };
    let confirmed = Confirmed {
        match_id,
        to,
        ask: 5,
        heard: 6,
        complete: true,
        away: false,
        got: Some(300),
    };
    let (reason, renegotiate) = (EndReason::Timeout, true);
    let back = Frame::Back {
        match_id,
        to,
        renegotiate,
    };
    let end = Frame::End {
        match_id,
        to,
        reason,
        epoch: Some(Epoch(300)),
    };
    let moved = Frame::Moved {
        match_id,
        gone,
        worker,
    };
    let over = Frame::Over {
        match_id,
        gone,
        reason: EndReason::Error,
    };
    vec![
        ("end", end),
        ("signal", Frame::Signal(signal)),
        ("away", Frame::Away { match_id, to }),
        ("back", back),
        ("moved", moved),
        ("over", over),
        ("confirm", Frame::Confirm(confirm)),
        ("confirmed", Frame::Confirmed(confirmed)),
    ]
}

fn about_moving(names: &mut Names, session: SessionId) -> Vec<(&'static str, Frame<'static>)> {
    let token = Token {
        made_by: WorkerId::new("acme-0", 1),
        session,
        secret: Secret::random(&mut names.0),
    };
    let summon = Frame::Summon(Summon {
        request: 7,
        token,
        user: Some(Arc::from("alice")),
        since: Millis(1_800_000_000_000),
        moves: Some(true),
        known: Some((WorkerId::new("acme-1", 0), Epoch(1_800_000_000_003))),
    });
    let elsewhere = Frame::Elsewhere {
        request: 7,
        worker: Some(WorkerId::new("acme-2", 3)),
    };
    let chats = [
        ("handed idle", Chat::Idle),
        ("handed waiting", names.waiting()),
        ("handed matched", names.matched()),
    ];
    let handed = chats.map(|(name, chat)| {
        let session = Box::new(names.handed(chat));
        let frame = Frame::Handed {
            request: 8,
            session,
            unsaid: Some(vec![(*b"[\"waiting\",{}]").into()]),
            numbered_from: Some(2_007),
        };
        (name, frame)
    });
    let mut frames = vec![("summon", summon), ("elsewhere", elsewhere)];
    frames.extend(handed);
    frames
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn frames_have_these_bytes_in_every_release_of_this_version() {
    let written: String = samples().iter().fold(String::new(), |mut text, (name, frame)| {
        let mut out = Vec::new();
        frame.write(&mut out);
        let _ = writeln!(text, "{name}: {}", hex(&out));
        text
    });
    assert_eq!(written, GOLDEN, "what is written now");
}

#[test]
fn frames_of_this_version_are_read_and_mean_the_same() {
    let kinds: HashSet<_> = samples()
        .iter()
        .map(|(_, frame)| std::mem::discriminant(frame))
        .collect();
    assert_eq!(kinds.len(), 16, "a kind of frame has no sample");
    for line in GOLDEN.lines() {
        let (name, golden) = line.split_once(": ").unwrap();
        let golden = bytes(golden);
        let frame = read(&golden).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut again = Vec::new();
        frame.write(&mut again);
        assert_eq!(hex(&again), hex(&golden), "{name}");
    }
}

#[test]
fn a_frame_of_a_version_that_nobody_here_knows_is_refused() {
    for line in GOLDEN.lines() {
        let (name, golden) = line.split_once(": ").unwrap();
        let mut frame = bytes(golden);
        assert_eq!(frame[0], VERSION);
        for version in [0, VERSION + 1, 255] {
            frame[0] = version;
            assert_eq!(
                read(&frame).err(),
                Some(Unreadable),
                "{name} of version {version}"
            );
        }
    }
    assert_eq!(read(&[]).err(), Some(Unreadable));
}

#[test]
fn whatever_is_cut_off_or_changed_is_refused_or_read_but_never_a_panic() {
    for line in GOLDEN.lines() {
        let frame = bytes(line.split_once(": ").unwrap().1);
        for end in 0..frame.len() {
            let _ = read(&frame[..end]);
        }
        for at in 1..frame.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = frame.clone();
                changed[at] ^= change;
                let _ = read(&changed);
            }
        }
    }
}

#[test]
fn an_older_release_finds_what_it_knows_at_the_beginning() {
    for older in OLDER {
        for (older, newer) in older.lines().zip(GOLDEN.lines()) {
            assert!(newer.starts_with(older), "what follows is ignored: {newer}");
        }
        assert_eq!(older.lines().count(), 18, "every kind that it knows");
    }
}

#[test]
fn what_an_older_release_does_not_write_is_read_as_absent() {
    for line in OLDER.iter().flat_map(|older| older.lines()) {
        let (name, older) = line.split_once(": ").unwrap();
        let frame = read(&bytes(older)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut again = Vec::new();
        frame.write(&mut again);
        let again = hex(&again);
        let (known, absent) = again.split_at(older.len());
        assert_eq!(known, older, "{name}");
        assert!(absent.bytes().all(|digit| digit == b'0'), "{name}: {absent}");
    }
}
