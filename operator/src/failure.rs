//! What can go wrong in a reconcile, and how soon it is tried again.

use kube::Error;
use kube::core::Status;
use thiserror::Error as ThisError;

use crate::gate::Refused;

/// Why something was not read or written.
#[derive(Clone, Debug, ThisError)]
pub enum Failure {
    /// This process does not lead, or no longer.
    #[error("{0}")]
    Gate(#[from] Refused),
    /// The operator may not do it.
    #[error("the operator may not: {0}")]
    Forbidden(String),
    /// The API server refuses the object for what is in it.
    #[error("{0}")]
    Invalid(String),
    /// Somebody else was faster.
    #[error("changed meanwhile: {0}")]
    Conflict(String),
    /// An object of that name, or the whole namespace, is about to go.
    #[error("an object of this name, or its namespace, is being deleted")]
    Leaving,
    /// The API server does not answer, or not now.
    #[error("{0}")]
    Api(String),
    /// The reconcile took too long.
    #[error("not done within {0:?}")]
    Deadline(std::time::Duration),
    /// A defect of the operator.
    #[error("a defect of the operator: {0}")]
    Panic(String),
}

impl Failure {
    /// In a word, for metrics and logs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Gate(_) => "gate",
            Self::Forbidden(_) => "forbidden",
            Self::Invalid(_) => "invalid",
            Self::Conflict(_) => "conflict",
            Self::Leaving => "leaving",
            Self::Api(_) => "api",
            Self::Deadline(_) => "deadline",
            Self::Panic(_) => "panic",
        }
    }

    /// Whether trying again changes nothing until a person has acted.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::Invalid(_))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status) => match status.code {
                403 if is_ending(&status) => Self::Leaving,
                403 => Self::Forbidden(status.message.clone()),
                400 | 422 => Self::Invalid(status.message.clone()),
                409 => Self::Conflict(status.message.clone()),
                _ => Self::Api(format!(
                    "{} {}: {}",
                    status.code, status.reason, status.message
                )),
            },
            Error::Service(error) => match error.downcast::<Refused>() {
                Ok(refused) => Self::Gate(*refused),
                Err(error) => Self::Api(error.to_string()),
            },
            other => Self::Api(other.to_string()),
        }
    }
}

/// The namespace is being deleted, and with it soon the fleet.
fn is_ending(status: &Status) -> bool {
    let details = status.details.as_ref();
    let mut causes = details.into_iter().flat_map(|details| &details.causes);
    causes.any(|cause| cause.reason == "NamespaceTerminating")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_what_has_to_be_done_about_them() {
        for (code, label, terminal) in [
            (403, "forbidden", true),
            (422, "invalid", true),
            (400, "invalid", true),
            (409, "conflict", false),
            (429, "api", false),
            (500, "api", false),
        ] {
            let status = Status::failure("no", "Reason").with_code(code);
            let failure = Failure::from(Error::Api(status.boxed()));
            assert_eq!(
                (failure.label(), failure.is_terminal()),
                (label, terminal),
                "{code}"
            );
        }
        let shut = Failure::from(Error::Service(Refused::Shut.into()));
        assert_eq!(shut.label(), "gate");
    }
}
