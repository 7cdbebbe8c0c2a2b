//! Which encodings can be decoded, and by what: one file each.
//!
//! A decoder is made for a run of one encoding and shown its packets in RTP order. What that means for its memory:
//!
//! * a packet of another encoding, or a sender that restarts its clock, makes a new decoder: so does a phone;
//! * after loss, or silence that was not sent, it goes on with the memory it has, as the phone's did. What follows a lost
//!   packet is what the listener heard, but for what the phone itself invented in the gap;
//! * with concealment, a decoder that has a way of its own to fill a gap (Opus) fills it, and remembers that.

pub(crate) mod g722;
pub(crate) mod g726;
pub(crate) mod gsm;
pub(crate) mod l16;
pub(crate) mod opus;

use earwitness_model::Codec;
use g711::Law;

/// An encoding that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// A-law or µ-law: an octet for a sample.
    G711(Law),
    /// G.722.
    G722,
    /// GSM full rate.
    Gsm,
    /// G.726.
    G726(g726::Rate, g726::Packing),
    /// Linear samples of so many channels.
    L16(u8),
    /// Opus.
    Opus,
}

/// How a payload becomes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) coding: Coding,
    /// RTP clock units per second.
    pub(crate) clock: u32,
    /// Samples per second; never fewer than clock units.
    pub(crate) rate: u32,
}

/// The rates at which linear samples are sent: those of RFC 3551, 4.1 and 4.5.11, up to what Opus has.
const L16_RATES: [u32; 8] = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

impl Format {
    /// How `codec` is decoded; `None` for what this version keeps and exports and does not decode.
    pub(crate) fn of(codec: &Codec) -> Option<Self> {
        let narrow = |coding| Some(Self { coding, clock: 8_000, rate: 8_000 });
        match codec {
            Codec::Pcma => narrow(Coding::G711(Law::A)),
            Codec::Pcmu => narrow(Coding::G711(Law::Mu)),
            Codec::G722 => Some(Self { coding: Coding::G722, clock: 8_000, rate: 16_000 }),
            Codec::Gsm => narrow(Coding::Gsm),
            Codec::G729 => None,
            Codec::Other { name, .. } => Self::named(name),
        }
    }

    /// By what the rtpmap says, `opus/48000/2`.
    fn named(rtpmap: &str) -> Option<Self> {
        let mut parts = rtpmap.split('/');
        let (name, clock) = (parts.next()?.to_ascii_uppercase(), parts.next()?.parse().ok()?);
        let channels: u8 = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
        if name == "OPUS" && clock == opus::RATE {
            return Some(Self { coding: Coding::Opus, clock, rate: clock });
        }
        if name == "L16" && L16_RATES.contains(&clock) && matches!(channels, 1 | 2) {
            return Some(Self { coding: Coding::L16(channels), clock, rate: clock });
        }
        // Some phones name G.722's sampling rate and count in it, against RFC 3551.
        if name == "G722" && clock == 16_000 && channels == 1 {
            return Some(Self { coding: Coding::G722, clock, rate: clock });
        }
        let coding = g726_named(&name).filter(|_| (clock, channels) == (8_000, 1))?;
        Some(Self { coding, clock, rate: clock })
    }

    /// Samples, of one channel, that a payload becomes.
    pub(crate) fn samples(self, payload: &[u8]) -> usize {
        match self.coding {
            Coding::G711(_) => payload.len(),
            Coding::G722 => g722::samples(payload.len()),
            Coding::Gsm => gsm::samples(payload.len()),
            Coding::G726(rate, _) => rate.samples(payload.len()),
            Coding::L16(channels) => l16::samples(payload.len(), usize::from(channels)),
            Coding::Opus => opus::samples(payload),
        }
    }
}

fn g726_named(name: &str) -> Option<Coding> {
    let (packing, name) = match name.strip_prefix("AAL2-") {
        Some(name) => (g726::Packing::Aal2, name),
        None => (g726::Packing::Rfc3551, name),
    };
    let rate = match name {
        "G726-16" => g726::Rate::Two,
        "G726-24" => g726::Rate::Three,
        "G726-32" => g726::Rate::Four,
        "G726-40" => g726::Rate::Five,
        _ => return None,
    };
    Some(Coding::G726(rate, packing))
}

/// What turns payload into samples, with what it remembers of the packets before.
pub(crate) enum Decoder {
    G711(Law),
    G722(Box<g722::Decoder>),
    Gsm(Box<gsm::Decoder>),
    G726(Box<g726::Decoder>),
    L16(u8),
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    pub(crate) fn new(coding: Coding) -> Self {
        match coding {
            Coding::G711(law) => Self::G711(law),
            Coding::G722 => Self::G722(Box::new(g722::Decoder::new())),
            Coding::Gsm => Self::Gsm(Box::new(gsm::Decoder::new())),
            Coding::G726(rate, packing) => Self::G726(Box::new(g726::Decoder::new(rate, packing))),
            Coding::L16(channels) => Self::L16(channels),
            Coding::Opus => Self::Opus(Box::new(opus::Decoder::new())),
        }
    }

    /// Appends [`Format::samples`] samples, whatever `payload` is.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::G711(law) => {
                let before = out.len();
                out.resize(before + payload.len(), 0);
                g711::decode(*law, payload, &mut out[before..]);
            }
            Self::G722(decoder) => decoder.decode(payload, out),
            Self::Gsm(decoder) => decoder.decode(payload, out),
            Self::G726(decoder) => decoder.decode(payload, out),
            Self::L16(channels) => l16::decode(payload, usize::from(*channels), out),
            Self::Opus(decoder) => decoder.decode(payload, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_told_by_name_rate_and_channels() {
        let check = |rtpmap: (&str, u32, Option<u8>), expected: Option<(u32, u32)>| {
            let codec = Codec::from_rtpmap(rtpmap.0, rtpmap.1, rtpmap.2);
            assert_eq!(Format::of(&codec).map(|format| (format.clock, format.rate)), expected, "{codec}");
        };
        check(("PCMA", 8_000, None), Some((8_000, 8_000)));
        check(("g722", 8_000, Some(1)), Some((8_000, 16_000)));
        check(("G722", 16_000, None), Some((16_000, 16_000)));
        check(("opus", 48_000, Some(2)), Some((48_000, 48_000)));
        check(("opus", 48_000, None), Some((48_000, 48_000)));
        check(("L16", 44_100, Some(2)), Some((44_100, 44_100)));
        check(("aal2-g726-40", 8_000, None), Some((8_000, 8_000)));
        check(("G726-32", 8_000, Some(1)), Some((8_000, 8_000)));
        for undecoded in [
            ("G729", 8_000, None),
            ("opus", 16_000, None),
            ("L16", 8_000, Some(3)),
            ("L16", 1, None),
            ("G726-32", 16_000, None),
            ("G726-33", 8_000, None),
            ("PCMA", 16_000, None),
            ("AMR", 8_000, None),
            ("", 0, None),
        ] {
            check(undecoded, None);
        }
        let of = |payload_type| Format::of(&Codec::from_static(payload_type).unwrap());
        assert_eq!(of(10).map(|it| (it.coding, it.rate)), Some((Coding::L16(2), 44_100)));
        assert_eq!(of(3).map(|it| it.coding), Some(Coding::Gsm));
        assert_eq!((of(4), of(18)), (None, None));
    }
}
