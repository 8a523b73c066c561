//! The three times of an election, and what follows from them.

use std::time::Duration;

use thiserror::Error;

/// How long a lease lasts, how long its holder tries to renew it, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    lease: Duration,
    renew_deadline: Duration,
    retry: Duration,
}

/// Times that could elect two leaders or none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadTimes {
    /// The Lease stores whole seconds.
    #[error("the lease duration is {0:?}: it has to be a whole number of seconds, 2 to 3600")]
    Lease(Duration),
    /// The holder must have stopped before another may begin.
    #[error("the renew deadline {deadline:?} has to be shorter than the lease duration {lease:?}")]
    Deadline {
        /// As given.
        deadline: Duration,
        /// As given.
        lease: Duration,
    },
    /// One lost request must not cost the leadership.
    #[error(
        "the retry period {retry:?} has to be above zero and at most half of the renew deadline {deadline:?}"
    )]
    Retry {
        /// As given.
        retry: Duration,
        /// As given.
        deadline: Duration,
    },
}

impl Times {
    /// Checked, so that every later sum holds.
    pub fn new(
        lease: Duration,
        renew_deadline: Duration,
        retry: Duration,
    ) -> Result<Self, BadTimes> {
        if lease.subsec_nanos() != 0 || lease.as_secs() < 2 || lease.as_secs() > 3600 {
            return Err(BadTimes::Lease(lease));
        }
        if renew_deadline >= lease {
            return Err(BadTimes::Deadline {
                deadline: renew_deadline,
                lease,
            });
        }
        if retry.is_zero() || retry * 2 > renew_deadline {
            return Err(BadTimes::Retry {
                retry,
                deadline: renew_deadline,
            });
        }
        Ok(Self {
            lease,
            renew_deadline,
            retry,
        })
    }

    /// After so long without a renewal another may take the lease.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// After so long without a renewal the holder stops writing, and ends.
    #[must_use]
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// The time between two renewals.
    #[must_use]
    pub fn retry(&self) -> Duration {
        self.retry
    }

    /// How long a write may take. One that began at the last moment is given up before another leader can begin.
    #[must_use]
    pub fn write_timeout(&self) -> Duration {
        (self.lease - self.renew_deadline) * 4 / 5
    }
}

impl Default for Times {
    /// client-go's.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_work_are_refused() {
        let check = |lease: u64, deadline: u64, retry: u64| {
            let ms = Duration::from_millis;
            Times::new(ms(lease), ms(deadline), ms(retry)).map_err(|error| error.to_string())
        };
        assert_eq!(check(15_000, 10_000, 2_000), Ok(Times::default()));
        assert!(check(5_000, 3_000, 1_000).is_ok());
        for (times, expected) in [
            ((1_000, 500, 100), "the lease duration is 1s"),
            ((2_500, 500, 100), "the lease duration is 2.5s"),
            ((5_000, 5_000, 1_000), "the renew deadline 5s"),
            ((5_000, 3_000, 1_501), "the retry period 1.501s"),
            ((5_000, 3_000, 0), "the retry period 0ns"),
        ] {
            let error = check(times.0, times.1, times.2).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_write_ends_before_another_leader_begins() {
        let times = Times::default();
        assert_eq!(times.write_timeout(), Duration::from_secs(4));
        assert!(times.renew_deadline() + times.write_timeout() < times.lease());
    }
}
