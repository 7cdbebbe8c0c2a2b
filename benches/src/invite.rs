//! The INVITE of an ordinary call, and what is read of it.

use earwitness_load::Load;
use earwitness_model::Codec;
use earwitness_wire::{
    Carried,
    sdp::Session,
    sip::{Message, Method, NameAddr},
};

use crate::raw;

/// What [`read`] finds in it.
pub const READ: Option<[usize; 4]> = Some([12, 11, 4, 1]);
/// What [`described`] finds in its body.
pub const DESCRIBED: Option<(u16, usize)> = Some((10_000, "PCMA".len()));

/// The INVITE with its SDP, as it is in its datagram.
///
/// # Panics
/// When a load does not begin with an INVITE.
#[must_use]
pub fn datagram() -> Vec<u8> {
    let frame = Load { codec: Codec::Pcma, ..Load::default() }.frames().next().expect("a load has calls");
    match earwitness_wire::decode(&raw(&frame, 1)) {
        Ok(Carried::Udp(datagram)) => datagram.payload.to_vec(),
        other => panic!("the first frame of a call is a datagram, not {other:?}"),
    }
}

/// Its SDP.
///
/// # Panics
/// When the INVITE has none.
#[must_use]
pub fn body() -> Vec<u8> {
    Message::parse(&datagram()).expect("an INVITE").sdp().expect("an offer").to_vec()
}

/// The lengths of Call-ID, From's and To's users, and the CSeq's number: proof that they were read.
#[must_use]
pub fn read(datagram: &[u8]) -> Option<[usize; 4]> {
    let message = Message::parse(datagram).ok()?;
    let (from, to) = (message.from()?, message.to()?);
    let cseq = message.cseq().filter(|cseq| cseq.method == Method::Invite)?;
    let user = |name: &NameAddr<'_>| Some(name.uri().user?.len());
    Some([message.call_id()?.len(), user(&from)?, user(&to)?, cseq.number as usize])
}

/// The port of the first audio and the length of its first format's name.
#[must_use]
pub fn described(body: &[u8]) -> Option<(u16, usize)> {
    let session = Session::parse(body).ok()?;
    let media = session.media().next()?;
    let payload_type = media.payload_types().next()?;
    Some((media.port(), media.rtpmap(payload_type)?.name.len()))
}
