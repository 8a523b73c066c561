//! What a dashboard is made of, as far as ours differ from one another.

/// One dashboard.
pub(super) struct Dashboard {
    /// In its uid and the name of its file.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) variables: Vec<Variable>,
    pub(super) rows: Vec<Row>,
}

/// What is chosen above the panels, beside the data source.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// `metric{selector}` and the label whose values there are to choose from.
    pub(super) values: (&'static str, &'static str),
    /// What of a value is kept; empty: all of it.
    pub(super) regex: &'static str,
    pub(super) many: Many,
}

/// How many values of a variable may be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Many {
    One,
    /// By default all that there are.
    Listed,
    /// By default all, and series that lack the label.
    Any,
}

pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) form: Form,
    /// As Grafana calls it.
    pub(super) unit: &'static str,
    /// Expressions, in which [`super::grafana`] puts selectors for words, and what each series is called.
    pub(super) queries: Vec<(String, &'static str)>,
    /// From which value on it is bad; below it for [`Form::Up`].
    pub(super) bad_from: Option<f64>,
    /// The alerts whose runbooks it links to.
    pub(super) alerts: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One number.
    Stat,
    /// One number: 1 is up, 0 is down.
    Up,
    Lines,
    /// Lines that add up.
    Stack,
    /// True, false and unknown over time.
    States,
    /// The labels of each series.
    Table,
}

/// A row of panels under a title.
pub(super) fn row(title: &'static str, panels: impl IntoIterator<Item = Panel>) -> Row {
    Row {
        title,
        panels: panels.into_iter().collect(),
    }
}

impl Form {
    /// A panel of this form without a query.
    pub(super) fn panel(
        self,
        title: &'static str,
        unit: &'static str,
        about: &'static str,
    ) -> Panel {
        Panel {
            title,
            about,
            form: self,
            unit,
            queries: Vec::new(),
            bad_from: None,
            alerts: Vec::new(),
        }
    }
}

impl Panel {
    /// Shows an expression, under this name.
    pub(super) fn ask(mut self, expression: &str, legend: &'static str) -> Self {
        self.queries.push((expression.to_owned(), legend));
        self
    }

    /// Shows a sum by a label of which there is always a value.
    pub(super) fn each(self, label: &'static str, legend: &'static str, expression: &str) -> Self {
        self.ask(&format!("sum by ({label}) ({expression})"), legend)
    }

    /// Shows a sum by one label, and a zero where there is nothing to add: what never happened has no series.
    pub(super) fn by(self, label: &'static str, legend: &'static str, expression: &str) -> Self {
        let zero = format!("label_replace(vector(0), \"{label}\", \"none\", \"\", \"\")");
        self.ask(
            &format!("sum by ({label}) ({expression}) or on () {zero}"),
            legend,
        )
    }

    /// Shows a sum, and a zero where there is nothing to add.
    pub(super) fn sum(self, legend: &'static str, expression: &str) -> Self {
        self.ask(&format!("sum({expression}) or vector(0)"), legend)
    }

    /// Shows the 50th, 95th and 99th percentile of a histogram, given its name and selector.
    pub(super) fn quantiles(self, name: &str, selector: &str) -> Self {
        let of = |quantile: &str| {
            let rates = format!("rate({name}_bucket{{{selector}}}[WINDOW])");
            format!("histogram_quantile({quantile}, sum by (le) ({rates}))")
        };
        self.ask(&of("0.5"), "p50")
            .ask(&of("0.95"), "p95")
            .ask(&of("0.99"), "p99")
    }

    pub(super) fn bad_from(mut self, value: f64) -> Self {
        self.bad_from = Some(value);
        self
    }

    /// Links to the runbook of an alert.
    pub(super) fn alert(mut self, name: &'static str) -> Self {
        self.alerts.push(name);
        self
    }
}
