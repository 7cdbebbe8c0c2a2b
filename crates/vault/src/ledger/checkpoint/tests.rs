//! Signed notes: those that others wrote are read, and what was changed is found.

use aws_lc_rs::signature::KeyPair;

use super::*;

const VAULT: [u8; 16] = [0xab; 16];

fn pair() -> (Ed25519KeyPair, VerifyingKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = VerifyingKey::try_from(pair.public_key().as_ref()).unwrap();
    (pair, public)
}

fn head() -> Checkpoint {
    Checkpoint { origin: origin(&VAULT), size: 20_852_163, root: [9; 32] }
}

fn signed() -> String {
    let (pair, public) = pair();
    head().sign(&pair, &public)
}

fn verified(note: &str) -> Result<Checkpoint, CheckpointFault> {
    Checkpoint::verified(note, &pair().1)
}

#[test]
fn a_head_is_a_signed_note_of_five_lines() {
    let note = signed();
    let lines: Vec<_> = note.lines().collect();
    assert_eq!(lines[0], "earwitness/abababababababababababababababab");
    assert_eq!(lines[1], "20852163");
    assert_eq!(lines[2], "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=");
    assert_eq!(lines[3], "");
    assert!(lines[4].starts_with("— earwitness/abababababababababababababababab "), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
    assert_eq!(verified(&note), Ok(head()));
}

#[test]
fn the_key_of_a_note_of_other_people_is_named_as_they_name_it() {
    // The example of golang.org/x/mod/sumdb/note.
    let theirs = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let bytes = Base64::decode_vec(theirs.rsplit('+').next().unwrap()).unwrap();
    let key = VerifyingKey::try_from(&bytes[1..]).unwrap();
    assert_eq!(verifier_key("PeterNeumann", &key), theirs);
}

#[test]
fn lines_that_witnesses_add_and_that_say_more_change_nothing() {
    let (pair, public) = pair();
    let note = signed();
    let (body, ours) = note.split_once("\n\n").unwrap();
    let witnessed = format!("{body}\n\n— witness.example/w1 {}\n{ours}", Base64::encode_string(&[1; 76]));
    assert_eq!(verified(&witnessed), Ok(head()));
    let extended = format!("{}and more\n", head().body());
    let mut signature = key_id(&head().origin, &public).to_vec();
    signature.extend_from_slice(pair.sign(extended.as_bytes()).as_ref());
    let note = format!("{extended}\n— {} {}\n", head().origin, Base64::encode_string(&signature));
    assert_eq!(verified(&note), Ok(head()));
}

#[test]
fn any_changed_byte_is_found() {
    let note = signed();
    for at in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(verified(&changed).is_err(), "byte {at}, bit {bit}: {changed}");
        }
        if note.is_char_boundary(at) {
            assert!(verified(&note[..at]).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let other = VerifyingKey::try_from(other.public_key().as_ref()).unwrap();
    assert_eq!(Checkpoint::verified(&signed(), &other), Err(CheckpointFault::OtherKey));
    let swapped = signed().replace("20852163", "20852164");
    assert_eq!(verified(&swapped), Err(CheckpointFault::Signature));
    for (text, fault) in [
        ("", CheckpointFault::NotANote),
        ("\n\n", CheckpointFault::Origin),
        ("a\n1\n\n", CheckpointFault::Root),
        ("a b\n1\n\n", CheckpointFault::Origin),
        ("a\n01\n\n", CheckpointFault::Size),
        ("a\n-1\n\n", CheckpointFault::Size),
        ("a\n18446744073709551616\n\n", CheckpointFault::Size),
        ("a\n1\nAAAA\n\n", CheckpointFault::Root),
        ("a\r\n1\n\n", CheckpointFault::NotANote),
    ] {
        assert_eq!(verified(text), Err(fault), "{text:?}");
    }
    let long = format!("{}{}\n", signed(), "a".repeat(MAX_CHECKPOINT));
    assert_eq!(verified(&long), Err(CheckpointFault::TooLong));
    let unsigned = format!("{}\n", head().body());
    assert_eq!(verified(&unsigned), Err(CheckpointFault::OtherKey));
    assert_eq!(Checkpoint::unverified(&unsigned), Ok(head()));
}
