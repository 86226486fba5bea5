//! The pool on Redis: the same table of requests and replies as for the pool in memory, on a real server.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_tests::redis::Redis;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Value, cmd, from_redis_value};
use signaling::redis::pool::Pool;
use signaling_core::id::{Epoch, Person, SessionId, WorkerId};
use signaling_core::pairing::{Reply, Request, Ticket, table};
use signaling_core::time::Millis;

const LONGEST_WAIT: Duration = Duration::from_secs(60);
const NOW: Millis = Millis(1_800_000_000_000);

/// A server, and somebody who asks it.
struct Asker {
    _server: Redis,
    connection: MultiplexedConnection,
    rng: StdRng,
}

impl Asker {
    async fn start() -> Self {
        let server = Redis::start(&[]).unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        Self {
            connection: client.get_multiplexed_async_connection().await.unwrap(),
            _server: server,
            rng: StdRng::seed_from_u64(1),
        }
    }

    async fn ask(&mut self, pool: &Pool, request: Request, now: Millis) -> Option<Reply> {
        let replies = self.ask_all(pool, vec![request], now).await;
        assert!(replies.len() < 2, "{replies:?}");
        replies.into_iter().next()
    }

    async fn ask_all(&mut self, pool: &Pool, requests: Vec<Request>, now: Millis) -> Vec<Reply> {
        pool.handle(&mut self.connection, requests, now, &mut self.rng)
            .await
            .unwrap()
    }

    /// Sends a command of Redis itself.
    async fn send<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let (name, arguments) = words.split_first().unwrap();
        cmd(name)
            .arg(arguments)
            .query_async(&mut self.connection)
            .await
            .unwrap()
    }
}

/// Someone who takes a partner of any, and begins to wait now.
fn ticket(rng: &mut StdRng, person: Person) -> Ticket {
    Ticket {
        session: SessionId::random(rng),
        worker: WorkerId::new("pod", 0),
        epoch: Epoch(1),
        since: NOW,
        anywhere_from: NOW,
        criteria: Arc::default(),
        person,
        recent: Vec::new(),
        blocked: Vec::new(),
    }
}

fn enter(ticket: &Ticket) -> Request {
    Request::Enter(Box::new(ticket.clone()))
}

#[tokio::test]
async fn it_answers_as_the_table_says() {
    let mut asker = Asker::start().await;
    let mut wrong = Vec::new();
    for (number, case) in table::cases().into_iter().enumerate() {
        // Each case has an empty pool: a service of its own.
        let pool = Pool::new(&format!("case-{number}"), LONGEST_WAIT);
        for step in &case.steps {
            let request = step.request.clone();
            let reply = asker.ask(&pool, request, step.at).await;
            if let Err(error) = step.judge(reply.as_ref()) {
                wrong.push(format!("{}: {error}", case.rule));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_asked_together_is_answered_in_order() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT);
    let [alice, bob, carol] =
        ["alice", "bob", "carol"].map(|name| ticket(&mut asker.rng, Person::of_user(name)));
    let (session, epoch) = (alice.session, alice.epoch);
    let block = Request::Block {
        session,
        by: alice.person,
        of: bob.person,
    };
    let leave = Request::Leave { session, epoch };
    let requests = vec![
        enter(&alice),
        block,
        enter(&bob),
        leave,
        enter(&carol),
        enter(&alice),
    ];
    let replies = asker.ask_all(&pool, requests, NOW).await;
    let [
        Reply::Waiting { session: first, .. },
        Reply::Blocked { of, .. },
        Reply::Waiting { session: second, .. },
        Reply::Claimed(claim),
        Reply::Waiting { session: last, .. },
    ] = &replies[..]
    else {
        panic!("{replies:?}");
    };
    assert_eq!((*first, *of, *second), (session, bob.person, bob.session));
    assert_eq!(
        (claim.first.session, claim.second.session),
        (carol.session, bob.session),
        "who has left is paired with nobody"
    );
    assert_eq!(*last, session);
}

#[tokio::test]
async fn two_services_on_one_redis_never_meet() {
    let mut asker = Asker::start().await;
    let (one, other) = (Pool::new("one", LONGEST_WAIT), Pool::new("other", LONGEST_WAIT));
    for (pool, name) in [(&one, "a"), (&other, "b")] {
        let request = enter(&ticket(&mut asker.rng, Person::of_user(name)));
        let reply = asker.ask(pool, request, NOW).await;
        assert!(
            matches!(reply, Some(Reply::Waiting { position: 1, .. })),
            "{reply:?}"
        );
    }
    let keys: Vec<String> = asker.send(&["KEYS", "*"]).await;
    let foreign = |key: &&String| !key.starts_with("one:{one}:") && !key.starts_with("other:{other}:");
    assert_eq!(keys.iter().find(foreign), None);
}

#[tokio::test]
async fn a_full_pool_refuses_new_tickets_and_keeps_the_old_ones() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT).with_room(2, 10);
    // All are one user, so that nobody is paired.
    let tickets: Vec<Ticket> = (0..3)
        .map(|_| ticket(&mut asker.rng, Person::of_user("alice")))
        .collect();
    for (ticket, is_full) in [
        (&tickets[0], false),
        (&tickets[1], false),
        (&tickets[2], true),
        (&tickets[0], false),
    ] {
        let reply = asker.ask(&pool, enter(ticket), NOW).await;
        assert_eq!(matches!(reply, Some(Reply::Full { .. })), is_full, "{reply:?}");
    }
}

#[tokio::test]
async fn of_too_many_blocks_the_oldest_give_way() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT).with_room(10, 2);
    let people = ["a", "b", "c", "d"].map(Person::of_user);
    for (later, of) in (0..).zip(&people[1..]) {
        let request = Request::Block {
            session: SessionId::random(&mut asker.rng),
            by: people[0],
            of: *of,
        };
        let now = NOW + Duration::from_millis(later);
        asker.ask(&pool, request, now).await;
    }
    let alice = ticket(&mut asker.rng, people[0]);
    for (person, meets) in [(people[2], false), (people[3], false), (people[1], true)] {
        let request = enter(&alice);
        asker.ask(&pool, request, NOW).await;
        let other = ticket(&mut asker.rng, person);
        let reply = asker.ask(&pool, enter(&other), NOW).await;
        assert_eq!(matches!(reply, Some(Reply::Claimed(_))), meets, "{reply:?}");
        let (session, epoch) = (other.session, other.epoch);
        let leave = Request::Leave { session, epoch };
        asker.ask(&pool, leave, NOW).await;
    }
}

#[tokio::test]
async fn tickets_that_are_not_put_again_are_swept_out_with_their_queues() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT);
    for _ in 0..40 {
        let request = enter(&ticket(&mut asker.rng, Person::of_user("alice")));
        asker.ask(&pool, request, NOW).await;
    }
    let later = NOW + Duration::from_secs(15);
    let last = ticket(&mut asker.rng, Person::of_user("alice"));
    // Some at a time, so that nobody waits for that.
    for _ in 0..3 {
        asker.ask(&pool, enter(&last), later).await;
    }
    let (session, epoch) = (last.session, last.epoch);
    let leave = Request::Leave { session, epoch };
    asker.ask(&pool, leave, later).await;
    let keys: Vec<String> = asker.send(&["KEYS", "*"]).await;
    let left = |key: &&String| !key.contains("waits");
    assert_eq!(keys.iter().find(left), None);
}

#[tokio::test]
async fn a_script_that_redis_has_forgotten_is_sent_again() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT);
    for place in [1, 2] {
        let ticket = Ticket {
            since: NOW + Duration::from_millis(place),
            ..ticket(&mut asker.rng, Person::of_user("alice"))
        };
        let request = enter(&ticket);
        let reply = asker.ask(&pool, request, NOW).await;
        assert!(
            matches!(reply, Some(Reply::Waiting { position, .. }) if u64::from(position) == place),
            "{reply:?}"
        );
        // As after a failover.
        let () = asker.send(&["SCRIPT", "FLUSH"]).await;
    }
}

#[tokio::test]
async fn no_command_is_newer_than_redis_6_0() {
    let mut asker = Asker::start().await;
    let pool = Pool::new("chat", LONGEST_WAIT);
    for step in table::cases().into_iter().flat_map(|case| case.steps) {
        asker.ask(&pool, step.request, step.at).await;
    }
    let stats: String = asker.send(&["INFO", "commandstats"]).await;
    let used: Vec<&str> = stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next())
        .collect();
    assert!(used.contains(&"evalsha") && used.contains(&"zadd"), "{used:?}");
    for name in used {
        let name = name.split('|').next().unwrap();
        let docs: HashMap<String, HashMap<String, Value>> = asker.send(&["COMMAND", "DOCS", name]).await;
        let since: String = from_redis_value(docs[name]["since"].clone()).unwrap();
        let version: Vec<u32> = since.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(version[..2] <= *[6, 0].as_slice(), "{name} came with {since}");
    }
}
