//! No key seals two blocks with one nonce, over a working day with a crash in it, in both suites.

use std::collections::{HashMap, HashSet};

use earwitness_vault::{BlockKind, CipherSuite, MetadataKey, Scan, Scanned};

use crate::support::{NOW, Office, begin, media, record, running_call, summary};

/// A day of calls that overlap, some of which run when the recorder is killed.
fn working_day(office: &Office) -> Office {
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut running = Vec::new();
    for n in 1..=60 {
        if n % 3 == 0 {
            let mut recording = begin(&sealer, &mut writer, n).unwrap();
            writer.append(recording.running(&running_call(n, 1))).unwrap();
            writer.append(recording.seal(media(n, [1, 2]))).unwrap();
            running.push((n, recording));
        } else {
            record(&sealer, &mut writer, n).unwrap();
        }
        if n % 10 == 0 {
            writer.commit(NOW).unwrap();
        }
    }
    for (n, mut recording) in running.drain(..10) {
        for sequence in 3..8 {
            writer.append(recording.seal(media(n, [sequence]))).unwrap();
        }
        writer.append(recording.finish(summary(n))).unwrap();
    }
    writer.commit(NOW).unwrap();
    let killed = office.copy();
    let vault = killed.open();
    assert_eq!(vault.recovery().interrupted.len(), 10);
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in 61..=80 {
        record(&sealer, &mut writer, n).unwrap();
    }
    writer.close(NOW).unwrap();
    drop(vault);
    killed
}

#[test]
fn no_nonce_seals_twice_under_one_key() {
    for suite in [CipherSuite::Aes256Gcm, CipherSuite::Aria256Gcm] {
        let day = working_day(&Office::with(suite));
        let bytes = std::fs::read(day.volume()).unwrap();
        // Under a recording's data key the nonce is the block's counter.
        let mut counters: HashMap<_, HashSet<u64>> = HashMap::new();
        // Metadata has a key for each message, made of its salt.
        let mut salts = HashSet::new();
        let (mut data, mut metadata) = (0, 0);
        for step in Scan::new(bytes.as_slice(), 64).unwrap() {
            let Scanned::Block(block) = step.unwrap() else { panic!("a day without damage") };
            match block.head.kind {
                BlockKind::Media | BlockKind::Signalling => {
                    data += 1;
                    let is_new = counters.entry(block.head.recording).or_default().insert(block.head.counter);
                    assert!(is_new, "{:?}: counter {}", suite, block.head.counter);
                }
                BlockKind::Opened | BlockKind::Stream | BlockKind::Manifest | BlockKind::Running => {
                    metadata += 1;
                    assert!(salts.insert(block.sealed[..24].to_vec()), "{suite:?}");
                }
            }
        }
        assert!(data > 250 && metadata > 250 && counters.len() == 80, "{data} {metadata} {}", counters.len());
        let key = MetadataKey::random(suite);
        for message in 0..20_000_u32 {
            assert!(salts.insert(key.seal(b"row", &message.to_be_bytes())[..24].to_vec()), "{message}");
        }
    }
}
