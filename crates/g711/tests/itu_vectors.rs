//! The ITU-T test vectors: a sweep over all 65,536 samples, encoded and decoded by the G.191 reference.
//!
//! 16-bit little-endian words. `sweep.src` are linear samples, left-justified; `.a` and `.u` hold the code as it travels
//! (even bits of A-law already inverted) in the low byte; `.rea` and `.reu` are those codes decoded, left-justified.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::print_stdout, reason = "a test that is left out says so")]

use std::{env, fs, path::PathBuf};

use g711::{Law, decode, encode};

fn vectors() -> Option<PathBuf> {
    let corpus = env::var_os("EARWITNESS_CORPUS").filter(|path| !path.is_empty())?;
    Some(PathBuf::from(corpus).join("vectors_g711"))
}

fn words(path: PathBuf) -> Vec<i16> {
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.chunks_exact(2).map(|word| i16::from_le_bytes([word[0], word[1]])).collect()
}

fn check(law: Law, codes: &str, decoded: &str) {
    let Some(vectors) = vectors() else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let samples = words(vectors.join("sweep.src"));
    let expected: Vec<u8> = words(vectors.join(codes)).into_iter().map(|word| word as u8).collect();
    assert_eq!(samples.len(), 65_536);

    let mut encoded = vec![0; samples.len()];
    assert_eq!(encode(law, &samples, &mut encoded), samples.len());
    assert!(encoded == expected, "first difference at word {:?}", first_difference(&encoded, &expected));

    let expected = words(vectors.join(decoded));
    let mut linear = vec![0; encoded.len()];
    assert_eq!(decode(law, &encoded, &mut linear), encoded.len());
    assert!(linear == expected, "first difference at word {:?}", first_difference(&linear, &expected));
}

fn first_difference<T: PartialEq>(ours: &[T], theirs: &[T]) -> Option<usize> {
    ours.iter().zip(theirs).position(|(a, b)| a != b)
}

#[test]
fn a_law_equals_the_itu_sweep_both_ways() {
    check(Law::A, "sweep-r.a", "sweep-r.rea");
}

#[test]
fn mu_law_equals_the_itu_sweep_both_ways() {
    check(Law::Mu, "sweep-r.u", "sweep-r.reu");
}
