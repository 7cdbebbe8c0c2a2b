//! What every command is given: its seat, where the vault and the rules are, the clock, and how to open what is sealed.

use std::{
    fmt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use earwitness_model::WallTime;
use earwitness_rules::{Problem, RuleSet, SourceText};
use earwitness_vault::{Opener, SecretString, Vault, VaultError};

use crate::{
    exit::{Exit, Failure},
    instruments::RulesRefusal,
    options::{Options, read_rules},
    seat::{Here, Out, RuleTexts, Screen, Seat},
    socket::is_served,
};

/// A vault that another command has, or whose recorder is about to listen or to end, is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is waited before it is tried again.
pub(crate) const STEP: Duration = Duration::from_millis(50);

/// The options as they are meant, and the seat of whoever typed them.
pub(crate) struct Context {
    /// The vault's directory.
    pub(crate) vault: PathBuf,
    /// Only what went wrong is said.
    pub(crate) quiet: bool,
    /// How much more is said.
    pub(crate) verbose: u8,
    named: Options,
    seat: Box<dyn Seat>,
}

impl Context {
    /// Of a command that this process runs for itself.
    pub(crate) fn here(named: Options) -> Self {
        Self::at(named.vault.clone(), named.clone(), Box::new(Here::new(named)))
    }

    /// Of a command that is run at `seat` on the vault in this directory.
    pub(crate) fn at(vault: PathBuf, named: Options, seat: Box<dyn Seat>) -> Self {
        Self { vault, quiet: named.quiet, verbose: named.verbose, named, seat }
    }

    /// The time of day. The only place in the program that asks for it.
    pub(crate) fn now() -> WallTime {
        WallTime::from_nanos(chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
    }

    /// Opens the vault for this process alone. One that another command has for a moment is waited for.
    pub(crate) fn open_vault(&self) -> Result<Vault, VaultError> {
        let began = Instant::now();
        loop {
            match self.told_of(Vault::open_with_index_key(&self.vault, self.named.index_key().as_deref())) {
                // A recorder keeps it as long as it runs; any other command has it for a moment.
                Err(VaultError::InUse { .. }) if began.elapsed() < PATIENCE && !is_served(&self.vault) => {
                    thread::sleep(STEP);
                }
                opened => return opened,
            }
        }
    }

    /// Opens the vault to list and read what is in it, and says what had to be put in order.
    pub(crate) fn try_open_vault(&self) -> Result<Vault, VaultError> {
        let index_key = self.named.index_key();
        self.told_of(Vault::open_to_read_with_index_key(&self.vault, index_key.as_deref()))
    }

    fn told_of(&self, opened: Result<Vault, VaultError>) -> Result<Vault, VaultError> {
        let vault = opened?;
        let recovery = vault.recovery();
        if let Some(why) = &recovery.disposal {
            self.say(format_args!(
                "a disposal that did not end could not be ended: {why}; `earwitness dispose run` tries again"
            ));
        }
        if !recovery.is_clean() {
            self.say(format_args!(
                "the vault was not closed in order: {} bytes cut, {} recordings finished as interrupted, {} calls listed anew",
                recovery.cut_bytes,
                recovery.interrupted.len(),
                recovery.listed
            ));
            if let Err(error) = vault.tell_of_recovery(Self::now()) {
                self.say(format_args!("the ledger could not be told of it: {error}"));
            }
        }
        Ok(vault)
    }

    /// Opens what is sealed in `vault`: with the key beside an open vault, with the officer's passphrase in a governed one.
    pub(crate) fn unlock(&self, vault: &Vault) -> Result<Opener, Failure> {
        Ok(vault.opener_with(self.seat.officer_key(vault.access())?)?)
    }

    /// Where the officer's key of a new vault goes, when the user said so.
    pub(crate) fn officer_key(&self) -> Option<&Path> {
        self.named.officer_key()
    }

    /// Where the index key is, when that is not in the vault.
    pub(crate) fn index_key(&self) -> Option<PathBuf> {
        self.named.index_key()
    }

    /// Where the user said that the index key is, or shall be.
    pub(crate) fn named_index_key(&self) -> Option<&Path> {
        self.named.named_index_key()
    }

    /// A passphrase of something that is there, from a file or from this process's terminal.
    pub(crate) fn passphrase(&self, prompt: &'static str) -> Result<SecretString, Failure> {
        self.named.passphrase(prompt)
    }

    /// A passphrase for a new key, from a file or typed twice on this process's terminal.
    pub(crate) fn new_passphrase(&self, prompt: &'static str) -> Result<SecretString, Failure> {
        self.named.new_passphrase(prompt)
    }

    /// Where the user said that the rules are.
    pub(crate) fn named_rules(&self) -> Option<&Path> {
        self.named.named_rules()
    }

    /// Where the rules are.
    pub(crate) fn rules_dir(&self) -> PathBuf {
        self.named.rules_dir()
    }

    /// Reads the rules; what is wrong with them is one message with a line for each problem.
    pub(crate) fn load_rules(&self) -> Result<RuleSet, Failure> {
        rules_of(&self.seat.rule_texts()?)
    }

    /// [`Self::load_rules`] for a process whose messages go into a log.
    ///
    /// # Errors
    /// Why there are none, without a word of what was written.
    pub(crate) fn load_rules_for_log(&self) -> Result<RuleSet, RulesRefusal> {
        let read = self.seat.rule_texts().map_err(|failure| RulesRefusal::Unread(failure.to_string()))?;
        Ok(parsed(&read)?)
    }

    /// The rules, where there are some: named ones must be there, those of the usual places may be missing.
    pub(crate) fn rules_if_any(&self) -> Result<Option<RuleSet>, Failure> {
        let is_there = self.named_rules().is_some() || self.rules_dir().is_dir();
        is_there.then(|| self.load_rules()).transpose()
    }

    /// [`Self::load_rules`] of another directory.
    pub(crate) fn load_rules_from(dir: &Path) -> Result<RuleSet, Failure> {
        rules_of(&read_rules(dir)?)
    }

    /// The seat of whoever runs the command.
    pub(crate) fn seat(&self) -> &dyn Seat {
        &*self.seat
    }

    /// Results: stdout.
    pub(crate) fn out(&self) -> Out<'_> {
        Out(self.seat())
    }

    /// What stdout is.
    pub(crate) fn screen(&self) -> Screen {
        self.seat.screen()
    }

    /// Tells the user something on stderr, unless asked to be quiet.
    pub(crate) fn say(&self, message: impl fmt::Display) {
        if !self.quiet {
            self.tell(message);
        }
    }

    /// Tells the user what went wrong, on stderr.
    pub(crate) fn tell(&self, message: impl fmt::Display) {
        self.seat.tell(&message.to_string());
    }

    /// Goes on if anybody still waits for what the command does: long work asks between two calls.
    ///
    /// # Errors
    /// A closed pipe when nobody does.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.seat.is_wanted() {
            Ok(())
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into())
        }
    }
}

fn parsed(read: &RuleTexts) -> Result<RuleSet, Vec<Problem>> {
    let sources: Vec<_> = read.texts.iter().map(|(name, text)| SourceText { name, text }).collect();
    RuleSet::load(&sources)
}

fn rules_of(read: &RuleTexts) -> Result<RuleSet, Failure> {
    parsed(read).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(
            Exit::Failed,
            format_args!("the rules in {} have errors:\n{}", read.dir, lines.join("\n")),
        )
    })
}
