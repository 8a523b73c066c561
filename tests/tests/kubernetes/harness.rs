//! The cluster itself: it ends without a trace, tells who did what, and can be disturbed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carillon_tests::gateway::workspace;
use carillon_tests::kubernetes::{self, Daemon};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

/// A cluster that is held up by another process than this one.
struct Held {
    name: String,
    holder: Child,
    keeper: Child,
}

impl Held {
    fn start(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let mut holder = Command::new("sleep")
            .arg("600")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = holder.stdout.take().unwrap();
        let mut keeper = Command::new(workspace().join("tests/cluster/keep"))
            .env("CARILLON_CLUSTER", &name)
            .stdin(pipe)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let up = lines.map_while(Result::ok).any(|line| line == "up");
        assert!(up, "the cluster {name} does not start: see above");
        Self {
            name,
            holder,
            keeper,
        }
    }
}

/// Everything of a cluster that is there: cgroups, processes, mounts.
fn traces(name: &str) -> Vec<String> {
    let mut traces = Vec::new();
    let group = format!("carillon-{name}");
    let mut places = vec!["/sys/fs/cgroup".into()];
    places.extend(entries("/sys/fs/cgroup"));
    let groups = places.iter().map(|place| place.join(&group));
    traces.extend(
        groups
            .filter(|group| group.exists())
            .map(|group| group.display().to_string()),
    );
    // Every daemon names its state, and pods run below it.
    let state = format!("/run/{name}/");
    for process in entries("/proc") {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(&state) {
            traces.push(command);
        }
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounts = mounts.lines().filter(|mount| mount.contains(&state));
    traces.extend(mounts.map(str::to_owned));
    traces
}

fn entries(folder: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn wait(child: &mut Child) {
    let end = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "{child:?} does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_test_leaves_nothing() {
    // No other cluster is started meanwhile: it would clean up first.
    kubernetes::alone(async |_| {
        let mut orphan = Held::start("orphan");
        let there = traces(&orphan.name);
        assert!(there.len() > 10, "what is looked for is there: {there:?}");
        // Nobody is left to clean up: the next cluster does.
        orphan.keeper.kill().unwrap();
        orphan.keeper.wait().unwrap();
        assert!(!traces(&orphan.name).is_empty(), "an orphan stays");
        let mut held = Held::start("held");
        assert_eq!(traces(&orphan.name), [""; 0]);
        orphan.holder.kill().unwrap();
        wait(&mut orphan.holder);

        // The holder has no time to say anything: the end of its pipe does.
        held.holder.kill().unwrap();
        wait(&mut held.holder);
        wait(&mut held.keeper);
        assert_eq!(traces(&held.name), [""; 0]);
    });
}

#[test]
fn the_audit_log_tells_who_did_what() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace("audit");
        namespace.kubectl(&["create", "serviceaccount", "reader"]);
        let verbs = ["--verb=list", "--resource=configmaps"];
        namespace.kubectl(&[&["create", "role", "reader"], &verbs[..]].concat());
        let bound = ["--role=reader", "--serviceaccount=audit:reader"];
        namespace.kubectl(&[&["create", "rolebinding", "reader"], &bound[..]].concat());
        let client = cluster.client_of("audit", "reader").await;
        let maps: Api<ConfigMap> = Api::namespaced(client, "audit");

        let audit = cluster.audit();
        maps.list(&ListParams::default()).await.unwrap();
        maps.list(&ListParams::default()).await.unwrap();
        let refused = maps.create(&PostParams::default(), &map("m", None)).await;
        assert!(refused.is_err(), "a reader creates nothing");

        let user = "system:serviceaccount:audit:reader";
        let mut requests = audit.requests();
        requests.retain(|request| request.user == user);
        let told: Vec<_> = requests
            .iter()
            .map(|request| {
                (
                    request.verb.as_str(),
                    request.resource.as_str(),
                    request.code,
                )
            })
            .collect();
        let list = ("list", "configmaps", 200);
        assert_eq!(told, [list, list, ("create", "configmaps", 403)]);
        let counts = audit.counts();
        let key = (user.to_owned(), "list".to_owned(), "configmaps".to_owned());
        assert_eq!(counts.get(&key), Some(&2), "{counts:?}");
        let writes = requests.iter().filter(|request| request.is_write());
        assert_eq!(writes.count(), 1);
    });
}

/// A ConfigMap, owned by another if it is given.
fn map(name: &str, owner: Option<&ConfigMap>) -> ConfigMap {
    let owners = owner.iter().map(|owner| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name,
            "uid": owner.metadata.uid, "blockOwnerDeletion": true,
        })
    });
    let owners: Vec<Value> = owners.collect();
    let map = json!({ "metadata": { "name": name, "ownerReferences": owners } });
    serde_json::from_value(map).unwrap()
}

#[test]
fn the_apiserver_comes_back_and_has_forgotten() {
    kubernetes::alone(async |cluster| {
        let namespace = cluster.namespace("history");
        namespace.kubectl(&["create", "configmap", "first"]);
        let first = namespace.get(&["configmap", "first"]);
        let version = first["metadata"]["resourceVersion"].as_str().unwrap();
        let watch = format!(
            "/api/v1/namespaces/history/configmaps?watch=1&resourceVersion={version}&timeoutSeconds=1"
        );
        let resume = || {
            let answer = cluster.try_kubectl(&["get", "--raw", &watch]);
            answer.unwrap_or_else(|error| error)
        };
        let young = resume();
        assert!(!young.contains("too old resource version"), "{young}");

        // Something after it, so that it lies before what is kept.
        namespace.kubectl(&["create", "configmap", "second"]);
        cluster.compact();
        cluster.kill(Daemon::Apiserver);
        let ready = ["get", "--raw", "/readyz", "--request-timeout=1s"];
        assert!(cluster.try_kubectl(&ready).is_err(), "it is gone");
        cluster.revive(Daemon::Apiserver);
        let took = cluster.apiserver_ready().await;
        println!("the apiserver is ready again after {took:?}");
        let old = resume();
        assert!(old.contains("too old resource version"), "{old}");
    });
}

#[test]
fn owner_references_are_enforced_when_asked() {
    kubernetes::alone(async |cluster| {
        let namespace = cluster.namespace("owners");
        namespace.kubectl(&["create", "serviceaccount", "maker"]);
        let verbs = ["--verb=create", "--resource=configmaps"];
        namespace.kubectl(&[&["create", "role", "maker"], &verbs[..]].concat());
        let bound = ["--role=maker", "--serviceaccount=owners:maker"];
        namespace.kubectl(&[&["create", "rolebinding", "maker"], &bound[..]].concat());
        let client = cluster.client_of("owners", "maker").await;
        let maps: Api<ConfigMap> = Api::namespaced(client, "owners");
        let create = async |name: &str, owner: Option<&ConfigMap>| {
            let map = map(name, owner);
            maps.create(&PostParams::default(), &map).await
        };
        let owner = create("owner", None).await.unwrap();
        create("before", Some(&owner)).await.unwrap();

        let both = ["NodeRestriction", "OwnerReferencesPermissionEnforcement"];
        cluster.admission(&both).await;
        let refused = create("with", Some(&owner)).await;
        cluster.admission(&["NodeRestriction"]).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("blockOwnerDeletion"), "{refused}");
        create("after", Some(&owner)).await.unwrap();
    });
}
