//! The seat of a client, in the recorder.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use earwitness_vault::{
    Access, BackupId, BackupPlace, Copied, Extent, KeysCopied, OfficerKey, OfficerRecipient, SecretString,
    VaultError,
};
use ureq::http::Uri;

use super::{
    connection::{Connection, Wait},
    parcel::{MAX_REPLY, PIECE},
    protocol::{Errand, Found, RawText, Reply, Said},
};
use crate::{
    exit::{Exit, Failure},
    seat::{Account, NewOfficer, RuleTexts, Screen, Seat, Sink, Standing, Target},
};

/// A message longer than this is cut: the errors of a thousand rules.
const MAX_TOLD: usize = 256 << 10;

/// Whoever sits at the other end of a connection.
pub(super) struct Guest {
    connection: Arc<Connection>,
    account: Account,
    screen: Screen,
    /// What was written and not said yet.
    out: Mutex<Vec<u8>>,
}

impl Guest {
    pub(super) fn new(connection: Arc<Connection>, account: Account, screen: Screen) -> Self {
        Self { connection, account, screen, out: Mutex::default() }
    }

    fn written(&self) -> MutexGuard<'_, Vec<u8>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, said: &Said) -> io::Result<()> {
        self.flush()?;
        self.connection.send(said)
    }

    fn send(&self, errand: Errand) -> Result<Reply, Failure> {
        let wait = if matches!(errand, Errand::CopyKeys { .. } | Errand::CopyBackup { .. }) {
            Wait::Copying
        } else {
            Wait::Errand
        };
        self.say(&Said::Errand(errand))?;
        match self.connection.receive(MAX_REPLY, wait) {
            Ok(Reply::Failed { code, why }) => Err(Failure::new(Exit::from_code(code), why)),
            Ok(reply) => Ok(reply),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                Err(Failure::new(Exit::Failed, cause))
            }
            // Whoever is gone needs no answer.
            Err(_) => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        }
    }

    fn done(&self, errand: Errand) -> Result<(), Failure> {
        let Reply::Done = self.send(errand)? else { return Err(beside_the_point()) };
        Ok(())
    }

    fn bytes(&self, errand: Errand) -> Result<Vec<u8>, Failure> {
        let Reply::Bytes(bytes) = self.send(errand)? else { return Err(beside_the_point()) };
        Ok(bytes)
    }
}

impl Seat for Guest {
    fn out(&self, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        for piece in bytes.chunks(PIECE) {
            written.extend_from_slice(piece);
            if written.len() >= PIECE {
                self.connection.send(&Said::Out(std::mem::take(&mut written)))?;
            }
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut written = self.written();
        if written.is_empty() {
            return Ok(());
        }
        self.connection.send(&Said::Out(std::mem::take(&mut written)))
    }

    fn tell(&self, message: &str) {
        let bytes = message.as_bytes().get(..MAX_TOLD).unwrap_or(message.as_bytes());
        let told = String::from_utf8_lossy(bytes).into_owned();
        // Whoever is gone is nobody to tell.
        self.say(&Said::Tell(told)).unwrap_or_default();
    }

    fn screen(&self) -> Screen {
        self.screen
    }

    fn progress(&self, done: u64, of: u64) {
        self.say(&Said::Progress { done, of }).unwrap_or_default();
    }

    fn account(&self) -> &Account {
        &self.account
    }

    fn is_wanted(&self) -> bool {
        self.connection.is_open()
    }

    fn rule_texts(&self) -> Result<RuleTexts, Failure> {
        let Reply::Rules(texts) = self.send(Errand::Rules)? else { return Err(beside_the_point()) };
        Ok(texts)
    }

    fn officer_key(&self, access: Access) -> Result<OfficerKey, Failure> {
        let Reply::Key { path, secret } = self.send(Errand::OfficerKey(access.into()))? else {
            return Err(beside_the_point());
        };
        Ok(OfficerKey::from_secret(path.path(), secret.expose())?)
    }

    fn new_passphrase(&self, file: Option<&Path>) -> Result<SecretString, Failure> {
        let Reply::Passphrase(text) = self.send(Errand::NewPassphrase(file.map(RawText::from)))? else {
            return Err(beside_the_point());
        };
        Ok(text.expose().into())
    }

    fn copy_backup(&self, dir: &Path, extent: &Extent) -> Result<Copied, Failure> {
        let errand = Errand::CopyBackup { dir: dir.into(), extent: Box::new(extent.clone()) };
        let Reply::BackupCopied(copied) = self.send(errand)? else { return Err(beside_the_point()) };
        Ok(*copied)
    }

    fn new_officer(
        &self,
        _by_its_command_line: &NewOfficer,
        (access, underway): (Access, Option<&OfficerRecipient>),
    ) -> Result<OfficerRecipient, Failure> {
        let underway = underway.map(ToString::to_string);
        let errand = Errand::NewOfficer { lock: access.into(), underway };
        let Reply::Officer(recipient) = self.send(errand)? else { return Err(beside_the_point()) };
        Ok(recipient.parse().map_err(VaultError::Keys)?)
    }

    fn look_for_key_backup(&self, dir: &Path) -> Result<BackupPlace, Failure> {
        let Reply::BackupPlace(place) = self.send(Errand::LookForKeyBackup(dir.into()))? else {
            return Err(beside_the_point());
        };
        Ok(place)
    }

    fn copy_keys(&self, dir: &Path, id: BackupId) -> Result<KeysCopied, Failure> {
        let Reply::KeysCopied(copied) = self.send(Errand::CopyKeys { dir: dir.into(), id })? else {
            return Err(beside_the_point());
        };
        Ok(*copied)
    }

    fn standing(&self, path: &Path) -> Result<Standing, Failure> {
        let Reply::Standing(standing) = self.send(Errand::Standing(path.into()))? else {
            return Err(beside_the_point());
        };
        Ok(standing)
    }

    fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
        self.bytes(Errand::Read(path.into(), u32::try_from(most).unwrap_or(u32::MAX)))
    }

    fn post(&self, url: &Uri, query: &[u8]) -> Result<Vec<u8>, Failure> {
        self.bytes(Errand::Post(url.to_string(), query.to_vec()))
    }

    fn make_dir(&self, path: &Path) -> Result<(), Failure> {
        self.done(Errand::MakeDir(path.into()))
    }

    fn has_player(&self) -> Result<bool, Failure> {
        let Reply::Player(found) = self.send(Errand::FindPlayer)? else { return Err(beside_the_point()) };
        Ok(found == Found::Yes)
    }

    fn begin(&self, target: &Target) -> Result<Box<dyn Sink + '_>, Failure> {
        self.done(target.into())?;
        Ok(Box::new(Sent { guest: self, piece: Vec::new(), is_open: true }))
    }
}

/// What leaves over the socket. Each piece is answered, so that a full disk at the other end is noticed.
struct Sent<'g> {
    guest: &'g Guest,
    piece: Vec<u8>,
    is_open: bool,
}

impl Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.get(..PIECE).unwrap_or(bytes);
        self.piece.extend_from_slice(taken);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let sent = self.guest.done(Errand::Bytes(std::mem::take(&mut self.piece)));
        sent.map_err(|failure| {
            let kind = failure.io_kind();
            kind.map_or_else(|| io::Error::other(failure.to_string()), io::Error::from)
        })
    }
}

impl Sink for Sent<'_> {
    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        // How what was begun ended is asked for even when it could not be written: a player that was stopped says so.
        let flushed = self.flush();
        self.is_open = false;
        self.guest.done(Errand::Finish)?;
        Ok(flushed?)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if self.is_open && self.guest.done(Errand::Abandon).is_err() {
            // A client that is gone has abandoned it by itself.
        }
    }
}

fn beside_the_point() -> Failure {
    Failure::new(Exit::Failed, "the client answers something else than it was asked")
}
