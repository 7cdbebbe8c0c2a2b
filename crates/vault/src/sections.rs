//! What a summary says beyond the bytes that were fixed first, as it is kept: behind the entry or the manifest that the
//! summary is in.
//!
//! ```text
//!   schema 1   nothing
//!   schema 2   the conversation
//!   schema 3   the conversation, and a list of sections: kind u8, bytes; in the order of kinds, none that says nothing
//! ```
//!
//! (Postcard.) A further fact is a further kind, and no kind is used a second time for another. 2 was never written; who takes
//! it, or the next number after the last, does so for good. A kind that this program does not know it could not write again as it was
//! signed, and so it refuses the whole, as it does another schema.

use earwitness_model::{CallSummary, Course, Parties, Tunnel, VoipMetrics};

use crate::{conversation, quality};

/// The schema of what is written.
pub(crate) const SCHEMA: u8 = 3;
/// Has a conversation and no sections.
const CONVERSATION_ONLY: u8 = 2;
/// Has neither.
const BARE: u8 = 1;

/// [`Course`]s, by the place of their stream in the summary.
const COURSES: u8 = 1;
/// The outermost [`Tunnel`].
const TUNNEL: u8 = 3;
/// What is known of streams and gaps beyond their own bytes.
const QUALITY: u8 = 4;
/// [`VoipMetrics`] of receivers, by the place of their stream in the summary.
const METRICS: u8 = 5;
/// [`Parties`] of the dialogs that joined, in their order.
const PARTIES: u8 = 6;

/// Whether this program reads `schema`.
pub(crate) const fn is_read(schema: u8) -> bool {
    matches!(schema, BARE..=SCHEMA)
}

/// Appends what `summary` says beyond its own bytes, as something of `schema` does.
pub(crate) fn write(schema: u8, summary: &CallSummary, bytes: &mut Vec<u8>) {
    if schema >= CONVERSATION_ONLY {
        conversation::write(summary, bytes);
    }
    if schema >= SCHEMA {
        let tunnel = summary.tunnel.map(|tunnel| (TUNNEL, encoded(&tunnel)));
        let courses = courses(summary).map(|courses| (COURSES, courses));
        let quality = quality::section(summary).map(|bytes| (QUALITY, bytes));
        let metrics = metrics(summary).map(|metrics| (METRICS, metrics));
        let parties = parties(summary).map(|parties| (PARTIES, parties));
        let sections: Vec<(u8, Vec<u8>)> =
            courses.into_iter().chain(tunnel).chain(quality).chain(metrics).chain(parties).collect();
        bytes.extend_from_slice(&encoded(&sections));
    }
}

/// Takes the inverse of [`write()`] over into `summary`; `None` when it is none.
pub(crate) fn read(schema: u8, summary: &mut CallSummary, bytes: &[u8]) -> Option<()> {
    if !is_read(schema) {
        return None;
    }
    let bytes = if schema >= CONVERSATION_ONLY { conversation::read(summary, bytes)? } else { bytes };
    if schema >= SCHEMA {
        let sections: Vec<(u8, Vec<u8>)> = postcard::from_bytes(bytes).ok()?;
        for (kind, section) in &sections {
            match *kind {
                COURSES => read_courses(summary, section)?,
                TUNNEL => summary.tunnel = Some(postcard::from_bytes::<Tunnel>(section).ok()?),
                QUALITY => quality::read(summary, section)?,
                METRICS => read_metrics(summary, section)?,
                PARTIES => summary.joined_parties = postcard::from_bytes::<Vec<Parties>>(section).ok()?,
                _ => return None,
            }
        }
    }
    Some(())
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("lists of known length can always be encoded")
}

fn courses(summary: &CallSummary) -> Option<Vec<u8>> {
    let streams = (0u32..).zip(&summary.streams);
    let courses: Vec<(u32, &Course)> = streams
        .map(|(place, stream)| (place, &stream.course))
        .filter(|(_, course)| **course != Course::default())
        .collect();
    (!courses.is_empty()).then(|| encoded(&courses))
}

fn read_courses(summary: &mut CallSummary, section: &[u8]) -> Option<()> {
    let courses: Vec<(u32, Course)> = postcard::from_bytes(section).ok()?;
    for (place, course) in courses {
        summary.streams.get_mut(usize::try_from(place).ok()?)?.course = course;
    }
    Some(())
}

fn metrics(summary: &CallSummary) -> Option<Vec<u8>> {
    let streams = (0u32..).zip(&summary.streams);
    let metrics: Vec<(u32, VoipMetrics)> =
        streams.filter_map(|(place, stream)| Some((place, stream.quality.metrics?))).collect();
    (!metrics.is_empty()).then(|| encoded(&metrics))
}

fn read_metrics(summary: &mut CallSummary, section: &[u8]) -> Option<()> {
    let metrics: Vec<(u32, VoipMetrics)> = postcard::from_bytes(section).ok()?;
    for (place, metrics) in metrics {
        summary.streams.get_mut(usize::try_from(place).ok()?)?.quality.metrics = Some(metrics);
    }
    Some(())
}

fn parties(summary: &CallSummary) -> Option<Vec<u8>> {
    let parties = &summary.joined_parties;
    (!parties.is_empty()).then(|| encoded(parties))
}
