//! What lies on the disk: shelves and volumes, found by walking the directories.

use std::{collections::BTreeMap, path::Path};

use crate::{
    disk::Disk,
    error::{VaultError, failed},
    layout::{HELD_FROM, Layout, Shelf, is_class_name, key_file_of, number_of},
};

/// Every shelf that has a directory of volumes, by class and day.
pub(crate) fn shelves(disk: &dyn Disk, layout: &Layout) -> Result<Vec<Shelf>, VaultError> {
    let mut found = std::collections::BTreeSet::new();
    for above in [layout.volumes(), layout.all_held()] {
        for class_dir in list(disk, &above)? {
            let Some(class) = name(&class_dir).filter(|class| is_class_name(class)) else { continue };
            for day_dir in list(disk, &class_dir)? {
                // A name that does not print back as itself is nothing of ours.
                let day = name(&day_dir)
                    .and_then(|text| text.parse().ok().map(|day: chrono::NaiveDate| (text, day)));
                if let Some((text, day)) = day
                    && day.to_string() == text
                {
                    found.insert(Shelf { class: class.to_owned(), day });
                }
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Every shelf that has a key file, and the newest generation that it has.
pub(crate) fn key_shelves(disk: &dyn Disk, layout: &Layout) -> Result<BTreeMap<Shelf, u32>, VaultError> {
    let mut found = BTreeMap::new();
    for class_dir in list(disk, &layout.keys())? {
        if name(&class_dir).is_some_and(is_class_name) {
            for (shelf, generation) in key_files_in(disk, layout, &class_dir)? {
                let newest = found.entry(shelf).or_default();
                *newest = generation.max(*newest);
            }
        }
    }
    Ok(found)
}

/// The newest generation of key files that a shelf has, 0 where it has none. Earlier ones may be lost.
pub(crate) fn newest_generation(disk: &dyn Disk, layout: &Layout, shelf: &Shelf) -> Result<u32, VaultError> {
    let found = key_files_in(disk, layout, &layout.keys().join(&shelf.class))?;
    Ok(found.into_iter().filter(|(of, _)| of == shelf).map(|(_, generation)| generation).max().unwrap_or(0))
}

/// The shelf and generation of each key file in the directory of a class.
fn key_files_in(disk: &dyn Disk, layout: &Layout, class_dir: &Path) -> Result<Vec<(Shelf, u32)>, VaultError> {
    let keys = layout.keys();
    let of = |path: &std::path::PathBuf| path.strip_prefix(&keys).ok().and_then(key_file_of);
    Ok(list(disk, class_dir)?.iter().filter_map(of).collect())
}

/// Numbers of a shelf's volumes, ascending: those that are set apart are the last.
pub(crate) fn volumes(disk: &dyn Disk, layout: &Layout, shelf: &Shelf) -> Result<Vec<u32>, VaultError> {
    let mut numbers = in_dir(disk, &layout.shelf(shelf), ".vol")?;
    numbers.retain(|number| *number < HELD_FROM);
    let apart = in_dir(disk, &layout.held(shelf), ".vol")?;
    numbers.extend(apart.into_iter().filter(|number| *number >= HELD_FROM));
    Ok(numbers)
}

/// Numbers of the volumes that are open, or were when a process ended.
pub(crate) fn marked(disk: &dyn Disk, layout: &Layout, shelf: &Shelf) -> Result<Vec<u32>, VaultError> {
    in_dir(disk, &layout.shelf(shelf), ".open")
}

fn in_dir(disk: &dyn Disk, dir: &Path, extension: &str) -> Result<Vec<u32>, VaultError> {
    let names = list(disk, dir)?;
    let mut numbers: Vec<_> = names.iter().filter_map(|path| number_of(path, extension)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<std::path::PathBuf>, VaultError> {
    match disk.list(dir) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotADirectory => Ok(Vec::new()),
        other => other.map_err(failed("list", dir)),
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
