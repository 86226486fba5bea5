//! What pods share through Redis. The pod itself does not use it yet.
//!
//! [`pool`] is the queue of those who wait: it executes the requests of [`signaling_core::pairing`] as scripts.
//!
//! Every key begins with `REDIS_PREFIX`, so that two services on one Redis never meet. Nothing newer than Redis 6.0 is
//! used.

pub mod pool;
