//! The 146 measured probes: what Node answered, or the better answer with its reason.

mod exchange;
mod table;

use carillon_tests::gateway::{Options, workspace};
use carillon_tests::scripts;
use exchange::Prober;
use serde_json::{Value, json};
use table::DEVIATIONS;

/// The probes whose answer is the end of a connect timeout: 26 waits for it in a poll.
const IMPATIENT: [usize; 3] = [25, 26, 73];

/// One measured probe.
struct Probe {
    number: usize,
    name: String,
    request: String,
    answer: String,
}

fn probes() -> Vec<Probe> {
    let text = std::fs::read_to_string(workspace().join("tests/fixtures/probe.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().trim().to_owned();
    let numbered = all.iter().enumerate().map(|(index, probe)| Probe {
        number: index + 1,
        name: text(&probe["name"]),
        request: text(&probe["req"]),
        answer: text(&probe["res"]),
    });
    numbered.collect()
}

/// Runs every probe; `impatient` is a server whose connect timeout is short. Returns the faults.
fn run(port: u16, impatient: u16, expected: impl Fn(&Probe) -> String) -> (usize, Vec<String>) {
    let (mut patient, mut impatient) = (Prober::new(port), Prober::new(impatient));
    let mut faults = Vec::new();
    let probes = probes();
    for probe in &probes {
        let prober = match IMPATIENT.contains(&probe.number) {
            true => &mut impatient,
            false => &mut patient,
        };
        let (answer, expected) = (prober.run(probe), expected(probe));
        if !exchange::matches(&answer, &expected) {
            let Probe { number, name, .. } = probe;
            faults.push(format!(
                "{number} {name}: {answer}\n    instead of {expected}"
            ));
        }
    }
    (probes.len(), faults)
}

fn check(shards: u16) {
    let file = workspace().join("tests/fixtures/probes.yaml");
    let rules = std::fs::read_to_string(file).unwrap();
    let mut gateway = Options::rules(&rules).shards(shards).start();
    let short = rules.replace("engine: {", "engine: { connectTimeout: 300ms,");
    let impatient = Options::rules(&short).shards(shards).start();
    let better = |probe: &Probe| {
        let deviation = DEVIATIONS.iter().find(|row| row.probe == probe.number);
        deviation.map_or_else(|| probe.answer.clone(), |row| row.answer.to_owned())
    };
    let (count, faults) = run(gateway.port(), impatient.port(), better);
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert_eq!(count, 146);
    gateway.assert_alive();
}

#[test]
fn one_shard() {
    check(1);
}

#[test]
fn three_shards() {
    check(3);
}

/// The table itself is right: Node answers what it answered when it was measured.
#[test]
fn node() {
    let start = |timeout: u64| {
        let (process, line) =
            scripts::node_server("probe-server.mjs", &json!({ "connectTimeout": timeout }));
        (
            process,
            u16::try_from(line["port"].as_u64().unwrap()).unwrap(),
        )
    };
    let ((_patient, port), (_impatient, short)) = (start(45_000), start(300));
    let (count, faults) = run(port, short, |probe| probe.answer.clone());
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert_eq!(count, 146);
}

/// Every deviation names a probe and says why.
#[test]
fn deviations_are_reasoned() {
    for row in DEVIATIONS {
        assert!((1..=146).contains(&row.probe) && !row.reason.is_empty());
    }
}
