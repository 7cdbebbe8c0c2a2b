//! A recorder that has to stop: killed before a commit, or told to on a disk that stays full.

use std::sync::Arc;

use earwitness_model::{
    CallSummary, Codec, Course, Flag, Gap, GapCause, GapEvidence, Leg, StreamQuality, StreamSummary,
    TrackIndex,
};
use earwitness_vault::{GivenUp, NotTaken, Sealed, Vault, Writer};

use crate::support::{
    NOW, Office, START, begin, call_id, check_whole, disk::WatchedDisk, entry, media, opening, record,
    running_call, signalling, summary, track,
};

#[test]
fn what_was_written_out_outlives_the_process_and_needs_no_commit() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.seal(media(1, 0..25))).unwrap();
    assert_eq!(office.copy().open().recovery().interrupted, []);
    writer.write_out().unwrap();
    let killed = office.copy();
    let left = killed.open();
    assert_eq!(left.recovery().interrupted, [recording.id()]);
    let (entry, opener) = (entry(&left, 1), killed.opener(&left));
    assert_eq!(left.verify(&entry, Some(&opener)), []);
    assert_eq!(opener.segments(&entry).unwrap().map(Result::unwrap).count(), 1);
    // The living one goes on, and commits what it wrote.
    writer.append(recording.seal(media(1, 25..50))).unwrap();
    writer.append(recording.finish(summary(1))).unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.write_out().unwrap();
    assert_eq!(writer.close(NOW).unwrap().calls.len(), 2);
    check_whole(&vault, &office.opener(&vault), 2);
    drop((vault, sealer));
    assert!(office.open().recovery().is_clean());
}

/// A summary that counts `packets` of each voice as kept.
fn counted(n: u32, packets: u64) -> CallSummary {
    let stream = |index| StreamSummary {
        track: TrackIndex(index),
        of: track(index),
        payload_type: 8,
        codec: Some(Codec::Pcma),
        ptime_ms: Some(20),
        packets,
        lost: 2,
        duplicates: 0,
        reordered: 0,
        jitter_ms: None,
        first: START,
        last: START,
        payload_bytes: packets * 160,
        quality: StreamQuality::default(),
        course: Course::default(),
    };
    CallSummary { streams: vec![stream(0), stream(1)], ..summary(n) }
}

/// What the listing says of each voice: kept, lost, bytes.
fn voices(vault: &Vault, n: u32) -> Vec<(u64, u64, u64)> {
    entry(vault, n).summary.streams.iter().map(|s| (s.packets, s.lost, s.payload_bytes)).collect()
}

fn refused(writer: &mut Writer, block: Sealed) -> Sealed {
    match writer.append(block) {
        Err(NotTaken::ForNow { block, why }) if why.is_full() => *block,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_full_disk_has_no_room_for_when_the_recorder_stops_is_lost_and_told() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut running = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(running.seal(media(1, 0..10))).unwrap();
    writer.commit(NOW).unwrap();
    // Nothing is left but half of the reserve.
    disk.set_free((1 << 30) / 200);
    let block = refused(&mut writer, running.seal(media(1, 10..20)));
    let (mut late, opened) = sealer.begin(&opening(2), NOW).unwrap();
    let opened = refused(&mut writer, opened);
    assert_eq!(writer.given_up(), GivenUp::default());
    writer.end_on_reserve();
    for block in [
        block,
        running.running(&running_call(1, 1)),
        running.seal(signalling(1)),
        running.seal(media(1, 20..30)),
        opened,
        late.seal(media(2, 0..5)),
    ] {
        writer.append(block).unwrap();
    }
    writer.append(running.finish(counted(1, 30))).unwrap();
    writer.append(late.finish(counted(2, 5))).unwrap();
    let told = writer.given_up();
    assert_eq!((told.packets, told.messages), (50, 1), "both voices: 10, 10 and 5 packets");
    let at = |sequence: i64| START.plus_nanos(1_000_000 + sequence * 20_000_000);
    assert_eq!(told.span, Some((START, at(29))));
    assert_eq!(writer.close(NOW).unwrap().calls, [call_id(1), call_id(2)]);

    assert_eq!(voices(&vault, 1), [(10, 22, 1600); 2]);
    assert_eq!(voices(&vault, 2), [(0, 7, 0); 2]);
    let gap = |leg, from, ms| {
        let (cause, evidence) = (GapCause::Capture, Some(GapEvidence::Recorder));
        Gap { leg, at: at(from), ms, cause, evidence }
    };
    let both = |from, ms| [gap(Leg::Caller, from, ms), gap(Leg::Callee, from, ms)];
    assert_eq!(entry(&vault, 1).summary.gaps, both(10, 400));
    assert_eq!(entry(&vault, 2).summary.gaps, both(0, 100));
    let opener = office.opener(&vault);
    for (n, segments) in [(1, 1), (2, 0)] {
        let listed = entry(&vault, n);
        assert_eq!(listed.summary.flags, [Flag::CaptureLoss, Flag::Interrupted]);
        assert!(listed.recording.as_ref().unwrap().interrupted);
        assert_eq!(vault.verify(&listed, None), [], "call {n}");
        assert_eq!(vault.verify(&listed, Some(&opener)), [], "call {n}");
        assert_eq!(opener.segments(&listed).unwrap().map(Result::unwrap).count(), segments);
    }
    assert_eq!(vault.check_index(), []);
    let listed = [1, 2].map(|n| entry(&vault, n));
    vault.rebuild_index().unwrap();
    assert_eq!([1, 2].map(|n| entry(&vault, n)), listed);
    drop((vault, opener, sealer));
    assert!(office.open().recovery().is_clean());
}

#[test]
fn what_there_is_room_for_is_kept_when_the_recorder_stops_on_a_disk_that_was_full() {
    let office = Office::new();
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    let (sealer, mut writer) = vault.writer().unwrap();
    disk.set_free(1 << 30);
    writer.end_on_reserve();
    record(&sealer, &mut writer, 1).unwrap();
    assert_eq!(writer.given_up(), GivenUp::default());
    writer.close(NOW).unwrap();
    check_whole(&vault, &office.opener(&vault), 1);
}
