mod fleet;

use super::*;

fn plan(hold: u64, timeout: u64, per_second: f64) -> Plan {
    let seconds = Duration::from_secs;
    Plan {
        hold: seconds(hold),
        timeout: seconds(timeout),
        per_second,
        has_fleet: false,
    }
}

/// Sessions that end as soon as they are told to; the milliseconds at which each batch was told.
fn run(plan: Plan, mut open: usize) -> (Vec<(u64, usize)>, u64) {
    let start = Instant::now();
    let mut drain = Drain::begin(plan, start);
    let mut now = start;
    let mut closed = Vec::new();
    loop {
        let step = drain.step(now, open, 0);
        let at = u64::try_from((now - start).as_millis()).unwrap();
        if step.close > 0 {
            closed.push((at, step.close));
            open -= step.close;
        }
        if step.phase == Phase::Done {
            return (closed, at);
        }
        assert!(step.wake > now);
        now = step.wake;
    }
}

#[test]
fn nothing_closes_in_the_hold() {
    let (closed, done) = run(plan(5, 10, 100.0), 3);
    assert_eq!(closed[0], (5_000, 1));
    assert!(done < 5_100, "{done}");
    assert_eq!(run(plan(5, 10, 100.0), 0), (vec![], 5_000));
}

#[test]
fn closes_at_the_pace() {
    for (rate, open) in [(200.0, 1_000), (1_000.0, 5_000), (5.0, 25), (0.5, 3)] {
        let (closed, done) = run(plan(0, 3_600, rate), open);
        assert_eq!(closed.iter().map(|(_, count)| count).sum::<usize>(), open);
        let expected = open as f64 / rate * 1_000.0;
        assert!(
            (done as f64 - expected).abs() <= 2_100.0 / rate.min(50.0),
            "{rate}: {done}"
        );
        let most = closed.iter().map(|(_, count)| *count).max().unwrap();
        assert!(
            most as f64 <= (rate * 0.021).max(1.0) + 1.0,
            "{rate}: {most} at once"
        );
    }
}

#[test]
fn what_is_left_closes_at_once() {
    let (closed, done) = run(plan(1, 2, 10.0), 1_000);
    let (at, rest) = *closed.last().unwrap();
    assert_eq!(at, 3_000);
    assert!((975..=985).contains(&rest), "{rest}");
    assert!(done <= 3_020);
    let (closed, _) = run(plan(0, 0, 10.0), 50);
    assert_eq!(closed, [(0, 50)]);
}

#[test]
fn sessions_that_do_not_end_are_not_waited_for_long() {
    let start = Instant::now();
    let mut drain = Drain::begin(plan(0, 1, 10.0), start);
    let phase = |drain: &mut Drain, millis| {
        drain
            .step(start + Duration::from_millis(millis), 0, 4)
            .phase
    };
    assert_eq!(phase(&mut drain, 999), Phase::Closing);
    assert_eq!(phase(&mut drain, 1_000), Phase::Overdue);
    assert_eq!(phase(&mut drain, 5_999), Phase::Overdue);
    assert_eq!(phase(&mut drain, 6_000), Phase::Done);
}

#[test]
fn a_late_tick_keeps_the_pace() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut bucket = TokenBucket::new(100.0, 2.0, start);
    assert_eq!(bucket.take_up_to(1_000, at(500)), 51);
    assert_eq!(bucket.take_up_to(1_000, at(500)), 0);
    assert_eq!(bucket.take_up_to(3, at(1_000)), 3);
    assert_eq!(bucket.take_up_to(1_000, at(60_000)), 101);
    assert_eq!(bucket.take_up_to(1_000, at(59_000)), 0);
}
