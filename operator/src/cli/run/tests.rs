use std::time::Duration;

use clap::{Args as _, Command, FromArgMatches};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::account::Account;
use super::*;
use crate::lease::times::Times;

fn command() -> Command {
    Args::augment_args(Command::new("run").no_binary_name(true))
}

fn parse(flags: &str) -> Result<Args, String> {
    let matches = command().try_get_matches_from(flags.split_whitespace());
    let matches = matches.map_err(|error| error.to_string())?;
    Args::from_arg_matches(&matches).map_err(|error| error.to_string())
}

fn options(flags: &str) -> Result<Options, String> {
    let account = Account {
        namespace: "own".to_owned(),
        owner: Some(OwnerReference::default()),
    };
    Options::new(&parse(flags)?, Some(account)).map_err(|faults| faults.join("\n"))
}

#[test]
fn without_flags_the_defaults_hold() {
    let options = options("").unwrap();
    assert_eq!(
        (options.port, options.lease.as_str()),
        (8080, "carillon-operator")
    );
    assert_eq!(options.lease_namespace, "own");
    assert!(options.lease_owner.is_some());
    assert_eq!(options.times, Times::default());
    let settings = options.settings;
    assert_eq!(settings.default_tag, env!("CARGO_PKG_VERSION"));
    assert_eq!(settings.prometheus_address, None);
    assert_eq!(settings.runbook_url, "https://carillon.dev/runbooks");
    assert_eq!(settings.operator_namespace.as_deref(), Some("own"));
    assert_eq!(
        (settings.concurrency, settings.max_default_image_rollouts),
        (16, 1)
    );
    assert_eq!(settings.scopes, [None]);
}

#[test]
fn flags_say_otherwise() {
    let given = "--namespaces b,a,b --prometheus-address http://p:9090/x --port 0 --lease-name l --lease-namespace n \
        --lease-duration 5s --renew-deadline 3s --retry-period 500ms --concurrency 1 --max-default-image-rollouts 7 \
        --default-tag v2_x.1 --runbook-url https://wiki.example/rt/ --log-format text --log-level warn,carillon_operator::lease=debug --pod-name p-0 --pod-namespace s";
    let options = options(given).unwrap();
    let scope = |name: &str| Some(name.to_owned());
    assert_eq!(options.settings.scopes, [scope("a"), scope("b")]);
    assert_eq!(options.settings.operator_namespace.as_deref(), Some("s"));
    assert_eq!(options.settings.runbook_url, "https://wiki.example/rt");
    assert_eq!((options.lease_namespace.as_str(), options.port), ("n", 0));
    assert_eq!(options.lease_owner, None, "it is in another namespace");
    assert_eq!(options.times.retry(), Duration::from_millis(500));
    assert_eq!(options.instance, "p-0");
    assert_eq!(parse(given).unwrap().log_format, Some(Format::Text));
}

/// Each refusal names the flag, the value, and what is allowed.
#[test]
fn bad_flags_are_refused() {
    let cases = [
        ("--port 65536", "--port", "65535"),
        ("--concurrency 0", "--concurrency", "1..=256"),
        ("--concurrency 257", "--concurrency", "1..=256"),
        (
            "--max-default-image-rollouts 0",
            "--max-default-image-rollouts",
            "1..=1000",
        ),
        ("--namespaces a,B", "--namespaces", "a-z, 0-9"),
        ("--namespaces a,", "--namespaces", "1 to 63"),
        ("--lease-name=-x", "--lease-name", "1 to 253"),
        ("--lease-name x/y", "--lease-name", "1 to 253"),
        (
            "--prometheus-address p:9090",
            "--prometheus-address",
            "http:// or https://",
        ),
        (
            "--prometheus-address http://u:p@p",
            "--prometheus-address",
            "no password",
        ),
        (
            "--prometheus-address http://p?x",
            "--prometheus-address",
            "no query",
        ),
        ("--runbook-url /runbooks", "--runbook-url", "a URL"),
        ("--default-tag .x", "--default-tag", "1 to 128"),
        ("--log-level loud=x", "--log-level", "debug or trace"),
        ("--log-format xml", "--log-format", "xml"),
        ("--retry-period 2", "--retry-period", "expected"),
        (
            "--lease-duration 1s",
            "--lease-duration: the lease duration is 1s",
            "2 to 3600",
        ),
        (
            "--renew-deadline 15s",
            "--renew-deadline: the renew deadline 15s",
            "lease duration 15s",
        ),
        (
            "--retry-period 6s",
            "--retry-period: the retry period 6s",
            "renew deadline 10s",
        ),
        ("--leader-elect=false", "--leader-elect", ""),
    ];
    for (flags, flag, limit) in cases {
        let error = options(flags).expect_err(flags);
        assert!(
            error.contains(flag) && error.contains(limit),
            "{flags}: {error}"
        );
    }
}

#[test]
fn every_fault_of_the_times_and_the_place_is_told() {
    let args = parse("--retry-period 6s").unwrap();
    let faults = Options::new(&args, None).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[1].starts_with("--lease-namespace"), "{faults:?}");
}

#[test]
fn no_two_processes_have_one_identity() {
    let identity = || options("--pod-name p-0").unwrap().identity;
    let (one, other) = (identity(), identity());
    assert!(one.starts_with("p-0_"), "{one}");
    assert_ne!(one, other);
}

/// A Service of the operator's name makes Kubernetes set such variables, to no value of ours.
#[test]
fn no_variable_is_one_that_kubernetes_sets_for_a_service() {
    for service in ["CARILLON", "CARILLON_OPERATOR"] {
        for end in ["_PORT", "_SERVICE_HOST", "_SERVICE_PORT"] {
            let injected = format!("{service}{end}");
            let command = command();
            let mut flags = command.get_arguments().filter_map(|flag| flag.get_env());
            assert!(
                !flags.any(|variable| variable.to_str() == Some(&injected)),
                "{injected}"
            );
        }
    }
}

#[test]
fn the_docs_hold_the_table() {
    let mut rows = "| flag | variable | default | what |\n|---|---|---|---|\n".to_owned();
    for flag in command().get_arguments() {
        let names = flag.get_value_names().unwrap_or_default();
        let value = names
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        let text = |text: Option<&std::ffi::OsStr>| {
            text.map(|text| text.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let default = match flag.get_id().as_str() {
            "default_tag" => "the operator's version".to_owned(),
            _ => text(flag.get_default_values().first().map(AsRef::as_ref)),
        };
        rows.push_str(&format!(
            "| `--{} {}` | `{}` | {default} | {} |\n",
            flag.get_long().expect("every flag has a long name"),
            value.replace('|', "\\|"),
            text(flag.get_env()),
            flag.get_help().expect("every flag is explained"),
        ));
    }
    carillon_tests::generated::check_part("docs/operator.md", "flags", &rows);
}

/// The committed Deployment, whose flags this version has to know.
#[test]
fn the_committed_deployment_runs_this_version() {
    let text = include_str!("../../../deployment.yaml");
    let deployment: k8s_openapi::api::apps::v1::Deployment = serde_yaml::from_str(text).unwrap();
    assert_eq!(
        deployment.metadata.name.as_deref(),
        Some(crate::names::NAME)
    );
    assert_eq!(
        deployment.metadata.namespace.as_deref(),
        Some(crate::names::NAMESPACE)
    );
    let spec = deployment.spec.unwrap();
    assert_eq!(spec.replicas, Some(2));
    let labels = spec.template.metadata.unwrap().labels.unwrap();
    assert_eq!(labels["app.kubernetes.io/name"], "carillon");
    assert_eq!(
        labels["app.kubernetes.io/component"],
        crate::build::names::OPERATOR_COMPONENT
    );
    let pod = spec.template.spec.unwrap();
    assert_eq!(
        pod.service_account_name.as_deref(),
        Some(crate::names::NAME)
    );
    let [container] = pod.containers.try_into().unwrap();
    let image = format!("carillon/operator:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container.image, Some(image));
    let args = container.args.unwrap();
    let (command, flags) = args.split_first().unwrap();
    assert_eq!(command, "run");
    let options = options(&flags.join(" ")).unwrap();
    let [port] = container.ports.unwrap().try_into().unwrap();
    assert_eq!(port.container_port, i32::from(options.port));
    let variables: Vec<_> = container
        .env
        .unwrap()
        .into_iter()
        .map(|variable| variable.name)
        .collect();
    assert_eq!(variables, ["POD_NAME", "POD_NAMESPACE"]);
}
