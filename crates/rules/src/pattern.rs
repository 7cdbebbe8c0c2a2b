//! Which extensions a line of a rule names: one, a range, or all.

use std::cmp::Ordering;
use std::fmt;

use crate::number::{Number, NumberPlan};
use crate::problem::quoted;

/// Wider is a slip of the finger: no office has a hundred thousand extensions.
const WIDEST_RANGE: u64 = 100_000;
/// What fits the arithmetic; E.164 allows 15.
const MOST_DIGITS: usize = 18;
/// The longest single number or SIP user.
const LONGEST_USER: usize = 64;

/// One entry of `extensions`, `internal` or `representative`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `"*"`: every call on the mirror, whatever its numbers.
    Any,
    /// `"4001-4020"`: numbers of one length, both ends included.
    Range(NumberRange),
    /// `"4100"`, `"+12125550100"`, `"*21"`, `"alice"`: one number, or one SIP user.
    One(String),
}

/// Numbers of one length, both ends included; always more than one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberRange {
    digits: usize,
    first: u64,
    last: u64,
}

/// How closely a pattern names an extension; the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Specificity {
    /// How many numbers the pattern covers.
    width: u64,
}

impl Specificity {
    pub(crate) const fn width(self) -> u64 {
        self.width
    }
}

impl PartialOrd for Specificity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Specificity {
    fn cmp(&self, other: &Self) -> Ordering {
        other.width.cmp(&self.width)
    }
}

/// Why a text is no pattern: what is wrong, and what to write instead.
pub(crate) struct BadPattern {
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl NumberRange {
    fn between(first: &str, last: &str) -> Option<Self> {
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if first.len() != last.len() || first.len() > MOST_DIGITS || !all_digits(first) || !all_digits(last) {
            return None;
        }
        Some(Self { digits: first.len(), first: first.parse().ok()?, last: last.parse().ok()? })
    }

    /// How many numbers it covers.
    #[must_use]
    pub const fn width(self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// The first and the last number of it.
    #[must_use]
    pub const fn ends(self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// How many digits each of its numbers has.
    #[must_use]
    pub const fn digits(self) -> usize {
        self.digits
    }

    /// Whether `number`, in normalised spelling, is in it.
    #[must_use]
    pub fn covers(self, number: &str) -> bool {
        number.len() == self.digits
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse().is_ok_and(|value: u64| (self.first..=self.last).contains(&value))
    }

    /// Sorts ranges of one width so that those which overlap are neighbours.
    pub(crate) const fn start(self) -> (usize, u64) {
        (self.digits, self.first)
    }

    /// Whether some number is in both.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.digits == other.digits && self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        write!(f, "{:0digits$}-{:0digits$}", self.first, self.last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Range(range) => range.fmt(f),
            Self::One(user) => f.write_str(user),
        }
    }
}

impl Pattern {
    /// Whether this pattern names `number`; `*` does.
    #[must_use]
    pub fn covers(&self, number: &Number) -> bool {
        match self {
            Self::Any => true,
            Self::Range(range) => range.covers(number.expose()),
            Self::One(user) => user == number.expose(),
        }
    }

    /// The single number before the narrower range before the wider range before `*`.
    pub(crate) const fn specificity(&self) -> Specificity {
        Specificity {
            width: match self {
                Self::Any => u64::MAX,
                Self::Range(range) => range.width(),
                Self::One(_) => 1,
            },
        }
    }

    /// Reads one entry of a list of extensions.
    pub(crate) fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        let bad = |what: String, hint: &str| Err(BadPattern { what, hint: hint.to_owned() });
        let digits_and =
            |others: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || others.contains(c));
        if text == "*" {
            Ok(Self::Any)
        } else if text.is_empty() {
            bad("an empty extension".to_owned(), "write a number, a range or \"*\"")
        } else if text.chars().count() > LONGEST_USER {
            bad("an extension of more than 64 letters".to_owned(), "one number, range or SIP user per entry")
        } else if text.contains('-') && digits_and("- ") {
            Self::parse_range(text)
        } else if digits_and("*xX?%_.") && text.starts_with(|c: char| c.is_ascii_digit()) && !digits_and("") {
            bad(format!("`{text}` is a wildcard"), "write a range such as \"4000-4099\"")
        } else if text.chars().any(|c| c.is_whitespace() || c.is_control() || ",;@:".contains(c)) {
            bad(format!("`{}` is not one extension", quoted(text)), WHAT_ONE_IS)
        } else {
            Ok(Self::One(text.to_owned()))
        }
    }

    fn parse_range(text: &str) -> Result<Self, BadPattern> {
        let bad = |what: String, hint: String| Err(BadPattern { what, hint });
        let ends: Vec<&str> = text.split('-').map(str::trim).collect();
        let &[first, last] = ends.as_slice() else {
            return bad(
                format!("`{text}` is not FIRST-LAST"),
                "write a single number without hyphens".to_owned(),
            );
        };
        if first.is_empty() || last.is_empty() || first.contains(' ') || last.contains(' ') {
            return bad(format!("`{text}` is a range without two ends"), "write \"4001-4020\"".to_owned());
        }
        let Some(range) = NumberRange::between(first, last) else {
            return bad(
                format!("the ends of `{text}` differ in length or are longer than {MOST_DIGITS} digits"),
                "write both ends in full; write a single number without hyphens".to_owned(),
            );
        };
        if range.first > range.last {
            return bad(format!("`{text}` ends before it begins"), format!("write \"{last}-{first}\""));
        }
        if range.width() > WIDEST_RANGE {
            return bad(
                format!("`{text}` covers {} numbers, more than {WIDEST_RANGE}", range.width()),
                "name the ranges that are in use, or \"*\" for every call on the mirror".to_owned(),
            );
        }
        Ok(if range.first == range.last { Self::One(first.to_owned()) } else { Self::Range(range) })
    }

    /// The pattern in the spelling that numbers are compared in; `None` when the two ends of a range would become
    /// numbers of different kinds, which no office means.
    pub(crate) fn normalised(&self, plan: &NumberPlan) -> Option<Self> {
        match self {
            Self::Any => Some(Self::Any),
            Self::One(user) => Some(Self::One(plan.normalise(user).expose().to_owned())),
            Self::Range(range) => {
                let (first, last) = (range.first, range.last);
                let one_spelling =
                    |end: u64| plan.normalise(&format!("{end:0digits$}", digits = range.digits));
                let there = NumberRange::between(one_spelling(first).expose(), one_spelling(last).expose())?;
                (there.first <= there.last && there.width() == range.width()).then_some(Self::Range(there))
            }
        }
    }
}

const WHAT_ONE_IS: &str = "one number (\"4100\"), range (\"4001-4020\") or SIP user (\"alice\") per entry";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Pattern, String> {
        Pattern::parse(text).map_err(|bad| bad.what)
    }

    fn covers(pattern: &str, number: &str) -> bool {
        parse(pattern).unwrap().covers(&NumberPlan::default().normalise(number))
    }

    #[test]
    fn a_range_covers_numbers_of_its_own_length_only() {
        assert!(covers("4001-4020", "4001") && covers("4001-4020", "4020") && covers("4001-4020", "4010"));
        assert!(!covers("4001-4020", "4000") && !covers("4001-4020", "4021"));
        assert!(!covers("4001-4020", "04010") && !covers("0100-0200", "100"));
        assert!(covers("0100-0200", "0100"));
        assert!(!covers("4001-4020", "alice") && !covers("4001-4020", ""));
    }

    #[test]
    fn a_user_is_compared_with_case_and_a_star_covers_everything() {
        assert!(covers("alice", "alice") && !covers("alice", "Alice"));
        assert!(covers("*", "alice") && covers("*", "01012345678") && covers("*", ""));
        assert!(covers("*21", "*21") && !covers("*21", "21"));
    }

    #[test]
    fn what_is_no_extension_is_refused_with_a_reason() {
        for (text, what) in [
            ("", "an empty extension"),
            ("4020-4001", "`4020-4001` ends before it begins"),
            ("4001-402", "the ends of `4001-402` differ in length or are longer than 18 digits"),
            ("4001-", "`4001-` is a range without two ends"),
            ("-", "`-` is a range without two ends"),
            ("031-222-1111", "`031-222-1111` is not FIRST-LAST"),
            ("000000-100000", "`000000-100000` covers 100001 numbers, more than 100000"),
            ("40xx", "`40xx` is a wildcard"),
            ("40*", "`40*` is a wildcard"),
            ("4001,4002", "`4001,4002` is not one extension"),
            ("sip:4001@pbx", "`sip:4001@pbx` is not one extension"),
            ("40 01", "`40 01` is not one extension"),
            (
                "1234567890123456789-1234567890123456799",
                "the ends of `1234567890123456789-1234567890123456799` differ in length or are longer than 18 digits",
            ),
        ] {
            assert_eq!(parse(text), Err(what.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_widest_range_is_allowed_and_a_range_of_one_is_a_number() {
        assert!(matches!(parse("00000-99999"), Ok(Pattern::Range(range)) if range.width() == 100_000));
        assert_eq!(parse("4001-4001"), Ok(Pattern::One("4001".into())));
        assert_eq!(parse(" 4001 - 4020 "), parse("4001-4020"));
    }

    #[test]
    fn closer_patterns_are_more_specific() {
        let rank = |text: &str| parse(text).unwrap().specificity();
        assert!(rank("4001") > rank("4001-4002"));
        assert!(rank("4001-4002") > rank("4001-4003"));
        assert!(rank("00000-99999") > rank("*"));
        assert_eq!(rank("4001-4002"), rank("5001-5002"));
        assert_eq!(rank("alice"), rank("4001"));
    }

    #[test]
    fn local_ranges_become_national_and_ranges_of_two_kinds_are_refused() {
        let plan = NumberPlan { area: Some("31".into()), ..NumberPlan::default() };
        let national = |text: &str| parse(text).unwrap().normalised(&plan).map(|p| p.to_string());
        assert_eq!(national("2224000-2224999").as_deref(), Some("0312224000-0312224999"));
        assert_eq!(national("0001-0020").as_deref(), Some("0001-0020"));
        assert_eq!(national("19999990-20000010"), None);
    }

    proptest! {
        #[test]
        fn patterns_read_back_as_they_are_written(first in 0u64..99_000, width in 0u64..1_000) {
            let pattern = parse(&format!("{first:05}-{:05}", first + width)).unwrap();
            prop_assert_eq!(parse(&pattern.to_string()), Ok(pattern));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(pattern) = parse(&text) {
                prop_assert_eq!(parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
