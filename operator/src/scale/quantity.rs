//! Quantities of Kubernetes (`5000`, `1.5`, `100m`, `512Mi`) as thousandths, which the HPA counts in.

/// Thousandths, rounded up as the HPA does; nothing where the text is no quantity or too large.
pub fn thousandths(text: &str) -> Option<i64> {
    let (number, unit) = split(text);
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    let (binary, tens) = exponent(unit)?;
    // value · 2^binary · 10^tens / 10^fraction, and a thousand of it.
    let tens = tens + 3 - i32::try_from(fraction.len()).ok()?;
    let value = value.checked_mul(1_i128 << binary)?;
    let power = 10_i128.checked_pow(tens.unsigned_abs())?;
    let value = if tens >= 0 {
        value.checked_mul(power)?
    } else if negative {
        value / power
    } else {
        (value + power - 1) / power
    };
    i64::try_from(if negative { -value } else { value }).ok()
}

/// The number and the unit, such as `512` and `Mi`.
pub fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|letter: char| !matches!(letter, '0'..='9' | '.' | '+' | '-'))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The powers of two and of ten that a unit stands for.
fn exponent(unit: &str) -> Option<(u32, i32)> {
    const UNITS: &[(&str, u32, i32)] = &[
        ("", 0, 0),
        ("n", 0, -9),
        ("u", 0, -6),
        ("m", 0, -3),
        ("k", 0, 3),
        ("M", 0, 6),
        ("G", 0, 9),
        ("T", 0, 12),
        ("P", 0, 15),
        ("E", 0, 18),
        ("Ki", 10, 0),
        ("Mi", 20, 0),
        ("Gi", 30, 0),
        ("Ti", 40, 0),
        ("Pi", 50, 0),
        ("Ei", 60, 0),
    ];
    if let Some((_, binary, tens)) = UNITS.iter().find(|(name, ..)| *name == unit) {
        return Some((*binary, *tens));
    }
    let tens = unit.strip_prefix(['e', 'E'])?.parse().ok()?;
    (-18..=18).contains(&tens).then_some((0, tens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let cases = [
            ("5000", Some(5_000_000)),
            ("1.5", Some(1500)),
            (".5", Some(500)),
            ("100m", Some(100)),
            ("1u", Some(1)),
            ("0", Some(0)),
            ("-2", Some(-2000)),
            ("+2", Some(2000)),
            ("2k", Some(2_000_000)),
            ("1e3", Some(1_000_000)),
            ("1E-3", Some(1)),
            ("1E", Some(1_000_000_000_000_000_000_000_i128)),
            ("512Mi", Some(512 * 1024 * 1024 * 1000)),
            ("0.5Gi", Some(512 * 1024 * 1024 * 1000)),
            ("", None),
            ("Mi", None),
            ("1.2.3", None),
            ("1-2", None),
            ("5 k", None),
            ("1e99", None),
            ("1x", None),
        ];
        for (text, expected) in cases {
            let expected = expected.and_then(|value: i128| i64::try_from(value).ok());
            assert_eq!(thousandths(text), expected, "{text:?}");
        }
    }
}
