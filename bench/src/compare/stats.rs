//! Medians, and ratios between runs that were neighbours in time.

/// The middle and the ends of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` without a value.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => values.get(middle.wrapping_sub(1))?.midpoint(values[middle]),
            _ => values[middle],
        };
        Some(Self {
            median,
            least: *values.first()?,
            most: *values.last()?,
        })
    }
}

/// The ratios of values of the same repeat: a slow minute of the machine is in both.
pub(super) fn ratios(ours: &[(usize, f64)], theirs: &[(usize, f64)]) -> Option<Spread> {
    let pairs = ours.iter().filter_map(|(repeat, our)| {
        let (_, their) = theirs.iter().find(|(other, _)| other == repeat)?;
        (*their > 0.0).then_some(our / their)
    });
    Spread::of(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        let spread = |median, least, most| {
            Some(Spread {
                median,
                least,
                most,
            })
        };
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([2.0]), spread(2.0, 2.0, 2.0));
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::of([4.0, 1.0]), spread(2.5, 1.0, 4.0));
    }

    #[test]
    fn a_ratio_is_of_the_same_repeat() {
        let ours = [(0, 1.0), (1, 10.0), (2, 3.0)];
        let theirs = [(1, 20.0), (0, 2.0), (3, 1.0), (2, 0.0)];
        assert_eq!(ratios(&ours, &theirs), Spread::of([0.5, 0.5]));
        assert_eq!(ratios(&ours, &[]), None);
    }
}
