use std::collections::HashSet;

use age::secrecy::ExposeSecret;
use proptest::prelude::*;

use super::*;

fn key() -> OfficerKey {
    OfficerKey::joined(Identity::generate())
}

fn secret(key: &OfficerKey) -> String {
    key.to_secret().expose_secret().to_owned()
}

/// Every choice of `some` of `all`, by bits.
fn choices(all: u32, some: u32) -> impl Iterator<Item = u32> {
    (0..1_u32 << all).filter(move |bits| bits.count_ones() == some)
}

fn chosen(shares: &[Share], bits: u32) -> Vec<Share> {
    (0..).zip(shares).filter(|(at, _)| bits >> at & 1 == 1).map(|(_, share)| share.clone()).collect()
}

#[test]
fn any_three_of_five_make_the_key_and_no_two_do() {
    let key = key();
    let shares = split_key(&key, 5, 3).unwrap();
    for some in 3..=5 {
        for bits in choices(5, some) {
            let joined = join_shares(&chosen(&shares, bits)).unwrap();
            assert_eq!(secret(&joined), secret(&key), "{bits:b}");
        }
    }
    for bits in choices(5, 2) {
        let refused = join_shares(&chosen(&shares, bits)).unwrap_err();
        assert_eq!(refused, ShareFault::TooFew { given: 2, needed: 3 });
    }
}

#[test]
fn two_shares_of_three_fit_every_key_equally_well() {
    // For a byte of two shares there is exactly one third value for each byte of a key: knowing two says nothing.
    let shares = split_key(&key(), 5, 3).unwrap();
    for at in [0, 7, 31] {
        let point = |place: u8, value: u8| blahaj::Share::try_from(&[place, value][..]).unwrap();
        let keys: HashSet<Vec<u8>> = (0..=255)
            .map(|third| {
                let points = [point(1, shares[0].value[at]), point(2, shares[1].value[at]), point(3, third)];
                Sharks(3).recover(&points).unwrap()
            })
            .collect();
        assert_eq!(keys.len(), 256);
    }
}

#[test]
fn a_share_takes_every_value_as_often_the_keys_own_byte_among_them() {
    // A library that draws no zero for a coefficient never deals the secret's own byte: RUSTSEC-2024-0398.
    let mut seen = [0_u32; 256];
    for _ in 0..400 {
        for share in Sharks(2).dealer(&[0x5a; 64]).take(1) {
            Vec::from(&share)[1..].iter().for_each(|&value| seen[usize::from(value)] += 1);
        }
    }
    let expected = 400.0 * 64.0 / 256.0;
    let chi: f64 = seen.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    assert!(seen[0x5a] > 0, "the secret's own byte");
    // 255 degrees of freedom: above 400 once in ten million times.
    assert!(chi < 400.0, "{chi}");
}

#[test]
fn a_printed_share_reads_back_from_its_lines_and_from_its_code() {
    let shares = split_key(&key(), 3, 2).unwrap();
    for share in &shares {
        let lines = share.lines();
        assert_eq!(lines.text().lines().count(), 5);
        assert!(lines.text().lines().all(|line| line.len() == 29), "{}", lines.text().len());
        assert_eq!(Share::read(lines.text()).unwrap(), *share);
        assert_eq!(Share::read(&share.code()).unwrap(), *share);
        let typed = lines.text().to_lowercase().replace('0', "o").replace('1', "l").replace("sl", "s1");
        let typed = format!("typed by hand\n{}\nend", typed.replace("  ", "-"));
        assert_eq!(Share::read(&typed).unwrap(), *share, "{}", typed.len());
        let html = format!("<html><pre class=\"share\">{}</pre>", lines.text());
        assert_eq!(Share::read(&html).unwrap(), *share);
    }
    assert_eq!((shares[1].place(), shares[1].count(), shares[1].threshold()), (2, 3, 2));
    assert_eq!(format!("{:?}", shares[1]), "Share(2 of 3, 2 needed)");
}

#[test]
fn a_typing_error_is_named_by_its_line() {
    let share = &split_key(&key(), 2, 2).unwrap()[0];
    let text = share.lines().text().to_owned();
    for (at, line) in text.lines().enumerate() {
        let line_number = u8::try_from(at).unwrap() + 1;
        for place in 4..line.len() {
            let typed = line.as_bytes()[place];
            if typed == b' ' {
                continue;
            }
            let other = if typed == b'A' { "B" } else { "A" };
            let wrong = format!("{}{other}{}", &line[..place], &line[place + 1..]);
            let missing = format!("{}{}", &line[..place], &line[place + 1..]);
            for changed in [wrong, missing, format!("{line}7")] {
                let refused = Share::read(&text.replace(line, &changed)).unwrap_err();
                assert_eq!(refused, ShareFault::Line { line: line_number }, "{place}");
            }
        }
        let without = text.replace(&format!("{line}\n"), "");
        assert_eq!(Share::read(&without).unwrap_err(), ShareFault::MissingLine { line: line_number });
    }
    assert_eq!(Share::read("nothing of that kind").unwrap_err(), ShareFault::NoShare);
    assert_eq!(Share::read("EARWITNESS-SHARE:").unwrap_err(), ShareFault::MissingLine { line: 1 });
}

#[test]
fn shares_that_do_not_belong_together_are_named() {
    let (one, other) = (key(), key());
    let shares = split_key(&one, 4, 3).unwrap();
    let again = split_key(&one, 4, 3).unwrap();
    let foreign = split_key(&other, 4, 3).unwrap();
    let joined = |shares: &[&Share]| {
        join_shares(&shares.iter().copied().cloned().collect::<Vec<_>>()).map(drop).unwrap_err()
    };
    assert_eq!(joined(&[&shares[0], &shares[1], &again[2]]), ShareFault::OtherSplit { nth: 3 });
    assert_eq!(joined(&[&shares[0], &foreign[1], &shares[2]]), ShareFault::OtherKey { nth: 2 });
    assert_eq!(joined(&[&shares[0], &shares[1], &shares[0]]), ShareFault::Twice { nth: 3 });
    let mut forged = shares[2].clone();
    forged.value[5] ^= 1;
    assert_eq!(joined(&[&shares[0], &shares[1], &forged]), ShareFault::Forged);
    // A fourth that does not fit is found out too, though three would do.
    assert_eq!(joined(&[&shares[0], &shares[1], &shares[3], &forged]), ShareFault::Forged);
    assert_eq!(join_shares(&[]).unwrap_err(), ShareFault::NoShare);
    let (mine, line) = (shares[0].lines(), again[0].lines());
    let second = |text: &str| text.lines().nth(1).unwrap().to_owned();
    let mixed = mine.text().replace(&second(mine.text()), &second(line.text()));
    assert_eq!(Share::read(&mixed).unwrap_err(), ShareFault::Line { line: 2 }, "a line of another sheet");
    let twice = format!("{}{}", mine.text(), second(line.text()));
    assert_eq!(Share::read(&twice).unwrap_err(), ShareFault::LineTwice { line: 2 });
}

#[test]
fn a_recovery_sheet_is_the_key() {
    let key = key();
    let whole = Share::whole(&key).unwrap();
    let read = Share::read(whole.lines().text()).unwrap();
    assert_eq!(secret(&join_shares(&[read]).unwrap()), secret(&key));
}

#[test]
fn impossible_numbers_of_shares_are_refused() {
    for (count, threshold) in [(1, 1), (5, 1), (3, 4), (31, 2), (0, 0)] {
        assert_eq!(split_key(&key(), count, threshold).unwrap_err(), ShareFault::Counts { count, threshold });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_joins_from_any_enough_shares(count in 2_u8..=9, more in 0_u8..8, start in 0_usize..9) {
        let threshold = 2 + more % (count - 1);
        let key = key();
        let mut shares = split_key(&key, count, threshold).unwrap();
        shares.rotate_left(start % usize::from(count));
        shares.truncate(usize::from(threshold));
        let read: Vec<_> = shares.iter().map(|share| Share::read(share.lines().text()).unwrap()).collect();
        prop_assert_eq!(secret(&join_shares(&read).unwrap()), secret(&key));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(S[1-5][ :]{0,2}[0-9A-Zilo -]{0,40}\n|EARWITNESS-SHARE:[0-9A-Z]{0,120}|\\PC{0,40}\n){0,8}") {
        if let Ok(share) = Share::read(&text) {
            prop_assert_eq!(Share::read(share.lines().text()), Ok(share));
        }
    }
}
