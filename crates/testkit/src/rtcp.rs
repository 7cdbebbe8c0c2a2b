//! RTCP packets (RFC 3550, section 6.4; RFC 3611, section 4.7), written here and not with the library that the product reads them with.

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

/// What a receiver measured of one source, field by field as it is sent: 127 and a delay of 0 say that there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// The source.
    pub ssrc: u32,
    /// Lost, in 256ths of what was expected.
    pub loss_rate: u8,
    /// Thrown away by the jitter buffer, in 256ths.
    pub discard_rate: u8,
    /// Lost or thrown away in bursts, in 256ths.
    pub burst_density: u8,
    /// The same between bursts.
    pub gap_density: u8,
    /// The mean burst, in ms.
    pub burst_duration: u16,
    /// The mean time between, in ms.
    pub gap_duration: u16,
    /// There and back, in ms.
    pub round_trip_delay: u16,
    /// In the phone, in ms.
    pub end_system_delay: u16,
    /// Speech, in dBm0.
    pub signal_level: i8,
    /// Silence, in dBm0.
    pub noise_level: i8,
    /// Residual echo return loss, in dB.
    pub rerl: u8,
    /// 0 to 100.
    pub r_factor: u8,
    /// For listening, 10 to 50.
    pub mos_lq: u8,
    /// For talking, 10 to 50.
    pub mos_cq: u8,
}

/// Nothing is lost, and nothing else has a value.
impl Default for Metrics {
    fn default() -> Self {
        Self {
            ssrc: 0,
            loss_rate: 0,
            discard_rate: 0,
            burst_density: 0,
            gap_density: 0,
            burst_duration: 0,
            gap_duration: 0,
            round_trip_delay: 0,
            end_system_delay: 0,
            signal_level: 127,
            noise_level: 127,
            rerl: 127,
            r_factor: 127,
            mos_lq: 127,
            mos_cq: 127,
        }
    }
}

/// The extended report of the receiver `ssrc`: VoIP metrics.
#[must_use]
pub fn extended_report(ssrc: u32, all: &[Metrics]) -> Vec<u8> {
    let mut bytes = vec![0x80, 207];
    bytes.extend((1 + 9 * all.len() as u16).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    for of in all {
        bytes.extend([7, 0, 0, 8]);
        bytes.extend(of.ssrc.to_be_bytes());
        bytes.extend([of.loss_rate, of.discard_rate, of.burst_density, of.gap_density]);
        let milliseconds = [of.burst_duration, of.gap_duration, of.round_trip_delay, of.end_system_delay];
        bytes.extend(milliseconds.into_iter().flat_map(u16::to_be_bytes));
        // Gmin 16, no external R factor, and a jitter buffer that adapts: 40, 80 and 200 ms.
        bytes.extend([of.signal_level.cast_unsigned(), of.noise_level.cast_unsigned(), of.rerl, 16]);
        bytes.extend([of.r_factor, 127, of.mos_lq, of.mos_cq]);
        bytes.extend([0x30, 0, 0, 40, 0, 80, 0, 200]);
    }
    bytes
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
        let metrics = Metrics {
            ssrc: 7,
            loss_rate: 3,
            burst_duration: 0x102,
            signal_level: -18,
            r_factor: 92,
            ..Metrics::default()
        };
        let expected = [
            0x80, 207, 0, 10, 0, 0, 0, 5, 7, 0, 0, 8, 0, 0, 0, 7, 3, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0xee,
            127, 127, 16, 92, 127, 127, 127, 0x30, 0, 0, 40, 0, 80, 0, 200,
        ];
        assert_eq!(extended_report(5, &[metrics]), expected);
        let sent = sender_report(5, 0xe800_0001_8000_0000, 16_000, (100, 16_000));
        assert_eq!(sent.len(), 28);
        assert_eq!(sent[8..12], [0xe8, 0, 0, 1]);
        assert_eq!(description(5, "a@b"), [0x81, 202, 0, 3, 0, 0, 0, 5, 1, 3, b'a', b'@', b'b', 0, 0, 0]);
    }
}
