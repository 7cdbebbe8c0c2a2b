//! Transfers by REFER (RFC 3515): whom a party was referred to, until its INVITE comes.

use std::{collections::VecDeque, net::IpAddr};

use earwitness_model::{CallId, Evidence, PacketTime, Related};
use earwitness_wire::sip::{Message, NameAddr, Replaces, Uri, percent_decoded};

use super::{Signalling, SipDatagram, in_dialog};
use crate::{order::CallSlot, timer::Timer};

/// Referrals that wait at a time; the oldest gives way.
const MOST_WAITING: usize = 1024;

/// User and host of a URI, as they were written.
type Address = (Box<[u8]>, Box<[u8]>);

/// Somebody was referred to somebody else.
#[derive(Debug)]
struct Referral {
    at: PacketTime,
    call: (CallSlot, CallId),
    target: Address,
    /// Who referred, where it says so (RFC 3892).
    by: Option<Address>,
    /// Who was referred.
    referred: IpAddr,
}

/// Referrals whose INVITE did not come yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Referrals(VecDeque<Referral>);

impl Referrals {
    fn add(&mut self, referral: Referral) {
        if self.0.len() == MOST_WAITING {
            self.0.pop_front();
        }
        self.0.push_back(referral);
    }

    /// The call in which the sender of this INVITE was referred to its target. Both ends are needed: that it was sent to
    /// whom somebody was referred to, and by whom was referred or with the name of who did.
    fn find(&mut self, message: &Message<'_>, datagram: &SipDatagram<'_>) -> Option<(CallSlot, CallId)> {
        let oldest = datagram.time.plus_nanos(-Timer::Referral.nanos());
        while self.0.front().is_some_and(|referral| referral.at < oldest) {
            self.0.pop_front();
        }
        let target = address(&message.request_uri()?)?;
        let by = message.referred_by().and_then(|by| address(&by.uri()));
        let fits = |referral: &&Referral| {
            let named = by.as_ref().zip(referral.by.as_ref()).map(|(said, known)| said == known);
            let sent = referral.referred == datagram.flow.src.ip();
            referral.target == target && named.unwrap_or(sent)
        };
        self.0.iter().rev().find(fits).map(|referral| referral.call)
    }
}

impl Signalling {
    /// A REFER in a dialog of the call: to somebody, or to somebody in another call's place.
    pub(super) fn handle_refer(&mut self, slot: CallSlot, message: &Message<'_>, datagram: &SipDatagram<'_>) {
        let (Some(call), Some(refer_to)) = (self.call(slot), message.refer_to()) else { return };
        let uri = refer_to.uri();
        if let Some(other) = replaced(&uri).and_then(|call_id| self.by_call_id.get(&call_id[..])).copied() {
            self.relate(slot, other, Evidence::Refer);
        } else if let Some(target) = address(&uri) {
            let by = message.referred_by().as_ref().map(NameAddr::uri).and_then(|uri| address(&uri));
            let call = (slot, call.id);
            let referred = datagram.flow.dst.ip();
            self.referrals.add(Referral { at: datagram.time, call, target, by, referred });
        }
    }

    /// The call at `slot` began by `message`: it may be what somebody was referred to. The other call may be gone by now.
    pub(super) fn handle_referred(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
    ) {
        if in_dialog(message) {
            return;
        }
        let Some((other, id)) = self.referrals.find(message, datagram) else { return };
        if self.call(other).is_some_and(|call| call.id == id) {
            self.relate(slot, other, Evidence::Refer);
        } else {
            self.name_other(slot, Related { call: id, by: Evidence::Refer });
        }
    }
}

fn address(uri: &Uri<'_>) -> Option<Address> {
    const MOST: usize = 256;
    let (user, host) = (uri.user.unwrap_or_default(), uri.host.unwrap_or_default());
    let fits = !user.is_empty() && user.len() + host.len() <= MOST;
    fits.then(|| (Box::from(user), host.to_ascii_lowercase().into()))
}

/// The Call-ID in the Replaces header of a Refer-To URI (RFC 3891, section 7).
fn replaced(uri: &Uri<'_>) -> Option<Vec<u8>> {
    let mut headers = uri.headers?.split(|&byte| byte == b'&');
    let value = headers.find_map(|header| {
        let at = header.iter().position(|&byte| byte == b'=')?;
        header[..at].eq_ignore_ascii_case(b"Replaces").then(|| &header[at + 1..])
    })?;
    let value: Vec<u8> = percent_decoded(value).collect();
    Some(Replaces::parse(&value)?.call_id.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refer_to_uri_names_the_dialog_to_replace() {
        let uri = "sip:4002@10.1.0.9?Subject=x&Replaces=98732%4010.1.0.5%3Bfrom-tag%3Da%3Bto-tag%3Db";
        assert_eq!(replaced(&Uri::parse(uri.as_bytes())).as_deref(), Some(&b"98732@10.1.0.5"[..]));
        assert_eq!(replaced(&Uri::parse(b"sip:4002@10.1.0.9?Subject=x")), None);
        assert_eq!(replaced(&Uri::parse(b"sip:4002@10.1.0.9")), None);
    }

    #[test]
    fn so_many_referrals_wait() {
        let mut referrals = Referrals::default();
        for n in 0..2 * MOST_WAITING as i64 {
            referrals.add(Referral {
                at: PacketTime::from_nanos(n),
                call: (CallSlot(0), CallId::new(0, 0)),
                target: (Box::from(&b"4002"[..]), Box::from(&b"a"[..])),
                by: None,
                referred: [10, 0, 0, 1].into(),
            });
        }
        assert_eq!((referrals.0.len(), referrals.0[0].at.nanos()), (MOST_WAITING, MOST_WAITING as i64));
    }
}
