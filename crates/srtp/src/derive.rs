//! Keys derived from a master key (RFC 3711, 4.3; RFC 6188, 3; RFC 7714, 11), with a key derivation rate of 0.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{BlockCipher, BlockEncryptMut, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, consts::U16},
};
use ctr::Ctr128BE;
use zeroize::Zeroizing;

use crate::master::MasterKey;

/// What a derived key is for (RFC 3711, 4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Label {
    /// It encrypts.
    Encryption = 0,
    /// It authenticates.
    Authentication = 1,
    /// It salts.
    Salt = 2,
}

/// Bytes of the longest derived key.
pub(crate) const MOST_DERIVED: usize = 32;

/// A derived key; what is behind its length is not used.
pub(crate) type Derived = Zeroizing<[u8; MOST_DERIVED]>;

/// The key for `label`, of any length up to [`MOST_DERIVED`]: the key stream of AES-CM under the master key.
pub(crate) fn derive(master: &MasterKey, label: Label) -> Derived {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(&master.salt());
    // key_id = label ‖ index DIV rate, 56 bits, and the index counts nothing: the label stands 48 bits from the salt's end.
    iv[7] ^= label as u8;
    let mut derived = Zeroizing::new([0; MOST_DERIVED]);
    match master.suite.key_len() {
        16 => stream::<Aes128>(master.key(), &iv, &mut derived),
        24 => stream::<Aes192>(master.key(), &iv, &mut derived),
        _ => stream::<Aes256>(master.key(), &iv, &mut derived),
    }
    derived
}

fn stream<C>(key: &[u8], iv: &[u8; 16], out: &mut [u8; MOST_DERIVED])
where
    C: BlockCipher + BlockEncryptMut + KeyInit + BlockSizeUser<BlockSize = U16>,
{
    let mut stream =
        Ctr128BE::<C>::new_from_slices(key, iv).expect("a suite's key is as long as its cipher asks for");
    stream.apply_keystream(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Suite;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// The derived encryption key, authentication key and salt of a master key and salt.
    fn check(suite: Suite, master: (&str, &str), expected: [&str; 3]) {
        let master = MasterKey::new(suite, &hex(master.0), &hex(master.1)).unwrap();
        for (label, expected) in
            [Label::Encryption, Label::Authentication, Label::Salt].into_iter().zip(expected)
        {
            let expected = hex(expected);
            assert_eq!(&derive(&master, label)[..expected.len()], expected, "{label:?}");
        }
    }

    #[test]
    fn keys_of_128_bits_are_those_of_rfc_3711_b_3() {
        check(
            Suite::AesCm128Tag80,
            ("E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6"),
            [
                "C61E7A93744F39EE10734AFE3FF7A087",
                // The RFC lists the first 94 bytes of this one; HMAC takes 20.
                "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4",
                "30CBBC08863D8C85D49DB34A9AE1",
            ],
        );
    }

    #[test]
    fn keys_of_192_and_256_bits_are_those_of_rfc_6188_7() {
        check(
            Suite::AesCm256Tag80,
            (
                "F0F04914B513F2763A1B1FA130F10E2998F6F6E43E4309D1E622A0E332B9F1B6",
                "3B04803DE51EE7C96423AB5B78D2",
            ),
            [
                "5BA1064E30EC51613CAD926C5A28EF731EC7FB397F70A960653CAF06554CD8C4",
                "FD9C32D39ED5FBB5A9DC96B30818454D1313DC05",
                "FA31791685CA444A9E07C6C64E93",
            ],
        );
        check(
            Suite::AesCm192Tag80,
            ("73EDC66C4FA15776FB57F9505C17136550FFDA71F3E8E5F1", "C8522F3ACD4CE86D5ADD78EDBB11"),
            [
                "31874736A8F1143870C26E4857D8A5B2C4A354407FAADABB",
                "355B10973CD95B9EACF4061C7E1A7151E7CFBFCB",
                "2372B82D639B6D8503A47ADC0A6C",
            ],
        );
    }
}
