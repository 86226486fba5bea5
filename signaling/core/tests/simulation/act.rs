//! What people do, at random but for what their client knows.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha12Rng;
use serde_json::{Value, json};
use signaling_core::history::{Kind, Seen as Noted};
use signaling_core::worker::Closed;

use crate::call::Signalled;
use crate::person::{Errand, Person, Phase};
use crate::plan::{PING_TIME, RESUME_WINDOW, Wish};
use crate::world::World;

/// What becomes of a person's connection after an act.
pub(crate) enum Then {
    /// It stays.
    Stay,
    /// It is gone, and tried again after a while.
    Return(Duration),
    /// It is gone for good.
    Gone,
}

/// What an act needs besides the person.
pub(crate) struct Scene<'a> {
    pub world: &'a mut World,
    pub rng: &'a mut ChaCha12Rng,
    /// Numbers what is sent, over all people.
    pub serial: &'a mut u64,
}

impl Scene<'_> {
    fn number(&mut self) -> u64 {
        *self.serial += 1;
        *self.serial
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }
}

impl Person {
    /// One act of somebody who is connected or connecting.
    pub(crate) fn act(&mut self, scene: &mut Scene<'_>) -> Then {
        if scene.chance(self.habits.breaks) {
            return self.break_off(scene);
        }
        if scene.chance(self.habits.upgrades) {
            let worker = scene.rng.random_range(0..scene.world.workers());
            scene.world.upgrade(self.client, worker);
            if scene.world.is_moving(self.client) {
                self.note(scene.world.now, Noted::Upgraded);
            }
        }
        if !scene.world.is_accepted(self.client) || !self.greeted {
            return Then::Stay;
        }
        if scene.chance(0.02) {
            self.fall_silent(scene);
        }
        if scene.chance(self.habits.breaks / 5.0) {
            scene.world.drain(self.client);
            return Then::Stay;
        }
        // Somebody who is leaving a match sends nothing more into it.
        if self.awaits(|errand| {
            matches!(
                errand,
                Errand::Leave | Errand::Next | Errand::Block | Errand::Cancel
            )
        }) {
            return Then::Stay;
        }
        match &self.phase {
            Phase::Idle => self.idle(scene),
            Phase::Asking => self.asking(scene),
            Phase::Calling(_) => self.calling(scene),
        }
        Then::Stay
    }

    fn idle(&mut self, scene: &mut Scene<'_>) {
        match scene.rng.random_range(0..20) {
            0 => self.stale(scene),
            1 => self.errand(json!(["block_peer", {"reason": "late"}]), Errand::Block, scene),
            2 => self.errand(json!(["cancel_match"]), Errand::Cancel, scene),
            3 => self.errand(json!(["report_peer"]), Errand::Report, scene),
            4 => self.find("next_match", Errand::Next, scene),
            _ => self.find("find_match", Errand::Find, scene),
        }
    }

    fn asking(&mut self, scene: &mut Scene<'_>) {
        if !scene.chance(self.habits.restless) {
            return;
        }
        match scene.rng.random_range(0..10) {
            0 => self.stale(scene),
            1 => self.errand(json!(["block_peer"]), Errand::Block, scene),
            2 => self.errand(json!(["ice_servers"]), Errand::Other, scene),
            3 => {
                if scene.chance(0.3) {
                    (self.wish, self.unsteady) = (Wish::draw(scene.rng), true);
                }
                self.find("find_match", Errand::Find, scene);
            }
            4 => self.find("next_match", Errand::Next, scene),
            _ => self.errand(json!(["cancel_match"]), Errand::Cancel, scene),
        }
    }

    fn calling(&mut self, scene: &mut Scene<'_>) {
        if !scene.chance(self.habits.restless) {
            return self.talk(scene);
        }
        match scene.rng.random_range(0..12) {
            0 => self.stale(scene),
            1 => self.errand(json!(["block_peer"]), Errand::Block, scene),
            2 => self.errand(json!(["report_peer", {"reason": "rude"}]), Errand::Report, scene),
            3 => self.find("find_match", Errand::Find, scene),
            4 => self.errand(json!(["cancel_match"]), Errand::Cancel, scene),
            5..8 => self.errand(json!(["leave_match"]), Errand::Leave, scene),
            _ => self.find("next_match", Errand::Next, scene),
        }
    }

    fn talk(&mut self, scene: &mut Scene<'_>) {
        let Some(call) = self.call().filter(|call| call.found) else {
            return;
        };
        let opens = call.initiator && call.fragment.is_none();
        let answers = call.offers > 0;
        match scene.rng.random_range(0..10) {
            0..7 if opens => self.describe(Kind::Offer, scene),
            0..7 if answers => self.describe(Kind::Answer, scene),
            0..5 => self.say(scene, false),
            5..9 => self.trickle(scene),
            _ => self.describe(Kind::Offer, scene),
        }
    }

    /// Asks for a partner.
    fn find(&mut self, name: &str, errand: Errand, scene: &mut Scene<'_>) {
        let now = scene.world.now;
        self.ask(now);
        let args = json!([name, self.wish.payload()]);
        // Without an acknowledgement only where nothing can be said against it.
        let plain = matches!((&self.phase, errand), (Phase::Idle, Errand::Find)) && self.errands.is_empty();
        if plain && self.habits.plain_questions {
            scene.world.emit(self.client, &args.to_string(), false);
            self.phase = Phase::Asking;
        } else {
            self.errand(args, errand, scene);
        }
    }

    fn errand(&mut self, args: Value, errand: Errand, scene: &mut Scene<'_>) {
        if let Some(id) = scene.world.emit(self.client, &args.to_string(), true) {
            self.errands.insert(id, errand);
        }
    }

    /// Something that belongs to the last match.
    fn stale(&mut self, scene: &mut Scene<'_>) {
        let Some(last) = self.last_match else { return };
        let number = scene.number();
        let last = last.to_string();
        let args = match scene.rng.random_range(0..4) {
            0 => json!(["chat_message", {"text": format!("late {number}"), "matchId": last}]),
            1 => json!(["leave_match", {"matchId": last}]),
            2 => {
                // Names no match: held, for its description never comes.
                let line = format!("candidate:1 1 udp 1 10.0.0.1 9 typ host ufrag late{number}");
                let args =
                    json!(["webrtc_ice_candidate", {"candidate": line, "mark": format!("late {number}")}]);
                return self.errand(args, Errand::Other, scene);
            }
            _ => {
                json!(["webrtc_answer", {"type": "answer", "sdp": format!("v=0 {number}"), "matchId": last}])
            }
        };
        self.errand(args, Errand::Stale, scene);
    }

    /// Sends a text; `sure` asks for an acknowledgement and names the match.
    pub(crate) fn say(&mut self, scene: &mut Scene<'_>, sure: bool) {
        let number = scene.number();
        let payload = json!({"text": format!("text {number}")});
        self.send(Kind::Text, None, number, payload, sure, scene);
    }

    fn describe(&mut self, kind: Kind, scene: &mut Scene<'_>) {
        let number = scene.number();
        let anew = scene.chance(0.5);
        let Some(call) = self.call() else { return };
        if kind == Kind::Answer {
            call.offers = 0;
        }
        let ahead = call.upcoming.take();
        let fragment = ahead.or(call.fragment.filter(|_| !anew)).unwrap_or(number);
        let sdp = format!("v=0\r\na=ice-ufrag:f{fragment}\r\ns= {number}");
        let word = if kind == Kind::Offer { "offer" } else { "answer" };
        let payload = json!({"type": word, "sdp": sdp});
        self.send(kind, Some(fragment), number, payload, false, scene);
    }

    /// Sends a candidate, perhaps ahead of its description, or the end of candidates.
    fn trickle(&mut self, scene: &mut Scene<'_>) {
        let number = scene.number();
        let dice = scene.rng.random_range(0..10);
        let Some(call) = self.call() else { return };
        let fragment = match (dice, call.fragment) {
            (0, _) => None,
            (1..3, _) | (_, None) => Some(*call.upcoming.get_or_insert(number)),
            (_, present) => present,
        };
        let line = fragment.map_or(String::new(), |fragment| {
            format!("candidate:1 1 udp 1 10.0.0.1 9 typ host ufrag f{fragment}")
        });
        let payload = json!({
            "candidate": line, "sdpMLineIndex": 0, "sdpMid": null, "mark": format!("candidate {number}"),
        });
        self.send(Kind::Candidate, fragment, number, payload, false, scene);
    }

    fn send(
        &mut self,
        kind: Kind,
        fragment: Option<u64>,
        body: u64,
        mut payload: Value,
        sure: bool,
        scene: &mut Scene<'_>,
    ) {
        let acknowledged = sure || scene.chance(self.habits.acks);
        let named = sure || scene.chance(self.habits.names_match);
        let Some(call) = self.call() else { return };
        call.sent(kind, fragment, acknowledged);
        let match_id = call.match_id;
        if named {
            payload["matchId"] = match_id.to_string().into();
        }
        let name = match kind {
            Kind::Offer => "webrtc_offer",
            Kind::Answer => "webrtc_answer",
            Kind::Candidate => "webrtc_ice_candidate",
            Kind::Text => "chat_message",
        };
        let index = self.note(
            scene.world.now,
            Noted::Sent {
                match_id,
                kind,
                body,
                acknowledged: false,
            },
        );
        let args = json!([name, payload]).to_string();
        if let Some(id) = scene.world.emit(self.client, &args, acknowledged) {
            let signalled = Signalled {
                match_id,
                kind,
                fragment,
                index,
            };
            self.errands.insert(id, Errand::Signal(signalled));
        }
    }

    /// Does not answer pings for a while.
    fn fall_silent(&mut self, scene: &mut Scene<'_>) {
        let client = &mut scene.world.clients[self.client];
        client.responsive = !client.responsive;
        self.unsteady = true;
    }

    /// Loses or ends the connection.
    fn break_off(&mut self, scene: &mut Scene<'_>) -> Then {
        let rng = &mut *scene.rng;
        let for_good = rng.random_bool(0.08);
        let later = match rng.random_range(0..3) {
            0 => Duration::ZERO,
            1 => Duration::from_millis(rng.random_range(0..500)),
            _ => rng.random_range(Duration::ZERO..PING_TIME),
        };
        let how = match rng.random_range(0..10) {
            0..2 if for_good => Closed::Left,
            0..4 => Closed::Clean,
            _ => Closed::Lost,
        };
        let back = match rng.random_range(0..10) {
            0..5 => Duration::from_millis(rng.random_range(0..100)),
            5..8 => Duration::from_millis(rng.random_range(0..8_000)),
            8 => RESUME_WINDOW - Duration::from_millis(rng.random_range(0..2_000)),
            _ => RESUME_WINDOW + Duration::from_millis(rng.random_range(0..12_000)),
        };
        let later = if how == Closed::Lost {
            later
        } else {
            Duration::ZERO
        };
        let known =
            self.greeted && scene.world.is_accepted(self.client) && !scene.world.is_moving(self.client);
        self.disconnect(how, later, scene);
        if for_good && how == Closed::Left && !known {
            // Nobody knows yet who it is that leaves.
            return self.go(Closed::Lost, scene);
        }
        if for_good {
            self.go(how, scene)
        } else {
            Then::Return(back)
        }
    }

    /// Ends the connection, if there is one, and notes what the client knows of it.
    fn disconnect(&mut self, how: Closed, later: Duration, scene: &mut Scene<'_>) {
        scene.world.disconnect_noticed(self.client, how, later);
        self.read(&scene.world.clients[self.client]);
    }

    /// Leaves for good.
    pub(crate) fn go(&mut self, how: Closed, scene: &Scene<'_>) -> Then {
        let now = scene.world.now;
        if how == Closed::Left
            && let Phase::Calling(call) = &self.phase
        {
            let match_id = call.match_id;
            self.note(now, Noted::Left { match_id });
        }
        self.note(now, Noted::Gone);
        self.gone = true;
        Then::Gone
    }

    /// Leaves for good at the end of a history, in one way or the other.
    pub(crate) fn part(&mut self, scene: &mut Scene<'_>) {
        let how = [Closed::Left, Closed::Lost, Closed::Clean][scene.rng.random_range(0..3)];
        self.disconnect(how, Duration::ZERO, scene);
        let _ = self.go(how, scene);
    }

    /// Connects again, with what the client remembers, or less.
    pub(crate) fn come_back(&mut self, calm: bool, full: bool, scene: &mut Scene<'_>) {
        let up: Vec<usize> = (0..scene.world.workers())
            .filter(|&index| scene.world.is_up(index))
            .collect();
        if up.is_empty() {
            return;
        }
        let worker = up[scene.rng.random_range(0..up.len())];
        let dice = scene.rng.random_range(0..40);
        let client = &mut scene.world.clients[self.client];
        if self.call().is_none() {
            // Outside a match no number is told.
            client.match_id = None;
        }
        match dice {
            // Another browser: the session is left to its window.
            0 => (client.pid, client.offset) = (None, None),
            1..5 => client.offset = None,
            _ => {}
        }
        let now = scene.world.now;
        let in_time = self
            .lost_at
            .is_some_and(|lost| now.since(lost) < RESUME_WINDOW - Duration::from_secs(2));
        self.must_resume = calm && in_time && client.pid.is_some();
        self.connecting_since = Some(now);
        scene.world.open(self.client, worker, self.user.clone(), !full);
    }
}
