//! RTP (RFC 3550, section 5) as a view over a datagram's payload.

mod elements;

use std::fmt;

use earwitness_model::RtpTime;

use crate::{Cause, Layer, WireError};

pub use elements::Elements;

/// An RTP packet whose header, CSRC list, extension and padding lie within its bytes.
///
/// ```text
///  0             1             2             3             4
///  +--+-+-+------+-+-----------+---------------------------+
///  |2 |P|X|  CC  |M|payload typ|      sequence number      |
///  +--+-+-+------+-+-----------+---------------------------+
///  |                       timestamp                       |
///  +-------------------------------------------------------+
///  |                         SSRC                          |
///  +-------------------------------------------------------+
///  |                  CSRC: CC words of 4                  |
///  +---------------------------+---------------------------+
///  |  X = 1: defined by profile|      length in words      |
///  |                  length words of 4                    |
///  +-------------------------------------------------------+
///  |  payload …               P = 1: padding, its length   |
///  +-------------------------------------------------------+
/// ```
///
/// This is ours because `rtp-parse` reads the extension block of packets that have none (X = 0), and so fails on ordinary
/// RTP or loses its first words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'b> {
    fixed: [u8; 12],
    csrc: &'b [u8],
    extension: Option<Extension<'b>>,
    payload: &'b [u8],
    padding: u8,
}

/// The header extension (RFC 3550, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'b> {
    /// The 16 bits that the profile defines: 0xBEDE and 0x1000 to 0x100F announce the elements of RFC 8285.
    pub profile: u16,
    /// The words after the length: a multiple of 4 bytes.
    pub bytes: &'b [u8],
}

impl<'b> Packet<'b> {
    /// Reads the payload of a datagram.
    ///
    /// # Errors
    ///
    /// [`Layer::Rtp`] with [`Cause::Truncated`] when header, CSRC list or extension do not fit, [`Cause::BadVersion`] when
    /// the version is not 2, and [`Cause::BadLength`] when the padding says it has no bytes or more than there are.
    #[inline]
    pub fn parse(bytes: &'b [u8]) -> Result<Self, WireError> {
        let short = |offset| WireError::new(Layer::Rtp, offset, Cause::Truncated);
        let (fixed, rest) = bytes.split_first_chunk::<12>().ok_or_else(|| short(0))?;
        let first = fixed[0];
        if first >> 6 != 2 {
            return Err(WireError::new(Layer::Rtp, 0, Cause::BadVersion));
        }
        let csrc_len = usize::from(first & 0x0f) * 4;
        let (csrc, mut rest) = rest.split_at_checked(csrc_len).ok_or_else(|| short(12))?;
        let mut extension = None;
        if first & 0x10 != 0 {
            let (of, after) = Extension::split(rest).ok_or_else(|| short(12 + csrc_len))?;
            (extension, rest) = (Some(of), after);
        }
        let (payload, padding) = if first & 0x20 == 0 {
            (rest, 0)
        } else {
            unpadded(rest).ok_or_else(|| WireError::new(Layer::Rtp, bytes.len() - 1, Cause::BadLength))?
        };
        Ok(Self { fixed: *fixed, csrc, extension, payload, padding })
    }

    /// The sequence number.
    #[inline]
    #[must_use]
    pub const fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The timestamp, in units of the payload's clock rate.
    #[inline]
    #[must_use]
    pub const fn timestamp(&self) -> RtpTime {
        RtpTime(u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]]))
    }

    /// The synchronisation source.
    #[inline]
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        u32::from_be_bytes([self.fixed[8], self.fixed[9], self.fixed[10], self.fixed[11]])
    }

    /// The payload type, 0 to 127.
    #[inline]
    #[must_use]
    pub const fn payload_type(&self) -> u8 {
        self.fixed[1] & 0x7f
    }

    /// The marker bit: in audio the first packet after silence (RFC 3551, section 4.1).
    #[inline]
    #[must_use]
    pub const fn marker(&self) -> bool {
        self.fixed[1] & 0x80 != 0
    }

    /// The payload, without padding.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'b [u8] {
        self.payload
    }

    /// Bytes of padding after the payload, the one that counts them included; 0 when there is none.
    #[must_use]
    pub const fn padding(&self) -> u8 {
        self.padding
    }

    /// The contributing sources.
    pub fn csrc(&self) -> impl Iterator<Item = u32> + use<'b> {
        self.csrc.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// The header extension, when X = 1.
    #[must_use]
    pub const fn extension(&self) -> Option<Extension<'b>> {
        self.extension
    }
}

impl<'b> Extension<'b> {
    fn split(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (&[p0, p1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
        Some((Self { profile: u16::from_be_bytes([p0, p1]), bytes }, rest))
    }
}

/// Payload and length of the padding, of which the last byte says how many there are, itself included.
fn unpadded(bytes: &[u8]) -> Option<(&[u8], u8)> {
    let padding = *bytes.last()?;
    let len = bytes.len().checked_sub(usize::from(padding)).filter(|_| padding != 0)?;
    Some((bytes.get(..len)?, padding))
}

/// Whether a datagram may be RTP: version 2, a whole fixed header, and a second byte that is not an RTCP packet type,
/// which takes the payload types 64 to 95 (RFC 5761, section 4).
#[inline]
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    matches!(bytes.first_chunk::<12>(), Some([first, second, ..])
        if first >> 6 == 2 && !matches!(second & 0x7f, 64..=95))
}

/// The header's fields, and of the payload only its length.
impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("sequence", &self.sequence())
            .field("timestamp", &self.timestamp())
            .field("ssrc", &self.ssrc())
            .field("payload_type", &self.payload_type())
            .field("marker", &self.marker())
            .field("payload_len", &self.payload.len())
            .finish_non_exhaustive()
    }
}
