//! The evidence bundle of a call: what it holds, how it is closed, and how a stranger checks it. Papers beside it are checked
//! by the same programs ([`Paper`]).
//!
//! ```text
//!   README.html README.txt   what this is, in Korean and English         ledger/   that the ledger tells of it
//!   audio.wav  call.pcapng   the sound, and the packets it comes from    rules/    the rules that applied
//!   timeline.svg             the call as a picture                       sealed/   the blocks as the vault has them
//!   manifest.bin .json       the signed facts                            recipient.json
//!   recorder.pub .pem        the recorder's public key                   SHA256SUMS
//!   LIST.txt LIST.sig        size, BLAKE3 and SHA-256 of every file, signed by the recorder
//! ```
//!
//! What hangs on what: the recorder's key signs the manifest when the call is over, the list when the copy is made, and the
//! heads of the ledger. The manifest has the hashes of the sealed blocks, which are here with the recording's own key: what they
//! open to, written again, is the pcapng to the byte, its SIP and its times too. It has the hash of each stream's payload as
//! well, and the sound is what becomes of the packets, to the sample. The key opens this recording and nothing else of the vault.
//!
//! Nothing in a bundle is believed before it is checked, and everything is bounded: a zip of a bundle is not compressed, and is
//! read by being written again ([`unpack`]).
#![forbid(unsafe_code)]

mod compose;
mod container;
mod html;
mod list;
mod name;
mod open;
mod origin;
mod paper;
mod picture;
mod proof;
mod public_key;
mod readme;
mod recipient;
mod told;
mod verify;
mod words;

pub use compose::{Bundle, ComposeError, Contents, may_fit};
pub use container::{
    Container, ContainerFault, FolderFault, Keys, Kind, Lock, Named, Stamp, ZipFault, identity_in, kind_of,
    locked_for, pack, read_folder, unpack,
};
pub use html::escaped;
pub use name::MOST_BYTES;
pub use open::{Given as GivenBundle, OpenFault, identity_of, is_bundle_folder, public_key_of};
pub use paper::{Checked as CheckedPaper, Paper, PaperFault};
pub use picture::{COLUMNS, Mark, MarkKind, timeline};
pub use public_key::public_key_in;
pub use recipient::{Given, Recipient};
pub use told::Circumstances;
pub use verify::{Check, Fault, Line, Report, Verdict, verify};
