//! Checking recordings: without a key that nothing was changed, with it that everything opens.

mod check;
mod finding;
mod known_keys;
mod names;
mod strays;
mod whole;

pub use self::finding::{Fault, Finding};
use self::{check::Check, known_keys::KnownKeys};
use crate::{
    entry::Entry,
    error::VaultError,
    opener::Opener,
    reading::{open_volume, shelf_of},
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

    /// Whether the key of this call's recording is there.
    ///
    /// # Errors
    /// When its key file cannot be read.
    pub(crate) fn has_key(&mut self, entry: &Entry) -> Result<bool, VaultError> {
        let Some(recording) = &entry.recording else { return Ok(false) };
        let keys = self.keys.of(self.parts, &shelf_of(recording), recording.id)?;
        Ok(keys.wrapped.contains(&recording.id))
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
