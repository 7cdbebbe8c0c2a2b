//! One thing that somebody does to a vault.

use std::path::{Path, PathBuf};

use earwitness_vault::{BlockHead, BlockKind, Scan, Scanned};
use rand::{Rng, rngs::StdRng, seq::SliceRandom};

use super::scene::{Scene, blocks, key_rows, ledger_rows};
use crate::support::memory::Files;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One bit of a file is another.
    Flip,
    /// A run of bytes is overwritten by chance.
    Overwrite,
    /// A run of bytes is zeros, as a bad sector reads.
    Zero,
    /// A run of bytes is taken out of the middle.
    Cut,
    /// The end of a file is gone.
    CutTail,
    /// A file is gone.
    Remove,
    /// A file has bytes behind its end.
    Extend,
    /// A file stands under another name of its kind besides.
    Duplicate,
    /// Two files have changed names.
    SwapFiles,
    /// Two blocks, key rows or ledger rows have changed places.
    Reorder,
    /// A block or a row stands there twice.
    Repeat,
    /// The audio of two calls has changed places, with good checksums.
    SwapAudio,
    /// A file is another vault's.
    Graft,
    /// A block or a row of another vault stands among those of this one.
    GraftPiece,
    /// The volume and the keys of a shelf were made anew by somebody who signs with another key.
    Resign,
    /// The same, and the recorder's public key is theirs too.
    ResignWithKey,
    /// A file is as it was before.
    Replay,
    /// Volumes, keys or ledger are another vault's.
    Mix,
}

impl Kind {
    pub(super) const ALL: [Self; 18] = [
        Self::Flip,
        Self::Overwrite,
        Self::Zero,
        Self::Cut,
        Self::CutTail,
        Self::Remove,
        Self::Extend,
        Self::Duplicate,
        Self::SwapFiles,
        Self::Reorder,
        Self::Repeat,
        Self::SwapAudio,
        Self::Graft,
        Self::GraftPiece,
        Self::Resign,
        Self::ResignWithKey,
        Self::Replay,
        Self::Mix,
    ];
}

/// Does it, and says to which file first; `None` when chance chose what cannot be done.
pub(super) fn apply(kind: Kind, scene: &Scene, files: &mut Files, dice: &mut StdRng) -> Option<PathBuf> {
    let path = choose(files.keys(), dice)?;
    match kind {
        Kind::Flip => {
            let bytes = files.get_mut(&path)?;
            let bit = dice.gen_range(0..bytes.len().checked_mul(8).filter(|&bits| bits > 0)?);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        Kind::Overwrite => {
            let run = run_of(files.get_mut(&path)?, dice)?;
            dice.fill(run);
        }
        Kind::Zero => run_of(files.get_mut(&path)?, dice)?.fill(0),
        Kind::Cut => {
            let bytes = files.get_mut(&path)?;
            let length = run_of(bytes, dice)?.len();
            let at = dice.gen_range(0..bytes.len() - length);
            bytes.drain(at..at + length);
        }
        Kind::CutTail => {
            let bytes = files.get_mut(&path)?;
            let ends = [pieces(&path, bytes), vec![dice.gen_range(0..bytes.len().max(1))]].concat();
            let end = *ends.choose(dice)?;
            bytes.truncate(end.min(bytes.len().checked_sub(1)?));
        }
        Kind::Remove => drop(files.remove(&path)?),
        Kind::Extend => {
            let mut more = vec![0; dice.gen_range(1..3_000)];
            if dice.gen_bool(0.7) {
                dice.fill(&mut more[..]);
            }
            files.get_mut(&path)?.extend(more);
        }
        Kind::Duplicate => {
            let other = beside(&path, files)?;
            let bytes = files.get(&path)?.clone();
            files.insert(other, bytes);
        }
        Kind::SwapFiles => {
            let alike = files.keys().filter(|other| other.extension() == path.extension() && **other != path);
            let other = choose(alike, dice)?;
            let (one, two) = (files.remove(&path)?, files.remove(&other)?);
            files.extend([(path.clone(), two), (other, one)]);
        }
        Kind::Reorder => reorder(&path, files.get_mut(&path)?, dice)?,
        Kind::Repeat => repeat(&path, files.get_mut(&path)?, dice)?,
        Kind::SwapAudio => {
            let volumes = files.keys().filter(|path| has_extension(path, "vol"));
            let path = choose(volumes, dice)?;
            swap_audio(files.get_mut(&path)?, dice)?;
            return Some(path);
        }
        Kind::Graft => drop(files.insert(path.clone(), scene.foreign.get(&path)?.clone())),
        Kind::GraftPiece => graft_piece(&path, files.get_mut(&path)?, scene.foreign.get(&path)?, dice)?,
        Kind::Resign | Kind::ResignWithKey => return resign(kind, scene, files, dice),
        Kind::Replay => match scene.older.get(&path) {
            Some(older) => drop(files.insert(path.clone(), older.clone())),
            None => drop(files.remove(&path)),
        },
        Kind::Mix => {
            let part = *["volumes", "keys", "ledger"].choose(dice)?;
            let dir = scene.office.dir().join(part);
            files.retain(|path, _| !path.starts_with(&dir));
            let theirs = scene.foreign.iter().filter(|(path, _)| path.starts_with(&dir));
            files.extend(theirs.map(|(path, bytes)| (path.clone(), bytes.clone())));
            return Some(dir);
        }
    }
    Some(path)
}

fn choose<'p>(paths: impl Iterator<Item = &'p PathBuf>, dice: &mut StdRng) -> Option<PathBuf> {
    paths.collect::<Vec<_>>().choose(dice).map(|path| (*path).clone())
}

pub(super) fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

/// Some bytes in a row, from a byte to a sector.
fn run_of<'b>(bytes: &'b mut [u8], dice: &mut StdRng) -> Option<&'b mut [u8]> {
    let length = dice.gen_range(1..=4096.min(bytes.len().checked_sub(1).filter(|&most| most > 0)?));
    let at = dice.gen_range(0..=bytes.len() - length);
    bytes.get_mut(at..at + length)
}

/// Where the pieces of a file begin, and where the last one ends.
fn pieces(path: &Path, bytes: &[u8]) -> Vec<usize> {
    if has_extension(path, "vol") {
        let blocks = blocks(bytes);
        blocks.iter().map(|(range, _)| range.start).chain([bytes.len()]).collect()
    } else if has_extension(path, "keys") {
        key_rows(bytes)
    } else if has_extension(path, "log") {
        ledger_rows(bytes)
    } else {
        Vec::new()
    }
}

/// Another name of its kind, that no file has.
fn beside(path: &Path, files: &Files) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, extension) = name.rsplit_once('.')?;
    let names = match extension {
        "vol" => ["9.vol".to_owned(), "x.vol".to_owned()],
        "log" => ["2026-12.log".to_owned(), "2025-01.log".to_owned()],
        _ => [format!("{stem}.2.{extension}"), format!("{stem}.copy.{extension}")],
    };
    names.into_iter().map(|name| path.with_file_name(name)).find(|path| !files.contains_key(path))
}

/// Two pieces that are not the same, and where they stand; the first before the second.
fn two(path: &Path, bytes: &[u8], dice: &mut StdRng) -> Option<[std::ops::Range<usize>; 2]> {
    let ends = pieces(path, bytes);
    let all: Vec<_> = ends.windows(2).map(|ends| ends[0]..ends[1]).collect();
    let mut chosen: Vec<_> = all.choose_multiple(dice, 2).cloned().collect();
    chosen.sort_by_key(|range| range.start);
    <[_; 2]>::try_from(chosen).ok()
}

fn reorder(path: &Path, bytes: &mut Vec<u8>, dice: &mut StdRng) -> Option<()> {
    let [one, other] = two(path, bytes, dice)?;
    let middle = one.end..other.start;
    let changed = [
        &bytes[..one.start],
        &bytes[other.clone()],
        &bytes[middle],
        &bytes[one.clone()],
        &bytes[other.end..],
    ]
    .concat();
    *bytes = changed;
    Some(())
}

fn repeat(path: &Path, bytes: &mut Vec<u8>, dice: &mut StdRng) -> Option<()> {
    let [one, other] = two(path, bytes, dice)?;
    let at = *[one.end, other.end, bytes.len()].choose(dice)?;
    let piece = bytes[one].to_vec();
    bytes.splice(at..at, piece);
    Some(())
}

fn graft_piece(path: &Path, bytes: &mut Vec<u8>, foreign: &[u8], dice: &mut StdRng) -> Option<()> {
    let [theirs, _] = two(path, foreign, dice)?;
    let [ours, _] = two(path, bytes, dice)?;
    let piece = foreign[theirs].to_vec();
    if dice.gen_bool(0.5) {
        bytes.splice(ours, piece);
    } else {
        bytes.extend(piece);
    }
    Some(())
}

/// Sealed bytes of two media blocks of one length; each head gets the checksum of what it has now.
fn swap_audio(bytes: &mut [u8], dice: &mut StdRng) -> Option<()> {
    let mut media = Vec::new();
    for step in Scan::new(&*bytes, 64).unwrap() {
        if let Scanned::Block(block) = step.unwrap()
            && block.head.kind == BlockKind::Media
        {
            media.push(block);
        }
    }
    let one = media.choose(dice)?;
    let alike: Vec<_> =
        media.iter().filter(|block| block.sealed.len() == one.sealed.len() && block.at != one.at).collect();
    let other = *alike.choose(dice)?;
    for (place, content) in [(one, other), (other, one)] {
        let head = BlockHead { body_crc: content.head.body_crc, ..place.head };
        let at = usize::try_from(place.at).ok()?;
        bytes[at..at + 64].copy_from_slice(&head.to_bytes());
        bytes[at + 64..at + 64 + content.sealed.len()].copy_from_slice(&content.sealed);
    }
    Some(())
}

/// A shelf's volumes and keys as the forger made them.
fn resign(kind: Kind, scene: &Scene, files: &mut Files, dice: &mut StdRng) -> Option<PathBuf> {
    let volumes = files.keys().filter(|path| has_extension(path, "vol"));
    let volume = choose(volumes, dice)?;
    let day = volume.parent()?.file_name()?.to_str()?.to_owned();
    let of_shelf =
        |path: &Path| path.to_str().is_some_and(|text| text.contains(&day) && !text.contains("ledger"));
    files.retain(|path, _| !of_shelf(path));
    let theirs = scene.forged.iter().filter(|(path, _)| of_shelf(path));
    files.extend(theirs.map(|(path, bytes)| (path.clone(), bytes.clone())));
    if kind == Kind::ResignWithKey {
        for name in ["keys/recorder.pub", "keys/recorder.key"] {
            let path = scene.office.dir().join(name);
            files.insert(path.clone(), scene.forged.get(&path)?.clone());
        }
    }
    Some(volume)
}
