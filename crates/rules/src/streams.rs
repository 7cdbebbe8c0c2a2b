//! `[[streams]]`: audio without signalling, admitted by the addresses between which it goes.

use std::{fmt, net::IpAddr};

use earwitness_model::{Decision, Direction, EarlyMedia, InbandDigits, Keep, Mode, Verdict};

use crate::load::RuleSet;
use crate::problem::{Place, Problem, ProblemCode, Problems, quoted};
use crate::reader::{Placed, Reader, Table};

/// Networks of one rule.
const MOST_NETWORKS: usize = 256;

const ENDS: [(&str, StreamEnds); 2] = [("either", StreamEnds::Either), ("both", StreamEnds::Both)];

/// Which ends of a stream have to lie in a rule's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamEnds {
    /// One is enough.
    Either,
    /// The sender's and the receiver's.
    Both,
}

impl StreamEnds {
    /// As it is written in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Either => "either",
            Self::Both => "both",
        }
    }
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The first of them.
    address: IpAddr,
    /// How many bits they have in common.
    prefix: u8,
}

impl Network {
    /// `10.1.0.0/16`, `2001:db8::/32`; a bare address is itself alone.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let usual =
            || "an address and how many of its bits count: \"10.1.0.0/16\", \"2001:db8::/32\"".to_owned();
        let address: IpAddr = address.parse().map_err(|_| usual())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(usual)?,
        };
        let network = Self { address: first(address, prefix), prefix };
        if network.address == address {
            Ok(network)
        } else {
            Err(format!("its first address: \"{network}\""))
        }
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && first(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address with all but the first `prefix` bits 0.
fn first(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// One `[[streams]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRule {
    /// Unique among all rules.
    pub name: String,
    /// Sorted, each once.
    pub networks: Vec<Network>,
    /// Which ends have to lie in them.
    pub ends: StreamEnds,
    /// Shown, filtered and reported by.
    pub department: Option<String>,
    /// The retention class's name.
    pub retention: String,
    /// The notice's name.
    pub notice: String,
    /// Where it stands: its name's place.
    pub place: Place,
}

impl StreamRule {
    /// The bits of the narrowest network by which the rule speaks of audio between two addresses.
    fn closeness(&self, ends: [IpAddr; 2]) -> Option<u8> {
        let [one, other] = ends.map(|end| {
            let holding = self.networks.iter().filter(|network| network.contains(end));
            holding.map(|network| network.prefix).max()
        });
        match self.ends {
            StreamEnds::Either => one.max(other),
            StreamEnds::Both => Some(one?.min(other?)),
        }
    }
}

/// A rule whose names are not looked up yet.
pub(crate) struct StreamDraft {
    pub(crate) rule: StreamRule,
    pub(crate) retention: Place,
    pub(crate) notice: Place,
    networks: Vec<Placed<Network>>,
}

impl Reader<'_> {
    /// `None` when the rule lacks what makes it a rule; that was complained of.
    pub(crate) fn streams(&mut self, table: &Table<'_>) -> Option<StreamDraft> {
        let name = self.label(table, "name");
        let networks = self.networks(table);
        let ends = self.word(table, "ends", &ENDS).map_or(StreamEnds::Either, |ends| ends.value);
        let department = self.label(table, "department");
        let (retention, notice) = (self.text(table, "retention"), self.text(table, "notice"));
        let (name, retention, notice) = (name?, retention?, notice?);
        let mut sorted: Vec<Network> = networks.iter().map(|network| network.value).collect();
        sorted.sort_unstable();
        sorted.dedup();
        Some(StreamDraft {
            rule: StreamRule {
                name: name.value.to_owned(),
                networks: sorted,
                ends,
                department: department.map(|name| name.value.to_owned()),
                retention: retention.value.to_owned(),
                notice: notice.value.to_owned(),
                place: name.place,
            },
            retention: retention.place,
            notice: notice.place,
            networks,
        })
    }

    fn networks(&mut self, table: &Table<'_>) -> Vec<Placed<Network>> {
        let Some(entries) = self.texts(table, "networks") else { return Vec::new() };
        let place = self.key_place(table, "networks");
        if entries.is_empty() {
            let what = (ProblemCode::WrongValue, "a rule of no networks never applies");
            self.complain(&place, what, "write [\"10.1.0.0/16\"]");
        }
        if entries.len() > MOST_NETWORKS {
            let what = (ProblemCode::TooMuch, format!("more than {MOST_NETWORKS} networks"));
            self.complain(&place, what, "write wider ones, or several rules");
        }
        let mut networks = Vec::new();
        for Placed { value, place } in entries.into_iter().take(MOST_NETWORKS) {
            match Network::parse(value) {
                Ok(network) => networks.push(Placed { value: network, place }),
                Err(hint) => {
                    let what =
                        (ProblemCode::WrongValue, format!("`networks` cannot be \"{}\"", quoted(value)));
                    self.complain(&place, what, hint);
                }
            }
        }
        networks
    }
}

/// A network stands in one rule: else nothing would say which of them decides.
pub(crate) fn refuse_ties(drafts: &[StreamDraft], problems: &mut Problems) {
    let mut all: Vec<(Network, &Place, &str)> = Vec::new();
    for draft in drafts {
        let own = draft.networks.iter();
        all.extend(own.map(|network| (network.value, &network.place, draft.rule.name.as_str())));
    }
    all.sort();
    for pair in all.windows(2) {
        let [(network, first, one), (same, second, other)] = pair else { continue };
        if network == same && one != other {
            let what = format!(
                "the network {network} is in two rules, \"{}\" and \"{}\"",
                quoted(one),
                quoted(other)
            );
            problems.add(Problem::at(
                second,
                (ProblemCode::Conflict, what),
                Some(format!("the other is at {first}")),
            ));
        }
    }
}

impl RuleSet {
    /// The stream rules by name.
    #[must_use]
    pub fn stream_rules(&self) -> &[StreamRule] {
        &self.streams
    }

    /// What the rules say of audio without signalling between two addresses: an admission by the rule with the narrowest
    /// network, of equally narrow ones by the first by name. `None` where no rule names the addresses: nothing is kept.
    #[must_use]
    pub fn decide_stream(&self, ends: [IpAddr; 2]) -> Option<Verdict> {
        let speaking = self.streams.iter().filter_map(|rule| Some((rule.closeness(ends)?, rule)));
        // Of equal ones the first is the last by this order.
        let (_, rule) = speaking.rev().max_by_key(|(closeness, _)| *closeness)?;
        let retention = self.retention_class(&rule.retention)?.clone();
        Some(Verdict {
            decision: Decision::Admit(Keep {
                retention,
                notice: rule.notice.clone(),
                early_media: EarlyMedia::Keep,
                inband_digits: InbandDigits::Ignore,
            }),
            mode: Some(Mode::Blanket),
            rule: Some(rule.name.clone()),
            direction: Direction::Unknown,
            extension: None,
            department: rule.department.clone(),
            rule_set: self.hash(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceText;

    fn load(text: &str) -> Result<RuleSet, Vec<String>> {
        let terms = "[retention.a]\nkeep = \"P90D\"\n[notice.n]\naudio = \"none\"\n";
        let text = format!("schema = 1\n{text}\n{terms}");
        RuleSet::load(&[SourceText { name: "s.toml", text: &text }])
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn rule(name: &str, networks: &str, more: &str) -> String {
        format!(
            "[[streams]]\nname = \"{name}\"\nnetworks = {networks}\nretention = \"a\"\nnotice = \"n\"\n{more}\n"
        )
    }

    fn decides(rules: &RuleSet, one: &str, other: &str) -> Option<String> {
        rules.decide_stream([one, other].map(|end| end.parse().unwrap())).and_then(|verdict| verdict.rule)
    }

    #[test]
    fn without_a_rule_nothing_is_admitted_and_the_lab_rule_is_none() {
        assert_eq!(decides(&RuleSet::lab(), "10.1.0.5", "10.1.0.9"), None);
        assert_eq!(decides(&load("").unwrap(), "10.1.0.5", "10.1.0.9"), None);
    }

    #[test]
    fn the_narrowest_network_decides_whatever_the_order() {
        let (wide, narrow) = (
            rule("wide", "[\"10.0.0.0/8\"]", ""),
            rule("narrow", "[\"10.1.2.0/24\", \"2001:db8::/32\"]", ""),
        );
        let both = rule("inside", "[\"192.168.0.0/16\"]", "ends = \"both\"");
        for text in [format!("{wide}{narrow}{both}"), format!("{both}{narrow}{wide}")] {
            let rules = load(&text).unwrap();
            for (one, other, expected) in [
                ("10.1.2.3", "10.9.9.9", Some("narrow")),
                ("10.9.9.9", "10.1.2.3", Some("narrow")),
                ("10.9.9.9", "172.16.0.1", Some("wide")),
                ("172.16.0.1", "172.16.0.2", None),
                ("192.168.0.1", "172.16.0.1", None),
                ("192.168.0.1", "192.168.255.255", Some("inside")),
                ("2001:db8::1", "2001:db9::1", Some("narrow")),
                ("::ffff:10.1.2.3", "2001:db9::1", None),
            ] {
                assert_eq!(decides(&rules, one, other).as_deref(), expected, "{one} {other}");
            }
        }
    }

    #[test]
    fn every_rule_names_its_terms_and_networks_that_are_some() {
        for (text, said) in [
            (
                "[[streams]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\nnotice = \"n\"\n",
                "[[streams]] has no `retention`",
            ),
            (
                "[[streams]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\nretention = \"a\"\n",
                "[[streams]] has no `notice`",
            ),
            (&rule("a", "[]", ""), "a rule of no networks never applies"),
            (&rule("a", "[\"10.1.2.3/16\"]", ""), "hint: its first address: \"10.1.0.0/16\""),
            (&rule("a", "[\"10.1.0.0/33\"]", ""), "`networks` cannot be \"10.1.0.0/33\""),
            (&rule("a", "[\"office\"]", ""), "`networks` cannot be \"office\""),
            (
                &rule("a", "[\"10.1.0.0/16\"]", "extensions = [\"*\"]"),
                "unknown key `extensions` in [[streams]]",
            ),
            (&rule("a", "[\"10.1.0.0/16\"]", "ends = \"one\""), "\"one\""),
            (
                &rule("a", "[\"10.1.0.0/16\"]", "").replace("\"a\"\nnotice", "\"b\"\nnotice"),
                "retention \"b\" is not defined",
            ),
            (
                &(rule("a", "[\"10.1.0.0/16\"]", "") + &rule("b", "[\"10.1.0.0/16\"]", "")),
                "the network 10.1.0.0/16 is in two rules",
            ),
            (
                &(rule("a", "[\"10.1.0.0/16\"]", "") + &rule("a", "[\"10.2.0.0/16\"]", "")),
                "is here a second time",
            ),
        ] {
            let problems = load(text).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(said)), "{said}: {problems:?}");
        }
    }

    #[test]
    fn all_addresses_are_a_network_and_the_canonical_text_loads_again() {
        let text = rule("all", "[\"::/0\", \"0.0.0.0/0\"]", "department = \"복지\"\nends = \"both\"");
        let rules = load(&text).unwrap();
        assert_eq!(decides(&rules, "1.2.3.4", "255.255.255.255").as_deref(), Some("all"));
        assert_eq!(decides(&rules, "::1", "1.2.3.4").as_deref(), Some("all"));
        let canonical = rules.canonical();
        assert!(
            canonical.contains(
                "[[streams]]\nname = \"all\"\nnetworks = [\"0.0.0.0/0\", \"::/0\"]\nends = \"both\"\n"
            ),
            "{canonical}"
        );
        let again = RuleSet::load(&[SourceText { name: "c.toml", text: &canonical }]).unwrap();
        assert_eq!((again.hash(), again.canonical()), (rules.hash(), canonical));
        assert_ne!(rules.hash(), load("").unwrap().hash());
    }
}
