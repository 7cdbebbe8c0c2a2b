//! Calendar spans (ISO 8601-1, 5.5.2.2): `P90D`, `P3Y`, `P1Y6M`, `P2W`.

use earwitness_model::Period;

/// A hundred years: longer is a slip of the finger, not a retention.
const MOST_MONTHS: u32 = 1_200;
const MOST_DAYS: u32 = 36_525;

/// Parses a span of whole years, months, weeks and days, in this order, each at most once.
///
/// # Errors
/// Says what to mend.
pub fn parse(text: &str) -> Result<Period, &'static str> {
    const FORM: &str = "write years, months, weeks and days like this: P90D, P3Y, P1Y6M, P2W";
    let mut rest = text.strip_prefix('P').ok_or(FORM)?;
    let mut period = Period { months: 0, days: 0 };
    let mut last_unit = 0;
    if rest.is_empty() {
        return Err(FORM);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let number: u32 = match number.parse() {
            Ok(number) => number,
            Err(_) if tail.starts_with('T') => {
                return Err("hours and minutes are not kept count of: write days");
            }
            Err(_) => return Err(FORM),
        };
        let (rank, months, days) = match tail.as_bytes().first() {
            Some(b'Y') => (1, 12, 0),
            Some(b'M') => (2, 1, 0),
            Some(b'W') => (3, 0, 7),
            Some(b'D') => (4, 0, 1),
            _ => return Err(FORM),
        };
        if rank <= last_unit {
            return Err("years come first, then months, weeks and days, each once");
        }
        last_unit = rank;
        period.months = period.months.saturating_add(number.saturating_mul(months));
        period.days = period.days.saturating_add(number.saturating_mul(days));
        rest = tail.get(1..).unwrap_or("");
    }
    match period {
        Period { months: 0, days: 0 } => Err("nothing is kept for no time at all: at least P1D"),
        Period { months, days } if months > MOST_MONTHS || days > MOST_DAYS => Err("at most a hundred years"),
        period => Ok(period),
    }
}

/// The span in its one canonical spelling: twelve months are a year, weeks are days.
pub(crate) fn text(period: Period) -> String {
    let part = |number: u32, unit: char| if number == 0 { String::new() } else { format!("{number}{unit}") };
    let (years, months) = (period.months / 12, period.months % 12);
    format!("P{}{}{}", part(years, 'Y'), part(months, 'M'), part(period.days, 'D'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_of_the_standard_are_read() {
        for (text, months, days) in
            [("P90D", 0, 90), ("P3Y", 36, 0), ("P1Y6M", 18, 0), ("P2W", 0, 14), ("P1Y2M3W4D", 14, 25)]
        {
            assert_eq!(parse(text), Ok(Period { months, days }), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused_with_the_reason() {
        for (text, what) in [
            ("P0D", "no time"),
            ("P0Y0M", "no time"),
            ("P", "P90D"),
            ("", "P90D"),
            ("90 days", "P90D"),
            ("p90d", "P90D"),
            ("P90", "P90D"),
            ("P-1D", "P90D"),
            ("P1D1Y", "years come first"),
            ("P1D1D", "years come first"),
            ("PT24H", "hours"),
            ("P1DT2H", "hours"),
            ("P101Y", "hundred"),
            ("P99999999999D", "P90D"),
            ("P4294967295Y", "hundred"),
            ("P4294967295W", "hundred"),
            ("P90일", "P90D"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(what), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn every_span_reads_back_as_it_was_written(months in 0u32..=MOST_MONTHS, days in 0u32..=MOST_DAYS) {
            prop_assume!(months + days > 0);
            let period = Period { months, days };
            prop_assert_eq!(parse(&text(period)), Ok(period));
        }
    }
}
