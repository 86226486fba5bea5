//! How a session is opened, and how it is not.

use serde_json::{Value, json};

use crate::http::{Request, Session};
use crate::started::{example, patient};
use crate::websocket::WebSocket;

const PATHS: [&str; 2] = ["/engine.io/", "/socket.io/"];

/// The open packet without its session, which must be a text.
fn terms(packet: &str) -> Value {
    let mut terms: Value = serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap();
    let sid = terms.as_object_mut().unwrap().remove("sid").unwrap();
    assert!(!sid.as_str().unwrap().is_empty());
    terms
}

#[test]
fn a_session_opens_by_polling_and_tells_its_terms() {
    for path in PATHS {
        let opened = Request::get(example(), &format!("{path}?EIO=4&transport=polling")).response();
        assert_eq!(opened.status, 200);
        assert_eq!(
            terms(&opened.body),
            json!({"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000})
        );
    }
}

#[test]
fn a_session_opens_on_a_websocket_and_has_nothing_to_upgrade_to() {
    for path in PATHS {
        let mut socket = WebSocket::open(example(), &format!("{path}?EIO=4&transport=websocket"));
        assert_eq!(
            terms(&socket.text()),
            json!({"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000})
        );
    }
}

#[test]
fn every_session_has_its_own_identifier() {
    let sessions = [(); 3].map(|()| Session::open(patient(), "/engine.io/").sid);
    assert!(sessions[0] != sessions[1] && sessions[1] != sessions[2] && sessions[0] != sessions[2]);
}

#[test]
fn a_request_without_a_version_that_is_spoken_is_refused() {
    let sid = Session::open(patient(), "/engine.io/").sid;
    for query in [
        "transport=polling",
        "EIO=abc&transport=polling",
        "EIO=3&transport=polling",
    ] {
        for session in [String::new(), format!("&sid={sid}")] {
            let target = format!("/engine.io/?{query}{session}");
            assert_eq!(
                Request::get(patient(), &target).response().refusal(),
                5,
                "{target}"
            );
        }
        let target = format!("/engine.io/?{}", query.replace("polling", "websocket"));
        assert_eq!(
            WebSocket::try_open(patient(), &target).err().unwrap().status,
            400,
            "{target}"
        );
    }
}

#[test]
fn a_request_without_a_transport_that_is_offered_is_refused() {
    for query in [
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=",
    ] {
        let target = format!("/engine.io/?{query}");
        assert_eq!(
            Request::get(patient(), &target).response().refusal(),
            0,
            "{target}"
        );
        assert_eq!(
            WebSocket::try_open(patient(), &target).err().unwrap().status,
            400,
            "{target}"
        );
    }
}

#[test]
fn a_session_is_opened_with_get_alone() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let target = "/engine.io/?EIO=4&transport=polling";
        let response = Request::send(patient(), method, target, "Content-Length: 0\r\n", b"").response();
        assert_eq!(response.refusal(), 2, "{method}");
    }
}

#[test]
fn a_session_that_does_not_exist_is_refused() {
    let sid = "lv_VI97HAXpY6yYWAAAC".to_owned();
    let stranger = Session {
        server: patient(),
        path: "/engine.io/",
        sid,
    };
    assert_eq!(stranger.poll().refusal(), 1);
    assert_eq!(stranger.post("4x").refusal(), 1);
    let refused = WebSocket::try_open(patient(), &stranger.target("websocket"))
        .err()
        .unwrap();
    assert_eq!(refused.status, 400);
}

#[test]
fn a_websocket_is_not_opened_without_its_headers_and_polling_not_with_them() {
    let target = "/engine.io/?EIO=4&transport=websocket";
    assert_eq!(Request::get(patient(), target).response().refusal(), 3);
    let target = "/engine.io/?EIO=4&transport=polling";
    assert_eq!(WebSocket::try_open(patient(), target).err().unwrap().status, 400);
}

#[test]
fn an_offer_to_speak_another_protocol_than_websocket_is_ignored() {
    let offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let target = "/engine.io/?EIO=4&transport=polling";
    let opened = Request::send(patient(), "GET", target, offer, b"").response();
    assert_eq!(opened.status, 200, "{opened:?}");
}
