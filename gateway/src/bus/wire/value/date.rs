//! Dates as JavaScript has them: milliseconds since the epoch, and their ISO text.

use std::fmt::Write as _;

/// Dates end so many milliseconds before and after the epoch.
const LAST: f64 = 8.64e15;

const DAY: i64 = 86_400_000;

/// The milliseconds in the payload of a timestamp extension.
pub(super) fn timestamp(payload: &[u8]) -> Option<f64> {
    let (seconds, nanos) = match payload.len() {
        4 => (i64::from(u32::from_be_bytes(payload.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(payload.try_into().ok()?);
            ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
        }
        12 => {
            let (nanos, seconds) = payload.split_first_chunk()?;
            let seconds = i64::from_be_bytes(seconds.try_into().ok()?);
            (seconds, u32::from_be_bytes(*nanos))
        }
        _ => return None,
    };
    Some(seconds as f64 * 1e3 + f64::from(nanos) / 1e6)
}

/// Appends what `JSON.stringify` gives for a Date: its ISO text in quotes, or `null` out of the range.
pub(super) fn write(out: &mut String, millis: f64) {
    if millis.is_nan() || millis.abs() > LAST {
        out.push_str("null");
        return;
    }
    let millis = millis as i64;
    let (day, of_day) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    let (year, month, day) = civil(day);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = match year {
        0..=9999 => write!(out, "\"{year:04}"),
        _ => write!(out, "\"{year:+07}"),
    };
    let _ = write!(
        out,
        "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z\""
    );
}

/// Year, month and day of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn iso_texts() {
        for (millis, text) in [
            (0.0, "\"1970-01-01T00:00:00.000Z\""),
            (-1.0, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_123.9, "\"2000-02-29T00:00:00.123Z\""),
            (1_795_372_434_827.0, "\"2026-11-22T18:33:54.827Z\""),
            (253_402_300_800_000.0, "\"+010000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_001.0, "\"-000001-12-31T23:59:59.999Z\""),
            (8.64e15, "\"+275760-09-13T00:00:00.000Z\""),
            (-8.64e15, "\"-271821-04-20T00:00:00.000Z\""),
            (8.640_000_000_000_001e15, "null"),
            (f64::NAN, "null"),
        ] {
            let mut out = String::new();
            write(&mut out, millis);
            assert_eq!(out, text, "{millis}");
        }
    }
}
