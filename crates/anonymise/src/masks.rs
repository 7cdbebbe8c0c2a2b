//! Text for text of the same length and kind: what a run replaces names, numbers and other words by.

use std::collections::{BTreeMap, HashMap};

use crate::{
    Secret,
    text::{Letters, swapped},
};

/// Replacements that are remembered, so that they are not made again; beyond it all are forgotten, and made again.
const REMEMBERED: usize = 1 << 16;
/// The longest text that is remembered or noted: longer ones are rare, and made again.
const MAX_TEXT: usize = 256;
/// Users and numbers that a mapping holds.
const MAPPED: usize = 1 << 20;

/// Words that name nobody, where a user, a name or a host stands.
const NOBODY: [&str; 11] = [
    "anonymous",
    "anonymous.invalid",
    "unknown",
    "unknown.invalid",
    "unavailable",
    "unavailable.invalid",
    "restricted",
    "private",
    "invalid",
    "localhost",
    "-",
];

/// The replacements of a run: the same for the same, everywhere.
#[derive(Debug)]
pub(crate) struct Masks {
    pub(crate) secret: Secret,
    remembered: HashMap<(Letters, Vec<u8>), Vec<u8>>,
    pub(crate) addresses: crate::address::Remembered,
    /// Users and numbers by what they were, where the owner wants to know.
    mapping: Option<BTreeMap<String, String>>,
    /// What the descriptions of media said of payload types.
    pub(crate) formats: crate::audio::Formats,
}

impl Masks {
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            secret,
            remembered: HashMap::new(),
            addresses: crate::address::Remembered::default(),
            mapping: None,
            formats: crate::audio::Formats::default(),
        }
    }

    /// From here on what users and numbers are replaced by is noted.
    pub(crate) fn note_mapping(&mut self) {
        self.mapping = Some(BTreeMap::new());
    }

    /// Users and numbers, and what they were replaced by.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = (&str, &str)> {
        self.mapping.iter().flatten().map(|(old, new)| (old.as_str(), new.as_str()))
    }

    /// Text of the same length: digits for digits, letters for letters of the same case, everything else as it is. What is
    /// no ASCII becomes letters. A number keeps a leading 0, has none that it had not, and is the same number with `-`, `.`,
    /// parentheses or `+` in it or without.
    pub(crate) fn text(&mut self, old: &[u8]) -> Vec<u8> {
        self.swap(Letters::Any, old)
    }

    /// [`Self::text`] of what must stay hexadecimal.
    pub(crate) fn hexadecimal(&mut self, old: &[u8]) -> Vec<u8> {
        self.swap(Letters::Hexadecimal, old)
    }

    /// A half of a Session-ID: hexadecimal digits, and all zero if it was.
    pub(crate) fn session_half(&mut self, old: &[u8]) -> Vec<u8> {
        if old.iter().all(|byte| *byte == b'0') { old.to_vec() } else { self.swap(Letters::Sixteen, old) }
    }

    /// The user of an address, or a number.
    pub(crate) fn user(&mut self, old: &[u8]) -> Vec<u8> {
        if is_nobody(old) {
            return old.to_vec();
        }
        let new = self.text(old);
        let is_short = old.len() <= MAX_TEXT;
        if let Some(mapping) = self.mapping.as_mut().filter(|mapping| is_short && mapping.len() < MAPPED) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            mapping.entry(text(old)).or_insert_with(|| text(&new));
        }
        new
    }

    /// A name for people.
    pub(crate) fn name(&mut self, old: &[u8]) -> Vec<u8> {
        if is_nobody(old.trim_ascii()) { old.to_vec() } else { self.text(old) }
    }

    /// A host: an address as the addresses of frames, a name without regard to case.
    pub(crate) fn host(&mut self, old: &[u8]) -> Vec<u8> {
        if is_nobody(old) {
            return old.to_vec();
        }
        if let Some(new) = self.address_text(old) {
            return new;
        }
        let mut new = self.text(&old.to_ascii_lowercase());
        for (byte, old) in new.iter_mut().zip(old) {
            if old.is_ascii_uppercase() {
                byte.make_ascii_uppercase();
            }
        }
        new
    }

    /// A name of a dialog: what stands behind its last `@` is a host.
    pub(crate) fn call_id(&mut self, old: &[u8]) -> Vec<u8> {
        match old.iter().rposition(|byte| *byte == b'@').and_then(|at| old.split_at_checked(at + 1)) {
            Some((local, host)) => [self.text(local), self.host(host)].concat(),
            None => self.text(old),
        }
    }

    /// Filler that says nothing but how long the text was and where its white space is; other text, other filler.
    pub(crate) fn filler(&mut self, old: &[u8]) -> Vec<u8> {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut noise = self.secret.noise("filler", &[old]);
        let letter = |byte: &u8| match byte {
            b' ' | b'\t' | b'\r' | b'\n' => *byte,
            _ => LETTERS.get(noise.below(LETTERS.len())).copied().unwrap_or(b'x'),
        };
        old.iter().map(letter).collect()
    }

    fn swap(&mut self, letters: Letters, old: &[u8]) -> Vec<u8> {
        let key = (letters, old.to_vec());
        if let Some(new) = self.remembered.get(&key) {
            return new.clone();
        }
        let new = swapped(&self.secret, letters, old);
        if old.len() > MAX_TEXT {
            return new;
        }
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(key, new.clone());
        new
    }
}

fn is_nobody(old: &[u8]) -> bool {
    NOBODY.iter().any(|word| old.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masks() -> Masks {
        Masks::new(Secret::seeded(1))
    }

    fn shape(text: &[u8]) -> Vec<u8> {
        let class = |byte: &u8| match byte {
            b'0'..=b'9' => b'9',
            b'a'..=b'z' => b'a',
            b'A'..=b'Z' => b'A',
            other => *other,
        };
        text.iter().map(class).collect()
    }

    #[test]
    fn text_keeps_its_shape_and_nothing_else() {
        for text in ["4001", "01012345678", "kim.minsu", "Kim Minsu", "z9Xq-77_a", "as5f0d1c2b"] {
            let new = masks().text(text.as_bytes());
            assert_eq!(shape(&new), shape(text.as_bytes()));
            assert_ne!(new, text.as_bytes());
        }
    }

    #[test]
    fn a_number_is_the_same_with_separators_and_keeps_its_leading_class() {
        let mut masks = masks();
        let plain = masks.text(b"0312221111");
        let parted: Vec<u8> = masks.text(b"(031) 222-1111").into_iter().filter(u8::is_ascii_digit).collect();
        assert_eq!(plain, parted);
        assert_eq!(plain[0], b'0');
        assert!((0..100).all(|number: u32| masks.text(format!("4{number:03}").as_bytes())[0] != b'0'));
        assert_eq!(masks.text(b"+82312221111")[1..], masks.text(b"82312221111")[..]);
    }

    #[test]
    fn what_is_no_ascii_becomes_letters_of_the_same_length() {
        let new = masks().name("민원실 김".as_bytes());
        assert_eq!(new.len(), "민원실 김".len());
        assert_eq!(new[9], b' ');
        assert!(new.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b' '));
    }

    #[test]
    fn those_who_are_nobody_stay_nobody() {
        assert_eq!(masks().user(b"anonymous"), b"anonymous");
        assert_eq!(masks().host(b"Anonymous.invalid"), b"Anonymous.invalid");
        assert_eq!(masks().name(b"Unknown"), b"Unknown");
    }

    #[test]
    fn a_host_name_is_one_whatever_its_case() {
        let mut masks = masks();
        let (lower, upper) = (masks.host(b"pbx.example.kr"), masks.host(b"PBX.Example.kr"));
        assert_eq!(lower, upper.to_ascii_lowercase());
        assert_eq!(masks.call_id(b"a1b2@pbx.example.kr")[5..], lower[..]);
    }

    #[test]
    fn a_session_id_stays_hexadecimal_and_nil_stays_nil() {
        let new = masks().session_half(b"ab30317f1a784dc48ff824d0d3715d86");
        assert!(new.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        assert_eq!(masks().session_half(&[b'0'; 32]), [b'0'; 32]);
    }

    #[test]
    fn a_mapping_is_kept_only_when_it_is_wanted() {
        let mut masks = masks();
        masks.user(b"4001");
        assert_eq!(masks.mapped().count(), 0);
        masks.note_mapping();
        let new = masks.user(b"4001");
        assert_eq!(masks.mapped().collect::<Vec<_>>(), [("4001", std::str::from_utf8(&new).unwrap())]);
    }

    #[test]
    fn long_texts_are_made_again_and_take_no_memory() {
        let mut masks = masks();
        masks.note_mapping();
        let long = vec![b'a'; 1 << 16];
        let new = masks.user(&long);
        assert_eq!(masks.user(&long), new);
        assert_ne!(new, long);
        let held: usize = masks.remembered.iter().map(|((_, old), new)| old.len() + new.len()).sum();
        assert_eq!((held, masks.mapped().count()), (0, 0));
        for number in 0..2 * REMEMBERED {
            masks.text(format!("{number:0200}").as_bytes());
        }
        let held: usize = masks.remembered.iter().map(|((_, old), new)| old.len() + new.len()).sum();
        assert!(masks.remembered.len() <= REMEMBERED && held <= 2 * REMEMBERED * MAX_TEXT);
    }

    proptest! {
        #[test]
        fn different_short_texts_stay_different(a in "[a-z0-9]{1,6}", b in "[a-z0-9]{1,6}") {
            let mut masks = masks();
            prop_assert_eq!(a == b, masks.text(a.as_bytes()) == masks.text(b.as_bytes()));
        }

        #[test]
        fn lengths_stay_whatever_the_bytes(old in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut masks = masks();
            for new in [masks.text(&old), masks.host(&old), masks.call_id(&old), masks.filler(&old), masks.hexadecimal(&old)] {
                prop_assert_eq!(new.len(), old.len());
            }
        }
    }
}
