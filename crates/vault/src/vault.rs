//! The vault as one thing: opened by one process, recovered before anything else.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::NaiveDate;
use chrono_tz::Tz;
use earwitness_model::{PacketTime, WallTime};
use ed25519_dalek::VerifyingKey;

use crate::{
    cipher::CipherSuite,
    civil,
    disk::{Disk, RealDisk, if_there},
    error::{VaultError, failed},
    growing::Growing,
    index::{Index, IndexState, LookUps, Opened},
    index_key::read_index_key,
    keys::{DayKeys, KeyKind, read_key},
    layout::Layout,
    ledger::{Ledger, LedgerKind, LedgerNote},
    lock::Lock,
    metadata_key::MetadataKey,
    officer_key::{OfficerKey, OfficerRecipient},
    opener::{Opener, Unlock},
    recovery::{self, Recovery},
    retention::Retention,
    rotation,
    sealer::{Sealer, SealingKeys},
    settings::{Access, Settings},
    waiting::WasRunning,
    writer::Writer,
};

/// An open vault. While it, its writer or an opener lives, no other process can open it.
pub struct Vault {
    pub(crate) parts: Arc<Parts>,
    recovery: Recovery,
}

/// What the vault, its writer and its openers share.
pub(crate) struct Parts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) keys: Arc<SealingKeys>,
    pub(crate) verifying: VerifyingKey,
    /// Where the index key was read.
    pub(crate) index_key_at: PathBuf,
    pub(crate) index: Index,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) writer_out: AtomicBool,
    pub(crate) growing: Growing,
    pub(crate) waiting: Mutex<Vec<WasRunning>>,
    /// Who changes which keys there are, or what is known of their backups, does it alone.
    keys_changing: Mutex<()>,
    /// Held while a head of the ledger is signed and kept: no two have one name. Never while the ledger is locked.
    pub(crate) signing: Mutex<()>,
    pub(crate) retention: Mutex<Retention>,
    /// Goes up with every disposal: who keeps keys in memory looks for them again.
    pub(crate) disposals: AtomicU64,
    /// The lock goes when the last part does.
    _lock: Lock,
}

impl Vault {
    /// Opens the vault in `dir`, alone, and recovers what the last process left unfinished.
    ///
    /// # Errors
    /// [`VaultError::NotAVault`], [`VaultError::Format`], [`VaultError::InUse`], [`VaultError::KeyDamaged`], and what
    /// the disk, the index or the ledger say.
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        Self::open_on(Arc::new(RealDisk), dir)
    }

    /// [`Self::open`] on another disk. Lock and index stay on the real one.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, VaultError> {
        Self::open_with(disk, (dir, None), LookUps::Now)
    }

    /// [`Self::open`] with the index key at this place, or in the vault where none is named.
    ///
    /// # Errors
    /// Those of [`Self::open`], [`crate::KeysError::IndexKeyMissing`], [`crate::KeysError::OtherIndexKey`].
    pub fn open_with_index_key(dir: &Path, index_key: Option<&Path>) -> Result<Self, VaultError> {
        Self::open_with(Arc::new(RealDisk), (dir, index_key), LookUps::Now)
    }

    /// [`Self::open_to_read`] with the index key at this place, or in the vault where none is named.
    ///
    /// # Errors
    /// Those of [`Self::open_with_index_key`].
    pub fn open_to_read_with_index_key(dir: &Path, index_key: Option<&Path>) -> Result<Self, VaultError> {
        Self::open_with(Arc::new(RealDisk), (dir, index_key), LookUps::Later)
    }

    /// [`Self::open`] for who lists and reads: it does not wait for the store of what calls are looked up by besides their
    /// id. Damage of that store is an error of who needs it, and not set aside.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_to_read(dir: &Path) -> Result<Self, VaultError> {
        Self::open_with(Arc::new(RealDisk), (dir, None), LookUps::Later)
    }

    fn open_with(
        disk: Arc<dyn Disk>,
        (dir, index_key): (&Path, Option<&Path>),
        look_ups: LookUps,
    ) -> Result<Self, VaultError> {
        let dir = std::path::absolute(dir).map_err(failed("find", dir))?;
        let layout = Layout { dir };
        let settings = Settings::read(&*disk, &layout.settings())?;
        let lock = Lock::take(&layout.lock())?;
        let metadata = read_index_key(&*disk, (&layout, &settings), index_key)?;
        let index_key_at = match index_key {
            Some(named) => std::path::absolute(named).map_err(failed("find", named))?,
            None => layout.key("index.key"),
        };
        let (keys, verifying) = read_keys(&disk, &layout, (&settings, metadata))?;
        let metadata = keys.metadata.clone();
        let (ledger, ledger_state) = Ledger::open(Arc::clone(&disk), &layout.ledger(), metadata.clone())?;
        let Opened { index, state: index_state } = Index::open(&layout.index(), metadata, look_ups)?;
        let parts = Arc::new(Parts {
            disk,
            layout,
            settings,
            keys,
            verifying,
            index_key_at,
            index,
            ledger: Mutex::new(ledger),
            writer_out: AtomicBool::new(false),
            growing: Growing::default(),
            waiting: Mutex::default(),
            keys_changing: Mutex::default(),
            signing: Mutex::default(),
            retention: Mutex::default(),
            disposals: AtomicU64::new(0),
            _lock: lock,
        });
        rotation::recover(&parts)?;
        parts.read_waiting()?;
        let mut recovery = recovery::run(&parts, index_state, ledger_state)?;
        // A disposal that cannot end keeps nobody from recording, or from reading what is not due.
        recovery.disposal = parts.resume_disposal().err().map(|why| why.to_string());
        Ok(Self { parts, recovery })
    }

    /// The office's zone, which fixes what a day is.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.parts.settings.zone.0
    }

    /// Who can open what is sealed.
    #[must_use]
    pub fn access(&self) -> Access {
        self.parts.settings.access
    }

    /// How segments are sealed.
    #[must_use]
    pub fn cipher(&self) -> CipherSuite {
        self.parts.settings.cipher
    }

    /// Its id: 16 random bytes, drawn when it was made.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.parts.settings.id
    }

    /// Whether this is the officer's key.
    ///
    /// # Errors
    /// [`VaultError::OtherOfficer`], [`KeysError::FormerOfficer`](crate::KeysError::FormerOfficer).
    pub fn is_opened_by(&self, key: &OfficerKey) -> Result<(), VaultError> {
        self.parts.is_officer(key)
    }

    /// The public key of the officer, who opens what it seals.
    #[must_use]
    pub fn officer(&self) -> OfficerRecipient {
        OfficerRecipient(self.parts.keys.days.officer())
    }

    /// While a rotation is underway: the public key of the officer that it was begun for.
    #[must_use]
    pub fn next_officer(&self) -> Option<OfficerRecipient> {
        self.parts.keys.days.alone(|officers| officers.next.clone()).map(OfficerRecipient)
    }

    /// The names of its day keys, of each class and day one, sorted.
    ///
    /// # Errors
    /// What the disk says.
    pub fn day_keys(&self) -> Result<Vec<String>, VaultError> {
        let dir = self.parts.layout.key("day");
        let files = if_there(self.parts.disk.list(&dir)).map_err(failed("list", &dir))?.unwrap_or_default();
        let files = files.iter().filter(|path| path.extension().is_some_and(|of| of == "age"));
        let mut names: Vec<String> =
            files.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        names.sort();
        Ok(names)
    }

    /// Its directory, absolute.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.parts.layout.dir
    }

    /// What opening it found unfinished, and did about it.
    #[must_use]
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Where the officer's key is unless another place was chosen when the vault was made.
    #[must_use]
    pub fn default_officer_key(&self) -> PathBuf {
        OfficerKey::beside(&self.parts.layout.dir, self.access())
    }

    /// The public key that its manifests are signed with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.parts.verifying
    }

    /// Its index: search and list.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.parts.index
    }

    /// Its ledger, for reading. What recordings do is written by the vault itself.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.parts.ledger()
    }

    /// Says something of the recorder in the ledger, durably.
    ///
    /// # Errors
    /// Those of [`Self::note`].
    pub fn tell(&self, at: WallTime, note: &LedgerNote) -> Result<(), VaultError> {
        self.note(note.kind(), at, &note.to_bytes())
    }

    /// Says in the ledger that opening the vault had to put it in order; nothing when it had not.
    ///
    /// # Errors
    /// Those of [`Self::note`].
    pub fn tell_of_recovery(&self, now: WallTime) -> Result<(), VaultError> {
        if self.recovery.is_clean() {
            return Ok(());
        }
        self.tell(now, &LedgerNote::Recovered(self.recovery.note()))
    }

    /// Says something in the ledger, durably.
    ///
    /// # Errors
    /// When the ledger fails. On a full disk the row waits, and becomes durable with the next one or the next commit.
    pub fn note(&self, kind: LedgerKind, at: WallTime, payload: &[u8]) -> Result<(), VaultError> {
        let mut ledger = self.parts.ledger();
        ledger.append(kind, at, payload)?;
        Ok(ledger.sync()?)
    }

    /// The sealing side and the writing side. There is one writer at a time.
    ///
    /// # Errors
    /// [`VaultError::WriterTaken`] while an earlier one lives.
    pub fn writer(&self) -> Result<(Sealer, Writer), VaultError> {
        if self.parts.writer_out.swap(true, Ordering::AcqRel) {
            return Err(VaultError::WriterTaken);
        }
        Ok((Sealer::new(Arc::clone(&self.parts.keys)), Writer::new(Arc::clone(&self.parts))))
    }

    /// The opening side.
    ///
    /// # Errors
    /// [`VaultError::OfficerKeyMissing`], [`VaultError::WrongPassphrase`], [`VaultError::NotAKey`],
    /// [`VaultError::OtherOfficer`].
    pub fn opener(&self, unlock: Unlock) -> Result<Opener, VaultError> {
        Opener::new(Arc::clone(&self.parts), unlock)
    }

    /// The opening side, with a key that is open already.
    ///
    /// # Errors
    /// [`VaultError::OtherOfficer`].
    pub fn opener_with(&self, key: OfficerKey) -> Result<Opener, VaultError> {
        Opener::with_key(Arc::clone(&self.parts), key)
    }
}

impl Parts {
    /// Until it is dropped nobody else rotates the officer's key, moves the index key, or writes down a backup.
    pub(crate) fn keys_change(&self) -> MutexGuard<'_, ()> {
        self.keys_changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The day of the vault's zone.
    pub(crate) fn civil_day(&self, at: WallTime) -> NaiveDate {
        civil::day_of(self.settings.zone.0, PacketTime::from_nanos(at.nanos()))
    }

    /// Keys were destroyed.
    pub(crate) fn tell_of_disposal(&self) {
        self.disposals.fetch_add(1, Ordering::AcqRel);
    }

    /// A panic under this lock can only be a defect of ours; the ledger stops itself when it is not in order.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an index that was just opened can be believed to be complete.
pub(crate) fn is_whole(state: &IndexState) -> bool {
    match state {
        IndexState::Whole => true,
        IndexState::Fresh | IndexState::SetAside { .. } => false,
    }
}

type Keys = (Arc<SealingKeys>, VerifyingKey);

fn read_keys(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    (settings, metadata): (&Settings, MetadataKey),
) -> Result<Keys, VaultError> {
    let key = |name: &str, kind| read_key(&**disk, &layout.key(name), kind);
    let seed = key("recorder.key", KeyKind::Signing)?;
    let public = key("recorder.pub", KeyKind::Verifying)?;
    let signing = Ed25519KeyPair::from_seed_and_public_key(&*seed, &*public)
        .map_err(|_| VaultError::KeyDamaged { path: layout.key("recorder.key") })?;
    let verifying = VerifyingKey::from_bytes(&public)
        .map_err(|_| VaultError::KeyDamaged { path: layout.key("recorder.pub") })?;
    let officer = rotation::read_recipient(&**disk, &layout.key("officer.pub"))?;
    let days = DayKeys::new(Arc::clone(disk), layout.clone(), officer);
    let (vault, suite, zone) = (settings.id, settings.cipher, settings.zone.0);
    let keys = SealingKeys { vault, suite, zone, metadata, signing, days };
    Ok((Arc::new(keys), verifying))
}
