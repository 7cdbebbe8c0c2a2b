//! Every code of both laws against an independent implementation.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use g711::{Law, decode_sample, encode_sample};

#[test]
fn all_codes_decode_as_the_oracle_decodes_them() {
    for code in 0..=255 {
        assert_eq!(decode_sample(Law::A, code), decode_alaw(code), "A-law {code:#04x}");
        assert_eq!(decode_sample(Law::Mu, code), decode_ulaw(code), "µ-law {code:#04x}");
    }
}

#[test]
fn all_samples_encode_as_the_oracle_encodes_them() {
    for sample in i16::MIN..=i16::MAX {
        assert_eq!(encode_sample(Law::A, sample), encode_alaw(sample), "A-law {sample}");
        assert_eq!(encode_sample(Law::Mu, sample), encode_ulaw(sample), "µ-law {sample}");
    }
}
