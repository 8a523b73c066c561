//! Numbers as JavaScript writes them.

use std::fmt::Write as _;

/// Below, the shortest text of an integer is all of its digits.
const PLAIN: f64 = 1e15;

/// Appends a number as `JSON.stringify` does.
pub(super) fn write(out: &mut String, number: f64) {
    if !number.is_finite() {
        out.push_str("null");
    } else if number.fract() == 0.0 && number.abs() < PLAIN {
        let _ = write!(out, "{}", number as i64);
    } else {
        shortest(out, number);
    }
}

/// `Number::toString` of ECMAScript: Rust finds the same shortest digits, and only sets them otherwise.
fn shortest(out: &mut String, number: f64) {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    let len = digits.len();
    out.push_str(sign);
    match usize::try_from(exponent) {
        Ok(exponent) if exponent < 21 => match digits.split_at_checked(exponent + 1) {
            Some((whole, "")) => out.push_str(whole),
            Some((whole, fraction)) => out.extend([whole, ".", fraction]),
            None => {
                out.push_str(&digits);
                out.extend(std::iter::repeat_n('0', exponent + 1 - len));
            }
        },
        Err(_) if exponent >= -6 => {
            out.push_str("0.");
            let zeros = usize::try_from(-exponent - 1).unwrap_or_default();
            out.extend(std::iter::repeat_n('0', zeros));
            out.push_str(&digits);
        }
        _ => {
            let _ = write!(out, "{mantissa}e{exponent:+}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn as_javascript_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-5.0, "-5"),
            (1.5, "1.5"),
            (-0.1, "-0.1"),
            (123_456.789, "123456.789"),
            (1e15, "1000000000000000"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (u64::MAX as f64, "18446744073709552000"),
            (1e20, "100000000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.000_001, "0.000001"),
            (0.000_001_5, "0.0000015"),
            (1e-7, "1e-7"),
            (5e-7, "5e-7"),
            (-1.25e-9, "-1.25e-9"),
            (5e-324, "5e-324"),
            (f64::from(0.1_f32), "0.10000000149011612"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            let mut out = String::new();
            write(&mut out, number);
            assert_eq!(out, text, "{number:e}");
        }
    }
}
