//! The search for the highest rate that holds: grow until one fails, then halve the gap.

/// Which rate to try next, from what became of the last one.
pub(super) struct Search {
    rate: f64,
    growth: f64,
    /// The highest rate that held.
    held: Option<f64>,
    /// The lowest that failed.
    failed: Option<f64>,
    halvings: u32,
}

impl Search {
    pub(super) fn new(start: f64, growth: f64, halvings: u32) -> Self {
        Self {
            rate: start,
            growth: growth.max(1.1),
            held: None,
            failed: None,
            halvings,
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn held(&self) -> Option<f64> {
        self.held
    }

    /// Moves on; `false` when the search is over.
    pub(super) fn advance(&mut self, sustained: bool) -> bool {
        let bound = if sustained {
            &mut self.held
        } else {
            &mut self.failed
        };
        *bound = Some(self.rate);
        self.rate = match (self.held, self.failed) {
            (Some(held), Some(failed)) if self.halvings > 0 => {
                self.halvings -= 1;
                held.midpoint(failed)
            }
            (Some(_), Some(_)) => return false,
            (_, None) => self.rate * self.growth,
            // Even the start was too much: look below it.
            (None, Some(_)) => self.rate / self.growth,
        };
        self.rate >= SLOWEST
    }
}

/// Below one message in ten seconds nothing can be measured.
const SLOWEST: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates that a server with `limit` is asked for, and the highest that held.
    fn run(limit: f64, halvings: u32) -> (Vec<f64>, Option<f64>) {
        let mut search = Search::new(10.0, 2.0, halvings);
        let mut tried = vec![search.rate()];
        while search.advance(search.rate() <= limit) {
            tried.push(search.rate());
        }
        (tried, search.held())
    }

    #[test]
    fn grows_then_halves() {
        assert_eq!(
            run(50.0, 2),
            (vec![10.0, 20.0, 40.0, 80.0, 60.0, 50.0], Some(50.0))
        );
        assert_eq!(run(50.0, 0), (vec![10.0, 20.0, 40.0, 80.0], Some(40.0)));
    }

    #[test]
    fn looks_below_its_start() {
        assert_eq!(run(4.0, 1), (vec![10.0, 5.0, 2.5, 3.75], Some(3.75)));
    }

    #[test]
    fn gives_up_on_a_server_that_delivers_nothing() {
        let (tried, held) = run(0.0, 3);
        assert!(tried.len() < 10);
        assert_eq!(held, None);
    }
}
