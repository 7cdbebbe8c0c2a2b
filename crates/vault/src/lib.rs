//! Sealed volumes, their keys, the index and the ledger as one durable thing: append, read, recover, verify.
//!
//! This crate never reads a clock (every `now` is an argument), never starts a thread, never logs, never writes audio
//! that is not sealed, and never keeps the key that would open it: [`Sealer`] and [`Opener`] are two types, and the
//! first cannot become the second. It knows nothing of SIP, RTP or rules beyond the facts it is given to keep.
#![forbid(unsafe_code)]

mod cipher;
mod civil;
mod disk;
mod entry;
mod index;
mod ledger;
mod metadata_key;

pub use cipher::{CipherSuite, NotAuthentic};
pub use disk::{Disk, DiskFile, OpenAs, ReadAt, RealDisk};
pub use entry::{ENTRY_SCHEMA, Entry, EntryError, RecordingEntry, StreamHash};
pub use metadata_key::MetadataKey;
