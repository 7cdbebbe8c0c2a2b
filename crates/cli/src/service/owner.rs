//! A vault that root makes for the service belongs to the service.

use std::{fs::File, io, os::unix::fs::MetadataExt, path::Path};

use rustix::fs::{AtFlags, Dir, Gid, Mode, OFlags, Uid, chownat, open, openat};

/// Folders in folders; a vault has no more than four.
const MOST_DEEP: usize = 16;

/// Gives everything in `folder` to whoever owns the folder. `sudo earwitness init` makes a vault in the service's folder;
/// what root leaves in it the recorder could not write. The officer's key lies elsewhere and stays root's.
///
/// The owner is a lesser user, and may put other things into the folder meanwhile: what is given is held first, a link is
/// never followed, and a file that has another name too stays whose it is.
///
/// # Errors
/// What the system says.
pub(crate) fn give_to_owner_of(folder: &Path) -> io::Result<()> {
    let folder = File::from(open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?);
    let owner = folder.metadata()?;
    give(&folder, (owner.uid(), owner.gid()), MOST_DEEP)
}

fn give(folder: &File, (user, group): (u32, u32), deep: usize) -> io::Result<()> {
    let deeper = deep.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
    let listing = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::new(listing)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let inside = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let inside = File::from(inside);
        let has = inside.metadata()?;
        let is_elsewhere_too = !has.is_dir() && has.nlink() > 1;
        if (has.uid(), has.gid()) != (user, group) && !is_elsewhere_too {
            let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
            chownat(&inside, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?;
        }
        if has.is_dir() {
            give(&inside, (user, group), deeper)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{lchown, symlink},
        sync::atomic::{AtomicBool, Ordering},
    };

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    use super::*;

    #[test]
    fn what_root_made_in_a_folder_belongs_to_the_folders_owner() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let vault = home.path().join("vault");
        fs::create_dir_all(vault.join("keys")).expect("folders can be made");
        fs::write(vault.join("keys/index.key"), "x").expect("a file can be written");
        symlink("/etc/passwd", vault.join("link")).expect("a link can be made");
        fs::write(home.path().join("vault.key"), "x").expect("a file can be written");
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            lchown(&vault, Some(4711), Some(4712)).expect("root may");
        }
        give_to_owner_of(&vault).expect("it is done, or is so already");
        let owner = |path: &str| {
            let has = fs::symlink_metadata(home.path().join(path)).expect("it is there");
            (has.uid(), has.gid())
        };
        for inside in ["vault/keys", "vault/keys/index.key", "vault/link"] {
            assert_eq!(owner(inside), owner("vault"), "{inside}");
        }
        if is_root {
            assert_eq!((owner("vault").0, owner("vault.key").0), (4711, 0));
            assert_eq!(fs::metadata("/etc/passwd").expect("it is there").uid(), 0, "links are not followed");
        }
    }

    #[test]
    fn a_link_that_is_put_into_a_folders_place_leads_nowhere_and_other_names_of_a_file_stay_as_they_are() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let home = tempfile::tempdir().expect("a folder can be made");
        let [vault, outside] = ["vault", "outside"].map(|name| home.path().join(name));
        for folder in [&vault.join("keys"), &outside] {
            fs::create_dir_all(folder).expect("folders can be made");
            fs::write(folder.join("a"), "x").expect("a file can be written");
        }
        fs::write(home.path().join("hosts"), "x").expect("a file can be written");
        fs::hard_link(home.path().join("hosts"), vault.join("hosts")).expect("a file can have two names");
        symlink(&outside, vault.join("other")).expect("a link can be made");
        lchown(&vault, Some(4711), Some(4712)).expect("root may");
        let owner = |path: &Path| fs::symlink_metadata(path).expect("it is there").uid();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (folder, link) = (vault.join("keys"), vault.join("other"));
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).expect("both are there");
                }
            });
            for _ in 0..500 {
                // A name may lead to something else than it did a moment ago.
                drop(give_to_owner_of(&vault));
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!((owner(&outside), owner(&outside.join("a"))), (0, 0));
        give_to_owner_of(&vault).expect("nothing is in its way");
        assert_eq!(owner(&home.path().join("hosts")), 0);
        assert!([vault.join("keys"), vault.join("other")].iter().all(|there| owner(there) == 4711));
    }
}
