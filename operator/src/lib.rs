//! The operator of ChatServices.
//!
//! The way of things: a [`ChatService`](crds::ChatService) as the API server keeps it is [`validate`]d; [`replicas`] decides
//! how many pods there are; [`build`] makes its children of it and of [`facts`] about the cluster; [`leftovers`] are what
//! it no longer has; [`status`] says how it all is. [`plan`] shows the children without a cluster.
//!
//! Nothing here holds a client, looks at a clock or draws a random number: these are arguments, and results are values.

pub mod build;
pub mod contents;
pub mod credentials;
pub mod facts;
pub mod leftovers;
pub mod names;
pub mod plan;
pub mod quantity;
pub mod replicas;
pub mod sizing;
pub mod status;
pub mod validate;
pub mod yaml;
