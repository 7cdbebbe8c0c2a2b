//! `earwitness verify BUNDLE`: an evidence bundle or a signed paper, checked without any vault.

use std::{
    io::{ErrorKind, Write},
    path::Path,
};

use earwitness_evidence::{
    Container, GivenBundle, Keys, Named, OpenFault, PaperFault, identity_of, is_bundle_folder, public_key_of,
    verify,
};

use super::Verify;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

impl Verify {
    /// Checks the bundle that is named; `None` when what is named are calls.
    pub(in crate::cmd) fn of_bundle(&self, context: &Context) -> Option<Outcome> {
        let [name] = self.calls.as_slice() else { return None };
        let path = Path::new(name);
        (path.is_file() || is_bundle_folder(path)).then(|| self.bundle(context, path))
    }

    fn bundle(&self, context: &Context, path: &Path) -> Outcome {
        let key = self.key.as_deref().map(public_key_of).transpose()?;
        let given = GivenBundle::read(path)?;
        if let Some(paper) = given.paper() {
            let checked = paper.check(&key.ok_or(OpenFault::KeyNeeded)?);
            write!(context.out(), "{checked}")?;
            return Ok(match checked.genuine() {
                Ok(()) => Exit::Done,
                Err(PaperFault::Later) => Exit::Failed,
                Err(_altered) => Exit::Broken,
            });
        }
        let files = self.opened(context, given)?;
        let report = verify(&files, key.as_ref());
        write!(context.out(), "{report}")?;
        Ok(if report.is_whole() { Exit::Done } else { Exit::Broken })
    }

    fn opened(&self, context: &Context, given: GivenBundle) -> Result<(Container, Vec<Named>), Failure> {
        let identity = self.identity.as_deref().map(identity_of).transpose()?;
        let passphrase = if given.is_under_passphrase() {
            Some(context.passphrase("passphrase of the copy: ")?)
        } else {
            None
        };
        Ok(given.open(&Keys { passphrase, identity })?)
    }
}

impl From<OpenFault> for Failure {
    fn from(fault: OpenFault) -> Self {
        let exit = match fault.unreadable() {
            Some(ErrorKind::NotFound) => Exit::NotFound,
            Some(_) => Exit::Failed,
            None if fault.is_usage() => Exit::Usage,
            None if fault.is_closed() => Exit::Refused,
            None => return Self::new(Exit::Broken, format_args!("✘ {fault}")),
        };
        Self::new(exit, fault)
    }
}
