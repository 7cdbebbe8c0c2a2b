//! Two listings of the same traffic: are they the same, as far as both tell?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What two listings come to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Comparison {
    /// Calls that both list alike.
    pub(super) same: usize,
    /// What differs.
    pub(super) differences: Vec<Difference>,
    /// Facts that only the first tells, by name. Adding is free.
    pub(super) only_first: BTreeSet<String>,
    /// Facts that only the second tells.
    pub(super) only_second: BTreeSet<String>,
}

/// One call that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The call's id: a name that says nothing of who spoke.
    pub(super) call: String,
    pub(super) what: What,
}

/// How it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Only the second lists it.
    MissingInFirst,
    /// Only the first does.
    MissingInSecond,
    /// Both do; the first fact that they tell differently, and what they tell, where that is no one's number, name or address.
    Told { fact: String, first: String, second: String },
}

/// Facts that are new with every recording: its name, and that of the part before it.
const ITS_OWN: [&str; 2] = ["recording", "continues"];
/// The version of the format is no fact of a call.
const FORMAT: &str = "schema";

/// Compares two listings.
pub(super) fn compare(first: &[Value], second: &[Value]) -> Comparison {
    let mut comparison = Comparison::default();
    let (mut ours, mut theirs) = (by_key(first), by_key(second));
    for (key, calls) in &mut ours {
        let mut others = theirs.remove(key).unwrap_or_default().into_iter();
        for call in calls.drain(..) {
            match others.next() {
                None => comparison.differs(call, What::MissingInSecond),
                Some(other) => match comparison.told("", call, other) {
                    None => comparison.same += 1,
                    Some(what) => comparison.differs(call, what),
                },
            }
        }
        for other in others {
            comparison.differs(other, What::MissingInFirst);
        }
    }
    for other in theirs.into_values().flatten() {
        comparison.differs(other, What::MissingInFirst);
    }
    comparison
}

/// A call is known by its SIP Call-IDs and its beginning: the traffic has them, whatever a build makes of it.
fn by_key(calls: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut all: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for call in calls {
        all.entry(format!("{} {}", call["start"], call["sip_call_ids"])).or_default().push(call);
    }
    all
}

impl Comparison {
    /// Whether nothing differs.
    pub(super) fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    fn differs(&mut self, call: &Value, what: What) {
        let call = call["id"].as_str().unwrap_or_default().to_owned();
        self.differences.push(Difference { call, what });
    }

    /// The first difference between two values, at `place` of a call; facts that only one has are noted.
    fn told(&mut self, place: &str, first: &Value, second: &Value) -> Option<What> {
        match (first, second) {
            (Value::Object(ours), Value::Object(theirs)) => {
                for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
                    self.only_first.insert(at(place, name));
                }
                for name in theirs.keys().filter(|name| !ours.contains_key(*name)) {
                    self.only_second.insert(at(place, name));
                }
                let is_fact = |name: &str| !(place.is_empty() && (ITS_OWN.contains(&name) || name == FORMAT));
                ours.iter()
                    .filter(|(name, _)| is_fact(name))
                    .filter_map(|(name, value)| Some((name, value, theirs.get(name)?)))
                    .find_map(|(name, ours, theirs)| self.told(&at(place, name), ours, theirs))
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                ours.iter().zip(theirs).find_map(|(ours, theirs)| self.told(place, ours, theirs))
            }
            (Value::Array(ours), Value::Array(theirs)) => Some(What::Told {
                fact: format!("number of {place}"),
                first: ours.len().to_string(),
                second: theirs.len().to_string(),
            }),
            _ if first == second => None,
            _ => Some(What::Told { fact: place.to_owned(), first: public(first), second: public(second) }),
        }
    }
}

fn at(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// What may be printed of a value: counts, yes and no, the beginning of a hash.
fn public(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{}…", &text[..12])
        }
        Value::String(_) | Value::Array(_) | Value::Object(_) => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, packets: u64, more: &str) -> Value {
        let more_length = more.len();
        let text = format!(
            r#"{{"schema":1,"id":"{id}","sip_call_ids":["c-{id}"],"from":{{"user":"01012345678"}},"start":"2026-11-21T00:00:00Z","recording":"{id}-{packets}-{more_length}","streams":[{{"packets":{packets}{more}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn listings_are_the_same_whatever_recordings_are_called_and_in_whatever_order() {
        let first = [call("A", 10, ""), call("B", 20, "")];
        let second = [call("B", 20, r#","mos":4.4"#), call("A", 10, "")];
        let compared = compare(&first, &second);
        assert!(compared.is_same() && compared.same == 2, "{compared:?}");
        assert_eq!(compared.only_second, ["streams.mos".to_owned()].into());
        assert!(compared.only_first.is_empty());
    }

    #[test]
    fn a_packet_less_a_call_less_and_a_call_more_are_differences() {
        let first = [call("A", 10, ""), call("B", 20, ""), call("C", 30, "")];
        let second = [call("A", 9, ""), call("C", 30, ""), call("D", 40, "")];
        let told =
            What::Told { fact: "streams.packets".to_owned(), first: "10".to_owned(), second: "9".to_owned() };
        let differences: Vec<_> = compare(&first, &second)
            .differences
            .into_iter()
            .map(|Difference { call, what }| (call, what))
            .collect();
        let expected = [
            ("A".to_owned(), told),
            ("B".to_owned(), What::MissingInSecond),
            ("D".to_owned(), What::MissingInFirst),
        ];
        assert_eq!(differences, expected);
    }

    #[test]
    fn a_call_listed_twice_is_a_call_more() {
        let compared = compare(&[call("A", 1, "")], &[call("A", 1, ""), call("A", 1, "")]);
        assert_eq!(compared.differences, [Difference { call: "A".to_owned(), what: What::MissingInFirst }]);
    }

    #[test]
    fn no_number_of_a_person_is_in_a_difference() {
        let mut other = call("A", 1, "");
        other["from"]["user"] = "01087654321".into();
        let compared = compare(&[call("A", 1, "")], &[other]);
        let [Difference { what: What::Told { fact, first, second }, .. }] = &compared.differences[..] else {
            panic!("{compared:?}");
        };
        assert_eq!(
            (fact.as_str(), first.as_str(), second.as_str()),
            ("from.user", "something else", "something else")
        );
    }

    #[test]
    fn fewer_streams_are_told_by_their_number() {
        let mut other = call("A", 1, "");
        other["streams"] = Value::Array(Vec::new());
        let compared = compare(&[call("A", 1, "")], &[other]);
        assert!(
            matches!(&compared.differences[0].what, What::Told { fact, .. } if fact == "number of streams"),
            "{compared:?}"
        );
    }
}
