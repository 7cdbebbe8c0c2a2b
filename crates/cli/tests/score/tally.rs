//! Points, right and wrong.

use std::collections::{BTreeMap, BTreeSet};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// A Call-ID is one of one call, and there are no others.
    Call,
    /// Whether it was answered.
    Answer,
    /// Who called whom.
    Parties,
    /// When it was answered.
    AnswerTime,
    /// When and by whom it was ended.
    End,
    /// A key, in its place among the keys of its stream.
    Digit,
    /// Payload of a stream of any encoding, to the byte.
    Stream,
    /// The same, of G.711.
    G711,
    /// The same, of SRTP with a known key.
    Srtp,
    /// Whose voice a stream is.
    Leg,
    /// How many packets of a stream came, came again and are missing.
    Counts,
}

const POINTS: [(Point, &str); 11] = [
    (Point::Call, "calls"),
    (Point::Answer, "answered or not"),
    (Point::Parties, "parties"),
    (Point::AnswerTime, "times of answers"),
    (Point::End, "ends"),
    (Point::Digit, "digits"),
    (Point::Stream, "streams of audio"),
    (Point::G711, "of them G.711"),
    (Point::Srtp, "SRTP"),
    (Point::Leg, "whose voice"),
    (Point::Counts, "counts of packets"),
];

/// Right and all, of each kind, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Score {
    points: BTreeMap<Point, (usize, usize)>,
    captures: BTreeSet<String>,
    over_tcp: usize,
    in_tunnels: usize,
    wrong: BTreeSet<String>,
}

/// The score of one capture.
pub(crate) struct Tally<'s> {
    score: &'s mut Score,
    capture: String,
}

impl Score {
    /// Notes how a capture came, by what the truth finds odd in it.
    pub(crate) fn note(&mut self, capture: &serde_json::Value) {
        let odd = &capture["oddities"];
        self.over_tcp += usize::from(odd["sip_transports"]["TCP"].is_number());
        self.in_tunnels += usize::from(["tunnels", "vlan", "nested_ip"].iter().any(|of| !odd[of].is_null()));
    }

    /// The part of a capture.
    pub(crate) fn of(&mut self, capture: &str) -> Tally<'_> {
        self.captures.insert(capture.to_owned());
        Tally { score: self, capture: capture.to_owned() }
    }

    /// What is not as the truth says.
    pub(crate) fn differences(&self) -> BTreeSet<String> {
        self.wrong.clone()
    }

    /// All of it in one line.
    pub(crate) fn line(&self) -> String {
        let of = |(point, name): &(Point, &str)| {
            let (right, all) = self.points.get(point).copied().unwrap_or_default();
            format!("{name} {right}/{all}")
        };
        let points: Vec<String> = POINTS.iter().map(of).collect();
        let (all, tcp, tunnels) = (self.captures.len(), self.over_tcp, self.in_tunnels);
        format!(
            "score of {all} captures, {tcp} with SIP over TCP, {tunnels} in tunnels or tags: {}",
            points.join(", ")
        )
    }

    /// Asserts that there was something of each kind to compare: as many as the captures had when this was written.
    pub(crate) fn has_all_kinds(&self) {
        let least = [57, 57, 57, 35, 26, 72, 58, 39, 2, 38, 60];
        for ((point, name), least) in POINTS.iter().zip(least) {
            let (_, all) = self.points.get(point).copied().unwrap_or_default();
            assert!(all >= least, "{name}: {all}");
        }
    }
}

impl Tally<'_> {
    /// One point, for what `name` says.
    pub(crate) fn point(&mut self, point: Point, name: &str, is_right: bool) {
        let (right, all) = self.score.points.entry(point).or_default();
        *right += usize::from(is_right);
        *all += 1;
        if !is_right {
            self.score.wrong.insert(format!("{}: {point:?}: {name}", self.capture));
        }
    }

    /// A point for each key of `expected` that stands in its place in `found`; further ones in `found` are wrong too.
    pub(crate) fn keys(&mut self, expected: &str, found: &str) {
        let mut found_keys = found.chars();
        for key in expected.chars() {
            let is_right = found_keys.next() == Some(key);
            self.point(Point::Digit, &format!("{expected}, found {found}"), is_right);
        }
        if found_keys.next().is_some() {
            self.point(Point::Digit, &format!("{expected}, found {found}"), false);
        }
    }
}
