//! RTCP packets (RFC 3550, section 6.4), written here and not with the library that the product reads them with.

/// What a receiver says of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// The source.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths of what was sent.
    pub fraction_lost: u8,
    /// Lost since the beginning: 24 bits, signed.
    pub lost: i32,
    /// The highest sequence number received, with its wraps.
    pub highest: u32,
    /// Jitter, in units of the RTP clock.
    pub jitter: u32,
    /// The middle of the NTP time of the last sender's report received.
    pub last_sender_report: u32,
    /// How long ago that came, in 65536ths of a second.
    pub delay_since: u32,
}

/// A sender's report: who, at which NTP time and RTP time, and what it has sent: packets and octets.
#[must_use]
pub fn sender_report(ssrc: u32, ntp: u64, rtp_time: u32, sent: (u32, u32)) -> Vec<u8> {
    let mut bytes = vec![0x80, 200, 0, 6];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(ntp.to_be_bytes());
    bytes.extend([rtp_time, sent.0, sent.1].into_iter().flat_map(u32::to_be_bytes));
    bytes
}

/// The report of the receiver `ssrc` on at most 31 sources.
#[must_use]
pub fn receiver_report(ssrc: u32, blocks: &[Block]) -> Vec<u8> {
    let mut bytes = vec![0x80 | blocks.len() as u8, 201, 0, 1 + 6 * blocks.len() as u8];
    bytes.extend(ssrc.to_be_bytes());
    for block in blocks {
        let lost = u32::from(block.fraction_lost) << 24 | block.lost.cast_unsigned() & 0x00ff_ffff;
        let words =
            [block.ssrc, lost, block.highest, block.jitter, block.last_sender_report, block.delay_since];
        bytes.extend(words.into_iter().flat_map(u32::to_be_bytes));
    }
    bytes
}

/// A source description with a name: the second packet of a compound.
#[must_use]
pub fn description(ssrc: u32, name: &str) -> Vec<u8> {
    let mut items = vec![1, name.len() as u8];
    items.extend(name.bytes());
    items.resize((items.len() + 4) & !3, 0);
    let mut bytes = vec![0x81, 202, 0, 1 + (items.len() / 4) as u8];
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(items);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_these_bytes() {
        let block =
            Block { ssrc: 7, fraction_lost: 64, lost: -1, highest: 0x1_0002, jitter: 9, ..Block::default() };
        let expected = [
            0x81, 201, 0, 7, 0, 0, 0, 5, 0, 0, 0, 7, 64, 0xff, 0xff, 0xff, 0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0,
            0, 0, 0, 0, 0,
        ];
        assert_eq!(receiver_report(5, &[block]), expected);
        let sent = sender_report(5, 0xe800_0001_8000_0000, 16_000, (100, 16_000));
        assert_eq!(sent.len(), 28);
        assert_eq!(sent[8..12], [0xe8, 0, 0, 1]);
        assert_eq!(description(5, "a@b"), [0x81, 202, 0, 3, 0, 0, 0, 5, 1, 3, b'a', b'@', b'b', 0, 0, 0]);
    }
}
