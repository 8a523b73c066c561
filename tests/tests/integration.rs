//! Everything that is tested on a live gateway; each module is one subject.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

mod api;
mod browser;
mod chaos;
mod cluster;
mod cluster_gateway;
mod conformance;
mod docs;
mod drain;
mod edges;
mod exposure;
mod hostile;
mod manifests;
mod overload;
mod packaging;
mod probes;
mod probing;
mod protocol;
mod recovery;
mod reload;
mod scenarios;
mod startup;
mod storm;
mod together;
