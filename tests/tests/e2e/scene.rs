//! The first user's game on a Kubernetes: charts, browsers, backends, an ingress, Prometheus.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use carillon_tests::gateway::workspace;
use carillon_tests::http::Request;
use carillon_tests::kubernetes::{
    Backend, Browser, Fleet, Helm, Ingress, Kubernetes, Load, Namespace, Program, Prometheus, until,
};
use serde_json::{Value, json};

use super::report::{Report, Step};
use super::secrets::{BEARER, KEY, Marks, TOKEN};

/// How long pods may take to be ready, and a state to be seen.
pub(super) const DEADLINE: Duration = Duration::from_secs(180);
/// The release, and so the fleet.
pub(super) const FLEET: &str = "my";
/// How many reconnects a second are meant.
pub(super) const BUDGET: u32 = 20;
/// The port of the game's page, whose origin the example allows.
const PAGE: u16 = 3000;
/// The namespace of which nothing may be lost.
const RECOVERABLE: &str = "/engagement";
/// What backends tell the game's pages: the namespace, the event, the room.
const NEWS: [[&str; 3]; 4] = [
    ["/politics", "election:results-update", "election-us-2028"],
    ["/crime", "turf-war:update", "territory-t-1"],
    ["/business", "revenue:update", "company-c-1"],
    ["/engagement", "achievement:unlocked", "user-u-1"],
];
/// The pages, each with its transports.
const PAGES: [(&str, &[&str]); 2] = [
    ("websocket", &["websocket", "polling"]),
    ("polling", &["polling"]),
];

/// How many take part, and for how long each state is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Clients that stay.
    pub(super) stay: usize,
    /// Clients that come and go.
    pub(super) crowd: usize,
    /// How many connections are meant for a pod.
    pub(super) a_pod: usize,
    /// How long each state is looked at.
    pub(super) look: Duration,
    /// What gateways and operators log: all of it may be looked at for secrets, or less for figures as in production.
    pub(super) logged: &'static str,
    /// Whether figures are what they should be; in a short look they depend on what else the machine does.
    pub(super) is_measured: bool,
}

impl Size {
    const SHORT: Self = Self {
        stay: 40,
        crowd: 80,
        a_pod: 32,
        look: Duration::from_secs(3),
        logged: "debug",
        is_measured: false,
    };
    const FULL: Self = Self {
        stay: 120,
        crowd: 480,
        a_pod: 150,
        look: Duration::from_secs(30),
        logged: "info",
        is_measured: true,
    };

    /// As `CARILLON_E2E` asks: `full`, or a short one.
    pub(super) fn wanted() -> Self {
        match std::env::var("CARILLON_E2E").as_deref() {
            Ok("full") => Self::FULL,
            _ => Self::SHORT,
        }
    }
}

/// All that takes part. It is dropped before its namespaces.
pub(super) struct Scene<'a> {
    pub(super) cluster: &'a Kubernetes,
    pub(super) game: &'a Namespace<'a>,
    pub(super) fleet: Fleet<'a>,
    pub(super) load: Load,
    pub(super) report: RefCell<Report>,
    pub(super) size: Size,
    pub(super) marks: RefCell<Marks>,
    system: &'a Namespace<'a>,
    prometheus: Prometheus,
    browser: Browser,
    _ingress: Ingress,
    told: Cell<u64>,
}

/// The chart's values for the game: the example as it is, and what its fleet needs.
pub(super) fn values(cluster: &Kubernetes, size: Size, prometheus: &str, tag: &str) -> Value {
    let example = workspace().join("examples/government-sim.yaml");
    let rules = fs::read_to_string(example).unwrap();
    let mut spec: Value = serde_yaml::from_str(&rules).unwrap();
    let policies = json!([{ "type": "Pods", "value": 4, "periodSeconds": 5 }]);
    for (field, value) in [
        ("image", json!({ "tag": tag, "pullPolicy": "Never" })),
        (
            "drain",
            json!({ "hold": "1s", "timeout": "30s", "reconnectsPerSecond": BUDGET }),
        ),
        ("rollout", json!({ "minReadySeconds": 1 })),
        ("monitoring", json!({ "dashboards": "Enabled" })),
        (
            "apiKeys",
            json!([{
                "name": "game", "namespaces": ["*"], "can": ["emit", "read"],
                "secret": { "secretKeyRef": { "name": "backend", "key": "token" } },
            }]),
        ),
        (
            "autoscaling",
            json!({
                "minReplicas": 2, "maxReplicas": 4, "interval": "1s",
                "metrics": [{ "type": "Connections", "averageValue": size.a_pod.to_string() }],
                "behavior": {
                    "scaleUp": { "stabilizationWindowSeconds": 0, "policies": policies },
                    "scaleDown": { "stabilizationWindowSeconds": 5, "policies": policies },
                },
                "prometheus": {
                    "address": prometheus, "maxAge": "20s",
                    "bearerToken": { "secretKeyRef": { "name": "backend", "key": "prometheus" } },
                },
            }),
        ),
        (
            "podTemplate",
            json!({ "spec": { "containers": [
            {
                "name": "gateway", "env": [{ "name": "CARILLON_LOG", "value": size.logged }],
                "resources": { "requests": { "cpu": "10m", "memory": "32Mi" } },
            },
        ] } }),
        ),
    ] {
        spec[field] = value;
    }
    json!({
        "spec": spec,
        "devRedis": { "enabled": true, "image": cluster.redis_image().values() },
        "test": { "image": cluster.image(Program::Gateway).values(), "namespace": RECOVERABLE },
        "wait": { "image": cluster.image(Program::Operator).values() },
        "extraObjects": [{
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "backend" },
            "stringData": { "token": KEY, "prometheus": BEARER },
        }],
    })
}

impl<'a> Scene<'a> {
    /// Installs the fleet, and lets everybody come.
    pub(super) async fn open(
        cluster: &'a Kubernetes,
        [system, game]: [&'a Namespace<'a>; 2],
        theirs: &Helm<'_>,
        mut report: Report,
    ) -> Self {
        let size = Size::wanted();
        let prometheus = Prometheus::start_for(cluster, &[system, game]).await;
        let began = SystemTime::now();
        let first = values(cluster, size, &prometheus.url(), "test");
        theirs.apply(FLEET, "carillon-cluster", &first).unwrap();
        let logs = theirs.test(FLEET).unwrap();
        assert_eq!(logs.matches("an event came in").count(), 2, "{logs}");
        game.kubectl(&["delete", "pod", &format!("{FLEET}-test")]);
        report.note(
            "`helm install my carillon-cluster --wait`, `helm test`",
            began,
        );
        prometheus.evaluate(&groups([system, game]));
        let fleet = Fleet::find(game, &cluster.client().await, FLEET);
        let ingress = Ingress::start(cluster, game, FLEET);
        let browser = Browser::start(PAGE, &ingress.url());
        let load = Load::joining(&ingress.url(), "join-feed", "user-");
        let scene = Self {
            cluster,
            game,
            fleet,
            load,
            report: RefCell::new(report),
            size,
            marks: RefCell::default(),
            system,
            prometheus,
            browser,
            _ingress: ingress,
            told: Cell::default(),
        };
        scene.everybody_comes();
        scene
    }

    fn everybody_comes(&self) {
        for (name, transports) in PAGES {
            self.browser.open(name, transports);
        }
        let third = self.size.stay / 3;
        for (name, count, transports) in [
            ("polling", third, json!(["polling"])),
            ("upgrade", third, json!(["polling", "websocket"])),
            (
                "websocket",
                self.size.stay - 2 * third,
                json!(["websocket"]),
            ),
        ] {
            self.connect(name, count, &["all", "once"], &transports);
        }
        let (api, redis) = (self.fleet.api(), self.redis());
        let ways = [
            (
                "http",
                "all",
                Backend::Http {
                    url: &api,
                    key: KEY,
                },
            ),
            (
                "streams-emitter",
                "all",
                Backend::Emitter {
                    kind: "streams",
                    redis: &redis,
                },
            ),
            (
                "redis-emitter",
                "once",
                Backend::Emitter {
                    kind: "classic",
                    redis: &redis,
                },
            ),
        ];
        for (name, room, way) in ways {
            self.load.backend(name, way, RECOVERABLE, room);
        }
    }

    /// Lets so many more clients come, each with a token that nobody may tell.
    pub(super) fn connect(&self, name: &str, count: usize, rooms: &[&str], transports: &Value) {
        let options = json!({
            "transports": transports, "auth": { "name": name, "token": TOKEN },
            "query": { "token": TOKEN }, "extraHeaders": { "cookie": format!("session={TOKEN}") },
        });
        self.load
            .connect_to(RECOVERABLE, name, count, rooms, &options);
    }

    /// The address of Prometheus for pods.
    pub(super) fn prometheus(&self) -> String {
        self.prometheus.url()
    }

    fn redis(&self) -> String {
        let address = self.game.service(&format!("{FLEET}-redis"), 6379);
        format!("redis://{address}")
    }

    /// Looks at a state for a while, and tells of it: who was served how, what an administrator sees, which alerts there are. Returns the
    /// most connections that were lost a second.
    pub(super) async fn tell(&self, name: &str, began: SystemTime) -> f64 {
        let took = began.elapsed().unwrap();
        tokio::time::sleep(self.size.look).await;
        self.load.all_ready().await;
        self.news_reaches_the_pages().await;
        self.marks
            .borrow_mut()
            .look([self.system, self.game], &self.fleet);
        let mut report = self.report.borrow_mut();
        let picture = report.picture();
        self.browser.picture(PAGES[0].0, &picture);
        let table = ["get", "realtimeclusters"];
        report.step(&Step {
            name: name.to_owned(),
            took,
            trace: self.load.trace(),
            figures: self.load.figures(),
            table: self.game.try_kubectl(&table).unwrap_or_else(|error| error),
            alerts: self.alerts(began),
        })
    }

    /// Posts one event to each namespace, and waits until both pages show it.
    async fn news_reaches_the_pages(&self) {
        let number = self.told.get() + 1;
        self.told.set(number);
        let api: SocketAddr = self
            .fleet
            .api()
            .trim_start_matches("http://")
            .parse()
            .unwrap();
        for [namespace, event, room] in NEWS {
            let body = json!({
                "namespace": namespace, "event": event, "rooms": [room], "args": [{ "number": number }],
            });
            let call = Request::post("/v1/emit")
                .header("authorization", &format!("Bearer {KEY}"))
                .json(&body);
            let taken = async || match call.send_to(api, Duration::from_secs(5)) {
                // Taken for the clients of one pod is not taken for all.
                Ok(answer) if answer.status == 200 && answer.json()["degraded"] != true => Ok(()),
                Ok(answer) => Err(answer.text()),
                Err(error) => Err(error.to_string()),
            };
            until("the news is taken", DEADLINE, taken).await;
        }
        for (page, transports) in PAGES {
            let shown = async || {
                let heard = self.browser.heard(page);
                let has = |[_, event, _]: [&str; 3]| heard[event]["last"][0]["number"] == number;
                NEWS.into_iter()
                    .all(has)
                    .then_some(())
                    .ok_or_else(|| heard.to_string())
            };
            until(
                &format!("the page over {page} has the news"),
                DEADLINE,
                shown,
            )
            .await;
            let used = self.browser.transports(page);
            let expected = vec![transports[0]; NEWS.len()];
            assert_eq!(used, json!(expected), "{page}");
        }
    }

    /// The alerts since then, with their states.
    fn alerts(&self, since: SystemTime) -> Vec<String> {
        let series = self
            .prometheus
            .query_range("ALERTS", since, SystemTime::now());
        let series = series.unwrap();
        let mut alerts: Vec<_> = series
            .iter()
            .map(|one| {
                let label = |name: &str| one["metric"][name].as_str().unwrap_or_default();
                format!("{} {}", label("alertname"), label("alertstate"))
            })
            .collect();
        alerts.sort();
        alerts.dedup();
        alerts
    }
}

/// The rules of the operator's chart and of the fleet.
fn groups(namespaces: [&Namespace<'_>; 2]) -> Vec<Value> {
    let lists = namespaces.map(|namespace| namespace.get(&["prometheusrules"]));
    let rules = lists
        .iter()
        .flat_map(|list| list["items"].as_array().unwrap());
    let groups: Vec<_> = rules
        .flat_map(|rule| rule["spec"]["groups"].as_array().unwrap().clone())
        .collect();
    assert!(groups.len() > 2, "{groups:?}");
    groups
}
