//! What must hold of a vault that somebody changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use earwitness_model::RecordingId;
use earwitness_vault::{Fault, Finding, Unlock, Vault};

use super::{
    change::has_extension,
    scene::{Scene, key_rows},
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
/// 1. of what is no evidence and is made anew: the index, the lock, what waits to be taken up, the check that tells a wrong
///    index key before the index does, open marks, and files that a
///    replacement left unfinished;
/// 2. of a key file, which holds the same rows of this vault's recordings in another order, some of them twice, or rows of other
///    recordings besides, which is what a crash leaves: each row stands for itself, and what has no block opens nothing;
/// 3. a day's key or salt of a day or generation that has no key file, which is what a crash leaves;
/// 4. of `vault.toml`, which still says the same;
/// 5. a file beside the vault's directories, which nobody reads;
/// 6. of a signed head, which is gone or there twice: it can be signed again, and who needs it has it elsewhere.
pub(super) fn matters(scene: &Scene, files: &Files) -> bool {
    let mut paths: Vec<&PathBuf> = scene.files.keys().chain(files.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths.into_iter().any(|path| {
        let (was, is) = (scene.files.get(path), files.get(path));
        was != is
            && !is_no_evidence(path)
            && !(path.starts_with(scene.office.dir().join("ledger/heads")) && (was.is_none() || is.is_none()))
            && !(was.is_none() && path.parent() == Some(&*scene.office.dir()))
            && !(was.is_none() && is_left_over(path, files))
            && !says_the_same(scene, path, (was, is))
    })
}

fn is_no_evidence(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "waiting" || name == "index.check")
        || has_extension(path, "open")
        || has_extension(path, "new")
}

/// Files of a day that has no key file.
fn is_left_over(path: &Path, files: &Files) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let Some(stem) = name.strip_suffix(".age").or_else(|| name.strip_suffix(".salt")) else { return false };
    let is_day = path.parent().is_some_and(|dir| dir.ends_with("keys/day"));
    let has_keys = files.keys().filter(|path| has_extension(path, "keys")).any(|keys| {
        let day = keys.file_stem().and_then(|day| day.to_str()).unwrap_or_default();
        let class =
            keys.parent().and_then(Path::file_name).and_then(|class| class.to_str()).unwrap_or_default();
        stem == format!("{class}-{day}")
    });
    is_day && !has_keys
}

fn says_the_same(scene: &Scene, path: &Path, (was, is): (Option<&Vec<u8>>, Option<&Vec<u8>>)) -> bool {
    let (Some(was), Some(is)) = (was, is) else { return false };
    if has_extension(path, "keys") {
        let ours: Vec<_> = scene.places.keys().map(|recording| recording.to_bytes()).collect();
        let rows = |bytes: &[u8]| {
            let ends = key_rows(bytes);
            let all = ends.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec());
            let is_ours = |row: &Vec<u8>| ours.iter().any(|id| row.windows(16).any(|window| window == id));
            let mut rows: Vec<_> = all.filter(is_ours).collect();
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
    /// The ledger does not lead to the head that was kept elsewhere.
    is_behind_head: bool,
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
        let names = |path: &Path| {
            let says = |path: &Path| {
                let (dir, name) = (path.parent().unwrap().to_string_lossy(), path.file_name().unwrap());
                let is_in = |sentence: &String| {
                    sentence.contains(&*dir) && sentence.contains(&*name.to_string_lossy())
                };
                told.sentences.iter().any(is_in)
            };
            says(path) || contradicted(scene, path).is_some_and(|other| says(&other))
        };
        let differ =
            scene.files.keys().chain(files.keys()).filter(|path| scene.files.get(*path) != files.get(*path));
        let near = differ.into_iter().any(|path| names(path)) || names(changed);
        return if near {
            Ok(Verdict::Found)
        } else {
            Err(format!("nobody named the file: {:?}", told.sentences))
        };
    }
    if told.is_behind_head {
        return Ok(Verdict::FoundByHead);
    }
    if matters(scene, files) { Err("nobody saw it".into()) } else { Ok(Verdict::Harmless) }
}

/// What a file is held against: which of the two is the wrong one nobody can know. Of rows that are gone, the ledger is named.
fn contradicted(scene: &Scene, path: &Path) -> Option<PathBuf> {
    let dir = scene.office.dir();
    match path.strip_prefix(&dir).ok()?.to_str()? {
        "vault.toml" | "keys/index.check" => Some(dir.join("keys/index.key")),
        "keys/recorder.pub" => Some(dir.join("keys/recorder.key")),
        "keys/officer.pub" => Some(scene.office.key()),
        name if name.starts_with("ledger/") => Some(dir.join("ledger")),
        name if name.ends_with(".keys") => {
            let (class, day) = name.strip_prefix("keys/")?.strip_suffix(".keys")?.split_once('/')?;
            Some(dir.join(format!("keys/day/{class}-{day}.salt")))
        }
        _ => None,
    }
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
    match vault.check_heads(vec![scene.head.clone()]) {
        Ok(checked) => {
            let (elsewhere, here): (Vec<_>, Vec<_>) =
                checked.findings.iter().partition(|finding| finding.path == scene.head.path);
            told.is_behind_head = !elsewhere.is_empty();
            told.sentences.extend(here.into_iter().map(ToString::to_string));
        }
        Err(error) => told.sentences.push(error.to_string()),
    }
    told
}
