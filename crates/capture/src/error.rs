//! What can be wrong with a capture, for the person who has it in hand.

use std::io;

use thiserror::Error;

use crate::{Looks, Refusal};

/// Why frames cannot be had from a capture.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file could not be opened.
    #[error("{file}: cannot be opened: {source}")]
    Unopenable {
        /// The file, as the user named it.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{file}: not a capture, {looks}")]
    NotACapture {
        /// The file, as the user named it.
        file: String,
        /// What it is instead, as far as its first bytes tell.
        looks: Looks,
    },
    /// The operating system would not give the next bytes.
    #[error(
        "{file}: cannot be read on at frame {frame} (byte {at_byte}): {source}; the frames before it were read"
    )]
    Unreadable {
        /// The file, as the user named it.
        file: String,
        /// The number of the frame that would have come next.
        frame: u64,
        /// Where, in bytes of the capture (of a gzip file, of its content).
        at_byte: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The bytes do not make sense from here on.
    #[error("{file}: damaged at frame {frame} (byte {at_byte}): {damage}; the frames before it were read")]
    Damaged {
        /// The file, as the user named it.
        file: String,
        /// The number of the frame that would have come next.
        frame: u64,
        /// Where, in bytes of the capture (of a gzip file, of its content).
        at_byte: u64,
        /// What does not make sense.
        damage: Damage,
    },
    /// A network interface cannot be captured.
    #[error("{interface}: {refusal}")]
    Interface {
        /// The interface, as the user named it.
        interface: String,
        /// Why, and what to do.
        refusal: Refusal,
    },
}

/// What does not make sense in a capture that began well. After it there is no telling where the next frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Damage {
    /// A frame longer than [`crate::FileSource::MAX_FRAME`] bytes.
    #[error("a frame of {0} bytes; copy the file from its source again")]
    FrameTooLong(u32),
    /// A pcapng block whose length is below its own frame, above the bound for its kind, or not a multiple of 4.
    #[error("a pcapng block of {0} bytes; copy the file from its source again")]
    BlockLength(u32),
    /// The length at the end of a pcapng block is not the one at its beginning.
    #[error("a pcapng block that begins with length {begins} and ends with length {ends}")]
    BlockEnd {
        /// Block Total Length before the body.
        begins: u32,
        /// Block Total Length after the body.
        ends: u32,
    },
    /// A pcapng section header without the byte-order magic.
    #[error("a pcapng section without a byte order ({0:#010x} is not the magic number)")]
    ByteOrder(u32),
    /// A pcapng section of a major version that did not exist when this was written.
    #[error(
        "a pcapng section of version {0}, only 1 is known; `editcap` of a current Wireshark may convert it"
    )]
    Version(u16),
    /// A pcapng packet block that says more bytes than it has.
    #[error("a frame of {frame} bytes in a pcapng block with room for {room}")]
    FrameOverrunsBlock {
        /// Captured Packet Length.
        frame: u32,
        /// What is left in the block's body.
        room: u32,
    },
    /// A pcapng packet block of an interface that its section does not describe.
    #[error("a frame of interface {0}, which this section of the file does not describe")]
    UnknownInterface(u32),
    /// A pcapng section with more interfaces than [`crate::FileSource::MAX_INTERFACES`].
    #[error("more than {0} interfaces in one section")]
    TooManyInterfaces(u32),
    /// The gzip layer: a checksum or a code that cannot be.
    #[error(
        "the gzip compression is broken; `gzip -t` should say the same, copy the file from its source again"
    )]
    Gzip,
    /// Bytes after the last gzip member that are neither a member nor zeros.
    #[error("bytes that are not gzip follow the compressed capture; all of the capture before them was read")]
    AfterGzip,
}
