//! The client's end: hands its command line over, and does what it is asked to do with its own rights.

use std::{
    io::{self, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use earwitness_vault::VaultError;

use super::{
    Grant,
    parcel::{MAX_REPLY, MAX_SAID, pack, unpack},
    place,
    protocol::{Ask, Errand, Found, KeyText, PROTOCOL, RawText, Reply, Request, Said},
};
use crate::{
    cmd::{Needs, VaultCommand},
    context::Context,
    exit::{Exit, Failure, Outcome},
    seat::{Sink, Target},
};

/// What became of a command that was to be handed over.
pub(crate) enum Handed {
    /// It was run, and came to this.
    Over(Exit),
    /// The vault is in use, and nobody listens.
    ToNobody(VaultError),
}

/// Has a command run by the process that has the vault, which could not be opened because of `cause`.
///
/// # Errors
/// When nobody may or can run it, and what the command fails with.
pub(crate) fn hand_over(
    context: &Context,
    command: &VaultCommand,
    cause: VaultError,
) -> Result<Handed, Failure> {
    let pid = if let VaultError::InUse { pid } = &cause { *pid } else { None };
    if !matches!(cause, VaultError::InUse { .. }) && !is_denied(&cause) {
        return Err(cause.into());
    }
    if command.needs() == Needs::Alone {
        let owner = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
        let why = format_args!("this needs the vault alone, and {owner} has it: stop the recorder first");
        return Err(Failure::new(Exit::Failed, why));
    }
    let stream = match connect(&context.vault, cause)? {
        Ok(stream) => stream,
        Err(cause) => return Ok(Handed::ToNobody(cause)),
    };
    let words = std::env::args_os().skip(1).map(|word| word.as_os_str().into()).collect();
    ask(&stream, Ask::Command { words, screen: context.screen() })?;
    Errands::new(context, command.grant()).run(&stream).map(Handed::Over)
}

/// Whether a recorder that has the vault can be asked.
pub(crate) fn is_served(vault: &Path) -> bool {
    UnixStream::connect(place(vault)).is_ok()
}

/// What the running recorder of this vault says of its health, as JSON.
///
/// # Errors
/// When there is none, or it does not answer.
pub(crate) fn health(vault: &Path) -> Result<String, Failure> {
    let stream = connect_to_recorder(vault)?;
    stream.set_read_timeout(Some(LOOK_PATIENCE))?;
    ask(&stream, Ask::Health)?;
    match unpack(&mut &stream, MAX_SAID).map_err(gone)? {
        Said::Health(text) => Ok(text),
        Said::Ended { code, why } => Err(Failure::new(Exit::from_code(code), why.unwrap_or_default())),
        Said::Out(_) | Said::Tell(_) | Said::Progress { .. } | Said::Errand(_) => {
            Err(Failure::new(Exit::Failed, "the recorder answers something else than it was asked"))
        }
    }
}

/// A recorder that says nothing for so long hangs.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// No command reads longer files at its seat.
const MOST_READ: u32 = 256 << 10;
/// More than the look at a recorder's calls is, at most.
const MAX_LOOK: usize = 16 << 20;

/// Asks the recorder of a vault again and again for its health and its calls.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    vault: PathBuf,
}

impl Line {
    /// A line to the recorder that runs on this vault.
    pub(crate) const fn to(vault: PathBuf) -> Self {
        Self { vault }
    }

    /// How it is, and its newest calls, at most `most`, as JSON.
    ///
    /// # Errors
    /// When there is none, or it does not answer.
    pub(crate) fn look(&self, most: u32) -> Result<Vec<u8>, Failure> {
        let stream = connect_to_recorder(&self.vault)?;
        stream.set_read_timeout(Some(LOOK_PATIENCE))?;
        ask(&stream, Ask::Calls { most })?;
        let mut look = Vec::new();
        loop {
            match unpack(&mut &stream, MAX_SAID).map_err(gone)? {
                Said::Out(piece) if look.len() + piece.len() <= MAX_LOOK => look.extend(piece),
                Said::Ended { why: None, .. } => return Ok(look),
                Said::Ended { code, why: Some(why) } => {
                    return Err(Failure::new(Exit::from_code(code), why));
                }
                Said::Out(_) | Said::Health(_) | Said::Tell(_) | Said::Progress { .. } | Said::Errand(_) => {
                    return Err(gone(io::ErrorKind::InvalidData.into()));
                }
            }
        }
    }
}

fn is_denied(cause: &VaultError) -> bool {
    matches!(cause, VaultError::Io { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied)
}

/// The recorder that runs on a vault.
///
/// # Errors
/// [`Exit::NotFound`] when none does.
fn connect_to_recorder(vault: &Path) -> Result<UnixStream, Failure> {
    connect(vault, VaultError::InUse { pid: None })?.map_err(|_nobody| {
        Failure::new(Exit::NotFound, format_args!("no recorder runs on the vault at {}", vault.display()))
    })
}

/// The recorder of a vault that cannot be opened because of `why`; that again when nobody listens.
fn connect(vault: &Path, why: VaultError) -> Result<Result<UnixStream, VaultError>, Failure> {
    let refused = |what: &dyn std::fmt::Display| Err(Failure::new(Exit::Refused, what));
    match UnixStream::connect(place(vault)) {
        Ok(stream) => is_its_recorder(&stream, vault).map(|()| Ok(stream)),
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => refused(&format_args!(
            "{} is not yours to read: ask root, the user that the recorder runs as, or the group of that directory",
            vault.display()
        )),
        Err(_) if is_denied(&why) => {
            refused(&format_args!("{why}; no recorder that could be asked is running"))
        }
        Err(_) => Ok(Err(why)),
    }
}

/// A secret is told to nobody but root, this user, and whoever owns the vault.
fn is_its_recorder(stream: &UnixStream, vault: &Path) -> Result<(), Failure> {
    let peer = rustix::net::sockopt::socket_peercred(stream).map_err(io::Error::from)?.uid.as_raw();
    let own = rustix::process::getuid().as_raw();
    if peer == 0 || peer == own || vault.metadata().is_ok_and(|dir| dir.uid() == peer) {
        return Ok(());
    }
    let why =
        format_args!("uid {peer} listens in {}, and is not its owner: nothing was asked", vault.display());
    Err(Failure::new(Exit::Refused, why))
}

fn ask(mut stream: &UnixStream, ask: Ask) -> Result<(), Failure> {
    let request = pack(&Request { protocol: PROTOCOL, ask })?;
    stream.write_all(&request).map_err(gone)
}

fn gone(cause: io::Error) -> Failure {
    let why = if cause.kind() == io::ErrorKind::InvalidData {
        "the recorder is of another version: restart it, or use the program that it was started from"
    } else if matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        "the recorder does not answer: it hangs, or the machine is very busy"
    } else {
        "the recorder ended, or was restarted, while it worked on this: ask again"
    };
    Failure::new(Exit::Failed, why)
}

/// What the recorder has done at this seat.
struct Errands<'c> {
    context: &'c Context,
    grant: Grant,
    leaving: Option<Box<dyn Sink + 'c>>,
}

impl<'c> Errands<'c> {
    const fn new(context: &'c Context, grant: Grant) -> Self {
        Self { context, grant, leaving: None }
    }

    fn run(mut self, stream: &UnixStream) -> Outcome {
        let seat = self.context.seat();
        loop {
            match unpack(&mut &*stream, MAX_SAID).map_err(gone)? {
                Said::Out(bytes) => {
                    seat.out(&bytes)?;
                    seat.flush()?;
                }
                Said::Tell(message) => seat.tell(&message),
                Said::Progress { done, of } => seat.progress(done, of),
                Said::Errand(errand) => {
                    let reply = self.do_it(errand).unwrap_or_else(Reply::from);
                    reply_to(stream, &reply)?;
                }
                Said::Ended { code, why: None } => return Ok(Exit::from_code(code)),
                Said::Ended { code, why: Some(why) } => return Err(Failure::new(Exit::from_code(code), why)),
                Said::Health(_) => return Err(gone(io::ErrorKind::InvalidData.into())),
            }
        }
    }

    fn do_it(&mut self, errand: Errand) -> Result<Reply, Failure> {
        let seat = self.context.seat();
        match errand {
            Errand::Rules if self.grant.has_rules() => Ok(Reply::Rules(seat.rule_texts()?)),
            Errand::OfficerKey(lock) if self.grant.has_key() => {
                let key = seat.officer_key(lock.into())?;
                Ok(Reply::Key { path: key.path().into(), secret: KeyText::from(key.to_secret()) })
            }
            Errand::NewPassphrase(file) => {
                let file = file.as_ref().map(RawText::path);
                if !self.grant.permits_passphrase(file.as_deref()) {
                    return Err(not_granted());
                }
                Ok(Reply::Passphrase(KeyText::from(seat.new_passphrase(file.as_deref())?)))
            }
            Errand::Rules | Errand::OfficerKey(_) => Err(not_granted()),
            Errand::CopyBackup { dir, extent } => {
                let dir = dir.path();
                if !self.grant.permits_backup(&dir) {
                    return Err(not_granted());
                }
                Ok(Reply::BackupCopied(Box::new(seat.copy_backup(&dir, &extent)?)))
            }
            Errand::NewOfficer { lock, underway } => {
                let new = self.grant.new_officer().ok_or_else(not_granted)?;
                let underway = underway.map(|to| to.parse()).transpose().map_err(VaultError::Keys)?;
                Ok(Reply::Officer(seat.new_officer(new, (lock.into(), underway.as_ref()))?.to_string()))
            }
            Errand::LookForKeyBackup(dir) => {
                let dir = self.granted_backup(&dir)?;
                Ok(Reply::BackupPlace(seat.look_for_key_backup(&dir)?))
            }
            Errand::CopyKeys { dir, id } => {
                let dir = self.granted_backup(&dir)?;
                Ok(Reply::KeysCopied(Box::new(seat.copy_keys(&dir, id)?)))
            }
            Errand::Standing(place) => Ok(Reply::Standing(seat.standing(&self.granted(&place)?)?)),
            Errand::Read(place, most) if self.grant.permits_read(&place.path()) => {
                Ok(Reply::Bytes(seat.read(&place.path(), most.min(MOST_READ) as usize)?))
            }
            Errand::Post(url, query) => match self.grant.asked(&url) {
                Some(url) => Ok(Reply::Bytes(seat.post(url, &query)?)),
                None => Err(not_granted()),
            },
            Errand::Read(..) => Err(not_granted()),
            Errand::MakeDir(place) => seat.make_dir(&self.granted(&place)?).map(|()| Reply::Done),
            Errand::FindPlayer => Ok(Reply::Player(if self.grant.has_player() && seat.has_player()? {
                Found::Yes
            } else {
                Found::No
            })),
            Errand::File { place, over } if self.grant.permits_over(over) => {
                self.begin(&Target::File { place: self.granted(&place)?, over })
            }
            Errand::File { .. } => Err(not_granted()),
            Errand::Player if self.grant.has_player() => self.begin(&Target::Player),
            Errand::Player => Err(not_granted()),
            Errand::Bytes(bytes) => {
                let leaving = self.leaving.as_mut().ok_or_else(not_granted)?;
                leaving.write_all(&bytes)?;
                Ok(Reply::Done)
            }
            Errand::Finish => self.leaving.take().ok_or_else(not_granted)?.finish().map(|()| Reply::Done),
            Errand::Abandon => {
                self.leaving = None;
                Ok(Reply::Done)
            }
        }
    }

    fn begin(&mut self, target: &Target) -> Result<Reply, Failure> {
        self.leaving = None;
        self.leaving = Some(self.context.seat().begin(target)?);
        Ok(Reply::Done)
    }

    fn granted_backup(&self, dir: &RawText) -> Result<PathBuf, Failure> {
        let dir = dir.path();
        if self.grant.permits_key_backup(&dir) { Ok(dir) } else { Err(not_granted()) }
    }

    fn granted(&self, place: &RawText) -> Result<PathBuf, Failure> {
        let place = place.path();
        if self.grant.permits(&place) { Ok(place) } else { Err(not_granted()) }
    }
}

fn not_granted() -> Failure {
    Failure::new(Exit::Refused, "the recorder asks for something that this command does not do")
}

fn reply_to(mut stream: &UnixStream, reply: &Reply) -> Result<(), Failure> {
    let mut bytes = pack(reply)?;
    if bytes.len() > MAX_REPLY {
        bytes = pack(&Reply::from(Failure::new(
            Exit::Failed,
            "the answer is too large to be sent to the recorder",
        )))?;
    }
    stream.write_all(&bytes).map_err(gone)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use clap::Parser;
    use earwitness_vault::{Access, CipherSuite, NewVault};

    use super::{super::protocol::Lock, *};
    use crate::{CommandLine, cmd::Command};

    /// What a client with this command line replies to whoever took the place of its recorder and asks for `errand`.
    fn reply_of(home: &Path, words: &[&str], errand: Errand) -> Reply {
        let vault = home.join("vault");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capture-rules");
        let named = [OsStr::new("earwitness"), "--vault".as_ref(), vault.as_ref(), "--rules".as_ref()];
        let typed = named.into_iter().chain([rules.as_ref()]).chain(words.iter().map(OsStr::new));
        let CommandLine { options, command } = CommandLine::parse_from(typed);
        let Command::InVault(command) = command else { panic!("{words:?} is not for a recorder") };
        let context = Context::here(options);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut impostor, client) = (theirs, Errands::new(&context, command.grant()));
        impostor.write_all(&pack(&Said::Errand(errand)).unwrap()).unwrap();
        impostor.write_all(&pack(&Said::from(Exit::Done)).unwrap()).unwrap();
        assert_eq!(client.run(&ours).unwrap(), Exit::Done);
        unpack(&mut impostor, MAX_REPLY).unwrap()
    }

    #[test]
    fn the_key_and_the_rules_are_given_for_commands_that_need_them_and_for_no_others() {
        let home = tempfile::tempdir().unwrap();
        let (access, cipher, zone) = (Access::Open, CipherSuite::Aes256Gcm, chrono_tz::Asia::Seoul);
        let new = NewVault { access, cipher, zone, passphrase: None, officer_key: None, now: Context::now() };
        earwitness_vault::create(&home.path().join("vault"), new).unwrap();
        let gives = |words: &[&str], errand| match reply_of(home.path(), words, errand) {
            Reply::Key { secret, .. } => secret.expose().starts_with("AGE-SECRET-KEY-1"),
            Reply::Rules(texts) => !texts.texts.is_empty(),
            Reply::Failed { code, why } => {
                let expected = "the recorder asks for something that this command does not do";
                assert_eq!((code, why.as_str()), (Exit::Refused.code(), expected));
                false
            }
            other @ (Reply::Done
            | Reply::Bytes(_)
            | Reply::BackupCopied(_)
            | Reply::Officer(_)
            | Reply::Passphrase(_)
            | Reply::BackupPlace(_)
            | Reply::KeysCopied(_)
            | Reply::Standing(_)
            | Reply::Player(_)) => panic!("{other:?}"),
        };
        for (words, key, rules) in [
            (&["list"][..], false, false),
            (&["list", "--json", "--number", "4001"], false, true),
            (&["list", "--json", "--sha256"], true, false),
            (&["show", "x"], true, false),
            (&["show", "x", "--json"], false, false),
            (&["export", "x", "-o", "out"], true, false),
            (&["export", "--ext", "4001", "-o", "out/"], true, true),
            (&["play", "x"], true, false),
            (&["verify", "--all"], false, false),
            (&["verify", "--all", "--opened"], true, false),
            (&["coverage"], false, false),
            (&["keys", "show"], false, false),
            (&["keys", "unlock"], true, false),
            (&["keys", "rotate", "--recipient", "x"], true, false),
            (&["keys", "split", "--shares", "3", "--threshold", "2", "-o", "out"], true, false),
            (&["keys", "sheet", "-o", "out"], true, false),
            (&["keys", "backup", "out", "--label", "x"], false, false),
            (&["index", "check"], false, false),
            (&["backup", "out"], false, false),
        ] {
            assert_eq!(gives(words, Errand::OfficerKey(Lock::Open)), key, "key: {words:?}");
            assert_eq!(gives(words, Errand::Rules), rules, "rules: {words:?}");
        }
    }
}
