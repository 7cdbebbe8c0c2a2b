//! What client and recorder say to each other.

use std::{
    ffi::OsStr,
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use earwitness_vault::{Access, BackupId, BackupPlace, Copied, Extent, KeysCopied};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use crate::{
    exit::{Exit, Failure},
    seat::{Over, RuleTexts, Screen, Standing, Target},
};

/// Raised with every change of what is said here: an older recorder then says that it is older.
pub(super) const PROTOCOL: u16 = 5;

/// The first thing that a client says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) protocol: u16,
    pub(super) ask: Ask,
}

/// What the recorder is asked for. A new kind of question is an arm here and in `answer::Client::serve`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// To run a command: its words after the program's name.
    Command { words: Vec<RawText>, screen: Screen },
    /// How it is: what `status` shows.
    Health,
    /// How it is, and the calls that run, at most so many: what `top` shows.
    Calls { most: u32 },
}

/// What the recorder says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    /// A piece of the result.
    Out(Vec<u8>),
    /// A message to the user.
    Tell(String),
    /// So many of so many are done.
    Progress { done: u64, of: u64 },
    /// The client is asked to do something, and answers with a [`Reply`].
    Errand(Errand),
    /// How it is, as JSON.
    Health(String),
    /// The last thing: the exit code, and why it is not 0 where there is more to say.
    Ended { code: u8, why: Option<String> },
}

/// What only the client can do, or may.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Errand {
    Rules,
    OfficerKey(Lock),
    CopyBackup {
        dir: RawText,
        extent: Box<Extent>,
    },
    /// A new passphrase for what leaves: out of this file, or typed.
    NewPassphrase(Option<RawText>),
    /// Who the officer shall be: the client's command line says it. While a rotation is underway: to which public key.
    NewOfficer {
        lock: Lock,
        underway: Option<String>,
    },
    LookForKeyBackup(RawText),
    CopyKeys {
        dir: RawText,
        id: BackupId,
    },
    Standing(RawText),
    /// What is in a file, at most so many bytes of it.
    Read(RawText, u32),
    /// The answer of an authority at a URL to a question.
    Post(String, Vec<u8>),
    MakeDir(RawText),
    FindPlayer,
    /// Begin what leaves: there is one at a time.
    File {
        place: RawText,
        over: Over,
    },
    Player,
    /// A piece of it.
    Bytes(Vec<u8>),
    /// It is whole.
    Finish,
    /// It never will be.
    Abandon,
}

/// How the officer's key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Lock {
    Open,
    Governed,
}

/// How an errand went.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Done,
    Rules(RuleTexts),
    /// The officer's key, opened, and where it was.
    Key {
        path: RawText,
        secret: KeyText,
    },
    /// A new passphrase.
    Passphrase(KeyText),
    BackupCopied(Box<Copied>),
    /// The public half of an officer's key.
    Officer(String),
    BackupPlace(BackupPlace),
    KeysCopied(Box<KeysCopied>),
    Standing(Standing),
    Bytes(Vec<u8>),
    Player(Found),
    Failed {
        code: u8,
        why: String,
    },
}

/// The officer's key on its way: never printed, and wiped when it is dropped. It is read out of the bytes that came, and
/// written into those that go, without a copy in between.
#[derive(Debug)]
pub(super) struct KeyText(SecretString);

impl KeyText {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for KeyText {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(KeyTextVisitor)
    }
}

struct KeyTextVisitor;

impl Visitor<'_> for KeyTextVisitor {
    type Value = KeyText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<KeyText, E> {
        Ok(KeyText(SecretString::from(text)))
    }
}

/// Whether something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Found {
    Yes,
    No,
}

/// A path or a word of a command line: bytes, which are not always UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RawText(Vec<u8>);

impl RawText {
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(self.word())
    }

    pub(super) fn word(&self) -> std::ffi::OsString {
        OsStringExt::from_vec(self.0.clone())
    }
}

impl From<&OsStr> for RawText {
    fn from(text: &OsStr) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&Path> for RawText {
    fn from(path: &Path) -> Self {
        path.as_os_str().into()
    }
}

impl From<&Target> for Errand {
    fn from(target: &Target) -> Self {
        match target {
            Target::File { place, over } => Self::File { place: place.as_path().into(), over: *over },
            Target::Player => Self::Player,
        }
    }
}

impl From<Access> for Lock {
    fn from(access: Access) -> Self {
        match access {
            Access::Open => Self::Open,
            Access::Governed => Self::Governed,
        }
    }
}

impl From<Lock> for Access {
    fn from(lock: Lock) -> Self {
        match lock {
            Lock::Open => Self::Open,
            Lock::Governed => Self::Governed,
        }
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::Failed { code: failure.exit.code(), why: failure.to_string() }
    }
}

impl From<Failure> for Said {
    fn from(failure: Failure) -> Self {
        Self::Ended { code: failure.exit.code(), why: Some(failure.to_string()) }
    }
}

impl From<Exit> for Said {
    fn from(exit: Exit) -> Self {
        Self::Ended { code: exit.code(), why: None }
    }
}
