//! RTP (RFC 3550, section 5), RTCP (section 6) and ZRTP (RFC 6189) of other people.
//!
//! Sequence numbers, timestamps and the times in reports are kept: they are shapes. What a packet names is replaced, what it
//! says is made up, and what lies in extensions is zero.

use crate::{masks::Masks, sheet::Sheet};

/// An RTP packet, or as much of one as was captured.
pub(crate) fn packet(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut sheet = Sheet::blank(old);
    let Some([first, second, ..]) = sheet.chunk::<12>(0) else { return sheet.into_new() };
    sheet.keep(0, 8);
    source(masks, &mut sheet, 8);
    let mut at = 12;
    for _ in 0..first & 0x0f {
        source(masks, &mut sheet, at);
        at += 4;
    }
    if first & 0x10 != 0 {
        let words =
            sheet.chunk::<4>(at).map_or(0, |[_, _, l0, l1]| usize::from(u16::from_be_bytes([l0, l1])));
        sheet.keep(at, 4);
        at += 4 + words * 4;
    }
    let mut end = old.len();
    let padding = old.last().filter(|_| first & 0x20 != 0).map(|last| usize::from(*last));
    let is_whole = padding.is_none_or(|padding| padding > 0 && at + padding <= end);
    if let Some(padding) = padding.filter(|_| is_whole) {
        sheet.keep(end - 1, 1);
        end -= padding;
    }
    let payload = old.get(at..end).unwrap_or_default();
    let place = old.get(2..12).unwrap_or_default();
    let new = masks.audio(second & 0x7f, place, payload);
    sheet.replace(payload, &new);
    if !is_whole && !payload.is_empty() {
        // Padding that cannot be stays so.
        sheet.put(end - 1, &[0]);
    }
    sheet.into_new()
}

/// The source at `at`, if it is there.
fn source(masks: &mut Masks, sheet: &mut Sheet<'_>, at: usize) {
    if let Some(old) = sheet.chunk(at) {
        let new = masks.source(u32::from_be_bytes(old));
        sheet.put(at, &new.to_be_bytes());
    }
}

/// A compound of RTCP packets. What follows one that is cut or none is noise: it may be encrypted.
///
/// ```text
///  0             1             2                           4
///  +--+-+--------+-------------+---------------------------+
///  |2 |P|  count | packet type |      length in words      |
///  +--+-+--------+-------------+---------------------------+
///  |            SSRC of whoever sent this                  |
///  +-------------------------------------------------------+
/// ```
pub(crate) fn control(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut sheet = Sheet::blank(old);
    let mut noise = vec![0; old.len()];
    masks.secret.noise("control", &[old]).fill(&mut noise);
    sheet.put(0, &noise);
    let mut at = 0;
    while let Some([first, kind, l0, l1]) = sheet.chunk::<4>(at) {
        let len = 4 + usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let packet = sheet.old(at, len);
        if first >> 6 != 2 || !(192..=223).contains(&kind) || packet.len() < len {
            break;
        }
        let new = one(masks, first & 0x1f, kind, packet);
        sheet.put(at, &new);
        at += len;
    }
    sheet.into_new()
}

/// One RTCP packet, with its header.
fn one(masks: &mut Masks, count: u8, kind: u8, old: &[u8]) -> Vec<u8> {
    const SENDER: u8 = 200;
    const RECEIVER: u8 = 201;
    const DESCRIPTION: u8 = 202;
    const BYE: u8 = 203;
    const APPLICATION: u8 = 204;
    const EXTENDED: u8 = 207;
    let mut sheet = Sheet::blank(old);
    sheet.keep(0, 4);
    let blocks = |masks: &mut Masks, sheet: &mut Sheet<'_>, from: usize| {
        for index in 0..usize::from(count) {
            source(masks, sheet, from + index * 24);
            sheet.keep(from + index * 24 + 4, 20);
        }
    };
    match kind {
        SENDER => {
            source(masks, &mut sheet, 4);
            sheet.keep(8, 20);
            blocks(masks, &mut sheet, 28);
        }
        RECEIVER => {
            source(masks, &mut sheet, 4);
            blocks(masks, &mut sheet, 8);
        }
        DESCRIPTION => descriptions(masks, &mut sheet, count),
        BYE => {
            let sources = usize::from(count);
            (0..sources).for_each(|index| source(masks, &mut sheet, 4 + index * 4));
            if let Some([len]) = sheet.chunk(4 + sources * 4) {
                sheet.put(4 + sources * 4, &[len]);
                filler(masks, &mut sheet, 5 + sources * 4, usize::from(len));
            }
        }
        APPLICATION => source(masks, &mut sheet, 4),
        EXTENDED => {
            source(masks, &mut sheet, 4);
            extended(masks, &mut sheet);
        }
        // Feedback names two sources; others at least one.
        _ => {
            source(masks, &mut sheet, 4);
            if matches!(kind, 205 | 206) {
                source(masks, &mut sheet, 8);
            }
        }
    }
    // Padding is counted by the packet's last byte.
    if old.first().is_some_and(|first| first & 0x20 != 0) {
        sheet.keep(old.len() - 1, 1);
    }
    sheet.into_new()
}

/// Chunks of a source and its items: a type, a length, and text (RFC 3550, 6.5).
fn descriptions(masks: &mut Masks, sheet: &mut Sheet<'_>, count: u8) {
    let mut at = 4;
    for _ in 0..count {
        source(masks, sheet, at);
        at += 4;
        loop {
            match sheet.chunk::<2>(at) {
                Some([0, _]) | None => break,
                Some([kind, len]) => {
                    sheet.put(at, &[kind, len]);
                    filler(masks, sheet, at + 2, usize::from(len));
                    at += 2 + usize::from(len);
                }
            }
        }
        // At least one zero, up to a multiple of four.
        at = at / 4 * 4 + 4;
    }
}

fn filler(masks: &mut Masks, sheet: &mut Sheet<'_>, at: usize, len: usize) {
    let new = masks.filler(sheet.old(at, len));
    sheet.put(at, &new);
}

/// Blocks of RFC 3611: those that measure are kept but for their source; the rest is zero, but for how long it is.
fn extended(masks: &mut Masks, sheet: &mut Sheet<'_>) {
    const REFERENCE_TIME: u8 = 4;
    const DELAYS: u8 = 5;
    const SUMMARY: u8 = 6;
    const VOIP: u8 = 7;
    let mut at = 8;
    while let Some([kind, _, l0, l1]) = sheet.chunk::<4>(at) {
        let len = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        sheet.keep(at, 4);
        match kind {
            REFERENCE_TIME => sheet.keep(at + 4, len.min(8)),
            DELAYS => {
                for block in (at + 4..at + 4 + len).step_by(12) {
                    source(masks, sheet, block);
                    sheet.keep(block + 4, 8);
                }
            }
            SUMMARY | VOIP => {
                source(masks, sheet, at + 4);
                sheet.keep(at + 8, len.saturating_sub(4).min(32));
            }
            _ => {}
        }
        at += 4 + len;
    }
}

/// A ZRTP packet: its kind and its source, and noise.
pub(crate) fn agreement(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut sheet = Sheet::blank(old);
    let mut noise = vec![0; old.len()];
    masks.secret.noise("agreement", &[old]).fill(&mut noise);
    sheet.put(0, &noise);
    sheet.keep(0, 8);
    source(masks, &mut sheet, 8);
    sheet.keep(12, 4);
    if sheet.old(16, 8).iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') {
        sheet.keep(16, 8);
    }
    sheet.into_new()
}

#[cfg(test)]
mod tests {
    use earwitness_wire::{Protocol, rtcp, rtp, zrtp};
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn masks() -> Masks {
        Masks::new(Secret::seeded(1))
    }

    #[test]
    fn a_packet_keeps_its_place_and_loses_what_it_says() {
        let mut old = vec![
            0xb1, 0x88, 0x12, 0x34, 0, 0, 1, 0x40, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x10, 77, 0, 0,
        ];
        old.extend((0..160_u32).map(|at| (at * 7) as u8));
        old.extend([7, 7, 7, 4]);
        let new = packet(&mut masks(), &old);
        let (before, after) = (rtp::Packet::parse(&old).unwrap(), rtp::Packet::parse(&new).unwrap());
        assert_eq!(
            (after.sequence(), after.timestamp(), after.payload_type()),
            (0x1234, before.timestamp(), 8)
        );
        assert_eq!((after.marker(), after.padding(), after.payload().len()), (true, 4, 160));
        assert_ne!(after.ssrc(), before.ssrc());
        assert_eq!(after.extension().unwrap().bytes, [0; 4]);
        assert_ne!(after.csrc().next(), before.csrc().next());
        assert_ne!(after.payload()[..8], before.payload()[..8]);
        assert_eq!(new.len(), old.len());
    }

    #[test]
    fn reports_keep_what_they_measured_and_lose_names() {
        let mut old = vec![0x81, 201, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 1];
        old.extend([0, 0, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        old.extend([0x81, 202, 0, 4, 1, 2, 3, 4, 1, 8]);
        old.extend(*b"kim@10.1\0\0");
        let new = control(&mut masks(), &old);
        assert_eq!(new.len(), old.len());
        assert_eq!(rtcp::reports(&new).count(), rtcp::reports(&old).count());
        assert_eq!(new[12..32], old[12..32]);
        assert_eq!(new[4..8], new[36..40]);
        assert_ne!(new[4..8], old[4..8]);
        assert!(!new.windows(3).any(|window| window == b"kim"));
    }

    #[test]
    fn an_agreement_stays_of_its_kind() {
        let old = b"\x10\0\0\x01ZRTP\0\0\0\x09\x50\x5a\0\x03Confirm1and a secret of both of them";
        let new = agreement(&mut masks(), old);
        assert_eq!((zrtp::kind(&new), new.len()), (Some(zrtp::Kind::Confirmed), old.len()));
        assert!(!new.windows(6).any(|window| window == b"secret"));
    }

    proptest! {
        #[test]
        fn packets_of_any_bytes_keep_length_and_protocol(old in proptest::collection::vec(any::<u8>(), 12..120), kind in 0_u8..4) {
            let mut old = old;
            old[0] = old[0] & 0x3f | 0x80;
            if kind > 0 {
                old[1] = 199 + kind;
            }
            let rewrite = if kind > 0 { control } else { packet };
            let new = rewrite(&mut masks(), &old);
            prop_assert_eq!(new.len(), old.len());
            if Protocol::of(&old) == Protocol::Rtp && kind == 0 {
                prop_assert_eq!(Protocol::of(&new), Protocol::Rtp);
                prop_assert_eq!(rtp::Packet::parse(&new).is_ok(), rtp::Packet::parse(&old).is_ok());
            }
        }
    }
}
