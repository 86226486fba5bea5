//! Two healthy clients in a match, who talk while others misbehave, and lose nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chat_tests::pod::Pod;
use serde_json::json;

use crate::client::{Person, pair};

/// From one round to the next: well below the limit of signals.
const PAUSE: Duration = Duration::from_millis(30);

pub struct Bystanders {
    stop: Arc<AtomicBool>,
    talk: JoinHandle<()>,
}

impl Bystanders {
    /// Has a pair talk through the pod.
    pub fn of(pod: &Pod) -> Self {
        let (mut one, mut other) = pair(pod.address());
        talk(&mut one, &mut other, 1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let talk = thread::spawn(move || {
            for round in 2.. {
                // The last round is one after all that was done to the pod.
                let last = stopped.load(Ordering::Relaxed);
                talk(&mut one, &mut other, round);
                if last {
                    return;
                }
                thread::sleep(PAUSE);
            }
        });
        Self { stop, talk }
    }

    /// Ends the talk, in which nothing was lost, doubled or out of order, and nobody was told anything else.
    pub fn were_not_disturbed(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.talk.join().expect("the bystanders were disturbed");
    }
}

fn talk(one: &mut Person, other: &mut Person, round: u64) {
    tell(one, other, round);
    tell(other, one, round);
}

fn tell(from: &mut Person, to: &mut Person, round: u64) {
    let candidate = json!({"candidate": format!("candidate:{round}"), "sdpMid": "0", "sdpMLineIndex": 0});
    assert_eq!(from.ask("webrtc_ice_candidate", &candidate)["ok"], true);
    let heard = to.expect("webrtc_ice_candidate");
    assert_eq!(heard["candidate"], candidate["candidate"]);
    assert_eq!(heard["seq"], round);
}

/// Bytes of the pod's memory that are in RAM.
pub fn memory(pod: &Pod) -> u64 {
    let process = procfs::process::Process::new(pod.process_id().try_into().unwrap()).unwrap();
    process.statm().unwrap().resident * procfs::page_size()
}
