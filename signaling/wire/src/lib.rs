//! Skeleton.

pub mod engine_io;
