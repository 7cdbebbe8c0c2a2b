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
use secrecy::ExposeSecret;
use ureq::http::Uri;

use super::{
    Account, NewOfficer, RuleTexts, Screen, Seat, Sink, Standing, Target, bar::Bar, file, player, post,
};
use crate::{
    context::Context,
    exit::{Exit, Failure},
    options::{Options, TOO_SHORT, is_short, passphrase_in, read_rules, typed_twice},
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
        if let Some(path) = file {
            return passphrase_in(path);
        }
        let ask = |prompt: &str| {
            rpassword::prompt_password(prompt).map(SecretString::from).map_err(|_no_terminal| {
                let what = "a passphrase for the copy is needed, and there is no terminal to ask for it: give \
                            --copy-passphrase-file FILE, or --no-passphrase";
                Failure::new(Exit::Refused, what)
            })
        };
        let (first, again) = (ask("passphrase of the copy: ")?, ask("the same again: ")?);
        if first.expose_secret() == again.expose_secret() {
            Ok(first)
        } else {
            Err(Failure::new(Exit::Usage, "the two passphrases differ: nothing was made"))
        }
    }

    fn copy_backup(&self, dir: &Path, extent: &Extent) -> Result<Copied, Failure> {
        Ok(copy_backup(&std::path::absolute(&self.named.vault)?, dir, extent)?)
    }

    fn new_officer(&self, new: &NewOfficer, access: Access) -> Result<OfficerRecipient, Failure> {
        match new {
            NewOfficer::Known(recipient) => Ok(recipient.parse().map_err(VaultError::Keys)?),
            NewOfficer::InFile(path) => Ok(OfficerRecipient::in_file(path)?),
            NewOfficer::NewKey { place, passphrase_file } => {
                if place.symlink_metadata().is_ok() {
                    return Err(VaultError::AlreadyThere { path: place.clone() }.into());
                }
                let passphrase = match (access, passphrase_file) {
                    (Access::Open, _) => None,
                    (Access::Governed, Some(path)) => Some(passphrase_in(path)?),
                    (Access::Governed, None) => Some(typed_twice("new officer's passphrase: ")?),
                };
                if passphrase.as_ref().is_some_and(is_short) {
                    return Err(Failure::new(Exit::Usage, TOO_SHORT));
                }
                let key = OfficerKey::generate();
                key.write(place, passphrase.as_ref(), Context::now())?;
                Ok(key.recipient())
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
