//! What every command is given: where the vault and the rules are, the clock, and how to open what is sealed.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_model::WallTime;
use earwitness_rules::{RuleSet, SourceText};
use earwitness_vault::{Access, Opener, SecretString, Unlock, Vault};

use crate::exit::{Exit, Failure};

/// Where recordings are when nothing else is said.
const DEFAULT_VAULT: &str = "/var/lib/earwitness";
/// Where rules are looked for, in this order, when nothing else is said.
const DEFAULT_RULES: [&str; 2] = ["/etc/earwitness/capture-rules", "capture-rules"];

/// More of a passphrase file than its first line may have is not read.
const MAX_PASSPHRASE: u64 = 4096;

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Context {
    /// The vault: a directory
    #[arg(long, global = true, value_name = "DIR", env = "EARWITNESS_VAULT", default_value = DEFAULT_VAULT)]
    pub(crate) vault: PathBuf,
    /// The capture rules: a directory of TOML files [default: /etc/earwitness/capture-rules, else ./capture-rules]
    #[arg(long, global = true, value_name = "DIR", env = "EARWITNESS_RULES")]
    rules: Option<PathBuf>,
    /// The officer's key, where it is not beside the vault
    #[arg(long, global = true, value_name = "FILE")]
    officer_key: Option<PathBuf>,
    /// Read the officer's passphrase from a file instead of asking for it
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more (repeat for more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Context {
    /// The time of day. The only place in the program that asks for it.
    pub(crate) fn now() -> WallTime {
        WallTime::from_nanos(chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
    }

    /// Opens the vault, and says what had to be put in order.
    pub(crate) fn open_vault(&self) -> Result<Vault, Failure> {
        let vault = Vault::open(&self.vault)?;
        let recovery = vault.recovery();
        if !recovery.is_clean() {
            self.say(format_args!(
                "the vault was not closed in order: {} bytes cut, {} recordings finished as interrupted, {} calls listed anew",
                recovery.cut_bytes,
                recovery.interrupted.len(),
                recovery.listed
            ));
        }
        Ok(vault)
    }

    /// Opens what is sealed in `vault`: with the key beside an open vault, with the officer's passphrase in a governed one.
    pub(crate) fn unlock(&self, vault: &Vault) -> Result<Opener, Failure> {
        let path = self.officer_key.clone().unwrap_or_else(|| vault.default_officer_key());
        let unlock = match vault.access() {
            Access::Open => Unlock::KeyFile(path),
            Access::Governed => {
                Unlock::Passphrase { passphrase: self.passphrase("officer's passphrase: ")?, path }
            }
        };
        Ok(vault.opener(unlock)?)
    }

    /// Where the officer's key of a new vault goes, when the user said so.
    pub(crate) fn officer_key(&self) -> Option<&Path> {
        self.officer_key.as_deref()
    }

    /// The officer's passphrase, from a file or from the terminal.
    pub(crate) fn passphrase(&self, prompt: &str) -> Result<SecretString, Failure> {
        if let Some(path) = &self.passphrase_file {
            let mut text = String::new();
            let read = std::fs::File::open(path)
                .and_then(|file| file.take(MAX_PASSPHRASE).read_to_string(&mut text));
            read.map_err(|cause| {
                let what = format_args!("cannot read the passphrase from {}: {cause}", path.display());
                Failure::new(Exit::NotFound, what)
            })?;
            return Ok(SecretString::from(text.lines().next().unwrap_or_default().to_owned()));
        }
        rpassword::prompt_password(prompt).map(SecretString::from).map_err(|cause| {
            Failure::new(
                Exit::Refused,
                format_args!(
                    "no passphrase: {cause}; run this on a terminal, or give --passphrase-file FILE"
                ),
            )
        })
    }

    /// Whether the passphrase is typed, so that a new one is asked for twice.
    pub(crate) const fn is_passphrase_typed(&self) -> bool {
        self.passphrase_file.is_none()
    }

    /// Where the rules are.
    pub(crate) fn rules_dir(&self) -> PathBuf {
        let found = || DEFAULT_RULES.iter().map(PathBuf::from).find(|dir| dir.is_dir());
        self.rules.clone().or_else(found).unwrap_or_else(|| PathBuf::from(DEFAULT_RULES[0]))
    }

    /// Reads the rules; what is wrong with them is one message with a line for each problem.
    pub(crate) fn load_rules(&self) -> Result<RuleSet, Failure> {
        Self::load_rules_from(&self.rules_dir())
    }

    /// The rules, where there are some: named ones must be there, those of the usual places may be missing.
    pub(crate) fn rules_if_any(&self) -> Result<Option<RuleSet>, Failure> {
        let is_there = self.rules.is_some() || self.rules_dir().is_dir();
        is_there.then(|| self.load_rules()).transpose()
    }

    /// [`Self::load_rules`] of another directory.
    pub(crate) fn load_rules_from(dir: &Path) -> Result<RuleSet, Failure> {
        let texts = read_rule_files(dir)?;
        let sources: Vec<_> = texts.iter().map(|(name, text)| SourceText { name, text }).collect();
        RuleSet::load(&sources).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::new(
                Exit::Failed,
                format_args!("the rules in {} have errors:\n{}", dir.display(), lines.join("\n")),
            )
        })
    }

    /// Tells the user something on stderr, unless asked to be quiet.
    pub(crate) fn say(&self, message: impl std::fmt::Display) {
        if !self.quiet {
            crate::terminal::say(message);
        }
    }
}

/// The `*.toml` files of a rules directory, by name.
fn read_rule_files(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let cannot = |what: &Path, cause: std::io::Error| {
        let hint = "`earwitness rules init` writes an example office; --rules DIR says where rules are";
        Failure::new(Exit::NotFound, format_args!("cannot read {}: {cause}; {hint}", what.display()))
    };
    let mut texts = Vec::new();
    for file in std::fs::read_dir(dir).map_err(|cause| cannot(dir, cause))? {
        let path = file.map_err(|cause| cannot(dir, cause))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            let text = std::fs::read_to_string(&path).map_err(|cause| cannot(&path, cause))?;
            texts.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text));
        }
    }
    texts.sort();
    if texts.is_empty() {
        return Err(cannot(dir, std::io::Error::new(std::io::ErrorKind::NotFound, "no *.toml file in it")));
    }
    Ok(texts)
}
