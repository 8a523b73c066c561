use super::*;

const ALL: Transports = Transports {
    polling: true,
    websocket: true,
};

fn get(query: &str) -> Result<Request<'_>, RequestError> {
    Query::parse(query).request(true, false, ALL)
}

fn upgrade(query: &str) -> Result<Request<'_>, RequestError> {
    Query::parse(query).request(true, true, ALL)
}

#[test]
fn handshakes() {
    let polling = Ok(Request::Handshake {
        transport: Transport::Polling,
    });
    for query in [
        "EIO=4&transport=polling",
        "EIO=4&transport=polling&sid=",
        "transport=poll%69ng&EIO=%34&t=abc&b64=1",
    ] {
        assert_eq!(get(query), polling, "{query}");
    }
    let websocket = Ok(Request::Handshake {
        transport: Transport::Websocket,
    });
    assert_eq!(upgrade("EIO=4&transport=websocket"), websocket);
}

#[test]
fn refusals_in_nodes_order() {
    use RequestError::*;
    for (query, error) in [
        ("", UnknownTransport),
        ("EIO=4", UnknownTransport),
        ("EIO=4&transport=abc", UnknownTransport),
        ("EIO=4&transport=__proto__", UnknownTransport),
        ("EIO=4&transport=constructor", UnknownTransport),
        ("EIO=4&transport=webtransport", UnknownTransport),
        ("EIO=3&sid=zzz", UnknownTransport),
        ("transport=polling", UnsupportedProtocol),
        ("EIO=3&transport=polling", UnsupportedProtocol),
        ("EIO=5&transport=polling", UnsupportedProtocol),
        ("EIO=4x&transport=polling", UnsupportedProtocol),
        ("EIO=3&transport=websocket", BadRequest),
        ("EIO=4&transport=websocket", BadRequest),
        ("EIO=4&EIO=4&transport=polling", UnsupportedProtocol),
        (
            "EIO=4&transport=polling&transport=polling",
            UnknownTransport,
        ),
        ("EIO=4&transport=polling&sid=a&sid=a", UnknownSid),
    ] {
        assert_eq!(get(query), Err(error), "{query}");
    }
    for (query, error) in [
        ("transport=websocket", UnsupportedProtocol),
        ("EIO=3&transport=websocket", UnsupportedProtocol),
        ("EIO=4&transport=abc", UnknownTransport),
        ("EIO=4&transport=polling", BadRequest),
    ] {
        assert_eq!(upgrade(query), Err(error), "upgrade {query}");
    }
    let posted = |query| Query::parse(query).request(false, false, ALL);
    assert_eq!(posted("EIO=4&transport=polling"), Err(BadHandshakeMethod));
    assert_eq!(posted("EIO=3&transport=polling"), Err(BadHandshakeMethod));
    let closed = Transports {
        polling: false,
        websocket: true,
    };
    let refused = Query::parse("EIO=4&transport=polling").request(true, false, closed);
    assert_eq!(refused, Err(UnknownTransport));
}

#[test]
fn what_a_client_calls_a_request() {
    for (query, name) in [
        ("EIO=4&transport=polling&sid=S", None),
        ("EIO=4&transport=polling&t=a%20b&sid=S", Some("a b")),
        (
            "t=first&EIO=4&transport=polling&sid=S&t=second",
            Some("first"),
        ),
        ("EIO=4&transport=polling&t=a", None),
    ] {
        assert_eq!(get(query).unwrap().name(), name, "{query}");
    }
}

#[test]
fn requests_of_a_session() {
    let request = get("EIO=4&transport=polling&sid=zz%2Fz").expect("it is well-formed");
    match &request {
        Request::Session {
            sid,
            transport: Transport::Polling,
            is_v4: true,
            name: None,
        } => {
            assert_eq!(sid, "zz/z");
        }
        other => panic!("{other:?}"),
    }
    for (query, is_upgrade, carried_by, fits) in [
        (
            "EIO=4&transport=polling&sid=S",
            false,
            Transport::Polling,
            true,
        ),
        (
            "EIO=4&transport=polling&sid=S",
            false,
            Transport::Websocket,
            false,
        ),
        (
            "EIO=4&transport=websocket&sid=S",
            false,
            Transport::Polling,
            false,
        ),
        (
            "EIO=4&transport=websocket&sid=S",
            false,
            Transport::Websocket,
            false,
        ),
        (
            "EIO=3&transport=polling&sid=S",
            false,
            Transport::Polling,
            false,
        ),
        (
            "EIO=4&transport=websocket&sid=S",
            true,
            Transport::Polling,
            true,
        ),
        (
            "EIO=3&transport=websocket&sid=S",
            true,
            Transport::Polling,
            false,
        ),
        ("transport=websocket&sid=S", true, Transport::Polling, false),
        (
            "EIO=4&transport=polling&sid=S",
            true,
            Transport::Polling,
            false,
        ),
    ] {
        let request = Query::parse(query)
            .request(true, is_upgrade, ALL)
            .expect("it is well-formed");
        assert_eq!(
            request.fits(carried_by, is_upgrade).is_ok(),
            fits,
            "{query} {is_upgrade}"
        );
    }
}

#[test]
fn bodies() {
    use RequestError::*;
    for (error, status, body) in [
        (
            UnknownTransport,
            400,
            "{\"code\":0,\"message\":\"Transport unknown\"}",
        ),
        (
            UnknownSid,
            400,
            "{\"code\":1,\"message\":\"Session ID unknown\"}",
        ),
        (
            BadHandshakeMethod,
            400,
            "{\"code\":2,\"message\":\"Bad handshake method\"}",
        ),
        (BadRequest, 400, "{\"code\":3,\"message\":\"Bad request\"}"),
        (Forbidden, 403, "{\"code\":4,\"message\":\"Forbidden\"}"),
        (
            UnsupportedProtocol,
            400,
            "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
        ),
    ] {
        assert_eq!((error.http_status(), error.body().as_str()), (status, body));
        assert_eq!(error.to_string(), error.message());
    }
}
