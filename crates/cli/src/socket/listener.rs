//! The socket itself: made beside an open vault for its owner and its group, and taken away.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
};

use earwitness_vault::Vault;
use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, chmod, chownat, fchmod, open, openat},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use super::{NAME, place};
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
            let dir = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let dir = File::from(open(vault.dir(), dir, Mode::empty())?);
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            // What bind(2) makes has the socket's mode, less the umask: it is never for others.
            fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
            rustix::net::bind(&socket, &address)?;
            let made = held(&dir)?;
            // Nobody can connect before it listens, and by then it is for owner and group.
            give_to_group(&dir, &made)?;
            rustix::net::listen(&socket, BACKLOG)?;
            let made = made.metadata()?;
            Ok(Self { socket: socket.into(), place: place.clone(), made: (made.dev(), made.ino()) })
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

/// The socket that was just made in the vault's directory, held so that nothing which is put into its place is touched: who
/// may write there may be a lesser user than this process's.
///
/// # Errors
/// When something else stands there.
fn held(dir: &File) -> io::Result<File> {
    let there = openat(dir, NAME, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let there = File::from(there);
    let has = there.metadata()?;
    let is_ours = has.uid() == rustix::process::geteuid().as_raw() && has.nlink() == 1;
    if has.file_type().is_socket() && is_ours {
        return Ok(there);
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "somebody else puts things into the vault's directory",
    ))
}

/// For its owner, who has it already, and the group of the vault's directory; where that cannot be given, for its owner.
fn give_to_group(dir: &File, socket: &File) -> io::Result<()> {
    let group = dir.metadata()?.gid();
    let given = socket.metadata()?.gid() == group
        || chownat(socket, "", None, Some(Gid::from_raw(group)), AtFlags::EMPTY_PATH).is_ok();
    if given {
        // The one way to change the mode of what is only held, not open (open(2), O_PATH).
        chmod(
            format!("/proc/self/fd/{}", socket.as_raw_fd()),
            Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
    };

    use super::*;

    #[test]
    fn what_is_put_into_the_place_of_the_socket_is_neither_given_away_nor_opened_to_others() {
        let home = tempfile::tempdir().unwrap();
        let (dir, secret) = (home.path().join("vault"), home.path().join("secret"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(&secret, "x").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let theirs = UnixListener::bind(home.path().join("theirs")).unwrap();
        let plant: [&dyn Fn(&Path); 5] = [
            &|place| symlink(&secret, place).unwrap(),
            &|place| symlink(home.path().join("theirs"), place).unwrap(),
            &|place| std::fs::hard_link(&secret, place).unwrap(),
            &|place| std::fs::hard_link(home.path().join("theirs"), place).unwrap(),
            &|place| std::fs::create_dir(place).unwrap(),
        ];
        let held_dir = File::open(&dir).unwrap();
        for (case, plant) in plant.into_iter().enumerate() {
            plant(&place(&dir));
            let refused = held(&held_dir).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{case}: {refused}");
            std::fs::remove_file(place(&dir)).or_else(|_| std::fs::remove_dir(place(&dir))).unwrap();
        }
        assert_eq!(secret.metadata().unwrap().mode() & 0o777, 0o600);
        drop(theirs);
        // What was held is what is changed, whatever stands in its place meanwhile.
        let ours = UnixListener::bind(place(&dir)).unwrap();
        let socket = held(&held_dir).unwrap();
        std::fs::rename(place(&dir), dir.join("away")).unwrap();
        symlink(&secret, place(&dir)).unwrap();
        give_to_group(&held_dir, &socket).unwrap();
        assert_eq!(secret.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(dir.join("away").metadata().unwrap().mode() & 0o777, 0o660);
        drop(ours);
    }
}
