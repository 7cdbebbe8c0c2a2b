//! What an SDP body announces (RFC 3264): where its sender wants to hear, in which formats, and how it protects what it says.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use earwitness_model::Codec;
use earwitness_wire::sdp::{Media, MediaDirection, MediaKind, Session};

use super::{facts::at_most, keys};
use crate::secured::{Exchange, Secured};

/// Bytes kept of an encoding's name; those that IANA registered have at most 23.
const MOST_NAME: usize = 64;
/// Payload types kept of a media line: there are no more (RFC 3550, 5.1).
const MOST_FORMATS: usize = 128;

/// What one party's offer or answer says.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// What there is of audio; `None` when there is no section for it.
    pub(super) audio: Option<Audio>,
    /// It wants to take part in a fax by T.38 (ITU-T T.38, annex D).
    pub(super) fax: bool,
    /// It wants to see video.
    pub(super) video: bool,
}

/// The audio of one party's offer or answer.
#[derive(Debug, Default)]
pub(super) struct Audio {
    /// Where each audio stream is expected.
    pub(super) endpoints: Vec<Announcement>,
    /// The party does not want to hear, or the address is 0.0.0.0 (RFC 3264, 8.4).
    pub(super) held: bool,
    /// The audio is SRTP that cannot be opened, because its keys come this way.
    pub(super) closed: Option<Exchange>,
}

/// Where a party wants to hear.
#[derive(Debug)]
pub(super) struct Announcement {
    pub(super) endpoint: SocketAddr,
    /// What its payload types mean.
    pub(super) formats: Vec<(u8, Codec)>,
    /// How it protects what it sends itself; `None`: not at all.
    pub(super) secured: Option<Arc<Secured>>,
    /// Where it hears RTCP, if that is neither there nor on the port behind (RFC 3605).
    pub(super) control: Option<SocketAddr>,
}

/// Reads an SDP body; `None` when it is none. A port of 0 refuses what it stands for (RFC 3264, 6).
pub(super) fn read(body: &[u8]) -> Option<Offer> {
    let session = Session::parse(body).ok()?;
    let mut offer = Offer::default();
    for media in session.media() {
        let wanted = media.port() != 0;
        match media.kind() {
            MediaKind::Audio => read_audio(&media, &mut offer.audio),
            MediaKind::Image => offer.fax |= wanted,
            MediaKind::Video => offer.video |= wanted && media.protocol().is_rtp(),
            MediaKind::Text | MediaKind::Application | MediaKind::Message | MediaKind::Other => {}
        }
    }
    Some(offer)
}

fn read_audio(media: &Media<'_>, audio: &mut Option<Audio>) {
    if !media.protocol().is_rtp() {
        return;
    }
    let audio = audio.get_or_insert_default();
    let address = address(media);
    audio.held |= address.is_none() || media.direction() != MediaDirection::SendRecv;
    let secured = keys::secured(media);
    audio.closed = audio.closed.or_else(|| secured.as_ref().and_then(Secured::is_closed));
    if let Some(endpoint) = address.and_then(|ip| endpoint(media, ip)) {
        audio.endpoints.push(Announcement {
            endpoint,
            formats: formats(media),
            secured: secured.map(Arc::new),
            control: control(media, endpoint.ip()),
        });
    }
}

/// Where the audio of a description is expected: the endpoints of [`read`], and nothing else of it.
pub(super) fn endpoints<'b>(session: &Session<'b>) -> impl Iterator<Item = SocketAddr> + use<'b> {
    let audio = |media: &Media<'_>| media.kind() == MediaKind::Audio && media.protocol().is_rtp();
    session.media().filter(audio).filter_map(|media| endpoint(&media, address(&media)?))
}

/// Where it is received; 0.0.0.0 is nowhere (RFC 3264, 8.4).
fn address(media: &Media<'_>) -> Option<IpAddr> {
    media.connection().filter(|ip| !ip.is_unspecified())
}

/// An IPv4-mapped address is the IPv4 address that the packets carry.
fn endpoint(media: &Media<'_>, ip: IpAddr) -> Option<SocketAddr> {
    (media.port() != 0).then(|| SocketAddr::new(ip.to_canonical(), media.port()))
}

fn control(media: &Media<'_>, ip: IpAddr) -> Option<SocketAddr> {
    let (port, address) = media.rtcp()?;
    let (address, usual) =
        (address.map_or(ip, |ip| ip.to_canonical()), [media.port(), media.port().wrapping_add(1)]);
    let elsewhere = address != ip || !usual.contains(&port);
    (elsewhere && port != 0).then(|| SocketAddr::new(address, port))
}

fn formats(media: &Media<'_>) -> Vec<(u8, Codec)> {
    let codec = |pt| match media.rtpmap(pt) {
        Some(map) => Some(Codec::from_rtpmap(at_most(map.name, MOST_NAME), map.clock_rate, map.channels)),
        None => Codec::from_static(pt),
    };
    media.payload_types().take(MOST_FORMATS).filter_map(|pt| Some((pt, codec(pt)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n";

    fn offer(media: &str) -> Option<Audio> {
        read(format!("{HEAD}{media}").as_bytes()).unwrap().audio
    }

    #[test]
    fn fax_and_video_are_told_where_they_are_not_refused() {
        let check = |media: &str, expected: (bool, bool, bool)| {
            let offer = read(format!("{HEAD}{media}").as_bytes()).unwrap();
            assert_eq!((offer.audio.is_some(), offer.fax, offer.video), expected, "{media}");
        };
        check("m=image 4000 udptl t38\r\n", (false, true, false));
        check("m=audio 0 RTP/AVP 8\r\nm=image 4000 udptl t38\r\n", (true, true, false));
        check("m=image 0 udptl t38\r\n", (false, false, false));
        check("m=audio 4000 RTP/AVP 8\r\nm=video 5000 RTP/AVP 31\r\n", (true, false, true));
        check("m=audio 4000 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\n", (true, false, false));
        check("m=message 4000 TCP/MSRP *\r\n", (false, false, false));
        assert!(read(b"not a description").is_none());
    }

    #[test]
    fn audio_is_expected_where_the_sdp_says_with_its_formats() {
        let offer = offer(
            "m=audio 4000 RTP/AVP 8 96 101\r\nc=IN IP4 10.9.9.9\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:101 telephone-event/8000\r\nm=video 5000 RTP/AVP 31\r\n",
        )
        .unwrap();
        let Announcement { endpoint, formats, secured, control } = &offer.endpoints[0];
        assert_eq!((endpoint.to_string().as_str(), offer.endpoints.len()), ("10.9.9.9:4000", 1));
        assert_eq!(
            formats.iter().map(|(pt, codec)| (*pt, codec.to_string())).collect::<Vec<_>>(),
            [(8, "PCMA".into()), (96, "opus/48000/2".into()), (101, "telephone-event/8000".into())]
        );
        assert!(!offer.held && offer.closed.is_none() && secured.is_none() && control.is_none());
    }

    #[test]
    fn rtcp_is_heard_elsewhere_only_where_the_sdp_says_so() {
        for (line, expected) in [
            ("a=rtcp:4001", None),
            ("a=rtcp:4000", None),
            ("a=rtcp:0", None),
            ("a=rtcp:53020", Some("10.1.0.5:53020")),
            ("a=rtcp:4001 IN IP4 126.16.64.4", Some("126.16.64.4:4001")),
        ] {
            let offer = offer(&format!("m=audio 4000 RTP/AVP 8\r\n{line}\r\n")).unwrap();
            let control = offer.endpoints[0].control.map(|control| control.to_string());
            assert_eq!(control.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn names_and_numbers_of_formats_are_bounded() {
        let name = "x".repeat(5000);
        let many = " 8".repeat(1000);
        let offer = offer(&format!("m=audio 4000 RTP/AVP 96{many}\r\na=rtpmap:96 {name}/8000\r\n")).unwrap();
        let formats = &offer.endpoints[0].formats;
        assert_eq!((formats.len(), formats[0].1.to_string()), (128, format!("{}/8000", &name[..64])));
    }

    #[test]
    fn hold_is_a_direction_or_the_null_address() {
        for media in [
            "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n",
            "m=audio 4000 RTP/AVP 8\r\na=inactive\r\n",
            "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n",
        ] {
            assert!(offer(media).unwrap().held, "{media}");
        }
    }

    #[test]
    fn rejected_audio_and_fax_announce_no_endpoint() {
        assert!(offer("m=audio 0 RTP/AVP 8\r\n").unwrap().endpoints.is_empty());
        assert!(offer("m=image 4000 udptl t38\r\n").is_none());
        assert!(offer("m=audio 4000 udptl t38\r\n").is_none());
        assert_eq!(offer("m=audio 4000 RTP/SAVP 8\r\n").unwrap().closed, Some(Exchange::Unsaid));
    }
}
