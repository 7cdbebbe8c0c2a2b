//! Extended reports (RFC 3611): of their blocks the VoIP metrics (section 4.7), what a receiver of speech measured.

use std::fmt;

use earwitness_model::VoipMetrics;

use crate::Cause;

/// The block type of VoIP metrics.
const VOIP_METRICS: u8 = 7;
/// Its length on the wire: the block's own word, the source and seven more words.
const METRICS_LEN: usize = 36;
/// Says in a field of its own that there is no value.
const UNAVAILABLE: u8 = 127;

/// Walks the VoIP metrics of an extended report: the source, and what was measured of it. All lengths make sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Measures<'b> {
    rest: &'b [u8],
}

/// Who reports, and on what, in a packet of its own length.
///
/// ```text
///  0             1             2             3             4
///  +--+-+--------+-------------+---------------------------+
///  |2 |P| reserv.|   XR = 207  |   length in words - 1     |
///  +--+-+--------+-------------+---------------------------+
///  |                  reporter (SSRC)                      |
///  +-------------+-------------+---------------------------+
///  | block type  | of the type |   length in words - 1     |
///  +-------------+-------------+---------------------------+
///  |                        …                              |
/// ```
///
/// All of it is walked here once: a block that is longer than what is left, metrics of another length than theirs, and padding
/// that is no padding are [`Cause::BadLength`], and nothing of the packet is read.
pub(super) fn read(packet: &[u8]) -> Result<(u32, Measures<'_>), Cause> {
    let (header, rest) = packet.split_first_chunk::<8>().ok_or(Cause::Truncated)?;
    let [first, _, _, _, ssrc @ ..] = *header;
    let blocks = match first & 0x20 {
        0 => rest,
        _ => without_padding(rest).ok_or(Cause::BadLength)?,
    };
    let mut at = blocks;
    while !at.is_empty() {
        (_, at) = block(at).ok_or(Cause::BadLength)?;
    }
    Ok((u32::from_be_bytes(ssrc), Measures { rest: blocks }))
}

/// The last byte says how many there are, itself among them: whole words (RFC 3550, section 6.4.1).
fn without_padding(rest: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*rest.last()?);
    if padding == 0 || !padding.is_multiple_of(4) {
        return None;
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The first block, and what is behind it.
fn block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [kind, _, l0, l1] = *bytes.first_chunk::<4>()?;
    let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
    if kind == VOIP_METRICS && len != METRICS_LEN {
        return None;
    }
    bytes.split_at_checked(len)
}

impl Iterator for Measures<'_> {
    type Item = (u32, VoipMetrics);

    fn next(&mut self) -> Option<(u32, VoipMetrics)> {
        while let Some((first, rest)) = block(self.rest) {
            self.rest = rest;
            if let Some((&[VOIP_METRICS, _, _, _, s0, s1, s2, s3], fields)) = first.split_first_chunk::<8>()
                && let Some(fields) = fields.first_chunk()
            {
                return Some((u32::from_be_bytes([s0, s1, s2, s3]), metrics(fields)));
            }
        }
        None
    }
}

/// ```text
///  0             1             2             3             4
///  +-------------+-------------+-------------+-------------+
///  |  loss rate  |discard rate |burst density| gap density |
///  +-------------+-------------+-------------+-------------+
///  |      burst duration       |       gap duration        |
///  +---------------------------+---------------------------+
///  |     round trip delay      |     end system delay      |
///  +-------------+-------------+-------------+-------------+
///  | signal level| noise level |    RERL     |    Gmin     |
///  +-------------+-------------+-------------+-------------+
///  |  R factor   |ext. R factor|   MOS-LQ    |   MOS-CQ    |
///  +-------------+-------------+-------------+-------------+
///  |  RX config, reserved      |   jitter buffer, three    |
///  |                 delays of 16 bits                     |
/// ```
///
/// A delay of 0 is one that is not computed yet. An R factor or a score outside of its range is ignored, as the section says.
const fn metrics(fields: &[u8; METRICS_LEN - 8]) -> VoipMetrics {
    let &[
        loss_rate,
        discard_rate,
        burst_density,
        gap_density,
        b0,
        b1,
        g0,
        g1,
        t0,
        t1,
        e0,
        e1,
        signal,
        noise,
        rerl,
        _gmin,
        r_factor,
        _external,
        mos_lq,
        mos_cq,
        ..,
    ] = fields;
    VoipMetrics {
        loss_rate,
        discard_rate,
        burst_density,
        gap_density,
        burst_ms: u16::from_be_bytes([b0, b1]),
        gap_ms: u16::from_be_bytes([g0, g1]),
        round_trip_ms: delay([t0, t1]),
        end_system_ms: delay([e0, e1]),
        signal_dbm0: level(signal),
        noise_dbm0: level(noise),
        rerl_db: match rerl {
            UNAVAILABLE => None,
            rerl => Some(rerl),
        },
        r_factor: match r_factor {
            0..=100 => Some(r_factor),
            _ => None,
        },
        mos_lq: score(mos_lq),
        mos_cq: score(mos_cq),
    }
}

const fn delay(field: [u8; 2]) -> Option<u16> {
    match u16::from_be_bytes(field) {
        0 => None,
        ms => Some(ms),
    }
}

const fn level(field: u8) -> Option<i8> {
    match field {
        UNAVAILABLE => None,
        level => Some(level.cast_signed()),
    }
}

const fn score(field: u8) -> Option<u8> {
    match field {
        10..=50 => Some(field),
        _ => None,
    }
}

impl fmt::Debug for Measures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
