//! The new officer's key, where a rotation makes one: written before the rotation is begun, and found again when it was
//! interrupted.

use std::path::Path;

use earwitness_vault::{Access, KeysError, OfficerKey, OfficerRecipient, VaultError};

use crate::{
    context::Context,
    exit::{Exit, Failure},
    options::{Prompt, TOO_SHORT, is_short, passphrase_in, typed, typed_new},
};

/// How the new officer is asked.
const PROMPT: Prompt = Prompt { ask: "new officer's passphrase: ", instead: "--new-passphrase-file FILE" };

/// Where the key goes, and the file that has its passphrase.
pub(super) struct NewKey<'k> {
    pub(super) place: &'k Path,
    pub(super) passphrase_file: Option<&'k Path>,
}

impl NewKey<'_> {
    /// Makes it.
    pub(super) fn made(&self, access: Access) -> Result<OfficerRecipient, Failure> {
        if self.is_there() {
            let already = VaultError::AlreadyThere { path: self.place.to_owned() };
            let why = format_args!(
                "{already}. No rotation is underway, so a key that an interrupted one left there opens nothing of this vault: \
                 look whose it is, or take another name"
            );
            return Err(Failure::new(Exit::Failed, why));
        }
        let passphrase = match (access, self.passphrase_file) {
            (Access::Open, _) => None,
            (Access::Governed, Some(path)) => Some(passphrase_in(path)?),
            (Access::Governed, None) => Some(typed_new(PROMPT)?),
        };
        if passphrase.as_ref().is_some_and(is_short) {
            return Err(Failure::new(Exit::Usage, TOO_SHORT));
        }
        let key = OfficerKey::generate();
        key.write(self.place, passphrase.as_ref(), Context::now())?;
        Ok(key.recipient())
    }

    /// The key that an interrupted rotation to `to` wrote. It is opened: that it can be is what the rotation stakes everything on.
    pub(super) fn written_for(&self, to: &OfficerRecipient) -> Result<OfficerRecipient, Failure> {
        let other = || VaultError::Keys(KeysError::RotationUnderway { to: to.to_string() });
        if !self.is_there() {
            return Err(other().into());
        }
        let passphrase = if OfficerKey::is_under_passphrase(self.place)? {
            Some(match self.passphrase_file {
                Some(path) => passphrase_in(path)?,
                None => typed(PROMPT)?,
            })
        } else {
            None
        };
        let written = OfficerKey::read(self.place, passphrase.as_ref())?.recipient();
        if written.to_string() == to.to_string() { Ok(written) } else { Err(other().into()) }
    }

    fn is_there(&self) -> bool {
        self.place.symlink_metadata().is_ok()
    }
}
