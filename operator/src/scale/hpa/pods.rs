//! Pods as the HPA sees them, and the groups it puts them into.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

/// A pod of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// Whether it has a deletion timestamp.
    pub deleted: bool,
    /// Its condition `Ready`, if it has one.
    pub ready: Option<Readiness>,
    /// When the kubelet took it on.
    pub started: Option<Timestamp>,
    /// What its container requests.
    pub requests: Requests,
}

/// `status.phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers run.
    Pending,
    /// They run.
    Running,
    /// They ended well.
    Succeeded,
    /// They ended badly.
    Failed,
    /// Its node does not answer.
    Unknown,
}

/// The condition `Ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// True, False, or absent for `Unknown`.
    pub status: Option<bool>,
    /// When it last changed.
    pub since: Timestamp,
}

/// Requests of the container, in thousandths of a core and of a byte, as the HPA counts both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Thousandths of a core.
    pub cpu: Option<i64>,
    /// Thousandths of a byte.
    pub memory: Option<i64>,
}

/// What a pod requests and uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Cores.
    Cpu,
    /// Bytes.
    Memory,
}

/// A metric of one pod, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The name of the pod.
    pub pod: String,
    /// The value, in thousandths.
    pub value: i64,
    /// When it was taken.
    pub time: Timestamp,
    /// Over how long it was taken; zero for a gauge.
    pub window: SignedDuration,
}

/// How long the HPA distrusts the CPU of a pod that has just started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Startup {
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`.
    pub cpu_initialization: SignedDuration,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`.
    pub readiness_delay: SignedDuration,
}

impl Default for Startup {
    fn default() -> Self {
        Self {
            cpu_initialization: SignedDuration::from_mins(5),
            readiness_delay: SignedDuration::from_secs(30),
        }
    }
}

/// Pods by what their samples are worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Groups<'a> {
    /// How many have a sample that counts.
    pub ready: usize,
    /// Not ready yet: their samples do not count.
    pub unready: BTreeSet<&'a str>,
    /// Without a sample.
    pub missing: BTreeSet<&'a str>,
    /// On their way out.
    pub ignored: BTreeSet<&'a str>,
}

impl Pod {
    /// Whether it runs and is ready.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Running && self.ready.is_some_and(|ready| ready.status == Some(true))
    }

    /// What it requests of a resource.
    pub fn request(&self, resource: Resource) -> Option<i64> {
        match resource {
            Resource::Cpu => self.requests.cpu,
            Resource::Memory => self.requests.memory,
        }
    }

    /// Whether its CPU says nothing yet.
    fn warms_up(&self, sample: &Sample, startup: &Startup, now: Timestamp) -> bool {
        let (Some(ready), Some(started)) = (self.ready, self.started) else {
            return true;
        };
        let unready = ready.status == Some(false);
        if started + startup.cpu_initialization > now {
            unready || sample.time < ready.since + sample.window
        } else {
            unready && started + startup.readiness_delay > ready.since
        }
    }
}

impl Resource {
    /// As in a pod's spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

/// The groups of the HPA. Only the CPU of a pod depends on its readiness.
pub fn group<'a>(
    pods: &'a [Pod],
    samples: &[Sample],
    resource: Option<Resource>,
    startup: &Startup,
    now: Timestamp,
) -> Groups<'a> {
    let mut groups = Groups::default();
    for pod in pods {
        let sample = samples.iter().find(|sample| sample.pod == pod.name);
        if pod.deleted || pod.phase == Phase::Failed {
            groups.ignored.insert(&pod.name);
        } else if pod.phase == Phase::Pending {
            groups.unready.insert(&pod.name);
        } else if let Some(sample) = sample {
            if resource == Some(Resource::Cpu) && pod.warms_up(sample, startup, now) {
                groups.unready.insert(&pod.name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.insert(&pod.name);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: Phase = Phase::Running;

    /// Ages in seconds: of the pod, of its readiness, of its sample and that sample's window.
    struct Case {
        id: &'static str,
        phase: Phase,
        deleted: bool,
        resource: Resource,
        started: Option<i64>,
        ready: Option<(bool, i64)>,
        sample: Option<(i64, i64)>,
        expect: &'static str,
    }

    fn case(
        id: &'static str,
        (phase, deleted, resource): (Phase, bool, Resource),
        started: Option<i64>,
        ready: Option<(bool, i64)>,
        sample: Option<(i64, i64)>,
        expect: &'static str,
    ) -> Case {
        Case {
            id,
            phase,
            deleted,
            resource,
            started,
            ready,
            sample,
            expect,
        }
    }

    /// The grouping vectors of the HPA's own tests.
    fn cases() -> Vec<Case> {
        use Resource::{Cpu, Memory};
        let cpu = (RUNNING, false, Cpu);
        let succeeded = (Phase::Succeeded, false, Memory);
        vec![
            case("G1", succeeded, None, None, Some((0, 0)), "ready"),
            case("G2", cpu, Some(0), None, Some((0, 0)), "unready"),
            case(
                "G3",
                cpu,
                Some(60),
                Some((true, 30)),
                Some((0, 30)),
                "ready",
            ),
            case(
                "G4",
                cpu,
                Some(60),
                Some((true, 30)),
                Some((0, 60)),
                "unready",
            ),
            case(
                "G5",
                cpu,
                Some(600),
                Some((false, 594)),
                Some((120, 0)),
                "unready",
            ),
            case(
                "G6",
                cpu,
                Some(180),
                Some((true, 180)),
                Some((120, 0)),
                "ready",
            ),
            case(
                "G7",
                cpu,
                Some(600),
                Some((false, 540)),
                Some((120, 0)),
                "ready",
            ),
            case(
                "G8",
                cpu,
                Some(600),
                Some((false, 590)),
                Some((120, 0)),
                "ready",
            ),
            case("G9", cpu, Some(180), None, None, "missing"),
            case(
                "G10",
                (Phase::Pending, false, Cpu),
                None,
                None,
                None,
                "unready",
            ),
            case(
                "G11",
                (Phase::Pending, true, Cpu),
                None,
                None,
                Some((0, 0)),
                "ignored",
            ),
            case(
                "G12",
                (Phase::Failed, false, Cpu),
                None,
                None,
                Some((0, 0)),
                "ignored",
            ),
        ]
    }

    #[test]
    fn grouping_vectors() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let ago = |seconds| now - SignedDuration::from_secs(seconds);
        let startup = Startup {
            cpu_initialization: SignedDuration::from_mins(2),
            readiness_delay: SignedDuration::from_secs(10),
        };
        let cases = cases();
        assert_eq!(cases.len(), 12);
        for case in cases {
            let ready = case.ready.map(|(status, since)| Readiness {
                status: Some(status),
                since: ago(since),
            });
            let pods = [Pod {
                name: "p".into(),
                phase: case.phase,
                deleted: case.deleted,
                ready,
                started: case.started.map(ago),
                requests: Requests::default(),
            }];
            let samples: Vec<_> = case
                .sample
                .map(|(age, window)| Sample {
                    pod: "p".into(),
                    value: 1,
                    time: ago(age),
                    window: SignedDuration::from_secs(window),
                })
                .into_iter()
                .collect();
            let groups = group(&pods, &samples, Some(case.resource), &startup, now);
            let counts = [
                ("ready", groups.ready),
                ("unready", groups.unready.len()),
                ("missing", groups.missing.len()),
                ("ignored", groups.ignored.len()),
            ];
            for (name, count) in counts {
                assert_eq!(count == 1, name == case.expect, "{}: {groups:?}", case.id);
            }
        }
    }
}
