//! Options that every command takes, as they were typed, and what they name: rules, key, passphrase.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_vault::SecretString;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    seat::RuleTexts,
};

/// Where recordings are when nothing else is said.
const DEFAULT_VAULT: &str = "/var/lib/earwitness";
/// Where rules are looked for, in this order, when nothing else is said.
const DEFAULT_RULES: [&str; 2] = ["/etc/earwitness/capture-rules", "capture-rules"];

/// What the service manager calls the index key (systemd: `LoadCredential=index.key:…`).
const INDEX_CREDENTIAL: &str = "index.key";

/// More of a passphrase file than its first line may have is not read.
const MAX_PASSPHRASE: u64 = 4096;

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The vault: a directory
    #[arg(long, global = true, value_name = "DIR", env = "EARWITNESS_VAULT", default_value = DEFAULT_VAULT)]
    pub(crate) vault: PathBuf,
    /// The capture rules: a directory of TOML files [default: /etc/earwitness/capture-rules, else ./capture-rules]
    #[arg(long, global = true, value_name = "DIR", env = "EARWITNESS_RULES")]
    rules: Option<PathBuf>,
    /// The officer's key, where it is not beside the vault
    #[arg(long, global = true, value_name = "FILE")]
    officer_key: Option<PathBuf>,
    /// The vault's index key, where it is not in the vault: a file, which `init` makes there [default: the credential
    /// `index.key` where the service manager hands one in, else keys/index.key in the vault]
    #[arg(long, global = true, value_name = "FILE", env = "EARWITNESS_INDEX_KEY")]
    index_key: Option<PathBuf>,
    /// Read the officer's passphrase from a file instead of asking for it
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Read options from this TOML file [default: /etc/earwitness/earwitness.toml, where it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more (repeat for more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Options {
    /// Where the rules are.
    pub(crate) fn rules_dir(&self) -> PathBuf {
        let found = || DEFAULT_RULES.iter().map(PathBuf::from).find(|dir| dir.is_dir());
        self.rules.clone().or_else(found).unwrap_or_else(|| PathBuf::from(DEFAULT_RULES[0]))
    }

    /// Where the user said that the rules are.
    pub(crate) fn named_rules(&self) -> Option<&Path> {
        self.rules.as_deref()
    }

    /// Where the officer's key is, when the user said so.
    pub(crate) fn officer_key(&self) -> Option<&Path> {
        self.officer_key.as_deref()
    }

    /// Where the user said that the index key is.
    pub(crate) fn named_index_key(&self) -> Option<&Path> {
        self.index_key.as_deref()
    }

    /// Where the index key is, when that is not in the vault: where the user said, or a credential of the service.
    pub(crate) fn index_key(&self) -> Option<PathBuf> {
        let credential = || {
            let dir = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty())?;
            Some(PathBuf::from(dir).join(INDEX_CREDENTIAL)).filter(|file| file.is_file())
        };
        self.index_key.clone().or_else(credential)
    }

    /// The officer's passphrase, from a file or from the terminal.
    pub(crate) fn passphrase(&self, prompt: &'static str) -> Result<SecretString, Failure> {
        if let Some(path) = &self.passphrase_file {
            return passphrase_in(path);
        }
        typed(Prompt { ask: prompt, instead: PASSPHRASE_FILE })
    }

    /// A new passphrase: typed twice, or read from a file.
    pub(crate) fn new_passphrase(&self, prompt: &'static str) -> Result<SecretString, Failure> {
        let Some(path) = &self.passphrase_file else {
            return typed_new(Prompt { ask: prompt, instead: PASSPHRASE_FILE });
        };
        let passphrase = passphrase_in(path)?;
        if is_short(&passphrase) {
            return Err(Failure::new(Exit::Usage, TOO_SHORT));
        }
        Ok(passphrase)
    }
}

/// What a passphrase has at least.
const LEAST_PASSPHRASE: usize = 8;
/// What is said of a shorter one.
pub(crate) const TOO_SHORT: &str = "the passphrase is too short: at least 8 characters";

/// Whether a new passphrase has too few characters.
pub(crate) fn is_short(passphrase: &SecretString) -> bool {
    passphrase.expose_secret().chars().count() < LEAST_PASSPHRASE
}

/// What is given instead where there is no terminal.
const PASSPHRASE_FILE: &str = "--passphrase-file FILE";

/// A question on the terminal.
#[derive(Clone, Copy)]
pub(crate) struct Prompt {
    /// What is asked.
    pub(crate) ask: &'static str,
    /// What is given where there is no terminal to ask on.
    pub(crate) instead: &'static str,
}

/// A new passphrase for a key, from the terminal.
pub(crate) fn typed_new(prompt: Prompt) -> Result<SecretString, Failure> {
    let passphrase = typed_twice(prompt)?;
    if is_short(&passphrase) {
        return Err(Failure::new(Exit::Usage, TOO_SHORT));
    }
    Ok(passphrase)
}

/// A passphrase that nothing has yet which would tell a slip of the finger.
pub(crate) fn typed_twice(prompt: Prompt) -> Result<SecretString, Failure> {
    let first = typed(prompt)?;
    if first.expose_secret() != typed(Prompt { ask: "the same again: ", ..prompt })?.expose_secret() {
        return Err(Failure::new(Exit::Usage, "the two passphrases differ: nothing was made"));
    }
    Ok(first)
}

/// A passphrase, from the terminal.
pub(crate) fn typed(prompt: Prompt) -> Result<SecretString, Failure> {
    rpassword::prompt_password(prompt.ask).map(SecretString::from).map_err(|_no_terminal| {
        let instead = prompt.instead;
        let what = format_args!(
            "a passphrase is needed, and there is no terminal to ask for it: give {instead}, or run this on a terminal"
        );
        Failure::new(Exit::Refused, what)
    })
}

/// The passphrase in a file: its first line.
///
/// # Errors
/// [`Exit::NotFound`] when it cannot be read.
pub(crate) fn passphrase_in(path: &Path) -> Result<SecretString, Failure> {
    // Room for all that is read: a text that grows leaves behind what it was.
    let mut text = Zeroizing::new(String::with_capacity(MAX_PASSPHRASE as usize));
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_PASSPHRASE).read_to_string(&mut text));
    read.map_err(|cause| {
        let what = format_args!("cannot read the passphrase from {}: {cause}", path.display());
        Failure::new(Exit::NotFound, what)
    })?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}

/// The `*.toml` files of a rules directory, by name.
///
/// # Errors
/// [`Exit::NotFound`] when there are none, or they cannot be read.
pub(crate) fn read_rules(dir: &Path) -> Result<RuleTexts, Failure> {
    let cannot = |what: &Path, cause: std::io::Error| {
        let (what, dir) = (what.display(), dir.display());
        let hint = format_args!(
            "`earwitness rules init --rules {dir}` writes an example office there; --rules says where rules are"
        );
        Failure::new(Exit::NotFound, format_args!("cannot read {what}: {cause}; {hint}"))
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
    Ok(RuleTexts { dir: dir.display().to_string(), texts })
}
