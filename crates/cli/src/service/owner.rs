//! A vault that root makes for the service belongs to the service.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

/// Gives everything in `folder` to whoever owns the folder. `sudo earwitness init` makes a vault in the service's folder;
/// what root leaves in it the recorder could not write. The officer's key lies elsewhere and stays root's.
pub(crate) fn give_to_owner_of(folder: &Path) -> io::Result<()> {
    let owner = fs::metadata(folder)?;
    give(folder, owner.uid(), owner.gid())
}

fn give(folder: &Path, user: u32, group: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let has = entry.metadata()?;
        if (has.uid(), has.gid()) != (user, group) {
            lchown(entry.path(), Some(user), Some(group))?;
        }
        if has.is_dir() {
            give(&entry.path(), user, group)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_root_made_in_a_folder_belongs_to_the_folders_owner() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let vault = home.path().join("vault");
        fs::create_dir_all(vault.join("keys")).expect("folders can be made");
        fs::write(vault.join("keys/index.key"), "x").expect("a file can be written");
        std::os::unix::fs::symlink("/etc/passwd", vault.join("link")).expect("a link can be made");
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
}
