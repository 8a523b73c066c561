//! Stabilisation: recent recommendations hold the count where it is.

use jiff::Timestamp;

use super::behavior::Behavior;

/// What was recommended, and when for the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recommendation {
    /// That many pods.
    pub replicas: i32,
    /// When it last stood.
    pub time: Timestamp,
}

/// Moves `current` towards `desired` as far as all recommendations of the windows agree.
pub fn stabilise(
    current: i32,
    desired: i32,
    past: &[Recommendation],
    behavior: &Behavior,
    now: Timestamp,
) -> i32 {
    let within = |window| {
        let cutoff = now - window;
        let recent = past.iter().filter(move |one| one.time > cutoff);
        recent.map(|one| one.replicas)
    };
    let up = within(behavior.up.window).fold(desired, i32::min);
    let down = within(behavior.down.window).fold(desired, i32::max);
    current.max(up).min(down)
}
