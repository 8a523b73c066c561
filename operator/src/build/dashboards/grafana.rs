//! A dashboard as Grafana reads it. Of what Grafana has defaults for only what differs is written.

use serde_json::{Value, json};

use super::super::alerts::runbook;
use super::super::names::pod_pattern;
use super::model::{Dashboard, Form, Many, Panel, Variable};

/// That of Grafana 12; newer ones migrate it when they load it.
const SCHEMA: u32 = 42;
/// In columns.
const WIDTH: u32 = 24;
/// So many fill a row of the screen better than three do.
const FOUR: usize = 4;

/// The fleet at which a dashboard is opened.
#[derive(Clone, Copy)]
pub(super) struct Fleet<'a> {
    /// In uids, which are short.
    pub(super) id: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// The dashboard for all fleets, or opened at one, with links to the runbooks below this URL.
pub(super) fn json(dashboard: &Dashboard, fleet: Option<Fleet<'_>>, runbooks: &str) -> Value {
    let Dashboard { key, title, .. } = dashboard;
    let (uid, title, tag) = match fleet {
        Some(Fleet {
            id,
            namespace,
            name,
        }) => (
            format!("carillon-{key}-{id}"),
            format!("Carillon / {title} ({namespace}/{name})"),
            format!("carillon:{namespace}/{name}"),
        ),
        None => (
            format!("carillon-{key}"),
            format!("Carillon / {title}"),
            "carillon".to_owned(),
        ),
    };
    let mut json = json!({
        "uid": uid,
        "title": title,
        "description": dashboard.about,
        "tags": [tag],
        "schemaVersion": SCHEMA,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "timezone": "browser",
        "links": links(&tag, runbooks),
        "templating": { "list": variables(dashboard, fleet) },
        "panels": panels(dashboard, runbooks),
    });
    // So that the text does not depend on how the JSON library is built.
    json.sort_all_objects();
    json
}

fn links(tag: &str, runbooks: &str) -> Value {
    json!([
        {
            "type": "dashboards", "title": "Carillon", "tags": [tag], "asDropdown": false,
            "includeVars": true, "keepTime": true,
        },
        { "type": "link", "title": "Runbooks", "url": runbooks, "icon": "doc", "targetBlank": true },
    ])
}

fn variables(dashboard: &Dashboard, fleet: Option<Fleet<'_>>) -> Vec<Value> {
    let source = json!({
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus",
        "refresh": 1, "current": {},
    });
    let asked = dashboard.variables.iter().map(|variable| {
        let fixed = fleet.and_then(|fleet| match variable.name {
            "namespace" => Some(fleet.namespace),
            "name" => Some(fleet.name),
            _ => None,
        });
        asked(variable, fixed)
    });
    std::iter::once(source).chain(asked).collect()
}

fn asked(variable: &Variable, fixed: Option<&str>) -> Value {
    let (series, label) = variable.values;
    let query = format!("label_values({series}, {label})");
    let is_many = variable.many != Many::One;
    let current = match fixed {
        Some(value) => json!({ "text": value, "value": value }),
        None if is_many => json!({ "text": "All", "value": ["$__all"] }),
        None => json!({}),
    };
    let mut json = json!({
        "type": "query", "name": variable.name, "label": variable.label, "datasource": source(),
        "query": { "qryType": 1, "query": query, "refId": "values" }, "definition": query,
        "regex": variable.regex, "refresh": 2, "sort": 1, "current": current,
        "includeAll": is_many, "multi": is_many,
    });
    if variable.many == Many::Any {
        json["allValue"] = json!(".*");
    }
    json
}

/// Left to right, row by row, each with its id.
fn panels(dashboard: &Dashboard, runbooks: &str) -> Vec<Value> {
    let mut out = Vec::new();
    let mut y = 0;
    for row in &dashboard.rows {
        let id = out.len() + 1;
        let place = json!({ "x": 0, "y": y, "w": WIDTH, "h": 1 });
        out.push(json!({
            "type": "row", "id": id, "title": row.title, "collapsed": false, "gridPos": place, "panels": [],
        }));
        y += 1;
        let (mut x, mut highest) = (0, 0);
        let wide = if row.panels.len() == FOUR { 6 } else { 8 };
        for one in &row.panels {
            let (w, h) = size(one.form, wide);
            if x + w > WIDTH {
                (x, y, highest) = (0, y + highest, 0);
            }
            out.push(panel(
                one,
                out.len() + 1,
                &json!({ "x": x, "y": y, "w": w, "h": h }),
                runbooks,
            ));
            x += w;
            highest = highest.max(h);
        }
        y += highest;
    }
    out
}

/// In columns and rows.
const fn size(form: Form, wide: u32) -> (u32, u32) {
    match form {
        Form::Stat | Form::Up => (4, 4),
        Form::Lines | Form::Stack | Form::States | Form::Table => (wide, 8),
    }
}

fn panel(panel: &Panel, id: usize, place: &Value, runbooks: &str) -> Value {
    let (kind, options) = shape(panel.form);
    let targets: Vec<_> = panel
        .queries
        .iter()
        .zip('A'..)
        .map(|((expression, legend), letter)| target(panel.form, expression, legend, letter))
        .collect();
    let links: Vec<_> = panel
        .alerts
        .iter()
        .map(|alert| {
            let url = runbook(runbooks, alert);
            json!({ "title": format!("Runbook: {alert}"), "url": url, "targetBlank": true })
        })
        .collect();
    json!({
        "type": kind, "id": id, "title": panel.title, "description": panel.about, "gridPos": place,
        "datasource": source(), "targets": targets, "links": links, "options": options,
        "fieldConfig": { "defaults": field(panel), "overrides": [] },
    })
}

fn target(form: Form, expression: &str, legend: &str, letter: char) -> Value {
    let is_table = form == Form::Table;
    json!({
        "refId": letter.to_string(), "datasource": source(), "expr": selected(expression), "legendFormat": legend,
        "instant": is_table, "range": !is_table, "format": if is_table { "table" } else { "time_series" },
    })
}

/// Puts selectors for the words of an expression.
fn selected(expression: &str) -> String {
    let pods = format!(
        "cluster=~\"$cluster\",namespace=\"$namespace\",pod=~\"{}\"",
        pod_pattern("${name}")
    );
    expression
        .replace("PODS", &pods)
        .replace("FLEET", "namespace=\"$namespace\",cluster=\"$name\"")
        .replace("OPERATOR", "cluster=~\"$cluster\",pod=~\"$operator\"")
        .replace("SOCKETIO", "exported_namespace=~\"$socketio\"")
        .replace("WINDOW", "$__rate_interval")
}

/// The type of panel, and its options.
fn shape(form: Form) -> (&'static str, Value) {
    let tooltip = json!({ "mode": "multi", "sort": "desc" });
    match form {
        Form::Stat | Form::Up => (
            "stat",
            json!({
                "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "auto",
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            }),
        ),
        Form::Lines | Form::Stack => (
            "timeseries",
            json!({
                "legend": {
                    "showLegend": true, "displayMode": "table", "placement": "bottom",
                    "calcs": ["lastNotNull", "max"],
                },
                "tooltip": tooltip,
            }),
        ),
        Form::States => (
            "state-timeline",
            json!({
                "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom" },
                "tooltip": tooltip, "mergeValues": true, "showValue": "never", "rowHeight": 0.8,
            }),
        ),
        Form::Table => ("table", json!({ "showHeader": true, "cellHeight": "sm" })),
    }
}

/// How values are shown.
fn field(panel: &Panel) -> Value {
    let mut steps = vec![json!({ "color": "green", "value": null })];
    if let Some(value) = panel.bad_from {
        steps.push(json!({ "color": "red", "value": value }));
    }
    let mut field = json!({
        "unit": panel.unit,
        "color": { "mode": if panel.form == Form::Stat { "thresholds" } else { "palette-classic" } },
        "thresholds": { "mode": "absolute", "steps": steps },
    });
    match panel.form {
        Form::Stat => {}
        Form::Up => field["mappings"] = mappings(&[("0", "down", "red"), ("1", "up", "green")]),
        Form::States => {
            field["mappings"] = mappings(&[
                ("-1", "unknown", "text"),
                ("0", "false", "blue"),
                ("1", "true", "green"),
            ]);
        }
        Form::Table => {}
        Form::Lines | Form::Stack => {
            let stacking = if panel.form == Form::Stack {
                "normal"
            } else {
                "none"
            };
            let shade = if panel.bad_from.is_some() {
                "dashed"
            } else {
                "off"
            };
            field["min"] = json!(0);
            field["custom"] = json!({
                "fillOpacity": 10, "lineWidth": 1, "showPoints": "never", "spanNulls": false,
                "stacking": { "mode": stacking, "group": "A" }, "thresholdsStyle": { "mode": shade },
            });
        }
    }
    field
}

fn mappings(values: &[(&str, &str, &str)]) -> Value {
    let options: serde_json::Map<_, _> = values
        .iter()
        .zip(0..)
        .map(|((value, text, color), index)| {
            let shown = json!({ "text": text, "color": color, "index": index });
            ((*value).to_owned(), shown)
        })
        .collect();
    json!([{ "type": "value", "options": options }])
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}
