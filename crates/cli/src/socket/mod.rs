//! The recorder's local socket: commands are run by the process that has the vault.
//!
//! ```text
//!   client                                     recorder
//!   parses its command line
//!   the vault is in use ──── Request ────────► who is it (SO_PEERCRED)? parses the same command line
//!                        ◄── Out, Tell ──────  runs the command on its open vault, at the seat of the client
//!   has it done itself,  ◄── Errand ─────────  a file to be written, rules to be read, a key to be opened
//!   with its own rights  ──── Reply ─────────►
//!                        ◄── Ended ──────────  exit code
//! ```
//!
//! What comes from the other side is bounded in size, and at the recorder's end in time. No descriptor is handed over: a write to a
//! stranger's terminal, pipe or file system can block for ever, a write to this socket cannot. No path is believed: the
//! client does errands only at the place that its own command line names (see [`Grant`]), so that a recorder that was
//! taken over has no use of the rights of whoever asks it.

mod answer;
mod client;
mod connection;
mod grant;
mod guest;
mod listener;
mod parcel;
mod places;
mod protocol;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use self::{
    client::{Handed, Line, hand_over, health, is_served},
    grant::Grant,
    server::{Asked, serve_beside},
};

/// The socket in a vault's directory.
const NAME: &str = "control.sock";

/// Where the socket of the recorder of this vault is.
fn place(vault: &Path) -> PathBuf {
    vault.join(NAME)
}
