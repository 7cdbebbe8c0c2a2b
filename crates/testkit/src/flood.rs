//! What nobody wants to see on a mirror port, at any rate: garbage, a scanner, calls that are only begun, audio that
//! nobody announced. A recorder must stay within its memory and keep the real calls beside it whole.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use earwitness_model::{Flow, PacketTime};

use crate::{Frame, MORNING, Random, datagram::Datagram, rtp, sip::Message};

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet frames of random bytes, half of them with an IPv4 and UDP header before, of all lengths.
    Garbage,
    /// INVITEs with SDP, each of another call, that nobody answers.
    Invites,
    /// One host that tries extensions: OPTIONS, REGISTER and INVITE in turn, and the telephone system's 404.
    Scan,
    /// RTP from ever new ports to one address and port.
    Rtp {
        /// Where to.
        to: SocketAddr,
    },
}

/// A flood: `frames` frames, evenly spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flood {
    /// What is sent.
    pub kind: Kind,
    /// How many frames.
    pub frames: u32,
    /// Frames per second.
    pub rate: f64,
    /// Decides what is not decided here.
    pub seed: u64,
}

impl Flood {
    /// The frames, in the order of time.
    pub fn frames(self) -> impl Iterator<Item = Frame> {
        let gap = 1e9 / self.rate.max(1e-3);
        (0..self.frames).map(move |index| Frame {
            time: MORNING.plus_nanos((gap * f64::from(index)) as i64),
            bytes: self.frame(index),
        })
    }

    /// When the last frame has passed.
    #[must_use]
    pub fn end(self) -> PacketTime {
        MORNING.plus_nanos((1e9 / self.rate.max(1e-3) * f64::from(self.frames)) as i64)
    }

    fn frame(self, index: u32) -> Vec<u8> {
        let mut random = Random::keyed(&[self.seed, u64::from(index)]);
        match self.kind {
            Kind::Garbage => garbage(index, &mut random),
            Kind::Invites => invite(index),
            Kind::Scan => scan(index),
            Kind::Rtp { to } => audio(index, to, &mut random),
        }
    }
}

/// An address of the flood's own network.
const fn host(network: u8, index: u32) -> Ipv4Addr {
    let [.., high, low] = index.to_be_bytes();
    Ipv4Addr::new(10, network, high, low)
}

/// A flow between two of the flood's hosts.
fn flow(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16)) -> Flow {
    Flow { src: SocketAddr::new(IpAddr::V4(src.0), src.1), dst: SocketAddr::new(IpAddr::V4(dst.0), dst.1) }
}

fn garbage(index: u32, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; random.below(1_400) as usize];
    random.fill(&mut bytes);
    if index.is_multiple_of(2) {
        let port = random.bits() as u16;
        let between = flow((host(240, index), port), (host(241, index), 5060));
        return Datagram::new(between, &bytes).frame();
    }
    bytes.resize(bytes.len().max(60), 0);
    bytes
}

/// The headers that every request of the flood has.
fn request(method: &str, index: u32, from: SocketAddr, to: SocketAddr) -> Message {
    let user = 1_000 + index % 9_000;
    Message::request(method, format_args!("sip:{user}@{to}"))
        .header("Via", format_args!("SIP/2.0/UDP {from};branch=z9hG4bKf{index:x}"))
        .header("From", format_args!("<sip:100@{}>;tag=f{index:x}", from.ip()))
        .header("To", format_args!("<sip:{user}@{}>", to.ip()))
        .header("Call-ID", format_args!("flood-{index:x}@{}", from.ip()))
        .header("CSeq", format_args!("1 {method}"))
        .header("Contact", format_args!("<sip:100@{from}>"))
        .header("Max-Forwards", 70)
}

fn invite(index: u32) -> Vec<u8> {
    let between = flow((host(242, index), 5060), (host(243, 1), 5060));
    let port = 10_000 + (index % 20_000) as u16 * 2;
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0\r\n",
        between.src.ip()
    );
    let message = request("INVITE", index, between.src, between.dst).body("application/sdp", &sdp);
    Datagram::new(between, &message).frame()
}

fn scan(index: u32) -> Vec<u8> {
    let between = flow((host(244, 1), 5071), (host(245, 1), 5060));
    let attempt = index / 2;
    let method = ["OPTIONS", "REGISTER", "INVITE"][attempt as usize % 3];
    if index.is_multiple_of(2) {
        let message = request(method, attempt, between.src, between.dst).finish();
        return Datagram::new(between, &message).frame();
    }
    let message = Message::response(404, "Not Found")
        .header("Via", format_args!("SIP/2.0/UDP {};branch=z9hG4bKf{attempt:x}", between.src))
        .header("From", format_args!("<sip:100@{}>;tag=f{attempt:x}", between.src.ip()))
        .header("To", format_args!("<sip:{}@{}>;tag=n", 1_000 + attempt % 9_000, between.dst.ip()))
        .header("Call-ID", format_args!("flood-{attempt:x}@{}", between.src.ip()))
        .header("CSeq", format_args!("1 {method}"))
        .finish();
    Datagram::new(between.reversed(), &message).frame()
}

fn audio(index: u32, to: SocketAddr, random: &mut Random) -> Vec<u8> {
    let mut payload = [0; 160];
    random.fill(&mut payload);
    let header = rtp::Header {
        payload_type: 8,
        marker: false,
        sequence: random.bits() as u16,
        timestamp: random.bits() as u32,
        ssrc: random.bits() as u32 | 1,
    };
    let src = SocketAddr::new(IpAddr::V4(host(246, index / 50_000)), 10_000 + (index % 50_000) as u16);
    Datagram::new(Flow { src, dst: to }, &header.packet(&payload)).frame()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(kind: Kind) -> Vec<Frame> {
        Flood { kind, frames: 300, rate: 1_000.0, seed: 7 }.frames().collect()
    }

    #[test]
    fn a_flood_is_as_long_and_as_fast_as_asked_for_and_the_same_each_time() {
        let to = "10.0.0.1:4000".parse().expect("an address");
        for kind in [Kind::Garbage, Kind::Invites, Kind::Scan, Kind::Rtp { to }] {
            let frames = flood(kind);
            assert_eq!(frames.len(), 300);
            assert_eq!(frames[299].time, MORNING.plus_nanos(299_000_000));
            assert!(
                frames.iter().all(|frame| (60..=1_514).contains(&frame.bytes.len()) || kind == Kind::Garbage)
            );
            assert_eq!(frames, flood(kind));
        }
    }

    #[test]
    fn a_scanner_is_answered_and_every_invite_is_another_call() {
        let text = |frame: &Frame| String::from_utf8_lossy(&frame.bytes[42..]).into_owned();
        let scan = flood(Kind::Scan);
        assert!(text(&scan[0]).starts_with("OPTIONS sip:1000@10.245.0.1:5060 SIP/2.0\r\n"));
        assert!(text(&scan[1]).starts_with("SIP/2.0 404 Not Found\r\n"));
        let ids: std::collections::HashSet<String> = flood(Kind::Invites)
            .iter()
            .filter_map(|frame| {
                text(frame).lines().find(|line| line.starts_with("Call-ID")).map(str::to_owned)
            })
            .collect();
        assert_eq!(ids.len(), 300);
    }
}
