//! The table of rules: place, rule, sentence. Transition rules stand on `spec`: one that stands
//! deeper does not run when its object appears.

pub(super) const RULES: &[(&str, &str, &str)] = &[
    (
        "",
        "self.metadata.name.size() <= 46 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must be at most 46 lower-case letters, digits and -, begin with a letter and not end with -",
    ),
    (
        "spec",
        "!(has(self.replicas) && has(self.autoscaling))",
        "replicas and autoscaling exclude each other: while autoscaling is set it alone decides how many pods there are, and kubectl scale is refused",
    ),
    (
        "spec",
        "self.redis.mode != 'memory' || (!has(self.autoscaling) && (!has(self.replicas) || self.replicas <= 1))",
        "more than one replica, or autoscaling, needs a bus between pods: set redis.mode to classic, sharded or streams",
    ),
    (
        "spec",
        "self.redis.mode == oldSelf.redis.mode",
        "redis.mode cannot be changed: pods of both modes would not hear one another; make a new cluster",
    ),
    (
        "spec",
        "self.redis.mode in ['memory', 'streams'] || !self.namespaces.exists(n, has(n.recovery))",
        "recovery needs redis.mode streams or memory",
    ),
    (
        "spec.redis",
        "self.mode == 'memory' || has(self.url)",
        "a mode other than memory needs a url",
    ),
    (
        "spec.redis",
        "self.mode != 'memory' || !has(self.url)",
        "mode memory takes no url: choose classic, sharded or streams",
    ),
    (
        "spec.redis",
        "!has(self.tls) || has(self.url)",
        "tls means nothing without a url",
    ),
    (
        "spec.redis.url.value",
        "self.matches('^rediss?([+](sentinel|cluster))?://')",
        "must begin with redis://, rediss://, redis+sentinel:// or redis+cluster:// (or rediss+…)",
    ),
    (
        "spec.redis.url.value",
        "!self.contains('@')",
        "must not hold a user or a password: put the whole URL into a Secret and name it by secretKeyRef",
    ),
    (
        "spec.autoscaling",
        "self.minReplicas <= self.maxReplicas",
        "minReplicas must not be above maxReplicas",
    ),
    (
        "spec.autoscaling",
        "!has(self.fallback) || self.fallback.replicas <= self.maxReplicas",
        "fallback.replicas must not be above maxReplicas",
    ),
    (
        "spec.autoscaling",
        "!short(self.interval) || (duration(self.interval) >= duration('1s') && duration(self.interval) <= duration('1h'))",
        "interval must be from 1s to 1h",
    ),
    (
        "spec.autoscaling.metrics[]",
        "(has(self.averageValue) ? 1 : 0) + (has(self.averageUtilization) ? 1 : 0) + (has(self.value) ? 1 : 0) == 1",
        "a metric has exactly one target: averageValue, averageUtilization or value",
    ),
    (
        "spec.autoscaling.metrics[]",
        "self.type == 'Query' ? has(self.query) && self.name != '' : !has(self.query) && !has(self.freshness) && self.name == ''",
        "query and a name belong to type Query, and freshness to no other",
    ),
    (
        "spec.autoscaling.metrics[]",
        "!has(self.averageUtilization) || self.type in ['CPU', 'Memory']",
        "averageUtilization is a target of CPU and Memory only",
    ),
    (
        "spec.autoscaling.metrics[]",
        "!has(self.value) || self.type == 'Query'",
        "value, a target of the whole fleet, belongs to type Query only",
    ),
    (
        "spec.autoscaling.metrics[]",
        "!has(self.averageValue) || self.type != 'CPU'",
        "the target of CPU is averageUtilization",
    ),
    (
        "spec.autoscaling.metrics[].averageValue",
        POSITIVE,
        POSITIVE_WORDS,
    ),
    ("spec.autoscaling.metrics[].value", POSITIVE, POSITIVE_WORDS),
    (
        "spec.autoscaling.behavior.scaleUp.tolerance",
        PART,
        PART_WORDS,
    ),
    (
        "spec.autoscaling.behavior.scaleDown.tolerance",
        PART,
        PART_WORDS,
    ),
    (
        "spec.autoscaling.prometheus",
        "!(has(self.bearerToken) && has(self.basic))",
        "bearerToken and basic exclude each other",
    ),
    (
        "spec.autoscaling.prometheus",
        "!short(self.timeout) || duration(self.timeout) > duration('0s')",
        "timeout must be above 0s",
    ),
    (
        "spec.autoscaling.prometheus",
        "!short(self.maxAge) || duration(self.maxAge) > duration('0s')",
        "maxAge must be above 0s",
    ),
    (
        "spec.autoscaling.prometheus.address",
        "self.matches('^https?://[^/@]+') && !self.contains('@')",
        "must be an http or https URL without user and password",
    ),
    (
        "spec.autoscaling.prometheus.tls",
        "has(self.certificate) == has(self.key)",
        "certificate and key belong together",
    ),
    (
        "spec.autoscaling.prometheus.headers[]",
        "has(self.value) != has(self.secretKeyRef)",
        "set exactly one of value, secretKeyRef",
    ),
    (
        "spec.namespaces[]",
        "(self.name == '') != (self.pattern == '')",
        "a namespace has either a name or a pattern",
    ),
    (
        "spec.namespaces[].name",
        "self == '' || self.matches('^/[A-Za-z0-9_./-]*$')",
        "a namespace's name is / and up to 127 of the characters A-Z a-z 0-9 _ . / -",
    ),
    (
        "spec.namespaces[].events[].name",
        "!(self in ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'] || self.startsWith('carillon:'))",
        "reserved: Socket.IO keeps connect, connect_error, disconnect, disconnecting, newListener and removeListener for itself, and Carillon what begins with carillon:",
    ),
    (
        "spec.drain",
        "!short(self.hold) || !short(self.timeout) || duration(self.hold) + duration(self.timeout) <= duration('1h')",
        "hold and timeout must not be above 1h together",
    ),
    (
        "spec.rollout",
        "!short(self.progressDeadline) || duration(self.progressDeadline).getSeconds() > self.minReadySeconds",
        "progressDeadline must be above minReadySeconds",
    ),
    (
        "spec.exposure",
        "!(self.type in ['Ingress', 'HTTPRoute']) || self.hosts.size() > 0",
        "type Ingress and HTTPRoute need hosts",
    ),
    (
        "spec.exposure",
        "self.type in ['Ingress', 'HTTPRoute'] || (self.hosts.size() == 0 && self.annotations.size() == 0)",
        "hosts and annotations belong to type Ingress and HTTPRoute; those of the Service are service.annotations",
    ),
    (
        "spec.exposure",
        "self.type == 'Ingress' || (self.tls.size() == 0 && self.className == '')",
        "tls and className belong to type Ingress",
    ),
    (
        "spec.exposure",
        "(self.type == 'HTTPRoute') == (self.parentRefs.size() > 0)",
        "parentRefs belong to type HTTPRoute, which needs at least one",
    ),
    (
        "spec.exposure",
        "self.type != 'Service' || self.service.type != 'ClusterIP'",
        "type Service needs service.type NodePort or LoadBalancer",
    ),
    (
        "spec.exposure",
        "!(self.preset in ['envoy-gateway', 'gateway-api']) || self.type == 'HTTPRoute'",
        "preset envoy-gateway and gateway-api belong to type HTTPRoute",
    ),
    (
        "spec.exposure.hosts[]",
        "self.matches('^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "must be a host name, or one with *. in front",
    ),
    (
        "spec.exposure.service",
        "self.type != 'ClusterIP' || (!has(self.nodePort) && !has(self.externalTrafficPolicy))",
        "nodePort and externalTrafficPolicy belong to type NodePort and LoadBalancer",
    ),
    (
        "spec.exposure.service",
        "self.type == 'LoadBalancer' || (!has(self.loadBalancerClass) && self.loadBalancerSourceRanges.size() == 0)",
        "loadBalancerClass and loadBalancerSourceRanges belong to type LoadBalancer",
    ),
];

/// Durations that rules read.
pub(super) const SHORT_DURATIONS: &[&str] = &[
    "spec.autoscaling.interval",
    "spec.autoscaling.fallback.after",
    "spec.autoscaling.prometheus.timeout",
    "spec.autoscaling.prometheus.maxAge",
    "spec.drain.hold",
    "spec.drain.timeout",
    "spec.rollout.progressDeadline",
];

const POSITIVE: &str = "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))";
const POSITIVE_WORDS: &str = "must be a quantity above 0, such as 5000, 1500m or 2Gi";
const PART: &str = "isQuantity(self) && !quantity(self).isLessThan(quantity('0')) && !quantity(self).isGreaterThan(quantity('1'))";
const PART_WORDS: &str = "must be a quantity from 0 to 1, such as 0.05";
