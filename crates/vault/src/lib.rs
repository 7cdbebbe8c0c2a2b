//! Sealed volumes, their keys, the index and the ledger as one durable thing: append, read, recover, verify.
//!
//! This crate never reads a clock (every `now` is an argument), never starts a thread, never logs, never writes audio
//! that is not sealed, and never keeps the key that would open it: [`Sealer`] and [`Opener`] are two types, and the
//! first cannot become the second. It knows nothing of SIP, RTP or rules beyond the facts it is given to keep.
#![forbid(unsafe_code)]

mod anchoring;
mod backup;
mod cipher;
mod civil;
mod container;
mod conversation;
mod coverage;
mod create;
mod disk;
mod disposed;
mod entry;
mod error;
mod evidence;
mod fitting;
mod growing;
mod index;
mod index_key;
mod key_backup;
mod keys;
mod keys_error;
mod layout;
mod ledger;
mod lock;
mod manifest;
mod metadata_key;
mod officer_key;
mod opener;
mod opening;
mod payload_hash;
mod payload_order;
mod proving;
mod quality;
mod reading;
mod rebuild;
mod recorded;
mod recovery;
mod retention;
mod rotation;
mod rule_texts;
mod running;
mod sealer;
mod sections;
mod settings;
mod shares;
mod shelves;
mod space;
mod stamp;
mod statement;
mod vault;
mod verify;
mod waiting;
mod writer;

pub use age::secrecy::SecretString;
pub use anchoring::failed_call;
pub use backup::{
    BackupFault, BackupFinding, Copied, Extent, Listed, Part, PartState, Restore, Restored, check_backup,
    copy_backup, copy_backup_on, prune_backup, restore,
};
pub use cipher::{CipherSuite, NotAuthentic};
pub use container::{
    Block, BlockDamage, BlockHead, BlockKind, FORMAT_VERSION, HeadDamage, MAX_SEALED, Scan, Scanned,
    VOLUME_VERSION, VolumeHead,
};
pub use coverage::{ALIVE_EVERY, Coverage, CoverageCause, CoverageGap, Span, coverage};
pub use create::{Created, KeyHolders, NewVault, create, create_for};
pub use disk::{Disk, DiskFile, OpenAs, ReadAt, RealDisk};
pub use entry::{ENTRY_SCHEMA, Entry, EntryError, RecordingEntry, StreamHash};
pub use error::VaultError;
pub use evidence::{LIST_SIGNED_AS, open_blocks};
pub use index::{
    Damage, Ending, Index, IndexError, IndexFinding, IndexState, LookUps, MAX_MATCHES, Opened, Search,
};
pub use key_backup::{
    BackupId, BackupPlace, CopiedFile, DestroyedKey, HeldKeys, KeyBackup, KeySource, KeysCopied, Medium,
    NotABackupId, StaleBackup, copy_keys, copy_keys_on, look_for_key_backup, registered_backups,
};
pub use keys::{verifying_key_in, verifying_key_text};
pub use keys_error::KeysError;
pub use ledger::{Act, CopyGiven, Restored as RestoredNote};
pub use ledger::{
    AlarmState, Alive, BackedUp, Imported, KeysBackedUp, KeysRotated, KeysSplit, Ledger, LedgerError,
    LedgerFault, LedgerFinding, LedgerKind, LedgerNote, LedgerState, LinkState, Recovered, Row, Watching,
    check_chain,
};
pub use ledger::{
    Anchored, AnchoredBy, Checkpoint, CheckpointFault, ClockStatus, Closes, Closing, Counted, Counter,
    DayClosed, DayCounts, Ended, ExcludedBecause, FailedBecause, HeadFault, HeadFinding, HeadsChecked,
    KeptHead, MAX_CHECKPOINT, ProofFault, RowProof, StoredHead, Synchronised, TreeHash, is_consistent,
    origin, root_by_inclusion, verifier_key,
};
pub use manifest::{MANIFEST_SCHEMA, Manifest, RecordedRow};
pub use metadata_key::MetadataKey;
pub use officer_key::{OfficerKey, OfficerRecipient};
pub use opener::{Opener, Segments, Unlock};
pub use opening::{Opening, StreamOpened};
pub use rebuild::Rebuilt;
pub use recovery::Recovery;
pub use retention::{
    ActId, Certificate, Change, ClockTrust, Day, DisposalOrder, DisposalRun, Disposed, DisposedRecording,
    Due, EndedDay, HeldRecording, Hold, Leap, NewHold, NewProposal, NotCertified, PastDamage, Plan, Planned,
    Proposal, Release, RetentionNote, StaleKeyBackup, StandingHold, Subject, Told,
};
pub use rotation::{Abandoned, Rotated};
pub use sealer::{RecordingSealer, Sealed, Sealer};
pub use settings::Access;
pub use shares::{MOST_SHARES, Share, ShareFault, ShareLines, join_shares, split_key};
pub use space::Space;
pub use stamp::{MAX_STAMP, Stamp, StampFault, nonce_of, stamp_query};
pub use statement::{CivilDay, ClosedRow, Statement};
pub use vault::Vault;
pub use verify::{Fault, Finding, Verified, Verifier};
pub use waiting::WasRunning;
pub use writer::{Committed, GivenUp, NotClosed, NotTaken, Writer};
