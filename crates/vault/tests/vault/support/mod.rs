//! An office with a vault, calls to put into it, and what must come out.

pub(crate) mod disk;
pub(crate) mod image;
pub(crate) mod memory;
pub(crate) mod trace;

use std::path::{Path, PathBuf};

use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Codec, Decision, Direction, EarlyMedia, EndedBy, Flag, Flow,
    InbandDigits, Keep, Leg, MediaPacket, Mode, Outcome, PacketTime, Party, PayloadKind, Period, Pii,
    Protected, RetentionClass, RtpTime, RuleSetHash, RunningCall, RunningEndpoint, Segment, SegmentContent,
    SignallingMessage, SipTransport, Track, TrackIndex, Verdict, WallTime, pack_media, pack_signalling,
};
use earwitness_vault::{
    Access, CipherSuite, Entry, Finding, NewVault, Opener, Opening, RecordingSealer, Sealer, StreamOpened,
    Unlock, Vault, VaultError, Writer, create,
};
use tempfile::TempDir;

/// 2026-11-21 09:00 in Seoul.
pub(crate) const START: PacketTime = PacketTime::from_nanos(1_795_219_200_000_000_000);
pub(crate) const NOW: WallTime = WallTime::from_nanos(1_795_219_200_000_000_000);

/// A vault in a directory of its own, with its key beside it.
pub(crate) struct Office {
    root: TempDir,
}

impl Office {
    pub(crate) fn new() -> Self {
        Self::with(CipherSuite::Aes256Gcm)
    }

    pub(crate) fn with(cipher: CipherSuite) -> Self {
        Self::on(tempfile::tempdir().unwrap(), cipher)
    }

    /// In this directory, which may be another disk.
    pub(crate) fn on(root: TempDir, cipher: CipherSuite) -> Self {
        let office = Self { root };
        let zone = chrono_tz::Asia::Seoul;
        let new =
            NewVault { access: Access::Open, cipher, zone, passphrase: None, officer_key: None, now: NOW };
        assert_eq!(create(&office.dir(), new).unwrap().officer_key, office.key());
        office
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root.path().join("vault")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.root.path().join("vault.key")
    }

    pub(crate) fn open(&self) -> Vault {
        Vault::open(&self.dir()).unwrap()
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The vault as it is on the disk now, in another place, as a copy or the disk of a killed machine.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { root: tempfile::tempdir().unwrap() };
        copy_dir(self.root(), copy.root());
        copy
    }

    /// The one volume of the day.
    pub(crate) fn volume(&self) -> PathBuf {
        self.dir().join("volumes/citizen-90d/2026-11-21/1.vol")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.dir().join("keys/citizen-90d/2026-11-21.keys")
    }

    pub(crate) fn opener(&self, vault: &Vault) -> Opener {
        vault.opener(Unlock::KeyFile(self.key())).unwrap()
    }
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn call_id(n: u32) -> CallId {
    CallId::new(START.nanos() / 1_000_000 + i64::from(n), u128::from(n))
}

/// No two packets of no two calls have the same payload.
pub(crate) fn payload(n: u32, track: u16, sequence: u32) -> [u8; 160] {
    let mut bytes = [0; 160];
    let seed = [n.to_be_bytes(), u32::from(track).to_be_bytes(), sequence.to_be_bytes()].concat();
    blake3::Hasher::new().update(&seed).finalize_xof().fill(&mut bytes);
    bytes
}

pub(crate) fn facts(n: u32) -> CallFacts {
    let party = |user: String| Party { user: Some(Pii::new(user)), display: None, host: None };
    CallFacts {
        start: START.plus_nanos(i64::from(n) * 1_000_000),
        from: party(format!("0312227{n:03}")),
        to: party("4001".into()),
        request_user: None,
        asserted: Vec::new(),
        diverted_from: Vec::new(),
    }
}

pub(crate) fn verdict() -> Verdict {
    let retention = RetentionClass { name: "citizen-90d".into(), keep: Period { months: 0, days: 90 } };
    Verdict {
        decision: Decision::Admit(Keep {
            retention,
            notice: "ivr".into(),
            early_media: EarlyMedia::Drop,
            inband_digits: InbandDigits::Ignore,
        }),
        mode: Some(Mode::Blanket),
        rule: Some("desk".into()),
        direction: Direction::Inbound,
        extension: Some(Pii::new("4001".into())),
        department: None,
        rule_set: RuleSetHash([5; 32]),
    }
}

pub(crate) fn opening(n: u32) -> Opening {
    let facts = facts(n);
    Opening { call: call_id(n), at: facts.start, facts, verdict: verdict(), continues: None }
}

/// What the engine tells of call `n` while it runs, after the INVITE number `cseq`.
pub(crate) fn running_call(n: u32, cseq: u32) -> RunningCall {
    RunningCall {
        over: None,
        id: call_id(n),
        sip_call_id: Pii::new(format!("dialog-{n}@pc33").into_bytes()),
        facts: facts(n),
        verdict: verdict(),
        caller_tags: vec![Some(b"a73kszlfl".to_vec()), None],
        invite_cseq: cseq,
        talks: true,
        joined: vec![],
        answered: Some(START),
        holding: vec![Leg::Callee],
        flags: vec![Flag::Encrypted],
        endpoints: vec![RunningEndpoint {
            at: track(0).flow.dst,
            leg: Leg::Caller,
            formats: vec![(8, Codec::Pcma)],
            protected: Protected::No,
        }],
    }
}

pub(crate) fn track(index: u16) -> Track {
    let (leg, src, dst) = match index {
        0 => (Leg::Caller, "10.1.0.5:4000", "10.1.0.9:4002"),
        _ => (Leg::Callee, "10.1.0.9:4002", "10.1.0.5:4000"),
    };
    Track {
        leg,
        flow: Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() },
        ssrc: 0x1234 + u32::from(index),
    }
}

pub(crate) fn summary(n: u32) -> CallSummary {
    CallSummary {
        id: call_id(n),
        sip_call_ids: vec![Pii::new(format!("dialog-{n}@pc33"))],
        facts: facts(n),
        verdict: verdict(),
        answer: Some(START),
        end: Some(CallEnd { at: START.plus_nanos(60_000_000_000), by: Some(EndedBy::Caller), reason: None }),
        outcome: Outcome::Answered,
        sip_status: Some(200),
        tracks: vec![track(0), track(1)],
        streams: Vec::new(),
        dtmf: Vec::new(),
        gaps: Vec::new(),
        flags: Vec::new(),
        messages: 7,
        joined: vec![],
        joined_parties: vec![],
        related: vec![],
        tunnel: None,
    }
}

/// Both tracks, `sequences` in the order given.
pub(crate) fn media(n: u32, sequences: impl IntoIterator<Item = u32>) -> Segment {
    let mut bytes = Vec::new();
    let base = START.plus_nanos(1_000_000);
    for sequence in sequences {
        for track in [0, 1] {
            let packet = MediaPacket {
                track: TrackIndex(track),
                payload_type: 8,
                marker: false,
                kind: PayloadKind::Audio,
                sequence,
                rtp_time: RtpTime(sequence.wrapping_mul(160)),
                arrival: base.plus_nanos(i64::from(sequence) * 20_000_000),
                payload: &payload(n, track, sequence),
            };
            pack_media(&mut bytes, base, &packet);
        }
    }
    Segment { call: call_id(n), content: SegmentContent::Media, base, bytes }
}

pub(crate) fn signalling(n: u32) -> Segment {
    let mut bytes = Vec::new();
    let message = SignallingMessage {
        time: START,
        flow: track(0).flow,
        transport: SipTransport::Tcp,
        bytes: b"INVITE sip:4001@10.1.0.9 SIP/2.0\r\n\r\n",
    };
    pack_signalling(&mut bytes, &message);
    Segment { call: call_id(n), content: SegmentContent::Signalling, base: START, bytes }
}

/// The packets of call `n` in each of its three media segments: a hole that the next segment fills, and one that stays.
pub(crate) const SEGMENTS: [&[u32]; 3] =
    [&[70_000, 70_002, 70_001, 70_004], &[70_003, 70_005], &[70_007, 70_008]];

/// How a call is kept, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'k> {
    pub(crate) class: &'k str,
    pub(crate) days: u32,
    pub(crate) since: WallTime,
}

/// As all are of which nothing else is said.
pub(crate) const CITIZEN: Kept<'_> = Kept { class: "citizen-90d", days: 90, since: NOW };

impl Kept<'_> {
    fn opening(self, n: u32) -> Opening {
        let mut opening = opening(n);
        opening.facts.start = opening.facts.start.plus_nanos(self.since.nanos() - NOW.nanos());
        opening.at = opening.facts.start;
        if let Decision::Admit(keep) = &mut opening.verdict.decision {
            let period = Period { months: 0, days: self.days };
            keep.retention = RetentionClass { name: self.class.into(), keep: period };
        }
        opening
    }
}

pub(crate) fn begin(sealer: &Sealer, writer: &mut Writer, n: u32) -> Result<RecordingSealer, VaultError> {
    begin_as(sealer, writer, &opening(n), NOW)
}

fn begin_as(
    sealer: &Sealer,
    writer: &mut Writer,
    opening: &Opening,
    now: WallTime,
) -> Result<RecordingSealer, VaultError> {
    let (mut recording, opened) = sealer.begin(opening, now)?;
    writer.append(opened)?;
    for index in [0, 1] {
        let stream = StreamOpened {
            index: TrackIndex(index),
            track: track(index),
            payload_type: 8,
            codec: Some(Codec::Pcma),
        };
        writer.append(recording.stream(&stream))?;
    }
    Ok(recording)
}

/// Seals and appends the whole of call `n`.
pub(crate) fn record(sealer: &Sealer, writer: &mut Writer, n: u32) -> Result<(), VaultError> {
    record_as(sealer, writer, n, CITIZEN)
}

/// The same, kept in another way.
pub(crate) fn record_as(
    sealer: &Sealer,
    writer: &mut Writer,
    n: u32,
    kept: Kept<'_>,
) -> Result<(), VaultError> {
    let opening = kept.opening(n);
    let mut recording = begin_as(sealer, writer, &opening, kept.since)?;
    writer.append(recording.seal(signalling(n)))?;
    for sequences in SEGMENTS {
        writer.append(recording.seal(media(n, sequences.iter().copied())))?;
    }
    let summary = CallSummary { facts: opening.facts, verdict: opening.verdict, ..summary(n) };
    Ok(writer.append(recording.finish(summary))?)
}

/// A vault with these calls in it, closed.
pub(crate) fn office_with(calls: impl IntoIterator<Item = u32>) -> Office {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in calls {
        record(&sealer, &mut writer, n).unwrap();
    }
    writer.close(NOW).unwrap();
    office
}

pub(crate) fn entries(vault: &Vault) -> Vec<Entry> {
    vault.index().newest_last(None, None).collect::<Result<_, _>>().unwrap()
}

pub(crate) fn entry(vault: &Vault, n: u32) -> Entry {
    vault.index().get(call_id(n)).unwrap().unwrap_or_else(|| panic!("call {n} is not listed"))
}

/// Call `n` is there, verifies with and without the key, and its segments are those that were sealed.
pub(crate) fn check_whole(vault: &Vault, opener: &Opener, n: u32) {
    let entry = entry(vault, n);
    assert_eq!(vault.verify(&entry, None), Vec::<Finding>::new(), "call {n}");
    assert_eq!(vault.verify(&entry, Some(opener)), Vec::<Finding>::new(), "call {n}");
    let mut sealed = vec![signalling(n)];
    sealed.extend(SEGMENTS.map(|sequences| media(n, sequences.iter().copied())));
    let opened: Vec<_> = opener.segments(&entry).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(opened.len(), sealed.len());
    for (opened, sealed) in opened.iter().zip(&sealed) {
        assert_eq!((opened.call, opened.content, opened.base), (sealed.call, sealed.content, sealed.base));
        assert!(opened.bytes == sealed.bytes, "call {n}");
    }
}
