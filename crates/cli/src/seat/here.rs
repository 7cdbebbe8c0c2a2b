//! The seat of this process: its own terminal, its own rights.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use earwitness_vault::{Access, Copied, Extent, OfficerKey, SecretString, copy_backup};
use secrecy::ExposeSecret;

use super::{Account, RuleTexts, Screen, Seat, Sink, Standing, Target, bar::Bar, file, player};
use crate::{
    exit::{Exit, Failure},
    options::{Options, passphrase_in, read_rules},
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
            Access::Open => None,
            Access::Governed => Some(self.named.passphrase("officer's passphrase: ")?),
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

    fn standing(&self, path: &Path) -> Result<Standing, Failure> {
        Ok(file::standing(path))
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
