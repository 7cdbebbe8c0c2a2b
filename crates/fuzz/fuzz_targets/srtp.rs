//! Any crypto line and any packets. Laws beyond not panicking:
//! what is opened is the packet's own header and a shorter payload; what is refused leaves nothing; the same packets open alike
//! whatever came between that was refused; no key prints.
#![no_main]

use std::sync::Arc;

use earwitness_srtp::{Cipher, MasterKey, Opened, Source};
use libfuzzer_sys::fuzz_target;

/// A line that gives a key, beside the one that is made up.
const KNOWN: (&[u8], &[u8]) =
    (b"AES_CM_128_HMAC_SHA1_32", b"inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:1");

fuzz_target!(|input: (&[u8], &[u8], &[u8], Vec<&[u8]>)| {
    let (suite, key_params, session_params, packets) = input;
    let mut ciphers = Vec::new();
    for (suite, key_params) in [(suite, key_params), KNOWN] {
        let Ok(keys) = MasterKey::read(suite, key_params, session_params) else { continue };
        assert!(!keys.is_empty() && keys.len() <= 8);
        for key in keys {
            assert!(format!("{key:?}").len() < 64, "a suite, and nothing of the key");
            ciphers.push(Arc::new(Cipher::new(key)));
        }
    }
    let mut source = Source::default();
    source.add(&ciphers);
    assert_eq!(source.is_empty(), ciphers.is_empty());
    let mut plain = vec![0x55];
    let opened: Vec<_> = packets
        .iter()
        .filter_map(|packet| {
            let opened = source.open(packet, &mut plain);
            check(opened, packet, &plain);
            (opened == Opened::Plain).then(|| plain.clone())
        })
        .collect();
    // The refused ones left out, the others open to the same.
    let mut again = Source::default();
    again.add(&ciphers);
    let mut same = Vec::new();
    for packet in &packets {
        if again.open(packet, &mut plain) == Opened::Plain {
            same.push(plain.clone());
        }
    }
    assert_eq!(opened, same);
});

fn check(opened: Opened, packet: &[u8], plain: &[u8]) {
    match opened {
        Opened::Refused => assert!(plain.is_empty()),
        Opened::Plain => {
            assert!(plain.len() + 4 <= packet.len(), "there was a tag");
            assert_eq!(plain[..12], packet[..12]);
        }
    }
}
