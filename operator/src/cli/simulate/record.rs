//! Records as CSV: a line for every moment at which something changes.
//!
//! ```csv
//! time,Connections,depth,missing,rollout
//! 0,10000,120,,
//! 300,24000,90,,
//! 600,24000,,1,yes
//! ```
//!
//! `time` is in seconds, or RFC 3339. Every metric of the policy has a column: a built-in by its type, a query by its
//! name. For built-ins it is the sum over the fleet, which the simulated pods share; CPU in cores, memory in bytes.
//! Empty means no data. `missing`, of so many pods no sample came, and `rollout` (`yes`) may be left out.

use jiff::{SignedDuration, Timestamp};

use crate::scale::settings::Settings;
use crate::scale::simulation::Moment;

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Fault {
    line: usize,
    message: String,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Time,
    Metric(usize),
    Missing,
    Rollout,
}

/// The longest record: more decisions are an error in its times.
const MOST: usize = 1_000_000;

/// Moments an interval apart, each with what the last line before it says.
pub(super) fn parse(text: &str, settings: &Settings) -> Result<Vec<Moment>, Fault> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(place, line)| (place + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (line, header) = lines.next().unwrap_or((1, ""));
    let columns = columns(header, settings).map_err(|message| Fault { line, message })?;
    let mut rows: Vec<Moment> = Vec::new();
    for (line, text) in lines {
        let row = row(text, &columns, settings).map_err(|message| Fault { line, message })?;
        if rows.last().is_some_and(|last| last.time >= row.time) {
            let message = "time has to be later than on the line before".to_owned();
            return Err(Fault { line, message });
        }
        rows.push(row);
    }
    every_interval(&rows, settings).ok_or_else(|| Fault {
        line,
        message: format!("the record is longer than {MOST} decisions"),
    })
}

fn columns(header: &str, settings: &Settings) -> Result<Vec<Column>, String> {
    let names: Vec<String> = settings.metrics.iter().map(ToString::to_string).collect();
    let column = |name: &str| match name.trim() {
        "time" => Ok(Column::Time),
        "missing" => Ok(Column::Missing),
        "rollout" => Ok(Column::Rollout),
        name => match names.iter().position(|known| known == name) {
            Some(place) => Ok(Column::Metric(place)),
            None => Err(format!(
                "column {name:?} is not known; there are time, {}, missing, rollout",
                names.join(", ")
            )),
        },
    };
    let columns: Vec<_> = header.split(',').map(column).collect::<Result<_, _>>()?;
    let needed = (0..names.len()).map(|place| (Column::Metric(place), names[place].as_str()));
    for (column, name) in needed.chain([(Column::Time, "time")]) {
        if !columns.contains(&column) {
            return Err(format!("there is no column {name:?}"));
        }
    }
    match (1..columns.len()).find(|place| columns[..*place].contains(&columns[*place])) {
        Some(place) => Err(format!("column {} is there twice", place + 1)),
        None => Ok(columns),
    }
}

fn row(text: &str, columns: &[Column], settings: &Settings) -> Result<Moment, String> {
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    if cells.len() != columns.len() {
        return Err(format!(
            "{} cells, the header has {}",
            cells.len(),
            columns.len()
        ));
    }
    let mut moment = Moment {
        time: Timestamp::UNIX_EPOCH,
        totals: vec![None; settings.metrics.len()],
        missing: 0,
        rollout: false,
    };
    for (column, cell) in columns.iter().zip(cells) {
        let wrong = |what: &str| format!("{cell:?} is no {what}");
        match column {
            Column::Time => moment.time = time(cell).ok_or_else(|| wrong("time"))?,
            Column::Rollout => {
                moment.rollout = match cell {
                    "yes" => true,
                    "" | "no" => false,
                    _ => return Err(wrong("yes or no")),
                };
            }
            _ if cell.is_empty() => {}
            Column::Missing => moment.missing = cell.parse().map_err(|_| wrong("count of pods"))?,
            Column::Metric(place) => {
                moment.totals[*place] = Some(cell.parse().map_err(|_| wrong("number"))?);
            }
        }
    }
    Ok(moment)
}

fn time(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

fn every_interval(rows: &[Moment], settings: &Settings) -> Option<Vec<Moment>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Some(Vec::new());
    };
    let interval = settings.interval.max(SignedDuration::from_secs(1));
    let mut moments = Vec::new();
    let (mut time, mut place) = (first.time, 0);
    while time <= last.time {
        while rows.get(place + 1).is_some_and(|next| next.time <= time) {
            place += 1;
        }
        let row = rows[place].clone();
        moments.push(Moment { time, ..row });
        if moments.len() > MOST {
            return None;
        }
        time += interval;
    }
    Some(moments)
}
