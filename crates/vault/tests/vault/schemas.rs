//! What earlier versions wrote is read, and what is new comes back as it was put.

use earwitness_model::{
    Codec, Course, Evidence, Parties, Party, Pii, Related, StreamQuality, Stretch, VoipMetrics,
};
use earwitness_vault::{ENTRY_SCHEMA, Entry, EntryError};

use crate::support::{START, call_id, entry, office_with, summary, track};

/// An entry of everything that stands behind the summary's own bytes.
fn full() -> Entry {
    let office = office_with([1]);
    let mut entry = entry(&office.open(), 1);
    let stretch = Stretch { at: START, packets: 450, lost: 50, longest_run: 3, jitter_us: 700 };
    let course = Course {
        jitter_mean_ms: Some(0.7),
        jitter_max_ms: Some(1.5),
        delay_ms: Some(0.6),
        stretches: vec![stretch],
        stretches_unlisted: 2,
    };
    let stream = |index, course| earwitness_model::StreamSummary {
        track: earwitness_model::TrackIndex(index),
        of: track(index),
        payload_type: 8,
        codec: Some(Codec::Pcma),
        ptime_ms: Some(20),
        packets: 450,
        lost: 50,
        duplicates: 0,
        reordered: 0,
        jitter_ms: Some(0.5),
        first: START,
        last: START,
        payload_bytes: 72_000,
        quality: StreamQuality::default(),
        course,
    };
    entry.summary.streams = vec![stream(0, Course::default()), stream(1, course)];
    entry.summary.joined = vec![Evidence::Media];
    entry.summary.related = vec![Related { call: call_id(2), by: Evidence::Payload }];
    entry
}

fn without_courses(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    entry.summary.streams.iter_mut().for_each(|stream| stream.course = Course::default());
    entry
}

#[test]
fn an_entry_comes_back_whole() {
    let entry = full();
    assert_eq!(Entry::from_bytes(&entry.to_bytes()), Ok(entry.clone()));
    let bare = Entry::new(summary(3), None);
    assert_eq!(Entry::from_bytes(&bare.to_bytes()), Ok(bare));
}

#[test]
fn entries_of_earlier_schemas_are_read_as_far_as_they_went() {
    let entry = full();
    let own = |schema| postcard::to_stdvec(&Entry { schema, ..entry.clone() }).unwrap();
    let conversation = postcard::to_stdvec(&(&entry.summary.joined, &entry.summary.related)).unwrap();
    let second = [own(2), conversation].concat();
    assert_eq!(Entry::from_bytes(&second), Ok(without_courses(&entry)));
    let mut first = without_courses(&entry);
    (first.summary.joined, first.summary.related) = (vec![], vec![]);
    assert_eq!(Entry::from_bytes(&own(1)), Ok(first));
    let later = ENTRY_SCHEMA + 1;
    assert_eq!(Entry::from_bytes(&own(later)), Err(EntryError::Schema { found: later }));
}

#[test]
fn who_joined_dialogs_are_between_comes_back_as_a_section_behind_the_bytes_there_were() {
    let mut entry = full();
    let before = entry.to_bytes();
    let user = |user: &str| Party { user: Some(Pii::new(user.to_owned())), ..Party::default() };
    entry.summary.joined_parties = vec![Parties { from: user("4002"), to: user("4001") }];
    let bytes = entry.to_bytes();
    assert!(bytes.len() > before.len(), "it is written");
    assert_eq!(Entry::from_bytes(&bytes), Ok(entry.clone()));
    entry.summary.joined_parties.clear();
    assert_eq!(Entry::from_bytes(&before), Ok(entry), "and absent from what was kept before");
}

#[test]
fn what_receivers_measured_comes_back_as_a_section_behind_the_bytes_there_were() {
    let mut entry = full();
    let before = entry.to_bytes();
    let metrics = VoipMetrics {
        loss_rate: 3,
        discard_rate: 1,
        burst_density: 64,
        gap_density: 2,
        burst_ms: 120,
        gap_ms: 5000,
        round_trip_ms: Some(80),
        end_system_ms: None,
        signal_dbm0: Some(-18),
        noise_dbm0: Some(-65),
        rerl_db: None,
        r_factor: Some(92),
        mos_lq: Some(42),
        mos_cq: None,
    };
    entry.summary.streams[1].quality.metrics = Some(metrics);
    let bytes = entry.to_bytes();
    assert_eq!(Entry::from_bytes(&bytes), Ok(entry.clone()));
    // One section more, of kind 5; all that was written before it is as it was, but for how many sections there are.
    let section = postcard::to_stdvec(&[(1u32, metrics)][..]).unwrap();
    let own = postcard::to_stdvec(&(5u8, section)).unwrap();
    assert!(bytes.ends_with(&own));
    assert_eq!(bytes.len(), before.len() + own.len());
    assert_eq!(bytes.iter().zip(&before).filter(|(a, b)| a != b).count(), 1);
    entry.summary.streams[1].quality = StreamQuality::default();
    assert_eq!(Entry::from_bytes(&before), Ok(entry));
}

#[test]
fn sections_that_make_no_sense_are_no_entry() {
    let entry = full();
    let bytes = entry.to_bytes();
    let conversation = postcard::to_stdvec(&(&entry.summary.joined, &entry.summary.related)).unwrap();
    let own = postcard::to_stdvec(&entry).unwrap();
    assert!(bytes.starts_with(&[&own[..], &conversation].concat()));
    let with = |sections: &[(u8, Vec<u8>)]| {
        Entry::from_bytes(
            &[own.clone(), conversation.clone(), postcard::to_stdvec(sections).unwrap()].concat(),
        )
    };
    assert_eq!(with(&[]), Ok(without_courses(&entry)));
    // Of a kind that nobody knows, of a stream that is not there, and cut.
    let beyond = postcard::to_stdvec(&[(2u32, Course::default())][..]).unwrap();
    let unheard = postcard::to_stdvec(&[(2u32, VoipMetrics::default())][..]).unwrap();
    for section in [(200, vec![]), (1, beyond), (1, vec![9]), (5, unheard), (5, vec![9])] {
        assert_eq!(with(&[section]), Err(EntryError::Malformed));
    }
    assert_eq!(Entry::from_bytes(&bytes[..bytes.len() - 1]), Err(EntryError::Malformed));
}
