//! The three conditions of the HPA, with its reasons and sentences, and ours.

use std::fmt;

/// Which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The count can be read and written.
    AbleToScale,
    /// There is data to decide by.
    ScalingActive,
    /// The decision was held back by a limit.
    ScalingLimited,
}

/// Why a condition is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The current count was read.
    SucceededGetScale,
    /// The current count could not be read.
    FailedGetScale,
    /// The count was changed.
    SucceededRescale,
    /// The count could not be changed.
    FailedUpdateScale,
    /// Nothing stands between the recommendation and the count.
    ReadyForNewScale,
    /// The window of scaleUp holds the count back.
    ScaleUpStabilized,
    /// The window of scaleDown holds the count up.
    ScaleDownStabilized,
    /// The count was set to zero by hand.
    ScalingDisabled,
    /// At least one metric gave a proposal.
    ValidMetricFound,
    /// CPU or memory could not be had.
    FailedGetResourceMetric,
    /// A metric of each pod could not be had.
    FailedGetPodsMetric,
    /// A query could not be had.
    FailedGetExternalMetric,
    /// The kind of metric is not known.
    InvalidMetricSourceType,
    /// The samples are older than `maxAge`.
    MetricStale,
    /// Some pods have no fresh sample, or the answer says that it is incomplete.
    MetricPartial,
    /// The rate of scaleUp is used up.
    ScaleUpLimit,
    /// The rate of scaleDown is used up.
    ScaleDownLimit,
    /// `maxReplicas` is in the way.
    TooManyReplicas,
    /// `minReplicas` is in the way.
    TooFewReplicas,
    /// No limit is in the way.
    DesiredWithinRange,
    /// A rollout runs, and the count is never lowered meanwhile.
    RolloutInProgress,
}

/// A condition as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Which one.
    pub kind: Kind,
    /// True or False.
    pub status: bool,
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
}

impl Condition {
    /// A condition.
    pub fn new(kind: Kind, status: bool, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            reason,
            message: message.into(),
        }
    }

    /// `AbleToScale=False/FailedGetScale`: the Deployment could not be read.
    pub fn failed_get_scale(error: &dyn fmt::Display) -> Self {
        let message = format!("the operator was unable to get the current scale: {error}");
        Self::new(Kind::AbleToScale, false, Reason::FailedGetScale, message)
    }

    /// `AbleToScale=False/FailedUpdateScale`: the Deployment could not be written.
    pub fn failed_update_scale(error: &dyn fmt::Display) -> Self {
        let message = format!("the operator was unable to update the scale: {error}");
        Self::new(Kind::AbleToScale, false, Reason::FailedUpdateScale, message)
    }

    /// `AbleToScale=True/SucceededRescale`.
    pub fn rescaled(replicas: i32) -> Self {
        let message = format!("the operator was able to update the scale to {replicas}");
        Self::new(Kind::AbleToScale, true, Reason::SucceededRescale, message)
    }
}

impl Kind {
    /// As in `status.conditions[].type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbleToScale => "AbleToScale",
            Self::ScalingActive => "ScalingActive",
            Self::ScalingLimited => "ScalingLimited",
        }
    }
}

impl Reason {
    /// As in `status.conditions[].reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SucceededGetScale => "SucceededGetScale",
            Self::FailedGetScale => "FailedGetScale",
            Self::SucceededRescale => "SucceededRescale",
            Self::FailedUpdateScale => "FailedUpdateScale",
            Self::ReadyForNewScale => "ReadyForNewScale",
            Self::ScaleUpStabilized => "ScaleUpStabilized",
            Self::ScaleDownStabilized => "ScaleDownStabilized",
            Self::ScalingDisabled => "ScalingDisabled",
            Self::ValidMetricFound => "ValidMetricFound",
            Self::FailedGetResourceMetric => "FailedGetResourceMetric",
            Self::FailedGetPodsMetric => "FailedGetPodsMetric",
            Self::FailedGetExternalMetric => "FailedGetExternalMetric",
            Self::InvalidMetricSourceType => "InvalidMetricSourceType",
            Self::MetricStale => "MetricStale",
            Self::MetricPartial => "MetricPartial",
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::DesiredWithinRange => "DesiredWithinRange",
            Self::RolloutInProgress => "RolloutInProgress",
        }
    }

    /// What a limit says of itself, in the words of the HPA.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::ScaleUpLimit => {
                "the desired replica count is increasing faster than the maximum scale rate"
            }
            Self::ScaleDownLimit => {
                "the desired replica count is decreasing faster than the maximum scale rate"
            }
            Self::TooManyReplicas => {
                "the desired replica count is more than the maximum replica count"
            }
            Self::TooFewReplicas => {
                "the desired replica count is less than the minimum replica count"
            }
            Self::ScaleUpStabilized => {
                "recent recommendations were lower than current one, applying the lowest recent recommendation"
            }
            Self::ScaleDownStabilized => {
                "recent recommendations were higher than current one, applying the highest recent recommendation"
            }
            Self::ReadyForNewScale => "recommended size matches current size",
            _ => "the desired count is within the acceptable range",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
