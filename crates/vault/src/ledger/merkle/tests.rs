//! The tree against another implementation of RFC 9162, and against changed proofs.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

const MOST: u64 = 70;

fn content(number: u64) -> Vec<u8> {
    format!("row {number}").into_bytes()
}

fn leaf(number: u64) -> TreeHash {
    leaf_hash(&[&content(number)])
}

fn root(size: u64) -> TreeHash {
    let mut tree = Frontier::default();
    (0..size).for_each(|number| tree.push(leaf(number)));
    assert_eq!(tree.size(), size);
    tree.root()
}

fn path(ranges: &[Range<u64>], size: u64) -> Vec<TreeHash> {
    let mut hashing = Ranges::new(ranges);
    (0..size).for_each(|number| hashing.handle_leaf(number, leaf(number)));
    hashing.finish().unwrap()
}

fn theirs(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|number| tree.push(content(number)));
    tree
}

fn their_root(size: u64) -> RootHash<Sha256> {
    RootHash::new(root(size).into(), size)
}

#[test]
fn a_tree_without_rows_is_the_hash_of_nothing() {
    let empty = Frontier::default().root();
    assert_eq!(empty[..4], [0xe3, 0xb0, 0xc4, 0x42], "SHA-256 of nothing");
    assert_eq!(inclusion_ranges(0, 0), None);
    assert_eq!(consistency_ranges(0, 5), None);
    assert!(is_consistent((0, empty), (5, root(5)), &[]));
    assert!(!is_consistent((0, root(1)), (5, root(5)), &[]));
}

#[test]
fn every_root_and_every_proof_is_the_one_of_another_implementation_and_holds_in_both() {
    for size in 1..=MOST {
        let tree = theirs(size);
        assert_eq!(tree.root().as_bytes().as_slice(), root(size), "root of {size}");
        for index in 0..size {
            let ours = path(&inclusion_ranges(index, size).unwrap(), size);
            let proof = tree.prove_inclusion(index as usize);
            assert_eq!(proof.as_bytes(), ours.as_flattened(), "row {index} of {size}");
            assert_eq!(root_by_inclusion(index, size, leaf(index), &ours), Some(root(size)));
            let proof = InclusionProof::try_from_bytes(ours.concat()).unwrap();
            their_root(size).verify_inclusion(&content(index), index, &proof).unwrap();
        }
        for old in 1..size {
            let ours = path(&consistency_ranges(old, size).unwrap(), size);
            let proof = tree.prove_consistency((size - old) as usize);
            assert_eq!(proof.as_bytes(), ours.as_flattened(), "{old} to {size}");
            assert!(is_consistent((old, root(old)), (size, root(size)), &ours), "{old} to {size}");
            let proof = ConsistencyProof::try_from_bytes(ours.concat()).unwrap();
            their_root(size).verify_consistency(&their_root(old), &proof).unwrap();
        }
        assert_eq!(consistency_ranges(size, size), Some(vec![]));
        assert!(is_consistent((size, root(size)), (size, root(size)), &[]));
    }
}

#[test]
fn ranges_that_leaves_are_missing_of_give_no_proof() {
    let mut hashing = Ranges::new(&inclusion_ranges(3, 8).unwrap());
    (0..7).for_each(|number| hashing.handle_leaf(number, leaf(number)));
    assert_eq!(hashing.finish(), None);
    assert_eq!(inclusion_ranges(8, 8), None);
    assert_eq!(consistency_ranges(9, 8), None);
}

/// Everything that can be changed of a path.
fn changed(path: &[TreeHash], at: usize, what: u8) -> Vec<TreeHash> {
    let mut changed = path.to_vec();
    match what {
        0 if !changed.is_empty() => {
            let place = at % changed.len();
            changed[place][at % 32] ^= 1 << (at % 8);
        }
        1 if changed.len() > 1 => changed.swap(at % path.len(), (at + 1) % path.len()),
        2 if !changed.is_empty() => drop(changed.remove(at % path.len())),
        _ => changed.insert(at % (path.len() + 1), leaf(at as u64)),
    }
    changed
}

proptest! {
    #[test]
    fn a_changed_path_proves_nothing(size in 1..MOST, pick: u64, at: usize, what in 0..4u8) {
        let index = pick % size;
        let proof = path(&inclusion_ranges(index, size).unwrap(), size);
        let other = changed(&proof, at, what);
        if other != proof {
            prop_assert_ne!(root_by_inclusion(index, size, leaf(index), &other), Some(root(size)));
        }
        let old = 1 + pick % size;
        let proof = path(&consistency_ranges(old, size).unwrap(), size);
        let other = changed(&proof, at, what);
        if other != proof {
            prop_assert!(!is_consistent((old, root(old)), (size, root(size)), &other));
        }
    }

    #[test]
    fn a_path_of_one_row_proves_no_other_row_and_no_other_size(size in 2..MOST, pick: u64, other: u64) {
        let (index, other) = (pick % size, other % size);
        let proof = path(&inclusion_ranges(index, size).unwrap(), size);
        if other != index {
            prop_assert_ne!(root_by_inclusion(other, size, leaf(index), &proof), Some(root(size)));
            prop_assert_ne!(root_by_inclusion(index, size, leaf(other), &proof), Some(root(size)));
        }
        prop_assert_eq!(root_by_inclusion(size, size, leaf(index), &proof), None);
    }

    #[test]
    fn no_numbers_and_no_path_make_it_panic(index: u64, size: u64, old: u64, path: Vec<[u8; 32]>) {
        let root = root_by_inclusion(index, size, [1; 32], &path);
        prop_assert!(index < size || root.is_none());
        prop_assert!(!is_consistent((old, [1; 32]), (size, [2; 32]), &path) || old < size);
        if let Some(ranges) = inclusion_ranges(index, size) {
            prop_assert!(ranges.len() <= 64);
        }
        if let Some(ranges) = consistency_ranges(old, size) {
            prop_assert!(ranges.len() <= 65);
        }
    }
}
