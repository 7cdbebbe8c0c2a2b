//! The Merkle tree over the ledger's rows: RFC 9162 section 2.1 with SHA-256.
//!
//! ```text
//!   leaf     SHA-256(0x00 | the row as it stands in its file, without its CRC)
//!   node     SHA-256(0x01 | left | right)
//!   no rows  SHA-256 of nothing
//! ```
//!
//! A proof is the hashes of some ranges of leaves. Which ranges is known before a leaf is hashed, so that one walk over the
//! rows makes any number of proofs and keeps a few hashes for each of them, however many rows there are.

use std::ops::Range;

use aws_lc_rs::digest::{Context, SHA256};

/// A hash of the tree.
pub type TreeHash = [u8; 32];

/// The hash of a leaf whose bytes are `pieces`, one behind the other.
pub(crate) fn leaf_hash(pieces: &[&[u8]]) -> TreeHash {
    hash(&[0x00], pieces)
}

fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    hash(&[0x01], &[left, right])
}

fn hash(kind: &[u8], pieces: &[&[u8]]) -> TreeHash {
    let mut context = Context::new(&SHA256);
    context.update(kind);
    pieces.iter().for_each(|piece| context.update(piece));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// A tree that grows at its end: the hashes of its whole subtrees, of which there are as many as its size has ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frontier {
    size: u64,
    /// The largest first.
    peaks: Vec<TreeHash>,
}

impl Frontier {
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        for _whole in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    pub(crate) fn root(&self) -> TreeHash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else { return hash(&[], &[]) };
        peaks.fold(last, |right, left| node_hash(left, &right))
    }
}

/// Where a tree of `size` leaves is split: the largest power of two that is less. `size` is at least 2.
const fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The ranges whose hashes prove that leaf `index` is in a tree of `size` leaves, in the order of the proof (section
/// 2.1.3.1). None when there is no such leaf.
pub(crate) fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut from, mut to, mut ranges) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            from = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The ranges whose hashes prove that the tree of `old` leaves is the beginning of that of `new` (section 2.1.4.1). None
/// when it cannot be, or when there is nothing to prove because it has no leaves.
pub(crate) fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut from, mut to, mut ranges, mut is_known) = (0, new, Vec::new(), true);
    while old < to {
        let middle = from + split(to - from);
        if old <= middle {
            ranges.push(middle..to);
            to = middle;
        } else {
            ranges.push(from..middle);
            (from, is_known) = (middle, false);
        }
    }
    if !is_known {
        ranges.push(from..to);
    }
    ranges.reverse();
    Some(ranges)
}

/// Hashes of ranges of leaves, none of which overlap, while the leaves go by.
pub(crate) struct Ranges {
    /// By their beginnings; with each the place it was asked for in.
    ranges: Vec<(Range<u64>, usize)>,
    at: usize,
    current: Frontier,
    hashes: Vec<TreeHash>,
}

impl Ranges {
    pub(crate) fn new(ranges: &[Range<u64>]) -> Self {
        let hashes = vec![[0; 32]; ranges.len()];
        let mut ranges: Vec<_> =
            ranges.iter().cloned().enumerate().map(|(place, range)| (range, place)).collect();
        ranges.sort_by_key(|(range, _)| range.start);
        Self { ranges, at: 0, current: Frontier::default(), hashes }
    }

    /// The next leaf: all are given, in order.
    pub(crate) fn handle_leaf(&mut self, number: u64, leaf: TreeHash) {
        let Some((range, place)) = self.ranges.get(self.at) else { return };
        if number < range.start {
            return;
        }
        self.current.push(leaf);
        if number + 1 == range.end {
            self.hashes[*place] = self.current.root();
            self.current = Frontier::default();
            self.at += 1;
        }
    }

    /// The hashes, in the order the ranges were asked for; none when leaves were missing.
    pub(crate) fn finish(self) -> Option<Vec<TreeHash>> {
        (self.at == self.ranges.len()).then_some(self.hashes)
    }
}

/// The root of a tree of `size` leaves of which leaf `index` is `leaf`, by `path` (section 2.1.3.2). None when the path
/// cannot be that of this leaf.
#[must_use]
pub fn root_by_inclusion(index: u64, size: u64, leaf: TreeHash, path: &[TreeHash]) -> Option<TreeHash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut root) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(beside, &root);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, beside);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether a tree of `old` leaves and root is the beginning of the one of `new` leaves and root, by `path` (section 2.1.4.2).
/// Trees of one size have one root, and need no path; a tree without leaves is the beginning of every one.
#[must_use]
pub fn is_consistent(old: (u64, TreeHash), new: (u64, TreeHash), path: &[TreeHash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size || old_size == 0 {
        let is_beginning = if old_size == 0 { old_root == hash(&[], &[]) } else { old_root == new_root };
        return is_beginning && path.is_empty();
    }
    if old_size > new_size {
        return false;
    }
    // A tree that is a power of two stands whole in the other one, and is not repeated in the path.
    let mut path = path.iter();
    let Some(first) = (if old_size.is_power_of_two() { Some(&old_root) } else { path.next() }) else {
        return false;
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut by_old, mut by_new) = (*first, *first);
    for beside in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            (by_old, by_new) = (node_hash(beside, &by_old), node_hash(beside, &by_new));
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            by_new = node_hash(&by_new, beside);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && by_old == old_root && by_new == new_root
}

#[cfg(test)]
mod tests;
