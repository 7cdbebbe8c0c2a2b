//! The seat of a command: all that it has of whoever ran it.
//!
//! A command writes results, tells messages, reads rules, has the officer's key opened and leaves files behind through its
//! seat and through nothing else. There are two: [`Here`], this process with its own terminal and rights, and
//! [`crate::socket`]'s guest, a client at the other end of the recorder's socket, for whom the recorder runs the command.
//! What a command does with files it does with the rights of whoever sits there.

mod account;
mod bar;
mod file;
mod here;
mod new_key;
mod player;
mod post;
mod screen;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use earwitness_vault::{
    Access, BackupId, BackupPlace, Copied, Extent, KeysCopied, OfficerKey, OfficerRecipient, SecretString,
};
use serde::{Deserialize, Serialize};
use ureq::http::Uri;

pub(crate) use self::{
    account::Account,
    here::Here,
    player::player_names,
    screen::{Colour, Screen},
};
use crate::exit::Failure;

/// Where a command sits.
pub(crate) trait Seat: Send + Sync {
    /// A piece of the result: to stdout.
    fn out(&self, bytes: &[u8]) -> io::Result<()>;

    /// What was given to [`Self::out`] is on its way.
    fn flush(&self) -> io::Result<()>;

    /// A message to the user: a line on stderr.
    fn tell(&self, message: &str);

    /// What stdout is.
    fn screen(&self) -> Screen;

    /// So many of so many are done: a bar on stderr, for what takes more than a second, where a person sees it.
    fn progress(&self, done: u64, of: u64);

    /// Who sits here.
    fn account(&self) -> &Account;

    /// Whether anybody still waits for what the command does.
    fn is_wanted(&self) -> bool;

    /// The capture rules that were named on the command line, or the usual ones.
    ///
    /// # Errors
    /// When they cannot be read.
    fn rule_texts(&self) -> Result<RuleTexts, Failure>;

    /// The officer's key of a vault, opened with what was named on the command line, or with a passphrase that is asked for.
    ///
    /// # Errors
    /// When there is no key, or it does not open.
    fn officer_key(&self, access: Access) -> Result<OfficerKey, Failure>;

    /// A new passphrase for what leaves: the first line of `file`, else asked for, twice.
    ///
    /// # Errors
    /// When there is none, or the two differ.
    fn new_passphrase(&self, file: Option<&Path>) -> Result<SecretString, Failure>;

    /// Copies files of the vault into the folder of a backup.
    ///
    /// # Errors
    /// When they cannot be read, or not be written, or something else is there.
    fn copy_backup(&self, dir: &Path, extent: &Extent) -> Result<Copied, Failure>;

    /// Who the officer of the vault shall be, as the command line says it: a new key is made here, and only its public half is
    /// told. While a rotation is underway, none is made: the key of its officer has to be there.
    ///
    /// # Errors
    /// When the key cannot be made, or what was named is none; when a rotation to another key is underway.
    fn new_officer(
        &self,
        new: &NewOfficer,
        vault: (Access, Option<&OfficerRecipient>),
    ) -> Result<OfficerRecipient, Failure>;

    /// The folder for a backup of the vault's keys, as it is.
    ///
    /// # Errors
    /// When something else is in it.
    fn look_for_key_backup(&self, dir: &Path) -> Result<BackupPlace, Failure>;

    /// Copies the vault's keys into a folder, and destroys there what the vault has destroyed.
    ///
    /// # Errors
    /// When they cannot be read, or not be written.
    fn copy_keys(&self, dir: &Path, id: BackupId) -> Result<KeysCopied, Failure>;

    /// What stands at a place.
    ///
    /// # Errors
    /// When nobody answers.
    fn standing(&self, path: &Path) -> Result<Standing, Failure>;

    /// What is in a file, at most `most` bytes of it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure>;

    /// The answer of a time-stamping authority to `query`.
    ///
    /// # Errors
    /// When nobody answers, or something else.
    fn post(&self, url: &Uri, query: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Makes a directory and those above it, for its owner only, where there is none.
    ///
    /// # Errors
    /// When the system refuses.
    fn make_dir(&self, path: &Path) -> Result<(), Failure>;

    /// Whether there is a player for [`Target::Player`].
    ///
    /// # Errors
    /// When nobody answers.
    fn has_player(&self) -> Result<bool, Failure>;

    /// Begins what leaves.
    ///
    /// # Errors
    /// When the place is taken, or the system refuses.
    fn begin(&self, target: &Target) -> Result<Box<dyn Sink + '_>, Failure>;
}

/// Who the officer of a vault shall be, as the command line says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NewOfficer {
    /// Whoever has the private half of this public key.
    Known(String),
    /// The same, in a file.
    InFile(PathBuf),
    /// Whoever gets the new key that is written here, under a passphrase from a file or from the terminal.
    NewKey { place: PathBuf, passphrase_file: Option<PathBuf> },
}

/// Something that leaves, while it is written. Dropped before it is finished, it leaves nothing behind.
pub(crate) trait Sink: Write {
    /// It is whole.
    ///
    /// # Errors
    /// When it could not be put into its place.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// Where something goes that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file, written beside its place under another name and put into it when it is whole.
    File { place: PathBuf, over: Over },
    /// The system's player, which takes a WAV.
    Player,
}

/// Whether a file may take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Over {
    /// What is there stays.
    Nothing,
    /// A file that is there goes.
    Files,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Nothing,
    /// A file, or a link that leads to no directory.
    File,
    Directory,
    /// A device, a pipe: never replaced.
    Other,
}

/// The `*.toml` files of a rules directory by name, and what the directory is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleTexts {
    pub(crate) dir: String,
    pub(crate) texts: Vec<(String, String)>,
}

/// Stdout of a seat, for `write!`.
pub(crate) struct Out<'s>(pub(crate) &'s dyn Seat);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.out(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
