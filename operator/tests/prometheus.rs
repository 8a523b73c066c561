//! The client against a real Prometheus that scrapes small exporters, and against servers that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test: a panic is the report of a failure, threads serve, the clock is the real one"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use carillon_operator::prometheus::{Auth, Client, Endpoint, Tls, collect};
use carillon_operator::scale::hpa::condition::Reason;
use carillon_operator::scale::samples::{Data, Samples};
use carillon_operator::scale::settings::Settings;
use carillon_tests::process::Process;
use carillon_tests::{ports, wait};
use jiff::{SignedDuration, Timestamp};

/// What a server says to every request; nothing: it hangs up.
type Says = Arc<Mutex<Option<String>>>;

fn serve(says: &Says, answer: fn(&str, &str) -> String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let says = Arc::clone(says);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let says = says.lock().unwrap().clone();
            if let Some(text) = says {
                speak(stream, &text, answer);
            }
        }
    });
    port
}

fn speak(mut stream: TcpStream, text: &str, answer: fn(&str, &str) -> String) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    let answer = answer(&String::from_utf8_lossy(&request), text);
    // A client that has gone is no fault of the server.
    let _ = stream.write_all(answer.as_bytes());
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn says(text: impl Into<String>) -> Says {
    Arc::new(Mutex::new(Some(text.into())))
}

fn gateway(sessions: &str) -> String {
    format!(
        "carillon_build_info{{version=\"1\"}} 1\n\
         carillon_sessions{{transport=\"websocket\"}} {sessions}\n\
         carillon_sessions{{transport=\"relay\"}} 1000\n\
         carillon_deliveries_total{{namespace=\"/\"}} 7\n\
         carillon_events_received_total{{namespace=\"/\",event=\"x\"}} 7\n\
         process_cpu_seconds_total 3\n\
         process_resident_memory_bytes 1000\napp_queue 42\n"
    )
}

/// A Prometheus that scrapes exporters as pods, each by two jobs.
struct Server {
    _process: Process,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(pods: &[(&str, &str, u16)]) -> Self {
        let port = ports::free();
        let folder = std::env::temp_dir().join(format!("carillon-prometheus-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let mut config =
            "global: { scrape_interval: 500ms, scrape_timeout: 400ms }\nscrape_configs:\n"
                .to_owned();
        for job in ["one", "two"] {
            config += &format!("- job_name: {job}\n  static_configs:\n");
            for (namespace, pod, port) in pods {
                config += &format!(
                    "  - {{ targets: ['127.0.0.1:{port}'], labels: {{ namespace: {namespace}, pod: {pod} }} }}\n"
                );
            }
        }
        let file = folder.join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let process = Process::start("prometheus", &mut command);
        Self {
            _process: process,
            folder,
            port,
        }
    }

    fn client(&self) -> Client {
        client(self.port, None)
    }

    /// Asks until the answer is as it has to be.
    fn until(&self, settings: &Settings, what: &str, holds: impl Fn(&Samples) -> bool) -> Samples {
        let client = self.client();
        wait::until(what, || {
            let samples = read(&client, settings, "game", Timestamp::now());
            holds(&samples).then_some(samples)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is left in the folder of temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn client(port: u16, auth: Option<Auth>) -> Client {
    Client::new(&Endpoint {
        address: format!("http://127.0.0.1:{port}"),
        auth,
        tls: Tls::default(),
        headers: Vec::new(),
        timeout: Duration::from_millis(1000),
    })
    .unwrap()
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

fn read(client: &Client, settings: &Settings, name: &str, now: Timestamp) -> Samples {
    wait_for(collect(client, settings, "sim", name, now))
}

fn settings(metrics: &str) -> Settings {
    let spec = format!("{{ maxReplicas: 9, metrics: [{metrics}] }}");
    Settings::parse(&serde_yaml::from_str(&spec).unwrap()).unwrap()
}

const CONNECTIONS: &str = "{ type: Connections, averageValue: '5' }";

/// Pods and values of one metric.
fn values(samples: &Samples, place: usize) -> Vec<(String, f64)> {
    match &samples.0[place] {
        Ok(Data::Pods(pods)) => pods
            .iter()
            .map(|one| (one.pod.clone(), one.value))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn pods() {
    let exporters = [says(gateway("5")), says(gateway("8")), says(gateway("99"))];
    let sidecar = says("process_resident_memory_bytes 999999\n");
    let [a, b, other] = [0, 1, 2].map(|place| serve(&exporters[place], |_, text| ok(text)));
    let sidecar = serve(&sidecar, |_, text| ok(text));
    let server = Server::start(&[
        ("sim", "game-1-aaaaa", a),
        ("sim", "game-1-bbbbb", b),
        ("sim", "game-1-bbbbb", sidecar),
        ("sim", "game-x-1-aaaaa", other),
        ("else", "game-1-ccccc", other),
    ]);
    let all = settings(&format!(
        "{CONNECTIONS}, {{ type: Deliveries, averageValue: '5' }}, {{ type: Events, averageValue: '5' }},
         {{ type: Memory, averageValue: 1Ki }}, {{ type: CPU, averageUtilization: 50 }}"
    ));
    let samples = server.until(&all, "every metric of both pods", |samples| {
        (0..5).all(|place| values(samples, place).len() == 2)
    });
    let by_pod = |a: f64, b: f64| vec![("game-1-aaaaa".into(), a), ("game-1-bbbbb".into(), b)];
    for (place, expected) in [
        by_pod(5.0, 8.0),
        by_pod(0.0, 0.0),
        by_pod(0.0, 0.0),
        by_pod(1000.0, 1000.0),
        by_pod(0.0, 0.0),
    ]
    .into_iter()
    .enumerate()
    {
        let mut found = values(&samples, place);
        found.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(found, expected, "{place}");
    }

    // Of a fleet that nobody scrapes there is no sample; later the samples show their age.
    let connections = settings(CONNECTIONS);
    let none = read(&server.client(), &connections, "nobody", Timestamp::now());
    assert_eq!(none.0, [Ok(Data::Pods(Vec::new()))]);
    let later = Timestamp::now() + SignedDuration::from_secs(200);
    let old = read(&server.client(), &connections, "game", later);
    let Ok(Data::Pods(old)) = &old.0[0] else {
        panic!("{old:?}")
    };
    assert!(
        !old.is_empty()
            && old
                .iter()
                .all(|one| later.duration_since(one.time).as_secs() > 150)
    );

    *exporters[0].lock().unwrap() = Some(gateway("NaN"));
    server.until(&connections, "NaN of one pod", |samples| {
        values(samples, 0)
            .iter()
            .any(|(pod, value)| pod == "game-1-aaaaa" && value.is_nan())
    });
    *exporters[0].lock().unwrap() = None;
    server.until(&connections, "one pod gone", |samples| {
        values(samples, 0) == [("game-1-bbbbb".to_owned(), 8.0)]
    });
}

#[test]
fn queries() {
    let exporter = says(gateway("5"));
    let port = serve(&exporter, |_, text| ok(text));
    let server = Server::start(&[("sim", "game-1-aaaaa", port)]);
    let query = |query: &str, freshness: &str| {
        let freshness = if freshness.is_empty() {
            String::new()
        } else {
            format!(", freshness: '{freshness}'")
        };
        settings(&format!(
            "{{ type: Query, name: q, value: '1', query: '{query}'{freshness} }}"
        ))
    };
    let ready = query("max(app_queue)", "min(timestamp(app_queue))");
    let samples = server.until(&ready, "the queue", |samples| samples.0[0].is_ok());
    let Ok(Data::Whole {
        value,
        taken: Some(taken),
    }) = samples.0[0]
    else {
        panic!("{samples:?}")
    };
    assert_eq!(value, 42.0);
    assert!(Timestamp::now().duration_since(taken).as_secs() < 30);

    let cases = [
        ("scalar(max(app_queue))", "", Ok(42.0)),
        ("1/0", "", Ok(f64::INFINITY)),
        ("max(nothing)", "", Err("no data")),
        ("max(app_queue)", "max(nothing)", Err("no data")),
        ("app_queue", "", Err("2 series")),
        ("app_queue[1m]", "", Err("matrix")),
        ("max(", "", Err("bad_data")),
    ];
    for (text, freshness, expected) in cases {
        // A scrape that comes late is one series less for a while.
        let what = format!("{text} gives {expected:?}");
        server.until(&query(text, freshness), &what, |samples| {
            match (&samples.0[0], expected) {
                (Ok(Data::Whole { value, taken: None }), Ok(expected)) => *value == expected,
                (Err(unable), Err(part)) => {
                    unable.reason == Reason::FailedGetExternalMetric
                        && unable.message.contains(part)
                }
                _ => false,
            }
        });
    }
}

#[test]
fn servers_that_misbehave() {
    let json = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    let partial = json.replacen('{', r#"{"warnings":["a store is away"],"#, 1);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = ports::free();
    // A proxy that wants a token.
    let proxy = serve(&says(json), |request, text| {
        match request.contains("authorization: Bearer right\r\n") {
            true => ok(text),
            false => {
                "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()
            }
        }
    });
    let bearer = |token: &str| Some(Auth::Bearer(token.to_owned()));
    let basic = Some(Auth::Basic {
        username: "u".into(),
        password: "p".into(),
    });
    let cut = serve(&says("{\"status\""), |_, text| ok(text));
    let long = serve(&says("x".repeat(5 << 20)), |_, text| ok(text));
    let warned = serve(&says(partial), |_, text| ok(text));
    let cases = [
        (proxy, bearer("right"), None),
        (
            proxy,
            bearer("wrong"),
            Some((Reason::FailedGetPodsMetric, "HTTP status 401")),
        ),
        (
            proxy,
            basic,
            Some((Reason::FailedGetPodsMetric, "HTTP status 401")),
        ),
        (
            proxy,
            None,
            Some((Reason::FailedGetPodsMetric, "HTTP status 401")),
        ),
        (
            silent.local_addr().unwrap().port(),
            None,
            Some((Reason::FailedGetPodsMetric, "no answer in time")),
        ),
        (
            away,
            None,
            Some((Reason::FailedGetPodsMetric, "not reachable")),
        ),
        (
            cut,
            None,
            Some((Reason::FailedGetPodsMetric, "no answer of Prometheus")),
        ),
        (
            long,
            None,
            Some((Reason::FailedGetPodsMetric, "longer than")),
        ),
        (
            warned,
            None,
            Some((Reason::MetricPartial, "a store is away")),
        ),
    ];
    for (port, auth, expected) in cases {
        let samples = read(
            &client(port, auth),
            &settings(CONNECTIONS),
            "game",
            Timestamp::now(),
        );
        match (&samples.0[0], expected) {
            (Ok(_), None) => {}
            (Err(unable), Some((reason, part))) => {
                assert_eq!(unable.reason, reason, "{}", unable.message);
                assert!(unable.message.contains(part), "{part}: {}", unable.message);
            }
            (other, expected) => panic!("{expected:?}: {other:?}"),
        }
    }
}
