//! Checking recordings: without a key that nothing was changed, with it that everything opens.

mod check;
mod finding;
mod known_keys;

pub use self::finding::{Fault, Finding};
use self::{check::Check, known_keys::KnownKeys};
use crate::{
    entry::Entry,
    error::VaultError,
    index::IndexFinding,
    opener::Opener,
    reading::{open_volume, shelf_of},
    rebuild::{Found, Reading, Stage, for_each_manifest},
    recorded::Recorded,
    vault::{Parts, Vault},
};

/// What [`Vault::verify_all`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Recordings that were checked.
    pub recordings: u64,
    /// Those of them with findings.
    pub broken: u64,
}

/// One round of checking. It looks at a key file once: what becomes of keys it has seen is for the next round to find.
pub struct Verifier<'v> {
    parts: &'v Parts,
    opener: Option<&'v Opener>,
    keys: KnownKeys,
}

impl Verifier<'_> {
    /// What [`Vault::verify`] says of this call.
    #[must_use]
    pub fn verify(&mut self, entry: &Entry) -> Vec<Finding> {
        check_recording(self.parts, entry, self.opener, &mut self.keys)
    }
}

impl Vault {
    /// Checks the recording of a call. Without an opener: structure, hashes over the sealed bytes, signature, and that
    /// its key is there. With one: that all of it opens and that its payload is what was captured. No findings: all is
    /// well, as far as that tells. A call without a recording has none. For many calls, [`Self::verifier`].
    #[must_use]
    pub fn verify(&self, entry: &Entry, opener: Option<&Opener>) -> Vec<Finding> {
        self.verifier(opener).verify(entry)
    }

    /// Checks the recordings of many calls, one after the other, without reading a day's key file again for each.
    #[must_use]
    pub fn verifier<'v>(&'v self, opener: Option<&'v Opener>) -> Verifier<'v> {
        Verifier { parts: &self.parts, opener, keys: KnownKeys::default() }
    }

    /// Checks every recording that is listed, telling `each` what was found.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn verify_all(
        &self,
        opener: Option<&Opener>,
        each: &mut dyn FnMut(&Entry, &[Finding]),
    ) -> Result<Verified, VaultError> {
        let (mut verified, mut verifier) = (Verified::default(), self.verifier(opener));
        for entry in self.parts.index.newest_last(None, None) {
            let entry = entry?;
            if entry.recording.is_none() {
                continue;
            }
            let findings = verifier.verify(&entry);
            verified.recordings += 1;
            verified.broken += u64::from(!findings.is_empty());
            each(&entry, &findings);
        }
        Ok(verified)
    }

    /// Checks the index: each row by itself, that every manifest in the volumes is listed, and that the volumes hold every
    /// recording that the ledger tells of, with the manifest it tells of.
    #[must_use]
    pub fn check_index(&self) -> Vec<Finding> {
        let path = self.parts.layout.index();
        let finding = |fault| Finding { recording: None, path: path.clone(), fault };
        let of_index = |found: IndexFinding| finding(Fault::Index(found.to_string()));
        let mut findings: Vec<_> = self.parts.index.check().into_iter().map(of_index).collect();
        let (mut damage, mut untold) = (0, Vec::new());
        // Before the volumes, so that what is told of later is not missed in them.
        let recorded = Recorded::read(&self.parts);
        let walked = for_each_manifest(&self.parts, Reading::Everything, |found| {
            match found {
                Found::Manifest { manifest, hash, volume, at, stage } => {
                    recorded.find(manifest.recording, hash);
                    if stage == Stage::Durable || recorded.is_disposed(manifest.recording) {
                        return Ok(());
                    }
                    if !recorded.knows(manifest.recording) {
                        untold.push(manifest.recording);
                    }
                    let mut entry = manifest.entry(volume, at);
                    entry.fit();
                    let listed = self.parts.index.get(entry.summary.id)?;
                    let known = listed.is_some_and(|listed| {
                        listed.recording == entry.recording || !entry.replaces(&listed)
                    });
                    if !known {
                        findings.push(finding(Fault::Unlisted(manifest.recording)));
                    }
                }
                Found::Damage { bytes } => damage += bytes,
            }
            Ok(())
        });
        if !untold.is_empty() {
            // And after them: it may have been told of meanwhile.
            let told = Recorded::read(&self.parts);
            for recording in untold.into_iter().filter(|recording| !told.knows(*recording)) {
                let path = self.parts.layout.ledger();
                findings.push(Finding { recording: Some(recording), path, fault: Fault::Untold(recording) });
            }
        }
        match walked {
            Ok(()) => {
                let path = self.parts.layout.ledger();
                findings.extend(recorded.faults().map(|(recording, fault)| Finding {
                    recording: Some(recording),
                    path: path.clone(),
                    fault,
                }));
            }
            // What was not walked through is not gone.
            Err(error) => findings.push(finding(Fault::Unreadable(error.to_string()))),
        }
        if damage > 0 {
            findings.push(finding(Fault::Damage { bytes: damage }));
        }
        findings
    }
}

fn check_recording(
    parts: &Parts,
    entry: &Entry,
    opener: Option<&Opener>,
    keys: &mut KnownKeys,
) -> Vec<Finding> {
    let Some(recording) = &entry.recording else { return Vec::new() };
    let path = parts.layout.volume(&shelf_of(recording), recording.volume);
    let mut check = Check { parts, recording, path, findings: Vec::new() };
    let metadata = check.key(keys);
    match open_volume(parts, &check.path) {
        Ok(file) => {
            check.volume_head(&*file);
            // Without its keys, which is a finding, nothing can be said of what it is.
            if let Some(metadata) = metadata {
                check.recording(&*file, (entry, &metadata), opener);
            }
        }
        Err(error) => check.unreadable(&error),
    }
    check.findings
}
