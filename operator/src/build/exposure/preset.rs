//! What each kind of ingress has to be told so that it carries websockets and long polls as long as the gateway does.
//!
//! No preset asks for sticky sessions: any pod serves any request of any session. None makes a policy for a Gateway or a
//! controller that serves others too.

use carillon_crds::names::{path, port};
use carillon_crds::resource::Preset;
use serde_json::{Value, json};

use super::timing::Timing;

/// Annotations of an Ingress; `service` is the one that it leads to.
pub(super) fn annotations(preset: Preset, timing: Timing, service: &str) -> Vec<(String, String)> {
    let list = match preset {
        Preset::Nginx => nginx(timing, service),
        Preset::Haproxy => haproxy(timing),
        Preset::Alb => alb(timing),
        // Traefik has no limit to the silence of a connection and buffers nothing. How long a request takes to arrive is limited by
        // an entry point, which is not ours.
        Preset::Traefik | Preset::None | Preset::EnvoyGateway | Preset::GatewayApi => Vec::new(),
    };
    list.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// `timeouts` of an HTTPRoute's rule: they would count from the beginning of a request, and a websocket is one that lasts for days.
/// From `request: 0s` Envoy Gateway also makes that the route has no limit to silence, unless a policy sets one.
pub(super) fn timeouts(preset: Preset) -> Option<Value> {
    match preset {
        Preset::GatewayApi => Some(json!({ "request": "0s" })),
        // Envoy ends requests after 15 s unless a route says otherwise.
        Preset::EnvoyGateway => Some(json!({ "request": "0s", "backendRequest": "0s" })),
        Preset::None | Preset::Nginx | Preset::Haproxy | Preset::Traefik | Preset::Alb => None,
    }
}

/// For ingress-nginx and for NGINX's own controller: each ignores the other's.
fn nginx(timing: Timing, service: &str) -> Vec<(&'static str, String)> {
    let Timing { idle, body, .. } = timing;
    vec![
        (
            "nginx.ingress.kubernetes.io/proxy-read-timeout",
            idle.to_string(),
        ),
        (
            "nginx.ingress.kubernetes.io/proxy-send-timeout",
            idle.to_string(),
        ),
        (
            "nginx.ingress.kubernetes.io/proxy-body-size",
            body.to_string(),
        ),
        (
            "nginx.ingress.kubernetes.io/proxy-buffering",
            "off".to_owned(),
        ),
        ("nginx.org/websocket-services", service.to_owned()),
        ("nginx.org/proxy-read-timeout", format!("{idle}s")),
        ("nginx.org/proxy-send-timeout", format!("{idle}s")),
        ("nginx.org/client-max-body-size", body.to_string()),
        ("nginx.org/proxy-buffering", "False".to_owned()),
    ]
}

/// For HAProxy's own controller (whose timeout of tunnels is global, an hour by default) and for HAProxy Ingress.
fn haproxy(timing: Timing) -> Vec<(&'static str, String)> {
    let Timing { idle, body, .. } = timing;
    vec![
        ("haproxy.org/timeout-server", format!("{idle}s")),
        (
            "haproxy-ingress.github.io/timeout-server",
            format!("{idle}s"),
        ),
        (
            "haproxy-ingress.github.io/timeout-tunnel",
            format!("{idle}s"),
        ),
        (
            "haproxy-ingress.github.io/proxy-body-size",
            body.to_string(),
        ),
    ]
}

/// Targets are pods, so that a draining one keeps what it has; the balancer learns from the same answer as Kubernetes.
fn alb(timing: Timing) -> Vec<(&'static str, String)> {
    let idle = timing.idle.min(ALB_LONGEST_IDLE);
    let drain = timing.drain.min(ALB_LONGEST_DRAIN);
    vec![
        ("alb.ingress.kubernetes.io/target-type", "ip".to_owned()),
        (
            "alb.ingress.kubernetes.io/load-balancer-attributes",
            format!("idle_timeout.timeout_seconds={idle}"),
        ),
        (
            "alb.ingress.kubernetes.io/target-group-attributes",
            format!("deregistration_delay.timeout_seconds={drain}"),
        ),
        (
            "alb.ingress.kubernetes.io/healthcheck-protocol",
            "HTTP".to_owned(),
        ),
        (
            "alb.ingress.kubernetes.io/healthcheck-port",
            port::ADMIN.to_string(),
        ),
        (
            "alb.ingress.kubernetes.io/healthcheck-path",
            path::READYZ.to_owned(),
        ),
        ("alb.ingress.kubernetes.io/success-codes", "200".to_owned()),
    ]
}

/// The largest `idle_timeout.timeout_seconds` of an Application Load Balancer.
const ALB_LONGEST_IDLE: u64 = 4_000;
/// The largest `deregistration_delay.timeout_seconds` of a target group.
const ALB_LONGEST_DRAIN: u64 = 3_600;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn timing(interval: u64, timeout: u64, drain: u64) -> Timing {
        let s = Duration::from_secs;
        Timing::new(s(interval), s(timeout), 1_000_000, s(5), s(drain))
    }

    fn value(preset: Preset, timing: Timing, key: &str) -> Option<String> {
        let list = annotations(preset, timing, "game");
        list.into_iter()
            .find(|(found, _)| found == key)
            .map(|(_, value)| value)
    }

    #[test]
    fn silence_is_longer_than_the_heartbeat() {
        let defaults = timing(25, 20, 540);
        assert_eq!((defaults.idle, defaults.drain), (60, 545));
        let odd = Timing::new(
            Duration::from_millis(1_500),
            Duration::from_secs(1),
            1,
            Duration::ZERO,
            Duration::from_millis(1),
        );
        assert_eq!((odd.idle, odd.drain), (18, 1));
        for (preset, key, expected) in [
            (
                Preset::Nginx,
                "nginx.ingress.kubernetes.io/proxy-read-timeout",
                "100",
            ),
            (Preset::Nginx, "nginx.org/proxy-send-timeout", "100s"),
            (Preset::Nginx, "nginx.org/websocket-services", "game"),
            (
                Preset::Nginx,
                "nginx.ingress.kubernetes.io/proxy-body-size",
                "1000000",
            ),
            (Preset::Haproxy, "haproxy.org/timeout-server", "100s"),
            (
                Preset::Haproxy,
                "haproxy-ingress.github.io/timeout-tunnel",
                "100s",
            ),
            (
                Preset::Alb,
                "alb.ingress.kubernetes.io/load-balancer-attributes",
                "idle_timeout.timeout_seconds=100",
            ),
            (
                Preset::Alb,
                "alb.ingress.kubernetes.io/target-group-attributes",
                "deregistration_delay.timeout_seconds=545",
            ),
        ] {
            let found = value(preset, timing(25, 60, 540), key);
            assert_eq!(found.as_deref(), Some(expected), "{key}");
        }
    }

    #[test]
    fn bounds_of_a_balancer_hold() {
        let extreme = timing(4_000, 600, 3_600);
        for (key, expected) in [
            (
                "load-balancer-attributes",
                "idle_timeout.timeout_seconds=4000",
            ),
            (
                "target-group-attributes",
                "deregistration_delay.timeout_seconds=3600",
            ),
        ] {
            let found = value(
                Preset::Alb,
                extreme,
                &format!("alb.ingress.kubernetes.io/{key}"),
            );
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn none_asks_for_sticky_sessions() {
        for preset in [Preset::Nginx, Preset::Haproxy, Preset::Alb, Preset::Traefik] {
            for (key, value) in annotations(preset, timing(25, 20, 540), "game") {
                let text = format!("{key}={value}");
                let sticky = ["affinity", "sticky", "stickiness", "cookie"];
                assert!(!sticky.iter().any(|word| text.contains(word)), "{text}");
            }
        }
    }
}
