//! Why an event is refused.

use std::time::Duration;

use crate::socket::json;

/// The codes of refusals: a closed list that clients may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A bucket is empty.
    RateLimited,
    /// The identity may not do it.
    Forbidden,
    /// The arguments are not what is declared, or a template has no value.
    Invalid,
    /// A key was used before.
    Repeated,
    /// Too many events of the socket wait.
    Busy,
    /// What is needed for it is away.
    Unavailable,
    /// A backend failed.
    UpstreamFailed,
    /// The event is not listed.
    UnknownEvent,
    /// The event is larger than allowed.
    PayloadTooLarge,
    /// The socket would be in more rooms than allowed.
    TooManyRooms,
    /// The namespace is no longer declared.
    NamespaceRemoved,
}

/// A refusal, as the client is told of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.code())]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// A sentence for a person.
    pub message: String,
    /// When another try may pass.
    pub retry_after: Option<Duration>,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::RateLimited,
        Self::Forbidden,
        Self::Invalid,
        Self::Repeated,
        Self::Busy,
        Self::Unavailable,
        Self::UpstreamFailed,
        Self::UnknownEvent,
        Self::PayloadTooLarge,
        Self::TooManyRooms,
        Self::NamespaceRemoved,
    ];

    /// The code as clients, metrics and logs see it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Repeated => "repeated",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::UpstreamFailed => "upstream_failed",
            Self::UnknownEvent => "unknown_event",
            Self::PayloadTooLarge => "payload_too_large",
            Self::TooManyRooms => "too_many_rooms",
            Self::NamespaceRemoved => "namespace_removed",
        }
    }
}

impl Refusal {
    /// A refusal that no later try changes.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A bucket is empty; `what` names the limit that fired.
    #[must_use]
    pub(super) fn rate_limited(what: &str, wait: Duration) -> Self {
        let message = format!("too many events: {what}");
        Self {
            code: Code::RateLimited,
            message,
            retry_after: Some(wait),
        }
    }

    /// The argument of the namespace's `errorEvent`: `{ code, message, event, retryAfter? }`.
    /// `raw_name` is the refused event's name as JSON, absent if none was sent.
    #[must_use]
    pub fn to_event(&self, raw_name: Option<&str>) -> String {
        let mut out = self.open();
        if let Some(name) = raw_name {
            out.push_str(",\"event\":");
            out.push_str(name);
        }
        self.close(out)
    }

    /// The argument of a refused event's acknowledgement:
    /// `{ error: { code, message, retryAfter? } }`.
    #[must_use]
    pub fn to_ack(&self) -> String {
        let error = self.close(self.open());
        format!("{{\"error\":{error}}}")
    }

    fn open(&self) -> String {
        let mut out = format!("{{\"code\":\"{}\",\"message\":", self.code.code());
        json::quote(&mut out, &self.message);
        out
    }

    /// `retryAfter` is whole milliseconds, rounded up: a try at that time passes.
    fn close(&self, mut out: String) -> String {
        if let Some(wait) = self.retry_after {
            let millis = wait.as_nanos().div_ceil(1_000_000);
            out.push_str(&format!(",\"retryAfter\":{millis}"));
        }
        out.push('}');
        out
    }
}
