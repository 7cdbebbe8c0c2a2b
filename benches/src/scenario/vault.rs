//! The vault: sealing, opening, listing, and what leaves it.

use std::hint::black_box;

use earwitness_media::{
    CallAudio,
    export::{WavOptions, wav},
};
use earwitness_model::Segment;
use earwitness_vault::{CipherSuite, Entry};
use g711::Law;

use crate::{
    counted::counted_work,
    office::{NOW, Office, call_id, opening, summary},
    sealed::{Recorded, Sealing},
    tape::Tape,
};

/// Half-second segments of a round of sealing.
const SEGMENTS: u32 = 60;
/// Rounds.
const ROUNDS: u64 = 2;
/// Recordings of one segment.
const SHORT: u32 = 64;
/// Calls that are put into the index, and at once.
const PUT: u32 = 1_000;
const AT_ONCE: usize = 100;
/// Bytes of a RIFF header before PCM16 samples.
const RIFF: usize = 44;

/// Segments sealed and appended: packed, hashed twice, encrypted.
pub(super) fn seal() -> u64 {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let mut sealing = Sealing::begin(&office, SEGMENTS);
    for _ in 0..ROUNDS {
        counted_work(|| sealing.round());
        sealing.turn();
    }
    let packets = ROUNDS * sealing.tape.packets();
    let _recorded: Recorded = sealing.check();
    packets
}

/// Recordings of one segment, from the key to the signed manifest: what a call costs beside its audio.
pub(super) fn short_recording() -> u64 {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let (sealer, mut writer) = office.vault.writer().expect("nobody else writes");
    let calls: Vec<_> =
        (0..SHORT).map(|n| (opening(n), Tape::new(call_id(n), 1).take(), summary(n))).collect();
    counted_work(|| {
        for (opening, segments, summary) in calls {
            let (mut recording, opened) =
                sealer.begin(&opening, NOW).expect("the lab rule admits every call");
            writer.append(opened).expect("there is room");
            for segment in segments {
                writer.append(recording.seal(segment)).expect("there is room");
            }
            writer.append(recording.finish(summary)).expect("there is room");
        }
    });
    writer.close(NOW).expect("there is room");
    let entries: Vec<Entry> =
        office.vault.index().newest_last(None, None).collect::<Result<_, _>>().expect("a whole index");
    let opener = office.vault.opener(office.unlock.clone()).expect("its key lies beside the vault");
    let whole = entries.iter().filter(|entry| office.vault.verify(entry, Some(&opener)).is_empty());
    assert_eq!(whole.count(), SHORT as usize);
    u64::from(SHORT)
}

/// A recording read, decrypted and held against both its hashes.
pub(super) fn verify() -> u64 {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let (recorded, packets) = minute(&office);
    let findings = counted_work(|| office.vault.verify(&recorded.entry, Some(&recorded.opener)));
    assert_eq!(findings, []);
    packets
}

/// Calls listed for good.
pub(super) fn index_put() -> u64 {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let index = office.vault.index();
    let entries: Vec<Entry> = (0..PUT).map(|n| Entry::new(summary(n), None)).collect();
    counted_work(|| {
        entries.chunks(AT_ONCE).for_each(|batch| index.put(batch).expect("there is room"));
    });
    assert_eq!((index.len(), index.check().len()), (u64::from(PUT), 0));
    u64::from(PUT)
}

/// A recording as a WAV: read, decrypted, put on its timeline, decoded, mixed.
pub(super) fn export_wav() -> u64 {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let (recorded, packets) = minute(&office);
    let riff = counted_work(|| {
        let mut builder = CallAudio::builder(&recorded.entry.summary);
        let segments = recorded.opener.segments(&recorded.entry).expect("a recording");
        segments.for_each(|segment| builder.add(&segment.expect("whole segments")));
        let mut riff = Vec::new();
        wav(&builder.finish(), WavOptions::default(), &mut riff).expect("memory takes all");
        black_box(riff)
    });
    let said = samples(&Tape::new(call_id(0), ROUNDS as u32 * SEGMENTS).segments);
    assert!(riff[RIFF..] == said, "the samples are those of the payloads");
    packets
}

/// A recorded minute, and its packets.
fn minute(office: &Office) -> (Recorded, u64) {
    let mut sealing = Sealing::begin(office, ROUNDS as u32 * SEGMENTS);
    sealing.round();
    sealing.turn();
    let packets = sealing.tape.packets();
    (sealing.check(), packets)
}

/// The samples of both parties, in turns, as bytes.
fn samples(segments: &[Segment]) -> Vec<u8> {
    let mut parties = [Vec::new(), Vec::new()];
    for packet in segments.iter().flat_map(Segment::media) {
        let codes = packet.payload.iter();
        parties[usize::from(packet.track.0)].extend(codes.map(|code| g711::decode_sample(Law::A, *code)));
    }
    let [caller, callee] = parties;
    caller
        .into_iter()
        .zip(callee)
        .flat_map(|(left, right)| [left, right])
        .flat_map(i16::to_le_bytes)
        .collect()
}
