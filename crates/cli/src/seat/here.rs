//! The seat of this process: its own terminal, its own rights.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use earwitness_vault::{
    Access, BackupId, BackupPlace, Copied, Extent, KeySource, KeysCopied, OfficerKey, OfficerRecipient,
    RealDisk, SecretString, VaultError, copy_backup, copy_keys, look_for_key_backup,
};
use ureq::http::Uri;

use super::{
    Account, NewOfficer, RuleTexts, Screen, Seat, Sink, Standing, Target, bar::Bar, file, new_key::NewKey,
    player, post,
};
use crate::{
    exit::{Exit, Failure},
    options::{Options, Prompt, passphrase_in, read_rules, typed_twice},
    service::guard_keys,
    terminal,
};

/// This process.
pub(crate) struct Here {
    named: Options,
    screen: Screen,
    account: Account,
    bar: Mutex<Option<Bar>>,
}

impl Here {
    /// The seat of whoever typed these options.
    pub(crate) fn new(named: Options) -> Self {
        Self { named, screen: Screen::of_stdout(), account: Account::own(), bar: Mutex::default() }
    }

    /// Where this user finds the vault's keys.
    fn key_source(&self) -> Result<KeySource, Failure> {
        Ok(KeySource { vault: std::path::absolute(&self.named.vault)?, index_key: self.named.index_key() })
    }

    fn bar(&self) -> MutexGuard<'_, Option<Bar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat for Here {
    fn out(&self, bytes: &[u8]) -> io::Result<()> {
        io::stdout().write_all(bytes)
    }

    fn flush(&self) -> io::Result<()> {
        io::stdout().flush()
    }

    fn tell(&self, message: &str) {
        match &*self.bar() {
            Some(bar) => bar.pause(|| terminal::say(message)),
            None => terminal::say(message),
        }
    }

    fn screen(&self) -> Screen {
        self.screen
    }

    fn progress(&self, done: u64, of: u64) {
        let mut bar = self.bar();
        if done >= of {
            if let Some(bar) = bar.take() {
                bar.finish();
            }
        } else {
            bar.get_or_insert_with(Bar::new).set(done, of);
        }
    }

    fn account(&self) -> &Account {
        &self.account
    }

    /// Its user stops it with a signal.
    fn is_wanted(&self) -> bool {
        true
    }

    fn rule_texts(&self) -> Result<RuleTexts, Failure> {
        read_rules(&self.named.rules_dir())
    }

    fn officer_key(&self, access: Access) -> Result<OfficerKey, Failure> {
        guard_keys(self.named.verbose);
        let path = match self.named.officer_key() {
            Some(path) => path.to_owned(),
            None => OfficerKey::beside(&std::path::absolute(&self.named.vault)?, access),
        };
        let passphrase = match access {
            Access::Governed if OfficerKey::is_under_passphrase(&path)? => {
                Some(self.named.passphrase("officer's passphrase: ")?)
            }
            Access::Open | Access::Governed => None,
        };
        Ok(OfficerKey::read(&path, passphrase.as_ref())?)
    }

    fn new_passphrase(&self, file: Option<&Path>) -> Result<SecretString, Failure> {
        match file {
            Some(path) => passphrase_in(path),
            None => typed_twice(Prompt {
                ask: "passphrase of the copy: ",
                instead: "--copy-passphrase-file FILE, or --no-passphrase",
            }),
        }
    }

    fn copy_backup(&self, dir: &Path, extent: &Extent) -> Result<Copied, Failure> {
        Ok(copy_backup(&std::path::absolute(&self.named.vault)?, dir, extent)?)
    }

    fn new_officer(
        &self,
        new: &NewOfficer,
        (access, underway): (Access, Option<&OfficerRecipient>),
    ) -> Result<OfficerRecipient, Failure> {
        match new {
            NewOfficer::Known(recipient) => Ok(recipient.parse().map_err(VaultError::Keys)?),
            NewOfficer::InFile(path) => Ok(OfficerRecipient::in_file(path)?),
            NewOfficer::NewKey { place, passphrase_file } => {
                guard_keys(self.named.verbose);
                let new = NewKey { place, passphrase_file: passphrase_file.as_deref() };
                match underway {
                    Some(to) => new.written_for(to),
                    None => new.made(access),
                }
            }
        }
    }

    fn look_for_key_backup(&self, dir: &Path) -> Result<BackupPlace, Failure> {
        Ok(look_for_key_backup(&RealDisk, &self.key_source()?, dir)?)
    }

    fn copy_keys(&self, dir: &Path, id: BackupId) -> Result<KeysCopied, Failure> {
        Ok(copy_keys(&self.key_source()?, dir, id)?)
    }

    fn standing(&self, path: &Path) -> Result<Standing, Failure> {
        Ok(file::standing(path))
    }

    fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let wrong = |cause: io::Error| {
            let exit = if cause.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
            Failure::new(exit, format_args!("{}: {cause}", path.display()))
        };
        File::open(path).and_then(|file| file.take(most as u64).read_to_end(&mut bytes)).map_err(wrong)?;
        Ok(bytes)
    }

    fn post(&self, url: &Uri, query: &[u8]) -> Result<Vec<u8>, Failure> {
        post::post(url, query)
    }

    fn make_dir(&self, path: &Path) -> Result<(), Failure> {
        file::make_dir(path)
    }

    fn has_player(&self) -> Result<bool, Failure> {
        Ok(player::is_there())
    }

    fn begin(&self, target: &Target) -> Result<Box<dyn Sink + '_>, Failure> {
        Ok(match target {
            Target::File { place, over } => Box::new(file::Leaving::begin(place, *over)?),
            Target::Player => Box::new(player::Playing::start()?),
        })
    }
}
