//! What must hold of a vault that somebody changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use earwitness_model::RecordingId;
use earwitness_vault::{Fault, Finding, Unlock, Vault};

use super::{
    change::has_extension,
    scene::{Scene, head_of, key_rows},
};
use crate::support::memory::{Files, MemoryDisk};

/// How a change came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was found by looking at the vault.
    Found,
    /// It was found because the ledger does not reach the head that was kept elsewhere.
    FoundByHead,
    /// It changed nothing that matters, and nothing is worse.
    Harmless,
}

/// Whether a change has to be found. It has unless it is
///
/// 1. of what is no evidence and is made anew: the index, the lock, what waits to be taken up, open marks, and files that a
///    replacement left unfinished;
/// 2. of a key file, which holds the same rows in another order or some of them twice: each row stands for itself;
/// 3. of `vault.toml`, which still says the same.
pub(super) fn matters(scene: &Scene, files: &Files) -> bool {
    let mut paths: Vec<&PathBuf> = scene.files.keys().chain(files.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.into_iter().any(|path| {
        let (was, is) = (scene.files.get(path), files.get(path));
        was != is && !is_no_evidence(path) && !says_the_same(path, was, is)
    })
}

fn is_no_evidence(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "waiting") || has_extension(path, "open") || has_extension(path, "new")
}

fn says_the_same(path: &Path, was: Option<&Vec<u8>>, is: Option<&Vec<u8>>) -> bool {
    let (Some(was), Some(is)) = (was, is) else { return false };
    if has_extension(path, "keys") {
        let rows = |bytes: &[u8]| {
            let ends = key_rows(bytes);
            let mut rows: Vec<_> = ends.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect();
            rows.sort_unstable();
            rows.dedup();
            (bytes[..ends[0]].to_vec(), rows)
        };
        return rows(was) == rows(is);
    }
    let settings = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    path.file_name().is_some_and(|name| name == "vault.toml") && settings(was) == settings(is)
}

/// Everything that anybody who looks at the vault is told.
#[derive(Default)]
struct Told {
    /// Sentences, each of which names a file.
    sentences: Vec<String>,
    findings: Vec<Finding>,
    /// Recordings of which something is wrong, but for a key file that others are in too.
    broken: Vec<RecordingId>,
    listed: Vec<RecordingId>,
    opened: bool,
    head: Option<(u64, [u8; 32])>,
}

/// Opens and checks the changed vault. `Err` is a law that was broken.
pub(super) fn judge(scene: &Scene, files: &Files, changed: &Path) -> Result<Verdict, String> {
    scene.restore_index();
    let told = look(scene, files);
    let is_found = !told.sentences.is_empty();
    if told.opened {
        for &recording in scene.places.keys().filter(|recording| scene.is_untouched(**recording, files)) {
            if !told.listed.contains(&recording) || told.broken.contains(&recording) {
                return Err(format!("recording {recording} was not touched: {:?}", told.sentences));
            }
        }
    }
    if is_found {
        let names = |path: &Path| told.sentences.iter().any(|sentence| sentence.contains(&*path.to_string_lossy()));
        let differ = scene.files.keys().chain(files.keys()).filter(|path| scene.files.get(*path) != files.get(*path));
        let near = differ.into_iter().any(|path| names(path)) || names(changed);
        return if near { Ok(Verdict::Found) } else { Err(format!("nobody named the file: {:?}", told.sentences)) };
    }
    if told.head != Some(scene.head) {
        return Ok(Verdict::FoundByHead);
    }
    if matters(scene, files) { Err("nobody saw it".into()) } else { Ok(Verdict::Harmless) }
}

fn look(scene: &Scene, files: &Files) -> Told {
    let mut told = Told::default();
    let disk = MemoryDisk::with(files);
    let vault = match Vault::open_on(Arc::new(disk.clone()), &scene.office.dir()) {
        Ok(vault) => vault,
        Err(error) => {
            told.sentences.push(error.to_string());
            return told;
        }
    };
    told.opened = true;
    let recovery = vault.recovery();
    for finding in recovery.ledger.cut.iter().chain(&recovery.ledger.findings) {
        told.sentences.push(finding.to_string());
    }
    told.findings.extend(vault.check_index());
    told.sentences.extend(vault.ledger().verify().iter().map(ToString::to_string));
    match vault.opener(Unlock::KeyFile(scene.office.key())) {
        Ok(opener) => {
            let each = &mut |entry: &earwitness_vault::Entry, findings: &[Finding]| {
                let own = |finding: &Finding| finding.fault != Fault::KeyFile;
                let recording = entry.recording.as_ref().unwrap().id;
                told.listed.push(recording);
                if findings.iter().any(own) {
                    told.broken.push(recording);
                }
                told.findings.extend_from_slice(findings);
            };
            vault.verify_all(Some(&opener), each).unwrap();
        }
        Err(error) => told.sentences.push(error.to_string()),
    }
    told.sentences.extend(told.findings.iter().map(ToString::to_string));
    told.head = Some(head_of(&vault));
    told
}
