//! The vault as a whole: what its parts say of each other. DURABILITY.md, "What index check looks for".

use earwitness_model::RecordingId;

use super::{Fault, Finding, names, strays::Strays};
use crate::{
    disk::OpenAs,
    entry::RecordingEntry,
    error::VaultError,
    index::IndexFinding,
    manifest::Manifest,
    rebuild::{Found, Reading, Stage, for_each_manifest},
    recorded::Recorded,
    vault::{Parts, Vault},
};

impl Vault {
    /// Checks what the parts of the vault say of each other: each row of the index by itself, that every manifest in the volumes
    /// is listed, that the volumes hold every recording that the ledger tells of, with the manifest it tells of, and no block
    /// that belongs to none; and that every file in them is one of a vault's.
    #[must_use]
    pub fn check_index(&self) -> Vec<Finding> {
        let parts = &*self.parts;
        let of_index = |found: IndexFinding| in_index(parts, Fault::Index(found.to_string()));
        let mut findings: Vec<_> = parts.index.check().into_iter().map(of_index).collect();
        // Before the volumes, so that what is told of later is not missed in them.
        let mut walk =
            Walk { parts, recorded: Recorded::read(parts), untold: Vec::new(), findings: Vec::new() };
        let mut strays = Strays::default();
        let walked = for_each_manifest(parts, Reading::Everything, |found| {
            strays.handle(&found, &walk.recorded);
            walk.take(found)
        });
        findings.append(&mut walk.findings);
        findings.append(&mut strays.finish(&walk.recorded));
        if let Some(finding) = walk.recorded.unreadable.take() {
            let fault = Fault::Unreadable(finding.fault.to_string());
            findings.push(Finding { recording: None, path: finding.path, fault });
        }
        if !walk.untold.is_empty() {
            // And after them: it may have been told of meanwhile.
            let told = Recorded::read(parts);
            for recording in walk.untold.into_iter().filter(|recording| !told.knows(*recording)) {
                let path = parts.layout.ledger();
                findings.push(Finding { recording: Some(recording), path, fault: Fault::Untold(recording) });
            }
        }
        match walked {
            Ok(()) => {
                let path = parts.layout.ledger();
                findings.extend(walk.recorded.faults().map(|(recording, fault)| Finding {
                    recording: Some(recording),
                    path: path.clone(),
                    fault,
                }));
            }
            // What was not walked through is not gone.
            Err(error) => findings.push(in_index(parts, Fault::Unreadable(error.to_string()))),
        }
        findings.append(&mut names::check(parts, &walk.recorded));
        findings.extend(disposing(parts));
        findings
    }
}

/// What a disposal was about to destroy that does not run. One that runs is waited for.
fn disposing(parts: &Parts) -> Option<Finding> {
    let path = parts.layout.disposing();
    let stands = parts.when_no_disposal_runs(|| parts.disk.open(&path, OpenAs::Read).is_ok());
    stands.then_some(Finding { recording: None, path, fault: Fault::Disposing })
}

fn in_index(parts: &Parts, fault: Fault) -> Finding {
    Finding { recording: None, path: parts.layout.index(), fault }
}

/// The manifests of all volumes, held against ledger and index.
struct Walk<'v> {
    parts: &'v Parts,
    recorded: Recorded,
    untold: Vec<RecordingId>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn take(&mut self, found: Found) -> Result<(), VaultError> {
        match found {
            Found::Manifest { manifest, hash, volume, at, stage } => {
                self.recorded.find(manifest.recording, hash);
                match stage {
                    Stage::Durable => Ok(()),
                    Stage::Settled if self.recorded.is_disposed(manifest.recording) => Ok(()),
                    Stage::Settled => self.settled(&manifest, volume, at),
                }
            }
            Found::Volume { path, misplaced, .. } => {
                let of_volume = |fault| Finding { recording: None, path, fault };
                self.findings.extend(misplaced.map(of_volume));
                Ok(())
            }
            Found::Damage { path, bytes } => {
                let fault = Fault::Damage { bytes };
                match self
                    .findings
                    .iter_mut()
                    .find(|finding| finding.path == path && matches!(finding.fault, Fault::Damage { .. }))
                {
                    Some(Finding { fault: Fault::Damage { bytes: sum }, .. }) => *sum += bytes,
                    Some(_) | None => self.findings.push(Finding { recording: None, path, fault }),
                }
                Ok(())
            }
            Found::Block { .. } => Ok(()),
        }
    }

    fn settled(&mut self, manifest: &Manifest, volume: u32, at: u64) -> Result<(), VaultError> {
        if !self.recorded.knows(manifest.recording) {
            self.untold.push(manifest.recording);
        }
        let mut entry = manifest.entry(volume, at);
        entry.fit();
        let listed = self.parts.index.get(entry.summary.id)?;
        if let Some(listed) = &listed {
            self.parts.as_listed(&mut entry, listed)?;
        }
        let is_known = listed.is_some_and(|listed| {
            let is_copied = |one: &RecordingEntry| one.is_apart() && one.id == manifest.recording;
            listed.recording == entry.recording
                || listed.recording.as_ref().is_some_and(is_copied)
                || !entry.replaces(&listed)
        });
        if !is_known {
            self.findings.push(in_index(self.parts, Fault::Unlisted(manifest.recording)));
        }
        Ok(())
    }
}
