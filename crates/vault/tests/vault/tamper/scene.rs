//! The vaults that are tampered with: two retention classes on two days, an interrupted recording, refused calls; as it was
//! a while ago and as it is now; another vault of the same shape; and the work of somebody who has the vault's keys but the
//! one that signs.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use earwitness_model::{Decision, Period, RecordingId};
use earwitness_vault::{KeptHead, Scan, Scanned, Sealer, Vault, Writer};

use crate::support::{
    NOW, Office, SEGMENTS, begin, call_id, entries, media, memory::Files, opening, record, running_call,
    signalling, summary,
};

/// What a recording rests on: bytes of files.
pub(super) type Places = BTreeMap<RecordingId, Vec<(PathBuf, Range<usize>)>>;

/// A vault as files, and the directory that has its lock and its index.
pub(super) struct Scene {
    pub(super) office: Office,
    /// As it is.
    pub(super) files: Files,
    /// As it was before the second day.
    pub(super) older: Files,
    /// Another vault, its files under the paths of this one.
    pub(super) foreign: Files,
    /// The same calls on the same shelves, by somebody who has this vault's metadata key and another signing key.
    pub(super) forged: Files,
    pub(super) places: Places,
    /// The signed head of the ledger, as somebody keeps it elsewhere.
    pub(super) head: KeptHead,
    /// The index as it is, by the names of its files.
    index: Files,
}

impl Scene {
    pub(super) fn new() -> Self {
        let office = Office::new();
        first_day(&office);
        let older = files_of(&office.dir());
        second_day(&office);
        let vault = office.open();
        assert!(vault.recovery().is_clean() && vault.check_index().is_empty());
        let places = places(&vault);
        assert_eq!(places.len(), 7);
        let head = KeptHead { path: "kept elsewhere".into(), note: vault.sign_head().unwrap().note };
        drop(vault);
        let (foreign, forged) = (foreign(&office), forged(&office));
        let (files, index) = (files_of(&office.dir()), all_files(&office.dir().join("index")));
        Self { office, files, older, foreign, forged, places, head, index }
    }

    /// The index is as it was.
    pub(super) fn restore_index(&self) {
        let dir = self.office.dir();
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap().to_str().unwrap().starts_with("index") {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
        std::fs::create_dir(dir.join("index")).unwrap();
        for (path, bytes) in &self.index {
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Whether everything that this recording rests on is in `files` as it was written.
    pub(super) fn is_untouched(&self, recording: RecordingId, files: &Files) -> bool {
        self.places[&recording].iter().all(|(path, range)| {
            let whole = &self.files[path][range.clone()];
            let Some(now) = files.get(path) else { return false };
            // A row of a key file stands for itself, wherever it is; a block stands where its links lead.
            let is_row = path.extension().is_some_and(|extension| extension == "keys") && range.start > 0;
            let is_in_parts =
                ["vol", "keys"].iter().any(|end| path.extension().is_some_and(|own| own == *end));
            if !is_in_parts {
                now == whole
            } else if is_row {
                now.windows(whole.len()).any(|window| window == whole)
            } else {
                now.get(range.clone()) == Some(whole)
            }
        })
    }
}

/// Three calls whole, and one refused.
fn first_day(office: &Office) {
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in [1, 2, 3] {
        record(&sealer, &mut writer, n).unwrap();
    }
    writer.exclude(&summary(4));
    writer.commit(NOW).unwrap();
    writer.close(NOW).unwrap();
}

/// One more on the first shelf, two on another, one of them in a second volume; one that a kill interrupts, one refused.
fn second_day(office: &Office) {
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 5).unwrap();
    record_for_years(&sealer, &mut writer, 6);
    writer.commit(NOW).unwrap();
    writer.rotate_at(1);
    record_for_years(&sealer, &mut writer, 7);
    writer.exclude(&summary(8));
    writer.commit(NOW).unwrap();
    let mut running = begin(&sealer, &mut writer, 9).unwrap();
    writer.append(running.running(&running_call(9, 1))).unwrap();
    writer.append(running.seal(media(9, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    drop((writer, running, sealer));
    drop(vault);
    let vault = office.open();
    assert_eq!(vault.recovery().interrupted.len(), 1);
    vault.tell_of_recovery(NOW).unwrap();
}

/// A call of the next day, kept for three years.
fn record_for_years(sealer: &Sealer, writer: &mut Writer, n: u32) {
    const DAY: i64 = 86_400_000_000_000;
    let mut opening = opening(n);
    let mut end = summary(n);
    let Decision::Admit(keep) = &mut opening.verdict.decision else { panic!("it is admitted") };
    keep.retention.name = "disputes-3y".into();
    keep.retention.keep = Period { months: 36, days: 0 };
    opening.facts.start = opening.facts.start.plus_nanos(DAY);
    opening.at = opening.at.plus_nanos(DAY);
    (end.facts, end.verdict) = (opening.facts.clone(), opening.verdict.clone());
    let (mut recording, opened) = sealer.begin(&opening, NOW).unwrap();
    writer.append(opened).unwrap();
    for segment in SEGMENTS {
        writer.append(recording.seal(media(n, segment.iter().copied()))).unwrap();
    }
    writer.append(recording.seal(signalling(n))).unwrap();
    writer.append(recording.finish(end)).unwrap();
}

fn foreign(home: &Office) -> Files {
    let office = Office::new();
    first_day(&office);
    second_day(&office);
    renamed(files_of(&office.dir()), &office.dir(), &home.dir())
}

/// Whoever has `index.key` and `vault.toml` seals metadata as the recorder does, and signs as nobody.
fn forged(home: &Office) -> Files {
    let office = Office::new();
    for name in ["keys/index.key", "keys/index.check", "vault.toml", "keys/officer.pub"] {
        std::fs::copy(home.dir().join(name), office.dir().join(name)).unwrap();
    }
    first_day(&office);
    second_day(&office);
    renamed(files_of(&office.dir()), &office.dir(), &home.dir())
}

fn renamed(files: Files, from: &Path, to: &Path) -> Files {
    files.into_iter().map(|(path, bytes)| (to.join(path.strip_prefix(from).unwrap()), bytes)).collect()
}

/// Every file but lock and index.
fn files_of(dir: &Path) -> Files {
    let mut files = all_files(dir);
    files.retain(|path, _| !path.starts_with(dir.join("index")) && *path != dir.join("lock"));
    files
}

fn all_files(dir: &Path) -> Files {
    let mut files = Files::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Where rows of a key file begin, and where the last one ends.
pub(super) fn key_rows(bytes: &[u8]) -> Vec<usize> {
    marks(bytes, b"EWKY")
}

/// Where rows of a ledger's file begin, and where the last one ends.
pub(super) fn ledger_rows(bytes: &[u8]) -> Vec<usize> {
    marks(bytes, b"row\n")
}

fn marks(bytes: &[u8], magic: &[u8]) -> Vec<usize> {
    let begins = bytes.windows(magic.len()).enumerate().filter(|(_, window)| *window == magic);
    begins.map(|(at, _)| at).chain([bytes.len()]).collect()
}

/// The blocks of a volume: where each is and whose.
pub(super) fn blocks(bytes: &[u8]) -> Vec<(Range<usize>, RecordingId)> {
    let mut blocks = Vec::new();
    for step in Scan::new(bytes, 64).unwrap() {
        if let Scanned::Block(block) = step.unwrap() {
            let at = usize::try_from(block.at).unwrap();
            blocks.push((at..at + 64 + block.sealed.len(), block.head.recording));
        }
    }
    blocks
}

fn places(vault: &Vault) -> Places {
    let dir = vault.dir();
    let everybody =
        ["vault.toml", "keys/index.key", "keys/recorder.key", "keys/recorder.pub", "keys/officer.pub"];
    let mut places = Places::new();
    for entry in entries(vault) {
        let Some(recording) = entry.recording else { continue };
        let (class, day) = (&recording.class, recording.day);
        let volume = dir.join(format!("volumes/{class}/{day}/{}.vol", recording.volume));
        let keys = dir.join(format!("keys/{class}/{day}.keys"));
        let bytes = std::fs::read(&volume).unwrap();
        let key_bytes = std::fs::read(&keys).unwrap();
        let mut rests = vec![(volume.clone(), 0..64), (keys.clone(), 0..128)];
        let own = blocks(&bytes).into_iter().filter(|(_, owner)| *owner == recording.id);
        rests.extend(own.map(|(range, _)| (volume.clone(), range)));
        let id = recording.id.to_bytes();
        let row = key_rows(&key_bytes)
            .windows(2)
            .map(|ends| ends[0]..ends[1])
            .find(|row| key_bytes[row.clone()].windows(16).any(|window| window == id))
            .unwrap();
        rests.push((keys, row));
        let mut files: Vec<_> = everybody.iter().map(|name| dir.join(name)).collect();
        files.extend(["age", "salt"].map(|end| dir.join(format!("keys/day/{class}-{day}.{end}"))));
        let whole = |path: PathBuf| std::fs::read(&path).ok().map(|bytes| (path, 0..bytes.len()));
        rests.extend(files.into_iter().filter_map(whole));
        places.insert(recording.id, rests);
    }
    assert!(entries(vault).iter().any(|entry| entry.summary.id == call_id(8)));
    places
}
