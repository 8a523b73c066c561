//! The address of the browser behind trusted proxies (rules: `limits.trustedProxies`).

use std::net::IpAddr;

use carillon_crds::network::Network;
use http::HeaderMap;

/// Who a request comes from: the peer, or, while the peer is a trusted proxy, whom `X-Forwarded-For` or `Forwarded` name, read from the right.
#[must_use]
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|block| block.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(address) {
        return address;
    }
    for hop in hops(headers).into_iter().rev() {
        let Some(next) = hop else { break };
        address = next;
        if !is_trusted(address) {
            break;
        }
    }
    address
}

/// Whether a trusted proxy says that the browser spoke TLS.
#[must_use]
pub(super) fn is_secure(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> bool {
    let said = headers
        .get("x-forwarded-proto")
        .and_then(|value| value.to_str().ok());
    let tls = said.is_some_and(|proto| matches!(proto.trim(), "https" | "wss"));
    tls && trusted
        .iter()
        .any(|block| block.contains(peer.to_canonical()))
}

/// The hops from left to right; `None` for what is no address (`unknown`, an obfuscated name).
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
    };
    let forwarded_for = values("x-forwarded-for");
    if !forwarded_for.is_empty() {
        return forwarded_for
            .iter()
            .flat_map(|value| value.split(','))
            .map(parse)
            .collect();
    }
    let forwarded = values("forwarded");
    let elements = forwarded.iter().flat_map(|value| value.split(','));
    elements
        .map(|element| element.split(';').find_map(for_parameter).and_then(parse))
        .collect()
}

fn for_parameter(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    name.trim()
        .eq_ignore_ascii_case("for")
        .then(|| value.trim().trim_matches('"'))
}

/// An address, perhaps with a port, perhaps in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        return rest
            .split_once(']')
            .and_then(|(address, _)| address.parse().ok());
    }
    let bare = text.parse().ok();
    bare.or_else(|| {
        text.rsplit_once(':')
            .and_then(|(address, _)| address.parse().ok())
    })
    .map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, value: &str, trusted: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        let name: http::HeaderName = header.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
        let block = trusted.parse().expect("a block");
        let peer = "10.0.0.1".parse().expect("an address");
        assert_eq!(
            client_address(peer, &headers, &[block]).to_string(),
            expected,
            "{value} behind {trusted}"
        );
    }

    #[test]
    fn only_trusted_hops_are_believed() {
        check("x-forwarded-for", "1.1.1.1", "192.168.0.0/16", "10.0.0.1");
        check("x-forwarded-for", "1.1.1.1", "10.0.0.0/8", "1.1.1.1");
        check(
            "x-forwarded-for",
            "6.6.6.6, 1.1.1.1, 10.2.3.4",
            "10.0.0.0/8",
            "1.1.1.1",
        );
        check(
            "x-forwarded-for",
            "6.6.6.6, unknown, 10.2.3.4",
            "10.0.0.0/8",
            "10.2.3.4",
        );
        check("x-forwarded-for", "1.1.1.1:5678", "10.0.0.0/8", "1.1.1.1");
        check(
            "forwarded",
            "for=1.1.1.1;proto=https",
            "10.0.0.0/8",
            "1.1.1.1",
        );
        check(
            "forwarded",
            "for=\"[2001:db8::1]:99\"",
            "10.0.0.0/8",
            "2001:db8::1",
        );
        check("x-forwarded-for", "1.1.1.1", "0.0.0.0/0", "1.1.1.1");
    }
}
