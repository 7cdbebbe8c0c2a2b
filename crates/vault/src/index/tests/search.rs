//! What is asked for is always found, and a call that was changed is found as it is now.

use std::time::Duration;

use earwitness_model::{
    CallEnd, Codec, Course, EarlyMedia, Flow, InbandDigits, Keep, Leg, Mode, Period, RetentionClass,
    StreamQuality, StreamSummary, Track, TrackIndex,
};

use super::*;

const OUTCOMES: [Outcome; 4] = [Outcome::Answered, Outcome::Busy, Outcome::NoAnswer, Outcome::Failed];
const MODES: [Mode; 3] = [Mode::Blanket, Mode::Selective, Mode::Never];
const DEPARTMENTS: [&str; 3] = ["welfare", "permits", "tax"];

/// The n-th of many calls that differ in all that can be asked for; over several days.
fn varied(n: u32) -> Entry {
    let mut entry = entry(call(i64::from(n) * 1_000_000, u128::from(n)), &[&format!("{n}@pc33")]);
    let start = entry.summary.facts.start;
    let pii = |text: String| Some(Pii::new(text));
    let summary = &mut entry.summary;
    summary.facts.from.user = pii(format!("010{:08}", 10_000_000 + n * 37));
    summary.facts.to.user = pii(format!("40{:02}", n % 50));
    summary.verdict.extension = summary.facts.to.user.clone();
    summary.verdict.department = Some(DEPARTMENTS[n as usize % 3].to_owned());
    summary.verdict.mode = Some(MODES[n as usize % 3]);
    summary.outcome = OUTCOMES[n as usize % 4];
    if n.is_multiple_of(2) {
        let retention = RetentionClass { name: "citizen".to_owned(), keep: Period { months: 0, days: 90 } };
        summary.verdict.decision = Decision::Admit(Keep {
            retention,
            notice: format!("ivr-{}", n % 5),
            early_media: EarlyMedia::Drop,
            inband_digits: InbandDigits::Ignore,
        });
    }
    if summary.outcome == Outcome::Answered {
        summary.answer = Some(start);
        summary.end =
            Some(CallEnd { at: start.plus_nanos(i64::from(n % 400) * 999_999_937), by: None, reason: None });
        let address = std::net::SocketAddr::from(([10, 0, 0, 1], 4000));
        let of = Track { leg: Leg::Caller, flow: Flow { src: address, dst: address }, ssrc: n };
        summary.streams = vec![StreamSummary {
            track: TrackIndex(0),
            of,
            payload_type: 8,
            codec: Some(Codec::Pcma),
            ptime_ms: Some(20),
            packets: 1000,
            lost: u64::from(n % 7),
            duplicates: 0,
            reordered: 0,
            jitter_ms: None,
            first: start,
            last: start,
            payload_bytes: 160_000,
            quality: StreamQuality::default(),
            course: Course::default(),
        }];
    }
    entry
}

/// Whether a call is asked for, told from its entry.
type Meant = fn(&CallSummary) -> bool;

fn asked() -> Vec<(Search, Meant)> {
    let none = Search::default;
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    vec![
        (none(), |_| true),
        (Search { outcomes: vec![Outcome::Busy], ..none() }, |call| call.outcome == Outcome::Busy),
        (Search { modes: vec![Mode::Never, Mode::Blanket], ..none() }, |call| {
            call.verdict.mode != Some(Mode::Selective)
        }),
        (Search { departments: texts(&["tax"]), ..none() }, |call| {
            call.verdict.department.as_deref() == Some("tax")
        }),
        (Search { extensions: vec![Ending::of("4007")], ..none() }, |call| {
            call.verdict.extension.as_ref().is_some_and(|own| own.expose() == "4007")
        }),
        (Search { numbers: vec![Ending::of("01010000370")], ..none() }, |call| {
            call.facts.from.user.as_ref().is_some_and(|user| user.expose() == "01010000370")
        }),
        (Search { least_talk: Some(Duration::from_secs(300)), ..none() }, |call| {
            call.talk_nanos() >= 300_000_000_000
        }),
        (Search { lost_above: Some(0.35), ..none() }, |call| {
            call.worst_loss().is_some_and(|lost| lost > 0.35)
        }),
        (Search { lost_above: Some(0.0), ..none() }, |call| call.worst_loss().is_some_and(|lost| lost > 0.0)),
        (Search { notices: texts(&["ivr-0", "ivr-3"]), ..none() }, |call| match &call.verdict.decision {
            Decision::Admit(keep) => ["ivr-0", "ivr-3"].contains(&&*keep.notice),
            Decision::Refuse(_) => false,
        }),
        (Search { departments: texts(&["welfare"]), outcomes: vec![Outcome::Answered], ..none() }, |call| {
            call.verdict.department.as_deref() == Some("welfare") && call.outcome == Outcome::Answered
        }),
    ]
}

#[test]
fn every_call_that_is_asked_for_is_found_in_order_and_few_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let entries: Vec<Entry> = (0..1500).map(varied).collect();
    let mut shuffled: Vec<&Entry> = (0..1500).map(|n| &entries[n * 7919 % 1500]).collect();
    shuffled.extend(&entries[..10]);
    for batch in shuffled.chunks(250) {
        index.put_all(batch.iter().copied()).unwrap();
    }
    drop(index);
    // All from columns, and from the rows that have none.
    for without_columns in [false, true] {
        if without_columns {
            for file in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
                if file.path().extension().is_some_and(|extension| extension == "columns") {
                    fs::remove_file(file.path()).unwrap();
                }
            }
        }
        let index = Index::open(dir.path(), key(), LookUps::Later).unwrap().index;
        for (search, is_meant) in asked() {
            let found: Vec<Entry> = index.search(&search).collect::<Result<_, _>>().unwrap();
            assert!(found.is_sorted_by_key(|entry| entry.summary.id));
            let meant: Vec<&Entry> = entries.iter().filter(|entry| is_meant(&entry.summary)).collect();
            assert!(!meant.is_empty(), "{search:?}");
            assert!(
                found.iter().filter(|entry| is_meant(&entry.summary)).eq(meant.iter().copied()),
                "{search:?}"
            );
            assert!(found.len() <= meant.len() + 10, "{} for {}, {search:?}", found.len(), meant.len());
            let backwards: Vec<Entry> = index.search(&search).rev().collect::<Result<_, _>>().unwrap();
            assert!(backwards.iter().rev().eq(&found));
        }
        assert_eq!(index.by_sip_call_id("1234@pc33").unwrap(), [entries[1234].summary.id]);
        assert_eq!(index.by_sip_call_id("3000@pc33").unwrap(), []);
    }
    assert_eq!(open(dir.path()).index.check(), []);
}

#[test]
fn a_call_that_was_put_again_or_removed_is_found_as_it_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let (first, second) = (varied(0), varied(1));
    let moved = |department: &str| {
        let mut entry = first.clone();
        entry.summary.verdict.department = Some(department.to_owned());
        entry
    };
    index.put(&[moved("welfare"), second.clone()]).unwrap();
    index.put(&[moved("tax")]).unwrap();
    let of = |index: &Index, department: &str| -> Vec<Entry> {
        let search = Search { departments: vec![department.to_owned()], ..Search::default() };
        index.search(&search).collect::<Result<_, _>>().unwrap()
    };
    assert_eq!((of(&index, "welfare"), of(&index, "tax")), (vec![], vec![moved("tax")]));
    index.put(&[moved("welfare")]).unwrap();
    assert_eq!((of(&index, "welfare"), of(&index, "tax")), (vec![moved("welfare")], vec![]));
    assert!(index.remove(first.summary.id).unwrap());
    assert_eq!((of(&index, "welfare"), listed(&index)), (vec![], vec![second.clone()]));
    drop(index);
    let index = open(dir.path()).index;
    assert_eq!((of(&index, "welfare"), listed(&index), index.check()), (vec![], vec![second], vec![]));
    index.put(&[moved("tax")]).unwrap();
    assert_eq!((of(&index, "tax"), index.len(), index.check()), (vec![moved("tax")], 2, vec![]));
}

#[test]
fn nothing_is_left_of_a_row_that_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.put(&[varied(0), varied(1)]).unwrap();
    drop(index);
    let gone = rows(dir.path()).remove(0).value;
    let index = open(dir.path()).index;
    index.remove(varied(0).summary.id).unwrap();
    drop(index);
    for file in fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()) {
        let bytes = fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(32).any(|window| window == &gone[40..72]), "{}", file.display());
    }
}
