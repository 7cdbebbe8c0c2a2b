//! The socket itself: made beside an open vault for its owner and its group, and taken away.

use std::{
    fs::Permissions,
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use earwitness_vault::Vault;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::place;
use crate::exit::{Exit, Failure};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// The socket of a vault's recorder. Gone when it is dropped.
pub(super) struct Listener {
    pub(super) socket: UnixListener,
    place: PathBuf,
    /// Device and inode, so that no other's socket is removed.
    made: (u64, u64),
}

impl Listener {
    /// Listens beside an open vault: who has the vault is its only recorder, so a socket that nobody answers is a dead one's
    /// and is replaced.
    ///
    /// # Errors
    /// When the path is too long for a socket, when somebody listens there, and what the system says.
    pub(super) fn bind(vault: &Vault) -> Result<Self, Failure> {
        let place = place(vault.dir());
        let cannot = |cause: io::Error| {
            Failure::new(Exit::Failed, format_args!("cannot listen on {}: {cause}", place.display()))
        };
        let address = SocketAddrUnix::new(&place).map_err(|_cause| {
            let why = format_args!(
                "{} is too long a name for a socket (unix(7): 107 bytes): commands while the recorder runs need a vault with a shorter path",
                place.display()
            );
            Failure::new(Exit::Failed, why)
        })?;
        if UnixStream::connect(&place).is_ok() {
            return Err(Failure::new(
                Exit::Failed,
                format_args!("another process listens on {}", place.display()),
            ));
        }
        match std::fs::remove_file(&place) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cannot(cause)),
            Ok(()) | Err(_) => {}
        }
        let listen = || -> io::Result<Self> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            rustix::net::bind(&socket, &address)?;
            // Nobody can connect before it listens, and by then it is for owner and group.
            give_to_group(vault.dir(), &place)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let there = place.symlink_metadata()?;
            Ok(Self { socket: socket.into(), place: place.clone(), made: (there.dev(), there.ino()) })
        };
        listen().map_err(cannot)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let is_ours = |there: &std::fs::Metadata| (there.dev(), there.ino()) == self.made;
        if self.place.symlink_metadata().is_ok_and(|there| is_ours(&there)) {
            // One that stays is a dead one's, which the next recorder replaces.
            std::fs::remove_file(&self.place).unwrap_or_default();
        }
    }
}

/// For its owner and the group of the vault's directory; where the group cannot be given, for its owner.
fn give_to_group(vault: &Path, place: &Path) -> io::Result<()> {
    let group = vault.metadata()?.gid();
    let given = place.symlink_metadata()?.gid() == group
        || std::os::unix::fs::lchown(place, None, Some(group)).is_ok();
    std::fs::set_permissions(place, Permissions::from_mode(if given { 0o660 } else { 0o600 }))
}
