//! The rules of the contract with clients that the core keeps, each by its name.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

mod asking;
mod returning;
mod talking;
#[path = "../world/mod.rs"]
mod world;

use std::time::Duration;

use serde_json::{Value, json};
use world::{ClientId, World};

pub(crate) const FIND: &str = r#"["find_match"]"#;
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Two people on one worker, in a match; the first one is the initiator.
pub(crate) fn pair(world: &mut World) -> (ClientId, ClientId) {
    let people = [world.join(0), world.join(0)];
    meet(world, people)
}

pub(crate) fn meet(world: &mut World, people: [ClientId; 2]) -> (ClientId, ClientId) {
    for person in people {
        world.emit(person, FIND, false);
        world.run(TICK);
    }
    let [b, a] = people;
    assert_eq!(world.clients[a].last("match_found")["initiator"], true);
    (a, b)
}

/// Sends an event and answers the code of its acknowledgement, `ok` for none.
pub(crate) fn ask(world: &mut World, client: ClientId, args: &Value) -> String {
    let id = world.emit(client, &args.to_string(), true).unwrap();
    world.run(TICK);
    world.clients[client].code(id).to_owned()
}

pub(crate) fn match_id(world: &World, client: ClientId) -> String {
    let found = world.clients[client].last("match_found");
    found["matchId"].as_str().unwrap().to_owned()
}

pub(crate) fn offer(fragment: &str) -> Value {
    json!(["webrtc_offer", {"type": "offer", "sdp": format!("v=0\r\na=ice-ufrag:{fragment}\r\n")}])
}

pub(crate) fn answer(fragment: &str) -> Value {
    json!(["webrtc_answer", {"type": "answer", "sdp": format!("v=0\r\na=ice-ufrag:{fragment}\r\n")}])
}

pub(crate) fn candidate(fragment: &str, number: usize) -> Value {
    json!(["webrtc_ice_candidate", {"candidate": "typ host", "usernameFragment": fragment, "mark": number}])
}

pub(crate) fn marks(world: &World, client: ClientId) -> Vec<u64> {
    let candidates = world.clients[client].payloads("webrtc_ice_candidate");
    candidates
        .iter()
        .map(|payload| payload["mark"].as_u64().unwrap())
        .collect()
}

pub(crate) fn text(words: &str) -> Value {
    json!(["chat_message", {"text": words}])
}
