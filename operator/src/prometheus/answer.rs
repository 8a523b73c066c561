//! Answers of `/api/v1/query`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::client::Error;

/// A good answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// One number without labels.
    Scalar(f64),
    /// Series, each with its labels.
    Vector(Vec<Sample>),
}

/// One series at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    status: String,
    data: Option<Data>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Answer {
    /// Reads a body that came with HTTP status `status`.
    pub(super) fn read(status: u16, body: &[u8]) -> Result<Self, Error> {
        let parsed = serde_json::from_slice::<Body>(body);
        let Body {
            status: said,
            data,
            error_type,
            error,
            warnings,
        } = match parsed {
            Ok(body) => body,
            Err(_) if !(200..300).contains(&status) => return Err(Error::Status(status)),
            Err(error) => return Err(Error::Garbage(error.to_string())),
        };
        if said == "error" {
            let kind = error_type.unwrap_or_else(|| "unknown".into());
            let message = error.unwrap_or_default();
            return Err(Error::Query { kind, message });
        }
        if !(200..300).contains(&status) {
            return Err(Error::Status(status));
        }
        let data = data.filter(|_| said == "success");
        let data = data.ok_or_else(|| Error::Garbage("it has neither data nor an error".into()))?;
        if !warnings.is_empty() {
            return Err(Error::Warnings(warnings.join("; ")));
        }
        data.answer()
    }

    /// The only value: of a scalar, or of a vector of one series.
    pub fn single(self) -> Result<f64, Error> {
        match self {
            Self::Scalar(value) => Ok(value),
            Self::Vector(samples) => match samples.as_slice() {
                [sample] => Ok(sample.value),
                [] => Err(Error::Empty),
                more => Err(Error::Several(more.len())),
            },
        }
    }
}

impl Data {
    fn answer(self) -> Result<Answer, Error> {
        let garbage = |error: serde_json::Error| Error::Garbage(error.to_string());
        match self.result_type.as_str() {
            "scalar" => {
                let (_, text): (f64, String) =
                    serde_json::from_value(self.result).map_err(garbage)?;
                Ok(Answer::Scalar(number(&text)?))
            }
            "vector" => {
                let series: Vec<Series> = serde_json::from_value(self.result).map_err(garbage)?;
                let sample = |series: Series| {
                    Ok(Sample {
                        value: number(&series.value.1)?,
                        labels: series.metric,
                    })
                };
                series
                    .into_iter()
                    .map(sample)
                    .collect::<Result<_, _>>()
                    .map(Answer::Vector)
            }
            other => Err(Error::ResultType(other.to_owned())),
        }
    }
}

/// Numbers are texts, and among them `NaN`, `+Inf` and `-Inf`.
fn number(text: &str) -> Result<f64, Error> {
    text.parse()
        .map_err(|_| Error::Garbage(format!("{text:?} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<f64, String> {
        Answer::read(status, body.as_bytes())
            .and_then(Answer::single)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn bodies() {
        let vector = |result: &str| {
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
        };
        let cases = [
            (200, vector(r#"[{"metric":{},"value":[1,"2"]}]"#), Ok(2.0)),
            (200, vector(r#"[{"value":[1.5,"2e3"]}]"#), Ok(2000.0)),
            (200, vector(r#"[{"value":[1,"+Inf"]}]"#), Ok(f64::INFINITY)),
            (200, vector(r#"[{"value":[1,"-Inf"]}]"#), Ok(f64::NEG_INFINITY)),
            (200, vector("[]"), Err("gave no data")),
            (200, vector(r#"[{"value":[1,"1"]},{"value":[1,"2"]}]"#), Err("gave 2 series")),
            (200, vector(r#"[{"value":[]}]"#), Err("no answer of Prometheus")),
            (200, vector(r#"[{"value":["1"]}]"#), Err("no answer of Prometheus")),
            (200, vector(r#"[{"value":[1,"many"]}]"#), Err("\"many\" is no number")),
            (200, vector("[{},{}]"), Err("no answer of Prometheus")),
            (200, vector("7"), Err("no answer of Prometheus")),
            (200, "{}".into(), Err("no answer of Prometheus")),
            (200, r#"{"status":"success"}"#.into(), Err("neither data nor an error")),
            (200, "<html>".into(), Err("no answer of Prometheus")),
            (200, String::new(), Err("no answer of Prometheus")),
            (401, "<html>".into(), Err("HTTP status 401")),
            (400, "{}".into(), Err("HTTP status 400")),
            (502, vector(r#"[{"value":[1,"2"]}]"#), Err("HTTP status 502")),
            (
                200,
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}"#.into(),
                Ok(3.0),
            ),
            (
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.into(),
                Err("a matrix"),
            ),
            (
                200,
                r#"{"status":"success","warnings":["partial"],"data":{"resultType":"scalar","result":[1,"3"]}}"#.into(),
                Err("partial"),
            ),
            (
                200,
                r#"{"status":"success","infos":["a hint"],"data":{"resultType":"scalar","result":[1,"3"]}}"#.into(),
                Ok(3.0),
            ),
            (
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.into(),
                Err("bad_data: parse error"),
            ),
        ];
        for (status, body, expected) in cases {
            match (read(status, &body), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{body}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{body}: {error}"),
                (other, _) => panic!("{body}: {other:?}"),
            }
        }
        assert!(
            read(200, &vector(r#"[{"value":[1,"NaN"]}]"#))
                .unwrap()
                .is_nan()
        );
    }
}
