//! The container: one volume holds the sealed blocks of many recordings, one behind the other as they came.
//!
//! ```text
//!   volume  =  head (64 bytes)  block  block  block …
//!   block   =  head (64 bytes)  sealed bytes
//! ```
//!
//! Head of a volume, little-endian:
//!
//! ```text
//!    0        8      10    11    12       16       20               36               52       60      64
//!    +--------+------+-----+-----+--------+--------+----------------+----------------+--------+-------+
//!    | EWVOLUME| ver. |suite| 0   | number | day    | vault id       | class (hashed) | 0      | crc   |
//!    +--------+------+-----+-----+--------+--------+----------------+----------------+--------+-------+
//!    version 2   suite 1 AES-256-GCM, 2 ARIA-256-GCM   day: days since the year 1   class: BLAKE3, 16 bytes
//! ```
//!
//! Head of a block, little-endian:
//!
//! ```text
//!    0      4    5     8        12   16               32         40        48          56         60      64
//!    +------+----+-----+--------+----+----------------+----------+---------+-----------+----------+-------+
//!    | EWB1 |kind| 0   | length | 0  | recording      | counter  | base    | previous  | crc body | crc   |
//!    +------+----+-----+--------+----+----------------+----------+---------+-----------+----------+-------+
//!    |<-- bound to the sealed bytes (AAD), and hashed before them ------->|<-- CRC-32C over 0..60 in `crc`
//!    kind      1 opened, 2 stream, 3 media, 4 signalling, 5 manifest, 6 running (volumes of version 2)
//!    length    of the sealed bytes behind the head
//!    counter   the block's place in its recording, from 0, without holes
//!    base      capture time in ns: of a segment's first packet, or of what the block tells
//!    previous  where the previous block of the recording begins in this volume; 0: it is the first
//! ```
//!
//! Sealed bytes of media and signalling: the segment's bytes under the recording's data key, then the 16-byte tag. The
//! 96-bit nonce is four zero bytes and the counter, big-endian. A data key seals the blocks of one recording only, a
//! counter is given out once by the one owner of that recording's sealer, and a recording that was interrupted is never
//! gone on with under the same key (the rest of its call is a recording of its own): no (key, nonce) pair seals twice.
//! Sealed bytes of the other kinds are [`crate::MetadataKey`]'s.
//!
//! Version 2 differs from version 1 by blocks of kind 6 only. To a program that knows version 1 such a block would look
//! like damage in the middle of a recording: the version makes it say instead that a newer program wrote the volume, and
//! leave it alone. This program reads both, writes version 2, and does not go on in a volume of version 1.
//!
//! A recording lies in one volume: when a volume is full, recordings that began in it go on in it.

mod block;
mod chain;
mod manifests;
mod scan;
mod volume_head;

pub(crate) use block::{AAD, BLOCK_HEAD, block_hash, link_block, nonce};
pub use block::{BlockDamage, BlockHead, BlockKind, MAX_SEALED};
pub(crate) use chain::{Chain, read_block};
pub(crate) use manifests::Manifests;
pub use scan::{Block, Scan, Scanned};
pub(crate) use volume_head::VOLUME_HEAD;
pub use volume_head::{FORMAT_VERSION, HeadDamage, VOLUME_VERSION, VolumeHead};
