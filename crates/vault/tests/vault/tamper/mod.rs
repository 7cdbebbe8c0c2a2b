//! What no change of a vault's files gets past: thousands of changes by chance, each of a vault that is opened, verified
//! and checked by whoever has the officer's key and the head of the ledger as it was written down elsewhere.
//!
//! Which changes may pass is a rule about files and not a list of cases ([`law::matters`]).

mod change;
mod law;
mod scene;

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use rand::{SeedableRng, rngs::StdRng};

use self::{
    change::{Kind, apply},
    law::{Verdict, judge},
    scene::Scene,
};

/// What became of the changes of one kind.
#[derive(Debug, Default)]
struct Tally {
    found: u32,
    by_head: u32,
    harmless: u32,
}

/// How many changes are tried: `EARWITNESS_TAMPER`, or as many as a test takes seconds for.
fn changes() -> u64 {
    std::env::var("EARWITNESS_TAMPER").ok().and_then(|text| text.parse().ok()).unwrap_or(540)
}

#[test]
fn no_change_of_a_vault_passes_unseen_and_none_harms_what_it_did_not_touch() {
    let scene = Scene::new();
    let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
    let mut wrong = Vec::new();
    let (mut done, mut seed) = (0, 0);
    while done < changes() {
        let kind = Kind::ALL[usize::try_from(seed).unwrap() % Kind::ALL.len()];
        let mut files = scene.files.clone();
        let changed = apply(kind, &scene, &mut files, &mut StdRng::seed_from_u64(seed));
        seed += 1;
        let Some(path) = changed.filter(|_| files != scene.files) else { continue };
        done += 1;
        let at = format!("seed {}: {kind:?} of {}", seed - 1, path.display());
        let judged = std::panic::catch_unwind(AssertUnwindSafe(|| judge(&scene, &files, &path)));
        let tally = tallies.entry(kind).or_default();
        match judged {
            Ok(Ok(Verdict::Found)) => tally.found += 1,
            Ok(Ok(Verdict::FoundByHead)) => tally.by_head += 1,
            Ok(Ok(Verdict::Harmless)) => tally.harmless += 1,
            Ok(Err(why)) => wrong.push(format!("{at}: {why}")),
            Err(_panic) => wrong.push(format!("{at}: panicked")),
        }
    }
    println!("{done} changes of a vault: found, found by the head that was kept, of nothing that matters");
    for (kind, Tally { found, by_head, harmless }) in &tallies {
        println!("  {:<14} {found:>5} {by_head:>5} {harmless:>5}", format!("{kind:?}"));
    }
    let shown = wrong.len().min(40);
    assert!(wrong.is_empty(), "{} of {done}:\n{}", wrong.len(), wrong[..shown].join("\n"));
    assert!(tallies.len() == Kind::ALL.len(), "every kind was tried: {tallies:?}");
}
