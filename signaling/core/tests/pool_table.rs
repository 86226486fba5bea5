//! The pool in memory answers as the table of all pools says.

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use signaling_core::pairing::{MemoryPool, table};

#[test]
fn the_pool_in_memory_keeps_every_rule_of_the_table() {
    let mut broken = Vec::new();
    for case in table::cases() {
        let mut pool = MemoryPool::new(std::time::Duration::from_secs(60));
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        for (number, step) in case.steps.iter().enumerate() {
            let reply = pool.handle(step.request.clone(), step.at, &mut rng);
            if let Err(words) = step.judge(reply.as_ref()) {
                broken.push(format!("{}: step {number} {words}", case.rule));
                break;
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
