//! So many lines in a second, and how many were left out.

use std::time::{Duration, Instant};

/// Samples one kind of line above a rate, for one thread.
#[derive(Debug)]
pub struct Sampler {
    per_second: u32,
    second: Option<Instant>,
    admitted: u32,
    left_out: u64,
}

impl Sampler {
    /// At most so many lines in a second.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            second: None,
            admitted: 0,
            left_out: 0,
        }
    }

    /// Whether to write a line now; if so, how many were left out since the last one, for a field of it.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        let began = *self.second.get_or_insert(now);
        if now.saturating_duration_since(began) >= Duration::from_secs(1) {
            self.second = Some(now);
            self.admitted = 0;
        }
        if self.admitted == self.per_second {
            self.left_out += 1;
            return None;
        }
        self.admitted += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out_lines_are_told_with_the_next() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut sampler = Sampler::new(2);
        assert_eq!(sampler.admit(at(0)), Some(0));
        assert_eq!(sampler.admit(at(1)), Some(0));
        assert_eq!(sampler.admit(at(2)), None);
        assert_eq!(sampler.admit(at(999)), None);
        assert_eq!(sampler.admit(at(1000)), Some(2));
        assert_eq!(sampler.admit(at(1001)), Some(0));
        assert_eq!(sampler.admit(at(1002)), None);
    }
}
