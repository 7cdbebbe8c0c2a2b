//! A volume of any bytes: the walk covers each byte once, whole blocks read back as they are, and nothing panics.
#![no_main]

use earwitness_vault::{BlockHead, Entry, Scan, Scanned, VolumeHead};

const HEAD: usize = 64;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = VolumeHead::from_bytes(bytes) {
        assert_eq!(VolumeHead::from_bytes(&head.to_bytes()), Ok(head));
    }
    let mut end = 0;
    for step in Scan::new(bytes, 0).expect("memory has a size") {
        let (at, length) = match step.expect("memory can be read") {
            Scanned::Block(block) => {
                let place = block.at as usize;
                assert_eq!(bytes[place + HEAD..][..block.sealed.len()], block.sealed);
                let head = bytes[place..].first_chunk::<HEAD>().expect("a whole block has its head");
                assert_eq!(BlockHead::from_bytes(head), Ok(block.head));
                assert_eq!(block.head.to_bytes(), *head);
                (block.at, (HEAD + block.sealed.len()) as u64)
            }
            Scanned::Damaged { at, bytes, .. } => (at, bytes),
        };
        assert_eq!(at, end);
        assert!(length > 0);
        end += length;
    }
    assert_eq!(end, bytes.len() as u64);
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert_eq!(Entry::from_bytes(&entry.to_bytes()).map(|again| again.to_bytes()), Ok(entry.to_bytes()));
    }
});
