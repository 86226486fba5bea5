//! A full pod: who is refused, how, and who may return all the same.

use serde_json::{Value, json};

use crate::bystanders::Bystanders;
use crate::client::{Answer, OPEN, Person, Polling, Raw, WebSocket, get, request};
use crate::metrics::value;
use crate::start;

/// What a client is answered that is to try again later.
fn is_refused(answer: &Answer, code: &str) {
    assert_eq!(answer.refusal(), (503, json!(code)));
    assert!(
        answer.json()["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
    let seconds: u32 = answer
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&seconds));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// Opens a session by WebSocket, or what is answered instead.
fn open(pod: &chat_tests::pod::Pod) -> Result<WebSocket, Answer> {
    WebSocket::open_with(pod.address(), OPEN, &[])
}

#[test]
fn a_full_pod_refuses_the_handshake_so_that_stock_clients_try_again() {
    let pod = start(&[("MAX_CONNECTIONS_PER_WORKER", "4")]);
    let bystanders = Bystanders::of(&pod);
    let polling = Polling::join(pod.address());
    let last = Person::join(pod.address());
    is_refused(&open(&pod).err().expect("there is no room"), "capacity");
    is_refused(
        &Polling::open_with(pod.address(), &[])
            .err()
            .expect("there is no room"),
        "capacity",
    );
    // Those who are there go on, by polling and by an upgrade too.
    assert_eq!(polling.post("421[\"cancel_match\"]").text(), "ok");
    assert_eq!(polling.poll(), ["431[{\"ok\":true}]"]);
    let mut socket = WebSocket::open(pod.address(), &polling.upgrade_path());
    socket.send_text("2probe");
    assert_eq!(socket.hear_text(), "3probe");
    assert_eq!(
        value(&pod, "webrtc_refused_connections_total{reason=\"capacity\"}"),
        2.0
    );
    assert_eq!(get(pod.address(), "/health/ready").status, 200);
    // Whoever leaves makes room.
    let mut leaving = last;
    leaving.socket.send_close(1000);
    assert_eq!(leaving.socket.hear_close(), Some(1000));
    Person::join(pod.address());
    bystanders.were_not_disturbed();
}

#[test]
fn who_returns_to_a_full_pod_is_let_in_and_a_stranger_is_not() {
    let pod = start(&[("MAX_CONNECTIONS_PER_WORKER", "3")]);
    let mut away: Vec<Person> = (0..3).map(|_| Person::join(pod.address())).collect();
    assert!(open(&pod).is_err());
    let resume: Vec<String> = away.iter().map(Person::resume).collect();
    // They are lost, and strangers take their places.
    away.drain(..).for_each(|person| drop(person.socket));
    let strangers: Vec<Person> = (0..3)
        .map(|_| {
            loop {
                if let Ok(socket) = open(&pod) {
                    break Person::begin(socket, "40");
                }
            }
        })
        .collect();
    // A stranger more is let through the door, in case it returns, and is sent away as soon as it says that it does not.
    let mut stranger = open(&pod).unwrap_or_else(|answer| panic!("{answer:?}"));
    assert!(stranger.hear_text().starts_with("0{"));
    stranger.send_text("40");
    assert_eq!(stranger.hear_close(), Some(1001));
    drop(stranger);
    let back: Vec<Person> = resume
        .iter()
        .map(|resume| Person::join_with(pod.address(), &[], resume))
        .collect();
    for person in &back {
        assert_eq!(person.session["resumed"], true);
    }
    assert_eq!(get(pod.address(), "/health/connections").json()["active"], 6);
    // Nobody is away any more, and twice the limit is the limit for everybody.
    while let Ok(socket) = open(&pod) {
        drop(socket);
    }
    drop(strangers);
}

#[test]
fn beyond_twice_the_limit_nobody_returns() {
    let pod = start(&[("MAX_CONNECTIONS_PER_WORKER", "1")]);
    let person = Person::join(pod.address());
    let resume = person.resume();
    drop(person.socket);
    // One stranger has the place, and one who only knocked has the other.
    let _stranger = loop {
        if let Ok(socket) = open(&pod) {
            break Person::begin(socket, "40");
        }
    };
    let knocking = open(&pod).unwrap_or_else(|answer| panic!("{answer:?}"));
    is_refused(&open(&pod).err().expect("there is no room"), "capacity");
    // Whoever knocks and says nothing is sent away soon, long before the connect timeout of everybody else.
    let mut knocking = knocking;
    assert!(knocking.hear_text().starts_with("0{"));
    assert_eq!(knocking.hear_close(), Some(1008));
    drop(knocking);
    let back = loop {
        if let Ok(socket) = open(&pod) {
            break Person::begin(socket, &resume);
        }
    };
    assert_eq!(back.session["resumed"], true);
}

#[test]
fn sockets_beyond_all_limits_are_told_before_they_have_said_anything() {
    // Four sockets for the only connection, and 256 for everything else.
    let pod = start(&[("MAX_CONNECTIONS_PER_WORKER", "2")]);
    let bystanders = Bystanders::of(&pod);
    let mut open: Vec<Raw> = (0..262).map(|_| Raw::connect(pod.address())).collect();
    for head in [
        "",
        "GET /health HTTP/1.1\r\nHost: pod\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: pod\r\n\r\n",
    ] {
        let mut refused = Raw::saying(pod.address(), head);
        is_refused(&refused.answer(), "capacity");
        assert_eq!(refused.read_to_end(), b"");
    }
    // One place is enough again.
    drop(open.pop());
    let health = loop {
        let mut raw = Raw::saying(pod.address(), request("GET /health", &["Connection: close"], ""));
        let answer = raw.answer();
        if answer.status != 503 {
            break answer;
        }
    };
    assert_eq!(health.json()["status"], "ok");
    drop(open);
    while get(pod.address(), "/health").status == 503 {}
    assert!(value(&pod, "webrtc_refused_connections_total{reason=\"capacity\"}") >= 3.0);
    bystanders.were_not_disturbed();
}

#[test]
fn who_does_not_join_in_time_is_closed() {
    let pod = start(&[("SOCKET_IO_CONNECT_TIMEOUT", "400")]);
    let bystanders = Bystanders::of(&pod);
    let mut silent = open(&pod).unwrap_or_else(|answer| panic!("{answer:?}"));
    assert!(silent.hear_text().starts_with("0{"));
    assert_eq!(silent.hear_close(), Some(1008));
    // One that only asks for what is not there has not joined either.
    let mut stray = open(&pod).unwrap_or_else(|answer| panic!("{answer:?}"));
    stray.hear_text();
    stray.send_text("40/nowhere,");
    assert!(stray.hear_text().starts_with("44/nowhere,"));
    assert_eq!(stray.hear_close(), Some(1008));
    let polling = Polling::open(pod.address());
    assert_eq!(polling.poll(), ["1"]);
    let mut joined = Person::join(pod.address());
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(joined.ask("cancel_match", &Value::Null)["ok"], true);
    bystanders.were_not_disturbed();
}

#[test]
fn malformed_handshakes_are_counted() {
    let pod = start(&[]);
    assert_eq!(
        get(pod.address(), "/socket.io/?EIO=3&transport=polling").status,
        400
    );
    assert_eq!(
        get(pod.address(), "/socket.io/?EIO=4&transport=pigeon").status,
        400
    );
    assert_eq!(
        value(&pod, "webrtc_refused_connections_total{reason=\"bad_handshake\"}"),
        2.0
    );
}
