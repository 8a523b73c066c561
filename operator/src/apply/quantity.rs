//! Quantities that are written differently and mean the same.

use serde_json::Value;

/// Whether two values are the same quantity, or the same value.
#[must_use]
pub fn are_equal(one: &Value, other: &Value) -> bool {
    if one == other {
        return true;
    }
    match (text(one), text(other)) {
        (Some(one), Some(other)) => match (parse(&one), parse(&other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        },
        _ => false,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A quantity as a whole number of nano-units, which is the finest that Kubernetes keeps; finer ones are rounded up, as there.
fn parse(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let (numerator, denominator) = scale(suffix)?;
    let above = digits.checked_mul(numerator)?;
    let below = denominator.checked_mul(10_i128.checked_pow(places)?)?;
    Some(sign * (above / below + i128::from(above % below != 0)))
}

/// How many nano-units one of a suffix is, as a fraction.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    let decimal = |power: i32| {
        let of = |power: i32| 10_i128.checked_pow(u32::try_from(power).ok()?);
        let nano = power.checked_add(9)?;
        if nano >= 0 {
            Some((of(nano)?, 1))
        } else {
            Some((1, of(-nano)?))
        }
    };
    let binary = |power: u32| Some((1024_i128.checked_pow(power)?.checked_mul(1_000_000_000)?, 1));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_is_the_same() {
        for (one, other, expected) in [
            ("1", "1000m", true),
            ("0.5", "500m", true),
            (".5", "500m", true),
            ("1.5Gi", "1536Mi", true),
            ("1e3", "1k", true),
            ("1E3", "1000", true),
            ("1E", "1000P", true),
            ("+1", "1", true),
            ("-1", "1", false),
            ("1Gi", "1G", false),
            ("100m", "101m", false),
            ("0.0000000001", "1n", true),
            ("abc", "abd", false),
            ("", "0", false),
            ("1.2.3", "1.2.3", true),
            ("1.2.3", "1.23", false),
            ("1e99", "1e98", false),
        ] {
            let value = |text: &str| Value::from(text);
            assert_eq!(
                are_equal(&value(one), &value(other)),
                expected,
                "{one} {other}"
            );
        }
        assert!(are_equal(&Value::from(2), &Value::from("2000m")));
        assert!(!are_equal(&Value::from(true), &Value::from("1")));
    }
}
