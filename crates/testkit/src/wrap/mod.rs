//! Frames in every encapsulation that a mirror may show: the other direction of what `wire` reads, written on its own.

mod header;
mod packet;

use header::{checksummed, datagram, erspan_iii, esp, ethernet, gre, gtp, ipv4, ipv6, tagged, udp4};
use packet::{Ip, packet_of};

/// A way to wrap an Ethernet frame into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// An IEEE 802.1Q tag.
    Vlan,
    /// A VN-Tag.
    VnTag,
    /// An IEEE 802.1BR E-Tag.
    ETag,
    /// Cisco's metadata with a security group.
    CiscoMetadata,
    /// IEEE 802.1ah: backbone addresses, backbone tag, service tag.
    ProviderBackbone,
    /// `PPPoE`.
    Pppoe,
    /// MPLS with two labels over the IP packet.
    Mpls,
    /// MPLS over the frame, with a control word.
    Pseudowire,
    /// MPLS over the frame, without a control word.
    PseudowireBare,
    /// MPLS with the EtherType of upstream-assigned labels.
    MplsMulticast,
    /// The IP packet in IPv4.
    IpInIpv4,
    /// The IP packet in IPv6, behind destination options.
    IpInIpv6,
    /// The frame in IP.
    EtherIp,
    /// GRE with the IP packet.
    Gre,
    /// GRE with checksum, key and sequence number.
    GreAllFields,
    /// GRE with the frame.
    GreEthernet,
    /// GRE with MPLS.
    GreMpls,
    /// GRE version 1 with PPP, as PPTP has it.
    Pptp,
    /// ERSPAN type I.
    ErspanI,
    /// ERSPAN type II.
    ErspanII,
    /// ERSPAN type III.
    ErspanIII,
    /// ERSPAN type III with its platform's own header.
    ErspanIIIPlatform,
    /// VXLAN.
    Vxlan,
    /// VXLAN to Linux' old port, in IPv6.
    VxlanOld,
    /// VXLAN with group policy.
    VxlanGroup,
    /// VXLAN's generic extension with the IP packet.
    VxlanGpe,
    /// GENEVE with the frame.
    Geneve,
    /// GENEVE with options and the IP packet.
    GeneveOptions,
    /// GTP-U.
    GtpU,
    /// GTP-U with a sequence number and an extension header.
    GtpUExtended,
    /// TZSP with two tags.
    Tzsp,
    /// ESP without encryption, in tunnel mode, with a check value of 12 bytes.
    EspTunnel,
    /// ESP without encryption, in transport mode, with a check value of 16 bytes.
    EspTransport,
    /// HEP version 3; only SIP, whatever else is left as it is.
    Hep,
}

impl Wrap {
    /// Every one.
    pub const ALL: [Self; 34] = [
        Self::Vlan,
        Self::VnTag,
        Self::ETag,
        Self::CiscoMetadata,
        Self::ProviderBackbone,
        Self::Pppoe,
        Self::Mpls,
        Self::Pseudowire,
        Self::PseudowireBare,
        Self::MplsMulticast,
        Self::IpInIpv4,
        Self::IpInIpv6,
        Self::EtherIp,
        Self::Gre,
        Self::GreAllFields,
        Self::GreEthernet,
        Self::GreMpls,
        Self::Pptp,
        Self::ErspanI,
        Self::ErspanII,
        Self::ErspanIII,
        Self::ErspanIIIPlatform,
        Self::Vxlan,
        Self::VxlanOld,
        Self::VxlanGroup,
        Self::VxlanGpe,
        Self::Geneve,
        Self::GeneveOptions,
        Self::GtpU,
        Self::GtpUExtended,
        Self::Tzsp,
        Self::EspTunnel,
        Self::EspTransport,
        Self::Hep,
    ];

    /// `frame`, an Ethernet frame, in this. Wraps of packets leave a frame without IP as it is, and drop its tags.
    #[must_use]
    pub fn frame(self, frame: &[u8]) -> Vec<u8> {
        let packet = packet_of(frame);
        let in_packet = |wrap: &dyn Fn(Ip<'_>) -> Vec<u8>| packet.map_or_else(|| frame.to_vec(), wrap);
        match self {
            Self::Vlan => tagged(frame, &[0x81, 0x00, 0, 100]),
            Self::VnTag => tagged(frame, &[0x89, 0x26, 0x80, 0x05, 0, 7]),
            Self::ETag => tagged(frame, &[0x89, 0x3f, 0xe0, 0, 0x10, 0x64, 0, 0]),
            Self::CiscoMetadata => tagged(frame, &[0x89, 0x09, 1, 1, 0, 1, 0, 9]),
            Self::ProviderBackbone => {
                ethernet([0x88, 0xa8], &[&[0, 5, 0x88, 0xe7, 0, 0, 0x10, 1], frame].concat())
            }
            Self::Pppoe => in_packet(&|ip| {
                let length = (ip.bytes.len() as u16 + 2).to_be_bytes();
                ethernet([0x88, 0x64], &[&[0x11, 0, 0, 9], &length[..], &ip.ppp(), ip.bytes].concat())
            }),
            Self::Mpls => in_packet(&|ip| ethernet([0x88, 0x47], &[&LABELS[..], ip.bytes].concat())),
            Self::Pseudowire => ethernet([0x88, 0x47], &[&LABELS[..], &[0; 4], frame].concat()),
            Self::PseudowireBare => ethernet([0x88, 0x47], &[&LABELS[..], frame].concat()),
            Self::MplsMulticast => in_packet(&|ip| ethernet([0x88, 0x48], &[&LABELS[..], ip.bytes].concat())),
            Self::IpInIpv4 => in_packet(&|ip| ipv4(ip.number(), ip.bytes)),
            Self::IpInIpv6 => {
                in_packet(&|ip| ipv6(60, &[&[ip.number(), 0, 1, 4, 0, 0, 0, 0], ip.bytes].concat()))
            }
            Self::EtherIp => ipv4(97, &[&[0x30, 0], frame].concat()),
            Self::Gre => in_packet(&|ip| gre(&[0, 0], ip.ether_type(), &[], ip.bytes)),
            Self::GreAllFields => in_packet(&|ip| {
                gre(&[0xb0, 0], ip.ether_type(), &[0xaa, 0xaa, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1], ip.bytes)
            }),
            Self::GreEthernet => gre(&[0x20, 0], [0x65, 0x58], &[0, 0, 0, 5], frame),
            Self::GreMpls => in_packet(&|ip| gre(&[0, 0], [0x88, 0x47], &LABELS, ip.bytes)),
            Self::Pptp => in_packet(&|ip| {
                let ppp = [&[0xff, 0x03], &ip.ppp()[..], ip.bytes].concat();
                let fields =
                    [&(ppp.len() as u16).to_be_bytes()[..], &[0, 9, 0, 0, 0, 1, 0, 0, 0, 2]].concat();
                gre(&[0x30, 0x81], [0x88, 0x0b], &fields, &ppp)
            }),
            Self::ErspanI => gre(&[0, 0], [0x88, 0xbe], &[], frame),
            Self::ErspanII => {
                gre(&[0x10, 0], [0x88, 0xbe], &[0, 0, 0, 1, 0x10, 0x64, 0, 7, 0, 0, 0, 3], frame)
            }
            Self::ErspanIII => {
                gre(&[0x10, 0], [0x22, 0xeb], &[&[0, 0, 0, 1][..], &erspan_iii(0)].concat(), frame)
            }
            Self::ErspanIIIPlatform => gre(
                &[0x10, 0],
                [0x22, 0xeb],
                &[&[0, 0, 0, 1][..], &erspan_iii(1), &[0x0c; 8]].concat(),
                frame,
            ),
            Self::Vxlan => udp4(4789, &[&[8, 0, 0, 0, 0, 0, 9, 0], frame].concat()),
            Self::VxlanOld => ipv6(17, &datagram(8472, &[&[8, 0, 0, 0, 0, 0, 9, 0], frame].concat())),
            Self::VxlanGroup => udp4(4789, &[&[0x88, 0x08, 0, 5, 0, 0, 9, 0], frame].concat()),
            Self::VxlanGpe => {
                in_packet(&|ip| udp4(4790, &[&[0x0c, 0, 0, ip.gpe(), 0, 0, 9, 0], ip.bytes].concat()))
            }
            Self::Geneve => udp4(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 9, 0], frame].concat()),
            Self::GeneveOptions => in_packet(&|ip| {
                let [t0, t1] = ip.ether_type();
                let header = [3, 0x40, t0, t1, 0, 0, 9, 0, 1, 1, 0x80, 2, 1, 2, 3, 4, 5, 6, 7, 8];
                udp4(6081, &[&header, ip.bytes].concat())
            }),
            Self::GtpU => in_packet(&|ip| udp4(2152, &gtp(0x30, &[], ip.bytes))),
            // A sequence number, and the container of a 5G session.
            Self::GtpUExtended => {
                in_packet(&|ip| udp4(2152, &gtp(0x36, &[0, 1, 0, 0x85, 1, 0x10, 0x01, 0], ip.bytes)))
            }
            Self::Tzsp => udp4(37_008, &[&[1, 0, 0, 1, 10, 1, 0xd0, 0, 41, 2, 0, 64, 1], frame].concat()),
            Self::EspTunnel => in_packet(&|ip| ipv4(50, &esp(ip.number(), &ip.finished(), 12))),
            Self::EspTransport => in_packet(&|ip| ip.in_esp_transport()),
            Self::Hep => in_packet(&|ip| ip.in_hep().unwrap_or_else(|| frame.to_vec())),
        }
    }

    /// [`Self::frame`] of a frame of which the last `cut` bytes were not captured: neither are those of the result. Wraps that
    /// end in something of their own lose that first.
    #[must_use]
    pub fn cut_frame(self, frame: &[u8], cut: usize) -> Vec<u8> {
        let whole = [frame, &vec![0; cut]].concat();
        let mut wrapped = self.frame(&whole);
        wrapped.truncate(wrapped.len() - cut);
        wrapped
    }
}

/// Two labels with the bottom of the stack.
const LABELS: [u8; 8] = [0x00, 0x01, 0x00, 0xff, 0x00, 0x06, 0x41, 0xff];

/// The IP fragments of an Ethernet frame with an untagged IPv4 packet that is none: none carries more than `room` bytes,
/// rounded down to a multiple of 8. `identification` tells them from others.
#[must_use]
pub fn fragments(frame: &[u8], room: usize, identification: u16) -> Vec<Vec<u8>> {
    let room = (room / 8 * 8).max(8);
    let header = 14 + usize::from(frame[14] & 0x0f) * 4;
    let parts: Vec<&[u8]> = frame[header..].chunks(room).collect();
    let piece = |(index, part): (usize, &&[u8])| {
        let mut piece = [&frame[..header], part].concat();
        let more = u16::from(index + 1 < parts.len());
        let field = more << 13 | (index * room / 8) as u16;
        piece[16..18].copy_from_slice(&((header - 14 + part.len()) as u16).to_be_bytes());
        piece[18..20].copy_from_slice(&identification.to_be_bytes());
        piece[20..22].copy_from_slice(&field.to_be_bytes());
        checksummed(&mut piece[14..header]);
        piece
    };
    parts.iter().enumerate().map(piece).collect()
}
