//! Every byte of a small vault, changed.

use earwitness_model::CallId;
use earwitness_vault::{Fault, Finding, Vault};

use crate::support::{call_id, check_whole, entries, office_with};

/// Changes each `step`th byte of `path` in turn and gives who was found broken by it.
fn each_flip(path: &std::path::Path, step: usize, mut check: impl FnMut(usize)) {
    let whole = std::fs::read(path).unwrap();
    for at in (0..whole.len()).step_by(step) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(path, &changed).unwrap();
        check(at);
    }
    std::fs::write(path, &whole).unwrap();
}

fn broken(vault: &Vault) -> Vec<(CallId, Vec<Finding>)> {
    let mut broken = Vec::new();
    vault
        .verify_all(None, &mut |entry, findings| {
            if !findings.is_empty() {
                broken.push((entry.summary.id, findings.to_vec()));
            }
        })
        .unwrap();
    broken
}

#[test]
fn every_changed_byte_of_a_volume_is_found_with_the_public_key_and_costs_its_recording_only() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let opener = office.opener(&vault);
    let first = vault.manifest(&entries(&vault)[0]).unwrap();
    let end_of_first = entries(&vault)[0].recording.as_ref().unwrap().manifest_at as usize;
    assert_eq!(first.blocks.len(), 7);
    let mut flips = 0;
    each_flip(&office.volume(), 1, |at| {
        flips += 1;
        let broken: Vec<CallId> = broken(&vault).into_iter().map(|(call, _)| call).collect();
        match at {
            0..64 => assert_eq!(broken, [call_id(1), call_id(2)], "byte {at}"),
            _ if at < end_of_first => {
                assert_eq!(broken, [call_id(1)], "byte {at}");
                if at % 97 == 0 {
                    check_whole(&vault, &opener, 2);
                }
            }
            _ => assert_eq!(broken.len(), 1, "byte {at}"),
        }
    });
    assert!(flips > 6_000, "{flips}");
    assert_eq!(broken(&vault), []);
}

#[test]
fn a_changed_volume_still_opens_and_gives_what_is_whole() {
    let office = office_with([1, 2]);
    let size = std::fs::metadata(office.volume()).unwrap().len() as usize;
    for at in (0..size).step_by(401) {
        let copy = office.copy();
        let mut bytes = std::fs::read(copy.volume()).unwrap();
        bytes[at] ^= 0x80;
        std::fs::write(copy.volume(), &bytes).unwrap();
        // As if it had been open: recovery looks at it.
        std::fs::write(copy.volume().with_extension("open"), b"").unwrap();
        let vault = copy.open();
        let opener = copy.opener(&vault);
        let mut opened = 0;
        for entry in entries(&vault) {
            if let Ok(segments) = opener.segments(&entry) {
                opened += segments.flatten().count();
            }
        }
        assert!((3..=8).contains(&opened), "byte {at}: {opened}");
    }
}

#[test]
fn every_changed_byte_of_a_key_file_is_found_and_the_other_keys_open() {
    let office = office_with([1, 2]);
    let vault = office.open();
    each_flip(&office.key_file(), 3, |at| {
        let broken = broken(&vault);
        assert_eq!(broken.len(), 2, "byte {at}: the file concerns both");
        let lost: Vec<_> = broken
            .iter()
            .filter(|(_, findings)| findings.iter().any(|finding| finding.fault == Fault::KeyMissing))
            .collect();
        assert_eq!(lost.len(), usize::from(at >= 128), "byte {at}");
        if at % 15 == 0 {
            let opener = office.opener(&vault);
            let opens = entries(&vault).iter().filter(|entry| opener.segments(entry).is_ok()).count();
            assert_eq!(opens, if at >= 128 { 1 } else { 2 }, "byte {at}");
        }
    });
    assert_eq!(broken(&vault), []);
}

#[test]
fn every_changed_byte_of_a_days_key_is_found_by_the_officer() {
    let office = office_with([1]);
    let vault = office.open();
    let path = office.dir().join("keys/day/citizen-90d-2026-11-21.age");
    each_flip(&path, 1, |at| {
        let opener = office.opener(&vault);
        let findings = vault.verify(&entries(&vault)[0], Some(&opener));
        assert!(
            matches!(findings[..], [Finding { fault: Fault::KeyUnusable(_), .. }]),
            "byte {at}: {findings:?}"
        );
    });
}

#[test]
fn blocks_that_change_places_are_found_even_with_good_checksums() {
    use earwitness_vault::{Block, BlockHead, BlockKind, Scan, Scanned};
    let office = office_with([1]);
    let vault = office.open();
    let mut bytes = std::fs::read(office.volume()).unwrap();
    let media: Vec<Block> = Scan::new(&bytes[..], 64)
        .unwrap()
        .filter_map(|step| match step.unwrap() {
            Scanned::Block(block) if block.head.kind == BlockKind::Media => Some(block),
            Scanned::Block(_) | Scanned::Damaged { .. } => None,
        })
        .collect();
    let (one, other) = (&media[1], &media[2]);
    assert_eq!(one.sealed.len(), other.sealed.len());
    for (place, content) in [(one, other), (other, one)] {
        let head = BlockHead { body_crc: content.head.body_crc, ..place.head };
        let at = place.at as usize;
        bytes[at..at + 64].copy_from_slice(&head.to_bytes());
        bytes[at + 64..at + 64 + content.sealed.len()].copy_from_slice(&content.sealed);
    }
    std::fs::write(office.volume(), &bytes).unwrap();
    let entry = &entries(&vault)[0];
    let faults =
        |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.fault).collect::<Vec<_>>();
    let changed = [Fault::BlockChanged { counter: 5 }, Fault::BlockChanged { counter: 6 }];
    assert_eq!(faults(vault.verify(entry, None)), changed);
    let opener = office.opener(&vault);
    let opened = faults(vault.verify(entry, Some(&opener)));
    assert!(opened.contains(&Fault::NotAuthentic { counter: 5 }), "{opened:?}");
    assert_eq!(opener.segments(entry).unwrap().filter(Result::is_err).count(), 2);
}
