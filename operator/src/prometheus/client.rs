//! The client: one query, one answer.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity, Response, Url, redirect};

use super::answer::Answer;
use super::resolve::Elsewhere;

/// Where Prometheus is and how it is asked, secrets included.
#[derive(Clone)]
pub struct Endpoint {
    /// Its base URL, with the path that it is served under.
    pub address: String,
    /// Who asks.
    pub auth: Option<Auth>,
    /// Certificates.
    pub tls: Tls,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Who asks.
#[derive(Clone)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
}

/// Certificates, each in PEM.
#[derive(Clone, Default)]
pub struct Tls {
    /// Those that are trusted; absent: those of the system.
    pub ca: Option<Vec<u8>>,
    /// Our own, and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's has to bear; absent: the host of the address.
    pub server_name: Option<String>,
}

/// Why there is no answer to decide by.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is no URL of http or https.
    #[error("the address {0:?} is no http or https URL")]
    Address(String),
    /// A header, a token or a user cannot be sent.
    #[error("the {0} cannot be a header")]
    Header(String),
    /// A certificate or key cannot be used.
    #[error("certificates: {0}")]
    Certificates(String),
    /// It did not answer in time.
    #[error("no answer in time")]
    Timeout,
    /// It could not be reached, or broke off.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// It answered with an HTTP status alone.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The answer is too long to be one value a pod.
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    /// The answer is not of Prometheus.
    #[error("no answer of Prometheus: {0}")]
    Garbage(String),
    /// It refused the query.
    #[error("{kind}: {message}")]
    Query {
        /// Its `errorType`.
        kind: String,
        /// Its `error`.
        message: String,
    },
    /// It gave something else than a scalar or a vector.
    #[error("the query gives a {0}, it has to give a scalar or a vector")]
    ResultType(String),
    /// It says that its data are not whole.
    #[error("the answer has warnings: {0}")]
    Warnings(String),
    /// Nothing.
    #[error("the query gave no data")]
    Empty,
    /// More than one series where one is needed.
    #[error("the query gave {0} series, it has to give one: aggregate them")]
    Several(usize),
}

/// Asks one Prometheus.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
}

/// Enough for a value of each of some ten thousand pods.
const LONGEST: usize = 4 << 20;

impl Client {
    /// A client; everything that can be wrong with the endpoint shows here.
    pub fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        let Endpoint {
            address,
            auth,
            tls,
            headers,
            timeout,
        } = endpoint;
        // The provider of the whole process; whoever came first has chosen the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut url = query_url(address)?;
        let mut headers = header_map(headers)?;
        if let Some(auth) = auth {
            headers.insert(AUTHORIZATION, auth.header()?);
        }
        let mut builder = reqwest::Client::builder()
            .timeout(*timeout)
            .connect_timeout(*timeout)
            .redirect(redirect::Policy::none());
        if let Some(ca) = &tls.ca {
            let trusted = Certificate::from_pem_bundle(ca).map_err(certificates)?;
            if trusted.is_empty() {
                return Err(Error::Certificates("ca holds no certificate".into()));
            }
            builder = builder.tls_certs_only(trusted);
        }
        if let Some((certificate, key)) = &tls.identity {
            let pem = [key.as_slice(), b"\n", certificate].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(certificates)?);
        }
        if let Some(name) = &tls.server_name {
            let host = rename(&mut url, name)?;
            headers
                .entry(HOST)
                .or_insert(header("host", &host.authority)?);
            builder = builder.dns_resolver(Elsewhere { host: host.name });
        }
        let http = builder
            .default_headers(headers)
            .build()
            .map_err(certificates)?;
        Ok(Self { http, url })
    }

    /// Asks a query, as of `now`.
    pub async fn query(&self, query: &str, now: Timestamp) -> Result<Answer, Error> {
        let time = format!("{}.{:03}", now.as_second(), now.subsec_millisecond());
        let request = self.http.get(self.url.clone());
        let request = request.query(&[("query", query), ("time", &time)]);
        let response = request.send().await.map_err(transport)?;
        let status = response.status().as_u16();
        Answer::read(status, &body(response).await?)
    }
}

impl Auth {
    fn header(&self) -> Result<HeaderValue, Error> {
        let (what, text) = match self {
            Self::Bearer(token) => ("bearer token", format!("Bearer {}", token.trim_end())),
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.trim_end_matches(['\r', '\n']));
                (
                    "user and password",
                    format!("Basic {}", STANDARD.encode(pair)),
                )
            }
        };
        header(what, &text)
    }
}

impl Error {
    /// In one word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::Header(_) | Self::Certificates(_) => "configuration",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status(_) => "status",
            Self::TooLong | Self::Garbage(_) => "garbage",
            Self::Query { .. } => "query",
            Self::ResultType(_) | Self::Several(_) => "shape",
            Self::Warnings(_) => "warnings",
            Self::Empty => "empty",
        }
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Error::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn query_url(address: &str) -> Result<Url, Error> {
    let wrong = || Error::Address(address.to_owned());
    let mut url = Url::parse(address).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// What the address named, before its host became the name of a certificate.
struct Host {
    name: String,
    authority: String,
}

fn rename(url: &mut Url, server_name: &str) -> Result<Host, Error> {
    let wrong = || Error::Address(url.as_str().to_owned());
    let shown = url.host_str().ok_or_else(wrong)?.to_owned();
    let authority = match url.port() {
        Some(port) => format!("{shown}:{port}"),
        None => shown.clone(),
    };
    let unusable = |_| Error::Certificates(format!("serverName {server_name:?} is no host"));
    url.set_host(Some(server_name)).map_err(unusable)?;
    let name = shown.trim_matches(['[', ']']).to_owned();
    Ok(Host { name, authority })
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = header(&format!("value of header {name:?}"), value)?;
        let name = HeaderName::try_from(name.as_str());
        map.append(
            name.map_err(|_| Error::Header("name of a header".into()))?,
            value,
        );
    }
    Ok(map)
}

fn header(what: &str, text: &str) -> Result<HeaderValue, Error> {
    let text = text.trim_end_matches(['\r', '\n']);
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Header(what.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn certificates(error: reqwest::Error) -> Error {
    Error::Certificates(causes(&error.without_url()))
}

fn transport(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    Error::Unreachable(causes(&error.without_url()))
}

/// An error with all that caused it: the first one alone says nothing.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // A text cannot fail to be written to.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Endpoint {
        Endpoint {
            address: address.into(),
            auth: None,
            tls: Tls::default(),
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
        }
    }

    fn url(address: &str) -> Result<String, String> {
        let url = query_url(address).map_err(|error| error.to_string())?;
        Ok(url.to_string())
    }

    #[test]
    fn addresses() {
        let cases = [
            ("http://p:9090", Some("http://p:9090/api/v1/query")),
            ("http://p:9090/", Some("http://p:9090/api/v1/query")),
            (
                "https://m/prometheus/",
                Some("https://m/prometheus/api/v1/query"),
            ),
            ("p:9090", None),
            ("ftp://p", None),
            ("", None),
        ];
        for (address, expected) in cases {
            assert_eq!(url(address).ok().as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_used() {
        let good = || endpoint("http://p");
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
        let tls = |ca: Option<&[u8]>, identity: bool, name: Option<&str>| Tls {
            ca: ca.map(<[u8]>::to_vec),
            identity: identity.then(|| (b"no".to_vec(), b"no".to_vec())),
            server_name: name.map(str::to_owned),
        };
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let cases = [
            (endpoint("p"), "no http or https URL"),
            (
                Endpoint {
                    headers: header("a b", "c"),
                    ..good()
                },
                "name of a header",
            ),
            (
                Endpoint {
                    headers: header("a", "c\nd"),
                    ..good()
                },
                "value of header",
            ),
            (
                Endpoint {
                    auth: Some(Auth::Bearer("a\u{1}b".into())),
                    ..good()
                },
                "bearer token",
            ),
            (
                Endpoint {
                    tls: tls(Some(b"nothing"), false, None),
                    ..good()
                },
                "no certificate",
            ),
            (
                Endpoint {
                    tls: tls(Some(&broken), false, None),
                    ..good()
                },
                "certificates",
            ),
            (
                Endpoint {
                    tls: tls(None, true, None),
                    ..good()
                },
                "certificates",
            ),
            (
                Endpoint {
                    tls: tls(None, false, Some("a b")),
                    ..good()
                },
                "serverName",
            ),
        ];
        for (endpoint, sentence) in cases {
            let error = Client::new(&endpoint).map(drop).unwrap_err().to_string();
            assert!(error.contains(sentence), "{sentence}: {error}");
        }
        Client::new(&good()).unwrap();
    }
}
