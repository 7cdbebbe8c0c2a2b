//! A TCP segment (RFC 9293) as far as it was captured.

use std::{fmt, net::SocketAddr};

use earwitness_model::Flow;
use etherparse::{TcpHeaderSlice, err::tcp::HeaderSliceError};

use crate::{
    Cause, Layer, Tunnel, WireError,
    encap::{Span, transport::IpEnds},
};

/// One segment: its place in the connection, and what it carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'b> {
    /// From where to where.
    pub flow: Flow,
    /// The sequence number of its first byte; a SYN takes one of its own before that.
    pub sequence: u32,
    /// What the sender expects next from the other side, where it says so (ACK).
    pub acknowledged: Option<u32>,
    /// What it does to the connection.
    pub flags: TcpFlags,
    /// What it carries: never padding of the link layer.
    pub payload: &'b [u8],
    /// Bytes of the payload that the lengths in the headers promise and the capture does not have.
    pub cut: u32,
    /// IPv4 TTL or IPv6 hop limit, as captured.
    pub hop_limit: u8,
    /// The outermost tunnel that it came in; `None` for one that came bare.
    pub tunnel: Option<Tunnel>,
}

/// The flags that begin and end a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags {
    /// SYN: the sender's numbers begin here.
    pub syn: bool,
    /// FIN: the sender has nothing more to say.
    pub fin: bool,
    /// RST: the sender knows no such connection.
    pub rst: bool,
}

impl<'b> TcpSegment<'b> {
    /// The segment in `span`, which lies in an IP packet of `ends`, and that in `around`. Checksums are not looked at: mirrors show segments
    /// before the sender's network card has filled them in, and super-frames that no wire ever carried.
    ///
    /// ```text
    ///  0             2             4             6             8
    ///  +-------------+-------------+---------------------------+
    ///  | source port | destination |         sequence          |
    ///  +-------------+-------------+---------------------------+
    ///  |        acknowledged       | offset,flags|   window    |
    ///  +-------------+-------------+---------------------------+
    ///  |  checksum   |   urgent    | options up to offset · 4  |
    ///  +-------------+-------------+---------------------------+
    /// ```
    #[inline]
    pub(crate) fn read(ends: IpEnds, span: Span<'b>, around: Option<&Tunnel>) -> Result<Self, WireError> {
        let header = TcpHeaderSlice::from_slice(span.bytes).map_err(|error| unreadable(span, &error))?;
        let payload = span.after(header.slice().len());
        Ok(Self {
            flow: Flow {
                src: SocketAddr::new(ends.src, header.source_port()),
                dst: SocketAddr::new(ends.dst, header.destination_port()),
            },
            sequence: header.sequence_number(),
            acknowledged: header.ack().then(|| header.acknowledgment_number()),
            flags: TcpFlags { syn: header.syn(), fin: header.fin(), rst: header.rst() },
            payload: payload.bytes,
            cut: payload.cut,
            hop_limit: ends.hop_limit,
            tunnel: around.copied(),
        })
    }
}

#[cold]
fn unreadable(span: Span<'_>, error: &HeaderSliceError) -> WireError {
    let cause = match error {
        HeaderSliceError::Len(_) => Cause::Truncated,
        HeaderSliceError::Content(_) => Cause::BadLength,
    };
    span.error(Layer::Tcp, cause)
}

/// Lengths and flags, and no address: those are personal.
impl fmt::Debug for TcpSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSegment")
            .field("sequence", &self.sequence)
            .field("flags", &self.flags)
            .field("payload_len", &self.payload.len())
            .field("cut", &self.cut)
            .field("tunnel", &self.tunnel)
            .finish_non_exhaustive()
    }
}
