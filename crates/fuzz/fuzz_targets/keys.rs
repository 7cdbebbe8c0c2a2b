//! Any text as a share of the officer's key, as a public key, and as the list of backups: nothing panics, and what is read is
//! written back as it was meant.
#![no_main]

use earwitness_vault::{OfficerRecipient, Share, join_shares, registered_backups};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // With a checksum that holds, so that what follows it is looked at.
    let crc = format!("{:08x}", crc32c(bytes));
    let first = "# Backups of the keys of this vault. Written by earwitness; CRC-32C of what follows: ";
    let list = [first.as_bytes(), crc.as_bytes(), b"\n", bytes].concat();
    if let Some(ids) = registered_backups(&list) {
        assert!(ids.iter().all(|id| id.to_string().parse() == Ok(*id)));
    }
    registered_backups(bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    if let Ok(officer) = text.parse::<OfficerRecipient>() {
        assert_eq!(officer.to_string(), text.trim().to_lowercase());
    }
    if let Ok(share) = Share::read(&text) {
        assert_eq!(Share::read(share.lines().text()), Ok(share.clone()));
        assert_eq!(Share::read(&share.code()), Ok(share.clone()));
        drop(join_shares(&[share.clone(), share]));
    }
});

/// CRC-32C, bit by bit (RFC 3720, appendix B.4).
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}
