//! What the operator makes of a ChatService: its children as whole objects, what keeps pods as they are and what replaces
//! them, its status, and the plan that a person reads.
#![allow(clippy::unwrap_used)]

mod children;
mod examples;
mod goldens;
mod leftovers;
mod plan;
mod secrets;
mod status;
mod templates;
