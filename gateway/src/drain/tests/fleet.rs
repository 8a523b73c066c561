//! Processes that drain together, each on its own view of one bucket: whatever fails, the sum keeps to the budget.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Drain, Draw, Grant, Plan};
use super::*;

/// The bucket as the script in Redis keeps it, in milliseconds.
#[derive(Default)]
struct Bucket {
    tokens: f64,
    at: Option<u64>,
    settled: u64,
    seen: BTreeMap<usize, (u64, u64)>,
}

impl Bucket {
    fn draw(&mut self, now: u64, who: usize, draw: Draw, is_young: bool) -> Grant {
        let (mut here, mut away) = (1.0, 0.0);
        self.seen
            .retain(|_, (seen, ends)| *ends >= now && *seen + 60_000 >= now);
        for (other, (seen, _)) in &self.seen {
            match () {
                () if *other == who => {}
                () if seen + 700 < now => away += 1.0,
                () => here += 1.0,
            }
        }
        if self.at.is_none() {
            self.tokens = 1.0;
            self.settled = if is_young { now + 5_000 } else { 0 };
        }
        let rate = draw.per_second;
        let share = rate / draw.pods as f64;
        let mut pace = rate - share * away;
        if now < self.settled {
            pace = pace.min(share * here);
        }
        let pace = pace.max(share);
        let passed = now - self.at.replace(now).unwrap_or(now);
        self.tokens = (self.tokens + passed as f64 * pace / 1_000.0).min((rate * 0.06).max(1.0));
        let permits = draw.wanted.min(self.tokens as usize);
        self.tokens -= permits as f64;
        let remaining = u64::try_from(draw.remaining.as_millis()).unwrap();
        self.seen.insert(who, (now, now + remaining));
        let wait = (1.0 - self.tokens.min(1.0)) * 1_000.0 / pace;
        Grant {
            permits,
            wait: Duration::from_millis(wait.ceil() as u64),
        }
    }
}

/// One process of the fleet, and when it cannot reach Redis.
#[derive(Clone, Debug)]
struct Pod {
    begins: u64,
    sessions: usize,
    latency: u64,
    outages: Vec<(u64, u64)>,
}

impl Pod {
    fn reaches(&self, at: u64) -> bool {
        !self
            .outages
            .iter()
            .any(|(from, to)| (*from..*to).contains(&at))
    }

    /// Whether it has found Redis again just now.
    fn is_young(&self, at: u64) -> bool {
        let mut ends = self.outages.iter().map(|(_, to)| *to);
        ends.any(|end| end <= at && at - end < YOUNG)
    }
}

struct Running {
    drain: Drain,
    open: usize,
    answers: Vec<(u64, Draw, Option<Grant>)>,
}

const STEP: u64 = 5;
const END: u64 = 120_000;
/// Longer than a link needs to find a Redis that is back.
const YOUNG: u64 = 5_000;

/// The milliseconds at which sessions were closed. `lost` is when Redis loses its data.
fn trace(rate: f64, pods: &[Pod], lost: Option<u64>) -> Vec<u64> {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let plan = Plan {
        hold: Duration::ZERO,
        timeout: Duration::from_secs(600),
        per_second: rate,
        has_fleet: true,
    };
    let mut bucket = Bucket::default();
    let mut running: Vec<Running> = pods
        .iter()
        .map(|pod| Running {
            drain: Drain::begin(plan, at(pod.begins)),
            open: pod.sessions,
            answers: Vec::new(),
        })
        .collect();
    let mut closed = Vec::new();
    for now in (0..END).step_by(STEP as usize) {
        if lost == Some(now) {
            bucket = Bucket::default();
        }
        for (who, (pod, state)) in pods.iter().zip(&mut running).enumerate() {
            if now < pod.begins || state.open == 0 {
                continue;
            }
            let due: Vec<_> = state
                .answers
                .extract_if(.., |(due, ..)| *due <= now)
                .collect();
            for (_, draw, grant) in due {
                state.drain.answered(at(now), draw, grant);
            }
            state.drain.knows(pods.len(), at(now));
            let step = state.drain.step(at(now), state.open, 0);
            state.open -= step.close;
            closed.extend(std::iter::repeat_n(now, step.close));
            if state.open == 0 {
                bucket.seen.remove(&who);
            } else if let Some(draw) = state.drain.ask(at(now), state.open) {
                let reaches = pod.reaches(now);
                let grant = reaches.then(|| bucket.draw(now, who, draw, pod.is_young(now)));
                state.answers.push((now + pod.latency, draw, grant));
            }
        }
    }
    closed
}

/// In no window of a second or more there are more than the budget and a tenth, give or take a session a process.
fn assert_within(rate: f64, pods: usize, closed: &[u64]) {
    for (index, from) in closed.iter().enumerate() {
        for (count, to) in closed[index..].iter().enumerate() {
            let seconds = ((to - from) as f64 / 1_000.0).max(1.0);
            let most = rate * seconds * 1.1 + pods as f64;
            assert!(
                (count + 1) as f64 <= most,
                "{} in {seconds} s from {from} ms at {rate}/s",
                count + 1
            );
        }
    }
}

fn pod(sessions: usize) -> Pod {
    Pod {
        begins: 0,
        sessions,
        latency: 5,
        outages: Vec::new(),
    }
}

#[test]
fn all_together_keep_the_whole_pace() {
    for (rate, pods) in [(20.0, 1), (50.0, 3), (200.0, 5), (1_000.0, 2)] {
        let each = (rate * 10.0) as usize / pods;
        let closed = trace(rate, &vec![pod(each); pods], None);
        assert_eq!(closed.len(), each * pods);
        let took = *closed.last().unwrap() as f64 / 1_000.0;
        assert!((9.0..11.5).contains(&took), "{rate}/s by {pods}: {took} s");
        assert_within(rate, pods, &closed);
    }
}

#[test]
fn the_last_one_has_the_whole_budget() {
    let pods = [pod(10), pod(10), pod(500)];
    let closed = trace(50.0, &pods, None);
    let took = *closed.last().unwrap() as f64 / 1_000.0;
    assert!((9.5..11.5).contains(&took), "{took} s");
}

#[test]
fn without_redis_each_has_its_share() {
    let away = Pod {
        outages: vec![(0, END)],
        ..pod(100)
    };
    let closed = trace(30.0, &vec![away; 3], None);
    let took = *closed.last().unwrap() as f64 / 1_000.0;
    assert!((10.0..12.0).contains(&took), "{took} s");
    assert_within(30.0, 3, &closed);
}

/// Pods that begin at any time, with outages of their own.
fn pods() -> impl Strategy<Value = Vec<Pod>> {
    let outage = (0..20_000_u64, 500..8_000_u64).prop_map(|(from, length)| (from, from + length));
    let pod = (
        0..5_000_u64,
        20..200_usize,
        0..60_u64,
        prop::collection::vec(outage, 0..2),
    );
    let pod = pod.prop_map(|(begins, sessions, latency, outages)| Pod {
        begins,
        sessions,
        latency,
        outages,
    });
    prop::collection::vec(pod, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each loses its way to Redis by itself, once it has drawn: one that has not is not known to the bucket.
    #[test]
    fn no_outage_breaks_the_budget(rate in 20.0..150.0_f64, mut pods in pods()) {
        for pod in &mut pods {
            let first = pod.begins + 200;
            pod.outages.iter_mut().for_each(|(from, to)| (*from, *to) = (*from + first, *to + first));
        }
        let sessions: usize = pods.iter().map(|pod| pod.sessions).sum();
        let closed = trace(rate, &pods, None);
        prop_assert_eq!(closed.len(), sessions);
        assert_within(rate, pods.len(), &closed);
    }

    /// Redis is killed, comes back without its data, and each finds it at a time of its own.
    #[test]
    fn a_redis_without_its_data_breaks_no_budget(
        rate in 20.0..150.0_f64,
        mut pods in pods(),
        from in 1_000..6_000_u64,
        length in 100..5_000_u64,
        back in prop::collection::vec(0..2_500_u64, 6),
    ) {
        let from = from / STEP * STEP;
        for (pod, back) in pods.iter_mut().zip(back) {
            pod.outages = vec![(from, from + length + back)];
        }
        let closed = trace(rate, &pods, Some(from));
        assert_within(rate, pods.len(), &closed);
    }
}
