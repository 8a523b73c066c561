use clap::{Args as _, Command, FromArgMatches as _};

use super::*;

const POLICY: &str = include_str!("../../../../examples/autoscaling/policy.yaml");
const RECORD: &str = include_str!("../../../../examples/autoscaling/evening.csv");

fn path(relative: &str) -> String {
    format!("{}/{relative}", env!("CARGO_MANIFEST_DIR"))
}

fn simulate(args: &[&str]) -> Result<(bool, String), String> {
    let command = Simulate::augment_args(Command::new("simulate"));
    let args = std::iter::once("simulate").chain(args.iter().copied());
    let matches = command
        .try_get_matches_from(args)
        .map_err(|error| error.to_string())?;
    let args = Simulate::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut out = Vec::new();
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
    let well = runtime
        .block_on(run(&args, &mut out, now))
        .map_err(|error| error.to_string())?;
    Ok((well, String::from_utf8(out).unwrap()))
}

fn settings() -> Settings {
    let cluster: RealtimeCluster = serde_yaml::from_str(POLICY).unwrap();
    Settings::parse(cluster.spec.autoscaling.as_ref().unwrap()).unwrap()
}

#[test]
fn vectors_are_counted() {
    let (well, text) = simulate(&["--vectors", &path("tests/vectors/hpa.json")]).unwrap();
    assert_eq!((well, text.as_str()), (true, "80 passed, 0 failed\n"));
}

#[test]
fn the_example() {
    let (policy, record) = (
        "../examples/autoscaling/policy.yaml",
        "../examples/autoscaling/evening.csv",
    );
    let (well, text) = simulate(&["--policy", &path(policy), "--samples", &path(record)]).unwrap();
    assert!(well);
    let parts = [
        "(limited by scaleUp policy",
        "after the scaleDown window of 600s)",
        "(limited by scaleDown policy 10 Percent/300s)",
        "no data for 600s → 15 (fallback)",
        "pods have no fresh sample",
        "rollout is in progress",
        "decisions 15 s apart:",
        "█",
    ];
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn arguments() {
    let policy = path("../examples/autoscaling/policy.yaml");
    let record = path("../examples/autoscaling/evening.csv");
    let cases: [(&[&str], &str); 8] = [
        (&[], "--vectors"),
        (&["--policy", &policy], "--samples"),
        (&["--vectors", "nowhere.json"], "nowhere.json: "),
        (&["--vectors", &policy], "vectors: "),
        (&["--policy", &record, "--samples", &record], "policy: "),
        (
            &[
                "--policy",
                &policy,
                "--samples",
                &record,
                "--replicas",
                "10001",
            ],
            "--replicas: 10001",
        ),
        (
            &[
                "--policy",
                &policy,
                "--samples",
                &record,
                "--cpu-request",
                "0",
            ],
            "--cpu-request: \"0\"",
        ),
        (
            &[
                "--policy",
                &policy,
                "--samples",
                &record,
                "--startup",
                "soon",
            ],
            "--startup",
        ),
    ];
    for (args, part) in cases {
        let error = simulate(args).unwrap_err();
        assert!(error.contains(part), "{args:?}: {error}");
    }
}

#[test]
fn records() {
    let parse = |text: &str| record::parse(text, &settings());
    let faults = [
        ("", "column \"\" is not known"),
        ("time,depth", "there is no column \"Connections\""),
        ("time,Connections", "there is no column \"depth\""),
        ("Connections,depth", "there is no column \"time\""),
        (
            "time,Connections,depth,cats",
            "column \"cats\" is not known",
        ),
        ("time,Connections,depth,depth", "column 4 is there twice"),
        (
            "time,Connections,depth\n1,2",
            "line 2: 2 cells, the header has 3",
        ),
        (
            "time,Connections,depth\n\n# why\nsoon,2,3",
            "line 4: \"soon\" is no time",
        ),
        (
            "time,Connections,depth\n1,many,3",
            "line 2: \"many\" is no number",
        ),
        (
            "time,Connections,depth\n1,2,3\n1,2,3",
            "line 3: time has to be later",
        ),
        (
            "time,Connections,depth,missing\n1,2,3,-1",
            "\"-1\" is no count of pods",
        ),
        (
            "time,Connections,depth,rollout\n1,2,3,maybe",
            "\"maybe\" is no yes or no",
        ),
        (
            "time,Connections,depth\n0,2,3\n99999999,2,3",
            "longer than 1000000 decisions",
        ),
    ];
    for (text, sentence) in faults {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(sentence), "{text}: {error}");
    }

    let text = "time,depth,Connections,missing,rollout\n0,1,NaN,,\n40,,7,2,yes\n1970-01-01T00:00:45Z,3,8,,no\n";
    let moments = parse(text).unwrap();
    let seen: Vec<_> = moments
        .iter()
        .map(|one| {
            (
                one.time.as_second(),
                one.totals[1],
                one.missing,
                one.rollout,
            )
        })
        .collect();
    let first = Some(1.0);
    let expected = [
        (0, first, 0, false),
        (15, first, 0, false),
        (30, first, 0, false),
        (45, Some(3.0), 0, false),
    ];
    assert_eq!(seen, expected);
    assert!(moments[0].totals[0].is_some_and(f64::is_nan));
    assert!(parse(RECORD).unwrap().len() > 100);
}

#[test]
fn charts() {
    let draw = |counts: &[i32]| {
        let mut out = Vec::new();
        chart::bars(&mut out, counts).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        draw(&[1, 2, 3, 2]),
        "    3 │  █\n    2 │ ███\n    1 │████\n    0 └────\n"
    );
    let wide = draw(&[20; 1000]);
    assert!(
        wide.lines().all(|line| line.chars().count() <= 79),
        "{wide}"
    );
    assert_eq!(wide.lines().count(), 11);
    assert_eq!(draw(&[0]), "    1 │\n    0 └─\n");
}
