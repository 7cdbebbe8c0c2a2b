//! The head of a block. Drawn in the module's page.

use std::ops::Range;

use earwitness_model::{PacketTime, RecordingId};

/// Bytes of a block's head.
pub(crate) const BLOCK_HEAD: usize = 64;
/// The part of the head that the sealed bytes are bound to.
pub(crate) const AAD: Range<usize> = 0..48;
/// The most sealed bytes that one block holds: far above half a second of any call, and above the manifest of a call
/// of several days.
pub const MAX_SEALED: usize = 64 << 20;

pub(super) const MAGIC: [u8; 4] = *b"EWB1";
const ZERO_A: Range<usize> = 5..8;
const LENGTH: Range<usize> = 8..12;
const ZERO_B: Range<usize> = 12..16;
const RECORDING: Range<usize> = 16..32;
const COUNTER: Range<usize> = 32..40;
const BASE: Range<usize> = 40..48;
const PREVIOUS: Range<usize> = 48..56;
const BODY_CRC: Range<usize> = 56..60;
const HEAD_CRC: Range<usize> = 60..64;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// What was known when the recording began.
    Opened,
    /// Who a track is.
    Stream,
    /// A segment of RTP payloads.
    Media,
    /// A segment of SIP datagrams.
    Signalling,
    /// The signed end of the recording.
    Manifest,
    /// What must be known to take the call up again after a restart.
    Running,
}

impl BlockKind {
    const fn code(self) -> u8 {
        match self {
            Self::Opened => 1,
            Self::Stream => 2,
            Self::Media => 3,
            Self::Signalling => 4,
            Self::Manifest => 5,
            Self::Running => 6,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Opened,
            2 => Self::Stream,
            3 => Self::Media,
            4 => Self::Signalling,
            5 => Self::Manifest,
            6 => Self::Running,
            _ => return None,
        })
    }
}

/// Why bytes are not a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BlockDamage {
    /// The file ends within the block.
    #[error("the file ends within the block")]
    Cut,
    /// No block begins here.
    #[error("no block begins here")]
    Magic,
    /// The head's checksum does not fit it.
    #[error("the checksum of the block's head is wrong")]
    Head,
    /// The head is whole and says what no head of this format says.
    #[error("the block's head makes no sense")]
    Nonsense,
    /// The checksum of the sealed bytes does not fit them.
    #[error("the checksum of the sealed bytes is wrong")]
    Body,
}

/// The head of a block, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHead {
    /// What the block holds.
    pub kind: BlockKind,
    /// Sealed bytes behind the head.
    pub length: u32,
    /// The recording it belongs to.
    pub recording: RecordingId,
    /// Its place in the recording.
    pub counter: u64,
    /// Capture time of what it holds.
    pub base: PacketTime,
    /// Where the previous block of the recording begins; 0 for the first.
    pub previous: u64,
    /// CRC-32C of the sealed bytes.
    pub body_crc: u32,
}

impl BlockHead {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; BLOCK_HEAD] {
        let mut head = [0; BLOCK_HEAD];
        head[..4].copy_from_slice(&MAGIC);
        head[4] = self.kind.code();
        head[LENGTH].copy_from_slice(&self.length.to_le_bytes());
        head[RECORDING].copy_from_slice(&self.recording.to_bytes());
        head[COUNTER].copy_from_slice(&self.counter.to_le_bytes());
        head[BASE].copy_from_slice(&self.base.nanos().to_le_bytes());
        head[PREVIOUS].copy_from_slice(&self.previous.to_le_bytes());
        head[BODY_CRC].copy_from_slice(&self.body_crc.to_le_bytes());
        close_head(&mut head);
        head
    }

    /// The inverse of [`Self::to_bytes`].
    ///
    /// # Errors
    /// Says what is wrong with the bytes; never [`BlockDamage::Body`], which only the sealed bytes can show.
    pub fn from_bytes(head: &[u8; BLOCK_HEAD]) -> Result<Self, BlockDamage> {
        if head[..4] != MAGIC {
            return Err(BlockDamage::Magic);
        }
        if crc32c::crc32c(&head[..HEAD_CRC.start]) != u32::from_le_bytes(array(head, HEAD_CRC)) {
            return Err(BlockDamage::Head);
        }
        let length = u32::from_le_bytes(array(head, LENGTH));
        let zeros = head[ZERO_A].iter().chain(&head[ZERO_B]).all(|&byte| byte == 0);
        if !zeros || length as usize > MAX_SEALED {
            return Err(BlockDamage::Nonsense);
        }
        Ok(Self {
            kind: BlockKind::from_code(head[4]).ok_or(BlockDamage::Nonsense)?,
            length,
            recording: RecordingId::from_bytes(array(head, RECORDING)),
            counter: u64::from_le_bytes(array(head, COUNTER)),
            base: PacketTime::from_nanos(i64::from_le_bytes(array(head, BASE))),
            previous: u64::from_le_bytes(array(head, PREVIOUS)),
            body_crc: u32::from_le_bytes(array(head, BODY_CRC)),
        })
    }
}

/// Fills in what is known when the block's place is: where the previous block lies, and the head's checksum.
pub(crate) fn link_block(head: &mut [u8; BLOCK_HEAD], previous: u64) {
    head[PREVIOUS].copy_from_slice(&previous.to_le_bytes());
    close_head(head);
}

/// What the manifest says of a block: BLAKE3 over the bound part of its head and the BLAKE3 of its sealed bytes. The
/// sealed bytes are hashed by themselves because that is fastest when they begin a chunk.
pub(crate) fn block_hash(head: &[u8], sealed: &[u8]) -> [u8; 32] {
    let mut content = [0; AAD.end + 32];
    content[AAD].copy_from_slice(&head[AAD]);
    content[AAD.end..].copy_from_slice(blake3::hash(sealed).as_bytes());
    *blake3::hash(&content).as_bytes()
}

/// The nonce of a block under its recording's data key.
pub(crate) fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

fn close_head(head: &mut [u8; BLOCK_HEAD]) {
    let crc = crc32c::crc32c(&head[..HEAD_CRC.start]);
    head[HEAD_CRC].copy_from_slice(&crc.to_le_bytes());
}

fn array<const N: usize>(head: &[u8; BLOCK_HEAD], field: Range<usize>) -> [u8; N] {
    head[field].try_into().expect("the range is as long as the field's type")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> BlockHead {
        BlockHead {
            kind: BlockKind::Signalling,
            length: 0x0102_0304 >> 8,
            recording: RecordingId::new(1_763_683_200_123, 0x1234),
            counter: 0x1122_3344_5566_7788,
            base: PacketTime::from_nanos(-5),
            previous: 64,
            body_crc: 0xdead_beef,
        }
    }

    #[test]
    fn a_head_reads_back_from_the_bytes_drawn() {
        let bytes = head().to_bytes();
        assert_eq!(&bytes[..16], b"EWB1\x04\0\0\0\x03\x02\x01\0\0\0\0\0");
        assert_eq!(bytes[32..40], 0x1122_3344_5566_7788_u64.to_le_bytes());
        assert_eq!(bytes[40..48], (-5_i64).to_le_bytes());
        assert_eq!(BlockHead::from_bytes(&bytes), Ok(head()));
    }

    #[test]
    fn every_flipped_bit_of_a_head_is_noticed() {
        let bytes = head().to_bytes();
        for bit in 0..BLOCK_HEAD * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 32 { BlockDamage::Magic } else { BlockDamage::Head };
            assert_eq!(BlockHead::from_bytes(&flipped), Err(expected), "bit {bit}");
        }
    }

    #[test]
    fn a_whole_head_that_makes_no_sense_is_refused() {
        for (at, value) in [(4, 0), (4, 7), (5, 1), (15, 1), (11, 0xff)] {
            let mut bytes = head().to_bytes();
            bytes[at] = value;
            close_head(&mut bytes);
            assert_eq!(BlockHead::from_bytes(&bytes), Err(BlockDamage::Nonsense), "byte {at} = {value}");
        }
    }

    #[test]
    fn linking_changes_the_link_and_nothing_bound() {
        let mut bytes = head().to_bytes();
        link_block(&mut bytes, 4_096);
        assert_eq!(BlockHead::from_bytes(&bytes), Ok(BlockHead { previous: 4_096, ..head() }));
        assert_eq!(bytes[AAD], head().to_bytes()[AAD]);
    }

    #[test]
    fn no_two_counters_share_a_nonce() {
        assert_eq!(nonce(0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(nonce(u64::MAX)[..4], [0; 4]);
    }
}
