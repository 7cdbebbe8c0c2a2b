//! What lies on the disk: shelves and volumes, found by walking the directories.

use std::path::Path;

use crate::{
    disk::Disk,
    error::{VaultError, failed},
    layout::{Layout, Shelf, is_class_name, number_of},
};

/// Every shelf that has a directory, by class and day.
pub(crate) fn shelves(disk: &dyn Disk, layout: &Layout) -> Result<Vec<Shelf>, VaultError> {
    let mut found = Vec::new();
    for class_dir in list(disk, &layout.volumes())? {
        let Some(class) = name(&class_dir).filter(|class| is_class_name(class)) else { continue };
        for day_dir in list(disk, &class_dir)? {
            // A name that does not print back as itself is nothing of ours.
            let day =
                name(&day_dir).and_then(|text| text.parse().ok().map(|day: chrono::NaiveDate| (text, day)));
            if let Some((text, day)) = day
                && day.to_string() == text
            {
                found.push(Shelf { class: class.to_owned(), day });
            }
        }
    }
    Ok(found)
}

/// Every shelf that has a key file, by class and day.
pub(crate) fn key_shelves(disk: &dyn Disk, layout: &Layout) -> Result<Vec<Shelf>, VaultError> {
    let mut found = Vec::new();
    for class_dir in list(disk, &layout.keys())? {
        let Some(class) = name(&class_dir).filter(|class| is_class_name(class)) else { continue };
        for file in list(disk, &class_dir)? {
            let text = name(&file).and_then(|name| name.strip_suffix(".keys"));
            let day = text.and_then(|text| text.split('.').next()?.parse::<chrono::NaiveDate>().ok());
            let shelf = day.map(|day| Shelf { class: class.to_owned(), day });
            found.extend(shelf.filter(|shelf| found.last() != Some(shelf)));
        }
    }
    Ok(found)
}

/// Numbers of the files with this extension on a shelf, ascending.
pub(crate) fn numbers(
    disk: &dyn Disk,
    layout: &Layout,
    shelf: &Shelf,
    extension: &str,
) -> Result<Vec<u32>, VaultError> {
    let names = list(disk, &layout.shelf(shelf))?;
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
