//! `earwitness verify BUNDLE`: an evidence bundle, checked without any vault.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use earwitness_evidence::{
    Container, Keys, Kind, MOST_BYTES, Named, identity_in, kind_of, public_key_in, read_folder, unpack,
    verify,
};

use super::Verify;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// More of a key file is not read.
const MOST_KEY: u64 = 64 << 10;
/// What stands around the files of a bundle is far below this.
const AROUND: u64 = 1 << 20;

impl Verify {
    /// Checks the bundle that is named; `None` when what is named are calls.
    pub(in crate::cmd) fn of_bundle(&self, context: &Context) -> Option<Outcome> {
        let [name] = self.calls.as_slice() else { return None };
        let path = Path::new(name);
        (path.is_file() || path.join("LIST.txt").is_file()).then(|| self.bundle(context, path))
    }

    fn bundle(&self, context: &Context, path: &Path) -> Outcome {
        let key = match &self.key {
            None => None,
            Some(file) => Some(public_key_in(&read(file, MOST_KEY)?).ok_or_else(|| {
                Failure::new(Exit::Usage, format_args!("{} is not a recorder's public key", file.display()))
            })?),
        };
        let files = self.opened(context, path)?;
        let report = verify(&files, key.as_ref());
        write!(context.out(), "{report}")?;
        Ok(if report.is_whole() { Exit::Done } else { Exit::Broken })
    }

    fn opened(&self, context: &Context, path: &Path) -> Result<(Container, Vec<Named>), Failure> {
        let broken = |fault: &dyn std::fmt::Display| Failure::new(Exit::Broken, format_args!("✘ {fault}"));
        if path.is_dir() {
            return Ok((Container::Folder, read_folder(path).map_err(|fault| broken(&fault))?));
        }
        let bytes = read(path, MOST_BYTES + AROUND)?;
        let mut keys = Keys::default();
        if let Some(file) = &self.identity {
            let text = String::from_utf8(read(file, MOST_KEY)?).unwrap_or_default();
            let none = || Failure::new(Exit::Usage, format_args!("{} has no key of age", file.display()));
            keys.identity = Some(identity_in(&text).ok_or_else(none)?);
        }
        if kind_of(&bytes) == Some(Kind::LockedZip) {
            keys.passphrase = Some(context.passphrase("passphrase of the copy: ")?);
        }
        unpack(&bytes, &keys).map_err(|fault| {
            if fault.is_closed() { Failure::new(Exit::Refused, fault) } else { broken(&fault) }
        })
    }
}

/// A file, of which no more than `most` bytes are believed.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let cannot = |cause: std::io::Error| {
        Failure::new(Exit::NotFound, format_args!("cannot read {}: {cause}", path.display()))
    };
    let mut bytes = Vec::new();
    let read = File::open(path).map_err(cannot)?.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if read as u64 > most {
        return Err(Failure::new(Exit::Broken, format_args!("{} is larger than a bundle", path.display())));
    }
    Ok(bytes)
}
