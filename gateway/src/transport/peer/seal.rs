//! What proves that a request comes from a pod of ours: a header with a MAC over method, path, time, body and client.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use crate::id::KeyRing;

/// The header: `2 <milliseconds> <client> <http|https> <payload> <exchange> <key id>.<MAC>`.
pub(super) const SEAL: HeaderName = HeaderName::from_static("carillon-peer");

/// How far the clocks of two pods may be apart, and how long a recorded request could be played again.
const SKEW_MILLIS: u64 = 60_000;

/// What a pod says about the request of a client that it passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::transport) struct Seal {
    /// Who the client is.
    pub(in crate::transport) client: IpAddr,
    /// It spoke TLS to a proxy of ours.
    pub(in crate::transport) secure: bool,
    /// What became of the body.
    pub(in crate::transport) payload: Payload,
    /// Its number, drawn by the pod that passes it on: where the link broke it comes once more with the same one.
    pub(in crate::transport) exchange: u64,
}

/// The body that a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Payload {
    /// It is passed on; this is its SHA-256.
    Whole([u8; 32]),
    /// It is larger than a message may be, and not passed on.
    TooLarge,
    /// It did not come to its end, and is not passed on.
    Broken,
}

/// Why a request is not taken. None of them says anything of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("it carries no seal")]
    Missing,
    #[error("its seal is none of our keys'")]
    Forged,
    #[error("its seal is of another time: is a clock wrong?")]
    Late,
}

impl Seal {
    /// The header's value for a request.
    pub(super) fn sign(
        &self,
        keys: &KeyRing,
        method: &Method,
        uri: &Uri,
        now_millis: u64,
    ) -> HeaderValue {
        let fields = format!("2 {now_millis} {self}");
        let (key_id, mac) = keys.sign_link(&message(&fields, method, uri));
        let mac = URL_SAFE_NO_PAD.encode(mac);
        HeaderValue::try_from(format!("{fields} {key_id}.{mac}"))
            .expect("numbers, addresses and base64 are visible ASCII")
    }

    /// The seal of a request, if it is genuine and of this time.
    pub(super) fn open<B>(
        keys: &KeyRing,
        request: &Request<B>,
        now_millis: u64,
    ) -> Result<Self, Refused> {
        let value = only(request).ok_or(Refused::Missing)?;
        let (fields, signature) = value.rsplit_once(' ').ok_or(Refused::Missing)?;
        let (key_id, mac) = signature.split_once('.').ok_or(Refused::Missing)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Refused::Forged)?;
        let key_id = key_id.parse().map_err(|_| Refused::Forged)?;
        let message = message(fields, request.method(), request.uri());
        if !keys.verify_link(key_id, &message, &mac) {
            return Err(Refused::Forged);
        }
        // From here on the text is a pod's; one of another version is refused like a forged one.
        let (time, seal) = parse(fields).ok_or(Refused::Forged)?;
        if time.abs_diff(now_millis) > SKEW_MILLIS {
            return Err(Refused::Late);
        }
        Ok(seal)
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(out, "{} {scheme} ", self.client)?;
        match self.payload {
            Payload::Whole(hash) => out.write_str(&URL_SAFE_NO_PAD.encode(hash))?,
            Payload::TooLarge => out.write_str("large")?,
            Payload::Broken => out.write_str("broken")?,
        }
        write!(out, " {}", self.exchange)
    }
}

fn only<B>(request: &Request<B>) -> Option<&str> {
    let mut values = request.headers().get_all(SEAL).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn message(fields: &str, method: &Method, uri: &Uri) -> Vec<u8> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    format!("{fields}\n{method} {target}").into_bytes()
}

fn parse(fields: &str) -> Option<(u64, Seal)> {
    let mut fields = fields.split(' ');
    let mut next = || fields.next();
    let ("2", time, client) = (next()?, next()?.parse().ok()?, next()?.parse().ok()?) else {
        return None;
    };
    let secure = match next()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let payload = match next()? {
        "large" => Payload::TooLarge,
        "broken" => Payload::Broken,
        hash => Payload::Whole(URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?),
    };
    let seal = Seal {
        client,
        secure,
        payload,
        exchange: next()?.parse().ok()?,
    };
    fields.next().is_none().then_some((time, seal))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn seal(payload: Payload) -> Seal {
        Seal {
            client: "2001:db8::1".parse().expect("an address"),
            secure: true,
            payload,
            exchange: 77,
        }
    }

    fn request(method: &str, path: &str, seal: Option<&HeaderValue>) -> Request<()> {
        let request = Request::builder().method(method).uri(path);
        let request = seal
            .into_iter()
            .fold(request, |r, seal| r.header(SEAL, seal));
        request.body(()).expect("a request")
    }

    fn signed(keys: &KeyRing, method: &str, path: &str) -> HeaderValue {
        let request = request(method, path, None);
        seal(Payload::Whole([7; 32])).sign(keys, request.method(), request.uri(), NOW)
    }

    #[test]
    fn a_seal_tells_what_was_sealed() {
        let keys = KeyRing::random();
        for payload in [Payload::Whole([7; 32]), Payload::TooLarge, Payload::Broken] {
            let plain = request("POST", "/s/?sid=1", None);
            let header = seal(payload).sign(&keys, plain.method(), plain.uri(), NOW);
            let sent = request("POST", "/s/?sid=1", Some(&header));
            assert_eq!(Seal::open(&keys, &sent, NOW), Ok(seal(payload)));
        }
    }

    #[test]
    fn it_holds_for_its_request_its_time_and_its_key() {
        let keys = KeyRing::random();
        let header = signed(&keys, "GET", "/s/?sid=1");
        let check = |keys: &KeyRing, method: &str, path: &str, now: u64, refused: Refused| {
            let sent = request(method, path, Some(&header));
            assert_eq!(
                Seal::open(keys, &sent, now),
                Err(refused),
                "{method} {path}"
            );
        };
        check(&keys, "GET", "/s/?sid=2", NOW, Refused::Forged);
        check(&keys, "POST", "/s/?sid=1", NOW, Refused::Forged);
        check(&KeyRing::random(), "GET", "/s/?sid=1", NOW, Refused::Forged);
        check(&keys, "GET", "/s/?sid=1", NOW + 60_001, Refused::Late);
        check(&keys, "GET", "/s/?sid=1", NOW - 60_001, Refused::Late);
        let sent = request("GET", "/s/?sid=1", Some(&header));
        assert!(Seal::open(&keys, &sent, NOW + 60_000).is_ok());
    }

    #[test]
    fn every_changed_field_is_noticed() {
        let keys = KeyRing::random();
        let header = signed(&keys, "GET", "/");
        let text = header.to_str().expect("ASCII");
        for (from, to) in [
            ("2001:db8::1", "2001:db8::2"),
            ("https", "http"),
            ("2 17", "2 18"),
            (" 77 ", " 78 "),
            (" B", " large B"),
            (".", ".A"),
        ] {
            let forged = HeaderValue::try_from(text.replacen(from, to, 1)).expect("ASCII");
            assert_ne!(forged, header, "{from}");
            let sent = request("GET", "/", Some(&forged));
            assert_eq!(
                Seal::open(&keys, &sent, NOW),
                Err(Refused::Forged),
                "{from}"
            );
        }
    }

    #[test]
    fn what_is_no_seal_is_refused() {
        let keys = KeyRing::random();
        assert_eq!(
            Seal::open(&keys, &request("GET", "/", None), NOW),
            Err(Refused::Missing)
        );
        for text in [
            "",
            "x",
            "1 2 3",
            "2 1 1 1 1 1 x.y",
            "2 1 1 1 1 1 1.",
            "a b.c.d",
        ] {
            let header = HeaderValue::from_static(text);
            let sent = request("GET", "/", Some(&header));
            assert!(Seal::open(&keys, &sent, NOW).is_err(), "{text}");
        }
        let header = signed(&keys, "GET", "/");
        let mut twice = request("GET", "/", Some(&header));
        twice.headers_mut().append(SEAL, header);
        assert_eq!(Seal::open(&keys, &twice, NOW), Err(Refused::Missing));
    }
}
