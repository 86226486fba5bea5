//! Links over a bus that loses, doubles, delays and reorders.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::*;

/// Two ends and a bus that loses, doubles, delays and reorders.
struct Bus {
    rng: ChaCha12Rng,
    now: Millis,
    loss: f64,
    queue: BinaryHeap<Reverse<(Millis, usize, Vec<u8>)>>,
    ends: [Link; 2],
    delivered: [Vec<Vec<u8>>; 2],
    restarts: [usize; 2],
}

impl Bus {
    fn new(seed: u64, loss: f64) -> Self {
        Self {
            rng: ChaCha12Rng::seed_from_u64(seed),
            now: Millis(1_000),
            loss,
            queue: BinaryHeap::new(),
            ends: [Link::new(Incarnation(1)), Link::new(Incarnation(2))],
            delivered: [Vec::new(), Vec::new()],
            restarts: [0, 0],
        }
    }

    fn transmit(&mut self, end: usize) {
        loop {
            let mut packet = Vec::new();
            if !self.ends[end].transmit(self.now, &mut packet) {
                return;
            }
            assert!(packet.len() <= PACKET_BYTES + 1024);
            for _ in 0..self.rng.random_range(1..3) {
                if !self.rng.random_bool(self.loss) {
                    let at = self.now + Duration::from_millis(self.rng.random_range(1..80));
                    self.queue.push(Reverse((at, 1 - end, packet.clone())));
                }
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            let deadline = self.ends.iter().filter_map(Link::deadline).min();
            let packet = self.queue.peek().map(|Reverse((at, ..))| *at);
            let Some(at) = deadline.into_iter().chain(packet).min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
                let Some(Reverse((_, end, packet))) = self.queue.pop() else {
                    break;
                };
                let delivered = &mut self.delivered[end];
                let received = self.ends[end]
                    .receive(&packet, self.now, &mut |frame| delivered.push(frame.to_vec()))
                    .expect("packets are not damaged");
                self.restarts[end] += usize::from(received.peer_restarted);
                self.transmit(end);
            }
            self.transmit(0);
            self.transmit(1);
        }
        self.now = until;
    }
}

fn frame(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn all_frames_arrive_once_and_in_order(seed: u64, loss in 0.0..0.6, count in 1_u32..200) {
        let mut bus = Bus::new(seed, loss);
        for number in 0..count {
            for end in 0..2 {
                bus.ends[end].send(&frame(number)).expect("room");
                if bus.rng.random_bool(0.3) {
                    bus.transmit(end);
                }
            }
            if bus.rng.random_bool(0.1) {
                bus.run(Duration::from_millis(20));
            }
        }
        bus.transmit(0);
        bus.transmit(1);
        bus.run(Duration::from_secs(120));
        let all: Vec<Vec<u8>> = (0..count).map(frame).collect();
        prop_assert_eq!(&bus.delivered[0], &all);
        prop_assert_eq!(&bus.delivered[1], &all);
        prop_assert_eq!(bus.ends[0].deadline(), None, "an idle link is silent");
        prop_assert_eq!(bus.restarts, [0, 0]);
    }

    #[test]
    fn a_new_life_is_reported_and_lives_do_not_mix(seed: u64, loss in 0.0..0.5) {
        let mut bus = Bus::new(seed, loss);
        for life in 0..4_u32 {
            for number in 0..20 {
                bus.ends[0].send(&frame(life * 100 + number)).expect("room");
                bus.ends[1].send(&frame(number)).expect("room");
                bus.transmit(0);
                bus.transmit(1);
                bus.run(Duration::from_millis(bus.now.0 % 7));
            }
            bus.run(Duration::from_secs(60));
            prop_assert_eq!(bus.restarts[0], life as usize);
            // What the new life heard is in order, and nothing comes twice in one life.
            let heard: Vec<u32> = bus.delivered[1]
                .iter()
                .map(|frame| u32::from_le_bytes(frame.as_slice().try_into().expect("four bytes")))
                .collect();
            prop_assert!(heard.is_sorted_by(|one, other| one < other), "{:?}", heard);
            bus.delivered[1].clear();
            bus.ends[1] = Link::new(Incarnation(u64::from(life) + 10));
        }
    }

    #[test]
    fn whatever_arrives_is_survived(bytes: Vec<u8>, number: u64) {
        let mut link = Link::new(Incarnation(1));
        let _ = link.receive(&bytes, Millis(number), &mut |_| ());
        let mut versioned = vec![VERSION];
        versioned.extend(bytes);
        let _ = link.receive(&versioned, Millis(number), &mut |_| ());
        prop_assert!(link.early_bytes <= MAX_EARLY_BYTES && link.early.len() <= MAX_EARLY_FRAMES);
    }
}

#[test]
fn the_window_is_bounded_and_has_a_reserve_for_control() {
    let mut link = Link::new(Incarnation(1));
    while link.send(&[0; 100]).is_ok() {}
    assert_eq!(link.window.len(), MAX_FRAMES - RESERVE_FRAMES);
    assert!(link.send_control(b"end").is_ok());
    while link.send_control(b"end").is_ok() {}
    assert_eq!(link.window.len(), MAX_FRAMES);
}

#[test]
fn a_packet_of_another_version_is_refused() {
    let mut link = Link::new(Incarnation(1));
    assert_eq!(
        link.receive(&[9, 1, 2, 3], Millis(0), &mut |_| ()),
        Err(Malformed)
    );
    assert_eq!(link.receive(&[], Millis(0), &mut |_| ()), Err(Malformed));
}

#[test]
fn packets_have_these_bytes_in_every_release() {
    let mut link = Link::new(Incarnation(300));
    let mut greeting = Vec::new();
    link.send(b"frame").expect("room");
    assert!(link.transmit(Millis(0), &mut greeting));
    assert_eq!(greeting, [1, 172, 2, 0, 0, 1, 0]);
    let answer = [1, 7, 172, 2, 0, 1, 0];
    link.receive(&answer, Millis(1), &mut |_| ()).expect("a packet");
    let mut packet = Vec::new();
    assert!(link.transmit(Millis(1), &mut packet));
    assert_eq!(packet, [1, 172, 2, 7, 0, 1, 1, 5, b'f', b'r', b'a', b'm', b'e']);
}

/// Lets an end say all that it has to say.
fn packets(link: &mut Link, now: u64) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    loop {
        let mut packet = Vec::new();
        if !link.transmit(Millis(now), &mut packet) {
            return packets;
        }
        packets.push(packet);
    }
}

fn receive(link: &mut Link, packet: &[u8], now: u64) -> Received {
    link.receive(packet, Millis(now), &mut |_| ()).expect("a packet")
}

#[test]
fn an_end_that_leaves_all_greetings_unanswered_is_given_up_after_ten_seconds() {
    let mut link = Link::new(Incarnation(1));
    link.send(b"frame").expect("room");
    let mut sent = 0;
    let mut now = 1_000;
    loop {
        assert!(!link.is_unanswered(Millis(now.min(10_999))));
        if link.is_unanswered(Millis(now)) {
            break;
        }
        sent += packets(&mut link, now).len();
        now = link.deadline().expect("it is tried again").0;
    }
    assert!((5..12).contains(&sent), "{sent} greetings in {now} ms");
}

#[test]
fn a_late_packet_of_an_earlier_life_is_no_answer() {
    let (mut old, mut peer) = (Link::new(Incarnation(1)), Link::new(Incarnation(2)));
    for packet in packets_of_first_contact(&mut old, &mut peer) {
        receive(&mut peer, &packet, 3);
    }
    old.send(b"late").expect("room");
    let late = packets(&mut old, 4).remove(0);
    // The peer has begun anew and gets what was meant for the life before.
    let mut anew = Link::new(Incarnation(3));
    anew.send(b"hello?").expect("room");
    let received = receive(&mut anew, &late, 5);
    assert!(!received.met, "it names another life");
    packets(&mut anew, 5);
    assert!(anew.is_unanswered(Millis(10_005)));
}

/// Two ends that have exchanged greetings; answers what the first one still has to say.
fn packets_of_first_contact(one: &mut Link, other: &mut Link) -> Vec<Vec<u8>> {
    one.greet();
    for packet in packets(one, 0) {
        receive(other, &packet, 1);
    }
    let mut met = false;
    for packet in packets(other, 1) {
        met |= receive(one, &packet, 2).met;
    }
    assert!(met, "the answer names the life that greeted");
    packets(one, 2)
}

#[test]
fn a_greeting_makes_a_life_known_without_frames_and_then_there_is_silence() {
    let (mut one, mut other) = (Link::new(Incarnation(1)), Link::new(Incarnation(2)));
    one.greet();
    let lost = packets(&mut one, 0);
    assert_eq!(lost.len(), 1);
    assert!(packets(&mut one, 99).is_empty());
    assert_eq!(one.deadline(), Some(Millis(100)), "until it is answered");
    let greeting = packets(&mut one, 100).remove(0);
    receive(&mut other, &greeting, 101);
    let answer = packets(&mut other, 101).remove(0);
    assert!(receive(&mut one, &answer, 102).met);
    assert!(packets(&mut one, 103).is_empty());
    assert_eq!((one.deadline(), other.deadline()), (None, None));
    // To a peer that knew an earlier life it is news.
    let mut later = Link::new(Incarnation(9));
    later.greet();
    let greeting = packets(&mut later, 200).remove(0);
    assert!(receive(&mut other, &greeting, 201).peer_restarted);
}

#[test]
fn who_greets_again_is_answered_by_an_end_that_has_nothing_to_say() {
    let (mut one, mut other) = (Link::new(Incarnation(1)), Link::new(Incarnation(2)));
    one.greet();
    other.greet();
    // The first greeting of one is lost, so that only the other's is answered.
    packets(&mut one, 0);
    for packet in packets(&mut other, 1) {
        receive(&mut one, &packet, 2);
    }
    let mut met = [false; 2];
    for now in [2, 3, 100, 101, 102, 103] {
        for packet in packets(&mut one, now) {
            met[1] |= receive(&mut other, &packet, now).met;
        }
        for packet in packets(&mut other, now) {
            met[0] |= receive(&mut one, &packet, now).met;
        }
    }
    assert_eq!(met, [true; 2]);
    assert_eq!((one.deadline(), other.deadline()), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_window_takes_arrives_and_what_it_refuses_does_not(seed: u64, loss in 0.0..0.4, size in 1_usize..3_000) {
        let mut bus = Bus::new(seed, loss);
        let mut taken = Vec::new();
        for round in 0..3_u32 {
            for number in 0..2_000 {
                let mut sent = frame(round * 2_000 + number);
                sent.resize(size.max(4), 0);
                match bus.ends[0].send(&sent) {
                    Ok(()) => taken.push(sent),
                    Err(WindowFull) => break,
                }
            }
            prop_assert!(bus.ends[0].window.len() <= MAX_FRAMES && bus.ends[0].window_bytes <= MAX_BYTES);
            bus.transmit(0);
            bus.run(Duration::from_millis(200));
        }
        bus.run(Duration::from_secs(300));
        prop_assert_eq!(&bus.delivered[1], &taken);
        prop_assert!(bus.ends[1].early.is_empty() && bus.ends[0].window.is_empty());
    }
}
