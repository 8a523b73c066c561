//! The whole product at once, each time on a cluster of its own.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is the report of a failure"
)]

#[path = "e2e/documented.rs"]
mod documented;
#[path = "e2e/report.rs"]
mod report;
#[path = "e2e/scene.rs"]
mod scene;
#[path = "e2e/secrets.rs"]
mod secrets;
#[path = "e2e/targets.rs"]
mod targets;
#[path = "e2e/way.rs"]
mod way;
