//! The office's own numbering, and one spelling for every number.
//!
//! A number reaches us as SIP phones, gateways, carriers and people write it. [`NumberPlan::normalise`] brings all
//! spellings to one, and comparing is then comparing text. It knows the Korean plan where that is the country's: eight
//! digits from 1 on (`1588-1234`, nationwide numbers) have neither area code nor leading zero.

use earwitness_model::Pii;

use crate::pattern::Pattern;

/// A subscriber number without its area code has this many digits.
const LOCAL_DIGITS: std::ops::RangeInclusive<usize> = 7..=8;

/// `82…` without a plus is a country code from this many digits on: a local number has eight at most.
const SHORTEST_WITH_COUNTRY: usize = 8;

/// A number or SIP user in the one spelling that is compared. Personal: it does not print.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Pii<String>);

impl Number {
    /// The number itself, where a person with the right to see it is served.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The number itself, still marked as personal.
    #[must_use]
    pub fn to_pii(&self) -> Pii<String> {
        self.0.clone()
    }
}

/// `numbers.toml`: which numbers are the office's, and how it dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPlan {
    pub(crate) country: String,
    pub(crate) area: Option<String>,
    pub(crate) internal: Vec<Pattern>,
    pub(crate) representative: Vec<Pattern>,
    /// Sorted, each once, in lower case.
    pub(crate) conversation_headers: Vec<String>,
}

impl Default for NumberPlan {
    /// Korea, no area, no number of our own: what stands when no file says otherwise.
    fn default() -> Self {
        Self {
            country: "82".to_owned(),
            area: None,
            internal: Vec::new(),
            representative: Vec::new(),
            conversation_headers: Vec::new(),
        }
    }
}

impl NumberPlan {
    /// The country code (ITU-T E.164), without plus: `82`.
    #[must_use]
    pub fn country(&self) -> &str {
        &self.country
    }

    /// The area code without its leading zero: `31`.
    #[must_use]
    pub fn area(&self) -> Option<&str> {
        self.area.as_deref()
    }

    /// Our extensions.
    #[must_use]
    pub fn internal(&self) -> &[Pattern] {
        &self.internal
    }

    /// The numbers that the office is known by (대표번호).
    #[must_use]
    pub fn representative(&self) -> &[Pattern] {
        &self.representative
    }

    /// Whether two spellings are one number. A spelling that is empty is no number, not even the same as itself.
    #[must_use]
    pub fn same_number(&self, a: &str, b: &str) -> bool {
        let (a, b) = (self.normalise(a), self.normalise(b));
        !a.expose().is_empty() && a == b
    }

    /// The one spelling of `raw`, which may be a SIP user, a `tel:` or `sip:` URI, or what a person typed.
    ///
    /// Separators and URI parameters go (RFC 3966, section 3), the country code becomes the national zero, the area
    /// code is put before a local number, short internal numbers stay. A service code (`*21`, `#31#`) only loses its
    /// separators, and a SIP user that is no number (`alice`, RFC 3261, section 19.1.4: compared with case) loses
    /// nothing. Normalising twice changes nothing more.
    #[must_use]
    pub fn normalise(&self, raw: &str) -> Number {
        let user = bare_user(raw);
        let compact: String = user.chars().filter(|letter| !is_separator(*letter)).collect();
        let digits = compact.strip_prefix('+').unwrap_or(&compact);
        let is = |allowed: fn(u8) -> bool| !digits.is_empty() && digits.bytes().all(allowed);
        let one_spelling = if is(|byte| byte.is_ascii_digit()) {
            self.national(&compact)
        } else if compact.starts_with(['*', '#']) && is(|byte| matches!(byte, b'0'..=b'9' | b'*' | b'#')) {
            compact
        } else {
            user.to_owned()
        };
        Number(Pii::new(one_spelling))
    }

    /// `compact` is digits, perhaps with a plus before them.
    fn national(&self, compact: &str) -> String {
        if let Some(subscriber) = self.without_country(compact) {
            return if has_no_national_zero(subscriber) {
                subscriber.to_owned()
            } else {
                format!("0{subscriber}")
            };
        }
        match &self.area {
            Some(area) if LOCAL_DIGITS.contains(&compact.len()) && !compact.starts_with(['0', '1', '+']) => {
                format!("0{area}{compact}")
            }
            Some(_) | None => compact.to_owned(),
        }
    }

    /// What follows our country code, without the zero that some write in brackets: `+82 (0)31 …`.
    fn without_country<'n>(&self, compact: &'n str) -> Option<&'n str> {
        let bare = |rest: &'n str| Some(rest.trim_start_matches('0')).filter(|rest| !rest.is_empty());
        let after = |prefix: &str| compact.strip_prefix(prefix)?.strip_prefix(self.country.as_str());
        if let Some(rest) = after("+").or_else(|| after("00")) {
            return bare(rest);
        }
        after("").filter(|rest| rest.len() >= SHORTEST_WITH_COUNTRY).and_then(bare)
    }
}

/// The user part of a URI, or the text itself; without parameters and outer spaces.
fn bare_user(raw: &str) -> &str {
    let mut user = raw.trim();
    let mut in_sip_uri = false;
    loop {
        let scheme = ["sip:", "sips:", "tel:"]
            .into_iter()
            .find(|scheme| user.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        let Some(scheme) = scheme else { break };
        in_sip_uri |= scheme != "tel:";
        user = user.get(scheme.len()..).unwrap_or("").trim();
    }
    let until = |text: &str, mark: char| text.find(mark).unwrap_or(text.len());
    user = user.get(..until(user, ';')).unwrap_or("");
    if in_sip_uri {
        user = user.get(..until(user, '@')).unwrap_or("");
    }
    user.trim()
}

/// Visual separators of RFC 3966, and what people type besides.
fn is_separator(letter: char) -> bool {
    matches!(letter, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}') || letter.is_whitespace()
}

/// Nationwide numbers (`1588-1234`) and special ones (`112`, `120`, `1330`) are dialled as they are from anywhere.
fn has_no_national_zero(subscriber: &str) -> bool {
    subscriber.starts_with('1') && (subscriber.len() <= 4 || subscriber.len() == 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan() -> NumberPlan {
        NumberPlan { area: Some("31".into()), ..NumberPlan::default() }
    }

    #[test]
    fn every_spelling_of_a_number_becomes_one() {
        for (raw, one) in [
            ("+82 31-222-1111", "0312221111"),
            ("0312221111", "0312221111"),
            ("82312221111", "0312221111"),
            ("tel:+82-31-222-1111", "0312221111"),
            ("TEL:+82-31-222-1111;phone-context=example.kr", "0312221111"),
            ("sip:+82312221111@10.1.0.5;user=phone", "0312221111"),
            ("008231 222 1111", "0312221111"),
            ("+82 (0)31 222 1111", "0312221111"),
            ("(031) 222.1111", "0312221111"),
            ("031/222-1111", "0312221111"),
            ("031–222–1111", "0312221111"),
            ("222-1111", "0312221111"),
            ("2222-1111", "03122221111"),
            ("+82 10-1234-5678", "01012345678"),
            ("821012345678", "01012345678"),
            ("4001", "4001"),
            (" 4001 ", "4001"),
            ("1588-1234", "15881234"),
            ("+82 1588 1234", "15881234"),
            ("+82 112", "112"),
            ("120", "120"),
            ("02-120", "02120"),
            ("+82 2 120", "02120"),
            ("82-31-2221", "03182312221"),
            ("+1 212-555-0100", "+12125550100"),
            ("*21*4001#", "*21*4001#"),
            ("#31#", "#31#"),
            ("alice", "alice"),
            ("Alice", "Alice"),
            ("front-desk", "front-desk"),
            ("sip:alice@example.kr", "alice"),
            ("alice@example.kr", "alice@example.kr"),
            ("+", "+"),
            ("+82", "+82"),
            ("", ""),
            ("tel:", ""),
        ] {
            assert_eq!(plan().normalise(raw).expose(), one, "{raw}");
        }
    }

    #[test]
    fn without_an_area_a_local_number_stays_as_it_is() {
        assert_eq!(NumberPlan::default().normalise("222-1111").expose(), "2221111");
    }

    #[test]
    fn the_plan_of_another_country_has_its_own_code() {
        let japan = NumberPlan { country: "81".into(), ..NumberPlan::default() };
        assert!(japan.same_number("+81-3-1234-5678", "03-1234-5678"));
        assert_eq!(japan.normalise("+82 31-222-1111").expose(), "+82312221111");
    }

    #[test]
    fn other_numbers_are_not_the_same_and_nothing_is_no_number() {
        assert!(plan().same_number("+82312221111", "222-1111"));
        assert!(!plan().same_number("0312221111", "0322221111"));
        assert!(!plan().same_number("Alice", "alice"));
        assert!(!plan().same_number("", ""));
        assert!(!plan().same_number("tel:", " "));
    }

    #[test]
    fn a_number_does_not_print() {
        assert_eq!(format!("{:?}", plan().normalise("0312221111")), "Number(‹personal›)");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(
            raw in prop_oneof![
                "[+]?(00)?(82)?[0-9() ./-]{0,14}",
                "(tel:|sip:|sips:|TEL: )*[+0-9a-z*#@; -]{0,16}",
                any::<String>(),
            ],
            area in prop_oneof![Just(None), Just(Some("31".to_owned())), Just(Some("2".to_owned()))],
        ) {
            let plan = NumberPlan { area, ..NumberPlan::default() };
            let once = plan.normalise(&raw);
            prop_assert_eq!(plan.normalise(once.expose()), once);
        }

        #[test]
        fn separators_never_matter(digits in "0[0-9]{1,11}", cut in 1usize..8) {
            let (head, tail) = digits.split_at(cut.min(digits.len()));
            let hyphenated = format!("{head}-{tail}");
            prop_assert!(plan().same_number(&digits, &hyphenated), "{}", hyphenated);
        }
    }
}
