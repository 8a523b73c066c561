//! The pages that install something on a Kubernetes, as a newcomer goes through them: every block is typed as it stands,
//! against charts and manifests as they are, and what is left of a page is removed before the next.

use std::collections::BTreeSet;

use carillon_tests::clients::Clients;
use carillon_tests::desk::Desk;
use carillon_tests::kubernetes::{self, Kubernetes, Program};
use carillon_tests::pages::names::{
    CHART, FLEET_CHART, HOSTS, OPERATIONS, OPERATOR, QUICKSTART, README, TROUBLESHOOTING,
};
use carillon_tests::pages::{self, Name, Proof};
use carillon_tests::wait;
use serde_json::{Value, json};

/// What the operator's own registry is on the page.
const ELSEWHERE: &str = "registry.example/carillon/operator";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Somebody who has a cluster, and reads.
struct Newcomer<'a> {
    cluster: &'a Kubernetes,
    desk: Desk,
    typed: BTreeSet<Name>,
}

#[test]
fn every_page_does_what_it_says() {
    kubernetes::apart("documented", async |cluster| {
        has_what_a_registry_would(cluster);
        let mut newcomer = Newcomer {
            cluster,
            desk: Desk::new().unwrap(),
            typed: BTreeSet::new(),
        };
        readme(&mut newcomer);
        quickstart(&mut newcomer);
        charts(&mut newcomer);
        container_hosts(&mut newcomer);
        operator(&mut newcomer);
        let proven = pages::proven_by(Proof::Kubernetes);
        assert_eq!(newcomer.typed, proven.into_iter().collect());
    });
}

/// Nothing can be pulled here: the images that charts and manifests name are there already.
fn has_what_a_registry_would(cluster: &Kubernetes) {
    let [gateway, operator] = [Program::Gateway, Program::Operator].map(|one| cluster.image(one));
    cluster.retag(&gateway, VERSION);
    cluster.retag(&operator, VERSION);
    cluster.rename(&operator, ELSEWHERE, VERSION);
    cluster.rename(&cluster.redis_image(), "redis", "8");
}

impl Newcomer<'_> {
    /// Types a block of a page, with Helm 4.
    fn types(&mut self, name: Name) -> String {
        self.types_with(4, name)
    }

    fn types_with(&mut self, helm: u8, name: Name) -> String {
        assert!(self.typed.insert(name), "{name:?} is typed twice");
        self.does(helm, &pages::command(name))
    }

    /// Types what is on no page.
    fn does(&self, helm: u8, commands: &str) -> String {
        println!("$ {}", commands.trim_end());
        let said = self.cluster.typed(&self.desk, helm, commands);
        println!("{said}");
        said
    }

    /// Removes the operator, and the definition that a chart leaves, in the order of docs/operator.md; fleets are gone.
    fn removes_the_chart(&self, helm: u8) {
        self.does(
            helm,
            "helm uninstall carillon --namespace carillon-system --wait",
        );
        self.removes_what_stays();
    }

    fn removes_what_stays(&self) {
        self.does(
            4,
            "kubectl delete customresourcedefinition realtimeclusters.carillon.dev",
        );
        self.does(4, "kubectl delete namespace carillon-system");
    }

    /// Removes a fleet of the chart, with what it leaves in its namespace.
    fn removes_the_fleet(&self, helm: u8, name: &str) {
        let commands = format!(
            "helm uninstall {name} --namespace {name} --wait\nkubectl delete namespace {name}"
        );
        self.does(helm, &commands);
    }
}

fn tells_of_the_operator(said: &str) {
    let notes = format!("The operator of Carillon {VERSION} is installed in carillon-system.");
    assert!(said.contains(&notes), "{said}");
}

/// A row of `kubectl get realtimecluster`: so many pods are ready.
fn shows(said: &str, name: &str, ready: &str) {
    let rows = said.lines().map(|line| line.split_whitespace().collect());
    let row: Option<Vec<_>> = rows
        .into_iter()
        .find(|row: &Vec<_>| row.first() == Some(&name));
    let row = row.unwrap_or_else(|| panic!("no {name}: {said}"));
    assert_eq!(row[1], ready, "{said}");
}

fn passed_by_both_transports(said: &str) {
    for transport in ["polling", "websocket"] {
        let passed = format!("{transport}: connected to / in");
        assert!(said.lines().any(|line| line.starts_with(&passed)), "{said}");
    }
}

/// Installed as the front page says, upgraded and restarted as docs/operations.md does.
fn readme(newcomer: &mut Newcomer<'_>) {
    let said = newcomer.types((README, "helm install carillon "));
    installs_the_chat(&said);
    let said = newcomer.types((TROUBLESHOOTING, "kubectl --namespace chat describe"));
    for part in ["RealtimeCluster", "pod/chat-", "[pod/chat-"] {
        assert!(said.contains(part), "no {part}: {said}");
    }
    let said = newcomer.types((OPERATIONS, "helm upgrade carillon "));
    assert!(
        said.contains("Release \"chat\" has been upgraded."),
        "{said}"
    );
    shows(&said, "chat", "2/2");
    let said = newcomer.types((OPERATIONS, "kubectl --namespace chat annotate"));
    assert!(said.contains("\"phase\":"), "{said}");
    wait::until("the pods are restarted", || {
        let output = "--output=jsonpath={.spec.template.metadata.annotations}";
        let get = ["--namespace", "chat", "get", "deployment", "chat", output];
        let annotations = newcomer.cluster.kubectl(&get);
        annotations
            .contains("carillon.dev/restartedAt")
            .then_some(())
    });
    let said = newcomer.types((OPERATIONS, "helm rollback chat "));
    assert_eq!(said.matches("Rollback was a success").count(), 2, "{said}");
    newcomer.removes_the_fleet(4, "chat");
    newcomer.removes_the_chart(4);
}

/// By the other version of Helm.
fn quickstart(newcomer: &mut Newcomer<'_>) {
    let said = newcomer.types_with(3, (QUICKSTART, "helm install carillon "));
    installs_the_chat(&said);
    emits_from_the_desk(newcomer);
    newcomer.removes_the_fleet(3, "chat");
    newcomer.removes_the_chart(3);
}

fn installs_the_chat(said: &str) {
    tells_of_the_operator(said);
    assert!(said.contains("WARNING: devRedis.enabled"), "{said}");
    passed_by_both_transports(said);
    assert_eq!(said.matches("an event came in").count(), 2, "{said}");
    shows(said, "chat", "2/2");
}

/// Both ports, and a backend that uses them.
fn emits_from_the_desk(newcomer: &mut Newcomer<'_>) {
    let blocks = ["kubectl --namespace chat port-forward", "KEY="].map(|begin| {
        let name = (QUICKSTART, begin);
        assert!(newcomer.typed.insert(name), "{name:?} is typed twice");
        pages::command(name)
    });
    let [ports, emit] = blocks;
    let both = "for port in 3001 3002; do until curl -s localhost:$port; do sleep 0.1; done; done";
    let all = format!("trap 'kill $(jobs -p)' EXIT\n{ports}{both} >/dev/null\n{emit}");
    newcomer.desk.put("emit.sh", &all).unwrap();
    let said = newcomer.does(3, "bash -e emit.sh 2>/dev/null");
    assert!(said.contains("\"accepted\":true"), "{said}");
}

fn charts(newcomer: &mut Newcomer<'_>) {
    let said = newcomer.types((CHART, "helm install carillon "));
    tells_of_the_operator(&said);
    let said = newcomer.types((FLEET_CHART, "helm install chat "));
    assert!(
        said.contains("The fleet chat is applied in chat."),
        "{said}"
    );
    // The block does not wait.
    let said = newcomer.does(
        4,
        "carillon-operator wait chat --namespace chat --timeout 2m",
    );
    assert!(said.contains("chat is Ready"), "{said}");
    newcomer.removes_the_fleet(4, "chat");
    newcomer.removes_the_chart(4);
}

/// The fourth phase of an app: what its container had as variables is the values file of a fleet.
fn container_hosts(newcomer: &mut Newcomer<'_>) {
    let page = pages::read(HOSTS);
    let variables = &pages::fenced(&page, "env")[0];
    let variable = |name: &str| {
        let mut lines = variables.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("{name}=")));
        value.unwrap_or_else(|| panic!("no {name} in {variables}"))
    };
    let (origin, key) = (
        variable("NEXT_PUBLIC_APP_URL"),
        variable("CARILLON_API_KEY"),
    );
    let (redis, url) = kubernetes::redis();
    newcomer.does(
        4,
        &format!(
            "kubectl create namespace game\n\
         kubectl --namespace game create secret generic redis --from-literal=url={url}\n\
         kubectl --namespace game create secret generic backend --from-literal=key={key}"
        ),
    );
    let mut spec: Value = serde_json::from_str(variable("CARILLON_RULES_TEXT")).unwrap();
    spec["cors"] = json!({ "origins": [origin] });
    let url = json!({ "secretKeyRef": { "name": "redis", "key": "url" } });
    spec["redis"] = json!({ "url": url, "mode": "sharded" });
    spec["apiKeys"] = json!([{
        "name": "backend", "namespaces": ["*"], "can": ["emit"],
        "secret": { "secretKeyRef": { "name": "backend", "key": "key" } },
    }]);
    newcomer
        .desk
        .put("game.yaml", &json!({ "spec": spec }).to_string())
        .unwrap();
    let said = newcomer.types((HOSTS, "helm install carillon "));
    tells_of_the_operator(&said);
    the_app_goes_on(newcomer, origin);
    newcomer.removes_the_fleet(4, "game");
    newcomer.removes_the_chart(4);
    drop(redis);
}

/// Browsers and backend do as they did with the container; only the address is another.
fn the_app_goes_on(newcomer: &Newcomer<'_>, origin: &str) {
    let address = |service: &str| {
        let output = "--output=jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}";
        let get = ["--namespace", "game", "get", "service", service, output];
        newcomer.cluster.kubectl(&get)
    };
    let clients = Clients::start();
    let headers = json!({ "extraHeaders": { "origin": origin } });
    let more = json!({ "url": address("game"), "options": headers });
    clients.connect_with("browser", 0, "/politics", &more);
    clients.ask("browser", "join-election", &[json!("1")]);
    let call = pages::command((HOSTS, "curl -sS"));
    let call = call.replace("https://realtime.example.com", &address("game-api"));
    let answer: Value = serde_json::from_str(&newcomer.does(4, &call)).unwrap();
    assert_eq!(answer["recipients"], 1, "{answer}");
    let event = json!(["election:results-update", { "reported": 42 }]);
    wait::until("the browser has the event", || {
        clients.ledgers()["browser"].contains(&event).then_some(())
    });
}

fn operator(newcomer: &mut Newcomer<'_>) {
    let said = newcomer.types((OPERATOR, "helm install carillon "));
    tells_of_the_operator(&said);
    newcomer.removes_the_chart(4);

    let done = "deployment \"carillon-operator\" successfully rolled out";
    let said = newcomer.types((OPERATOR, "kubectl create namespace"));
    assert!(said.contains(done), "{said}");
    newcomer.types((OPERATOR, "kubectl create --dry-run"));
    let status = "kubectl -n carillon-system rollout status deployment/carillon-operator";
    let said = newcomer.does(4, status);
    assert!(said.contains(done), "{said}");
    is_as_it_was_written(newcomer.cluster);
    let said = newcomer.types((OPERATOR, "kubectl apply"));
    assert!(said.contains("chat is Ready"), "{said}");

    newcomer.does(4, "kubectl delete -f examples/clusters/small.yaml -f operator/deployment.yaml -f operator/rbac.yaml");
    newcomer.does(4, "kubectl create namespace a\nkubectl create namespace b");
    newcomer.types((OPERATOR, "carillon-operator --print-rbac"));
    for (namespace, may) in [("a", true), ("b", true), ("default", false)] {
        assert_eq!(
            may_list_fleets(newcomer.cluster, namespace),
            may,
            "{namespace}"
        );
    }
    newcomer.removes_what_stays();
}

/// The edited manifest is what runs.
fn is_as_it_was_written(cluster: &Kubernetes) {
    let get = [
        "--namespace",
        "carillon-system",
        "get",
        "deployment",
        "carillon-operator",
        "--output=json",
    ];
    let deployment: Value = serde_json::from_str(&cluster.kubectl(&get)).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("{ELSEWHERE}:{VERSION}"));
    let arguments = container["args"].as_array().unwrap();
    assert_eq!(
        arguments.len(),
        2,
        "run, and the flag of the page: {arguments:?}"
    );
}

fn may_list_fleets(cluster: &Kubernetes, namespace: &str) -> bool {
    let account = "--as=system:serviceaccount:carillon-system:carillon-operator";
    let ask = [
        "auth",
        "can-i",
        "list",
        "realtimeclusters.carillon.dev",
        account,
        "--namespace",
        namespace,
    ];
    // It fails where the answer is no.
    cluster
        .try_kubectl(&ask)
        .is_ok_and(|answer| answer.trim() == "yes")
}
