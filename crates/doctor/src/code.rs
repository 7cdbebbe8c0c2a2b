//! Everything that can be found, in the order in which it is told, with what it means and how it is cured.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Calls, or parts of them, are or will be lost.
    Defect,
    /// Worth knowing; nothing is lost by it.
    Note,
}

impl Severity {
    /// One word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Defect => "defect",
            Self::Note => "note",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $means:literal])+ $name:ident = $text:literal, $severity:ident, $cure:literal;)+) => {
        /// What was found. The texts are stable: scripts rely on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $means])+ $name,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn means(self) -> &'static str {
                match self { $(Self::$name => concat!($($means),+).trim_ascii(),)+ }
            }

            /// How bad it is at its worst.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)+ }
            }
        }
    };
}

codes! {
    /// No frame came at all.
    NothingSeen = "nothing-seen", Defect,
        "Is the cable in the mirror's destination port, is the link up (`ip -s link show IFACE`: do the RX counters rise?), and does the mirror have a source? Cisco: `show monitor session 1`; Aruba/HP: `show monitor`; Juniper: `show forwarding-options analyzer`.";
    /// An interface is down, or gone: nothing can come from it.
    InterfaceDown = "interface-down", Defect,
        "Switch it on (`ip link set IFACE up`, and so at every start), and look at the cable and the other end: `ip link show IFACE` says NO-CARRIER where there is no link. An interface that is gone has another name, or its driver is not loaded: `ip link`.";
    /// Frames came, and among them neither SIP nor RTP.
    NoPhoneTraffic = "no-phone-traffic", Defect,
        "Mirror the ports of the PBX or SBC and of the phone VLAN, not an uplink that they do not use. Cisco: `monitor session 1 source interface Gi1/0/1 both` or `monitor session 1 source vlan 100`.";
    /// RTP came, and no SIP: nobody can tell whose call it is, and nothing is recorded.
    NoSignalling = "no-signalling", Defect,
        "Add the port of the SIP server (PBX, SBC, proxy) to the mirror's sources. If you capture with a filter, let SIP and IP fragments through.";
    /// Calls were answered, and the media that their SDP announces never came.
    NoMedia = "no-media", Defect,
        "The mirror sees the SIP server only, and media goes from phone to phone. Mirror the phone VLAN or the access switches' uplinks too, or let the PBX or SBC anchor media (Asterisk: `directmedia=no`; Cisco CUBE: no `media flow-around`).";
    /// Of SIP between two machines only one direction is mirrored.
    SignallingOneWay = "signalling-one-way", Defect,
        "Mirror both directions of the port. Cisco: `monitor session 1 source interface Gi1/0/1 both` (not `rx` or `tx` alone); Aruba/HP: `interface 1 monitor all both mirror 1`. With a passive tap, connect both of its outputs and record both: `-i eth1 -i eth2`.";
    /// Calls whose RTP comes in one direction only.
    MediaOneWay = "media-one-way", Defect,
        "Mirror both directions of the ports that media takes (Cisco: `both`; Aruba/HP: `monitor all both`), or both outputs of the tap. If it is one phone only, look for a one-way audio fault of that phone: the other party did not hear it either.";
    /// The same frames come twice.
    FramesDoubled = "frames-doubled", Defect,
        "Each frame is mirrored where it enters and where it leaves. With several source ports or a VLAN as source, mirror what enters only. Cisco: `monitor session 1 source vlan 100 rx` or `… source interface Gi1/0/1 - 24 rx`; Aruba/HP: `vlan 100 monitor all in mirror 1`. On Linux, do not capture a bridge or bond together with its ports, nor `any`.";
    /// One direction comes with VLAN tags and the other without.
    VlanOneSide = "vlan-one-side", Defect,
        "Any filter with or without `vlan` loses one direction. Let the mirror keep tags on all frames. Cisco: `monitor session 1 destination interface Gi1/0/48 encapsulation replicate`; mirror access ports or trunks, not one of each. On Linux: `ethtool -K IFACE rxvlan off`.";
    /// Frames carry two VLAN tags or more.
    VlanStacked = "vlan-stacked", Note,
        "Up to four tags are read. A filter of your own must allow for them: `vlan and vlan and udp`. If your network has no QinQ, the mirror adds a tag (RSPAN): give the remote mirror a VLAN of its own that carries nothing else.";
    /// SIP or RTP was captured without its end.
    FramesCut = "frames-cut", Defect,
        "Capture whole frames: `tcpdump -s 0`, dumpcap without `-s`; in an ERSPAN or packet broker's session switch off `truncate`, `mtu` or packet slicing. Cut audio cannot be mended.";
    /// Pieces of IP packets came, and the others did not: long INVITEs are lost.
    FragmentsMissing = "fragments-missing", Defect,
        "A filter on ports drops every fragment but the first: add `or (ip[6:2] & 0x1fff != 0) or ip6 proto 44`. Otherwise the mirror drops or shares them out: its destination port must take frames of the network's full MTU (Cisco: `system mtu`), and a packet broker must balance by address, not by port.";
    /// The network card joins packets to larger ones before they are captured.
    SuperFrames = "super-frames", Defect,
        "Switch receive offloading off on the capture interface, now and at every start: `ethtool -K IFACE gro off lro off rx-udp-gro-forwarding off` (and `rx-gro-hw off` where there is one).";
    /// Traffic comes in tunnels that this version does not read.
    Tunnelled = "tunnelled", Defect,
        "Read are VLAN and provider tags, PPPoE, MPLS, GRE, ERSPAN, VXLAN, GENEVE, GTP-U, IP in IP, EtherIP, TZSP, PBB, HEP, and ESP without encryption, up to eight in one another; IPsec, MACsec, L2TP, CAPWAP and TRILL are not. Mirror where the phones' packets are bare: behind the tunnel's end, or let a packet broker strip the header.";
    /// Signalling is encrypted (TLS or DTLS): the calls in it cannot be seen.
    SignallingEncrypted = "signalling-encrypted", Defect,
        "A passive recorder reads it only with the keys of one of its ends: `--tls-keys` with the PBX's or SBC's key log (`SSLKEYLOGFILE`), here too. Or let the PBX or SBC speak SIP over UDP on the mirrored side, inside the trusted network, or mirror a link on which it does.";
    /// Media is encrypted (SRTP) with keys that the signalling does not show: it would be counted and not kept.
    MediaEncrypted = "media-encrypted", Defect,
        "Let the phones exchange keys in the signalling (SDES, `a=crypto`, inside the trusted network): such SRTP is opened. Or switch SRTP off for the recorded extensions, or anchor media at an SBC that decrypts, and mirror the side where RTP is plain (RTP/AVP in the SDP).";
    /// SIP comes over TCP. It is read, and the calls in it are judged like others.
    SignallingOverTcp = "signalling-over-tcp", Note,
        "It is recorded like SIP over UDP. A segment that the mirror loses costs its message, because nobody sends it again: look at what else is said of losses here.";
    /// SIP comes on other ports than 5060.
    SignallingOtherPort = "signalling-other-port", Note,
        "SIP is found on any port. Only a filter of your own (`port 5060`) would lose it: name these ports in it too.";
    /// Phones speak SCCP (Skinny) with their call manager: their calls are not recorded.
    SignallingSccp = "signalling-sccp", Defect,
        "Your phones speak SCCP, not SIP. Load SIP firmware on them (Cisco Unified CM: device type and phone load for SIP), or mirror the SIP trunk of the call manager to the SBC or provider: calls that cross it are recorded. Inside calls between SCCP phones are not; for their audio alone there are stream rules (`[[streams]]` in the capture rules).";
    /// Terminals or gateways speak H.323: their calls are not recorded.
    SignallingH323 = "signalling-h323", Defect,
        "Your terminals or gateways speak H.323, not SIP. Let the gateway or trunk speak SIP (Cisco: a `dial-peer voice … voip` with `session protocol sipv2`), or mirror the other side of the gateway, where it does. For the audio alone there are stream rules (`[[streams]]` in the capture rules).";
    /// Gateways are controlled by MGCP: what it signals is not recorded.
    SignallingMgcp = "signalling-mgcp", Defect,
        "Your gateways or phones are controlled by MGCP, not SIP. Configure them for SIP, or mirror the SIP between the call agent and the rest of the network. For the audio alone there are stream rules (`[[streams]]` in the capture rules).";
    /// A trunk or phones speak IAX2, which carries its audio in itself: those calls are not recorded.
    SignallingIax2 = "signalling-iax2", Defect,
        "Your Asterisk speaks IAX2, not SIP, with the machines named, and audio goes inside it, not in RTP. Configure that trunk or phone for SIP (`chan_pjsip`), or mirror the side of the Asterisk where the phones speak SIP.";
    /// Phones speak UNIStim (Nortel, Avaya) with their server: their calls are not recorded.
    SignallingUnistim = "signalling-unistim", Defect,
        "Your phones speak UNIStim, not SIP. Load SIP firmware where the phones have one, or mirror the SIP trunk of the communication server: calls that cross it are recorded. For the audio alone there are stream rules (`[[streams]]` in the capture rules).";
    /// Gateways are controlled by Megaco (H.248): what it signals is not recorded.
    SignallingMegaco = "signalling-megaco", Defect,
        "Your gateways are controlled by Megaco (H.248), not SIP. Mirror the SIP between the media gateway controller and the rest of the network. For the audio alone there are stream rules (`[[streams]]` in the capture rules).";
    /// Many unrelated streams lose packets at the same moments: the mirror loses them, not the network.
    MirrorOverloaded = "mirror-overloaded", Defect,
        "The mirror's destination port is too slow for its sources: two directions of a gigabit link do not fit into one gigabit port. Mirror fewer ports or only the phone VLAN, one direction of each (`rx`), or take a faster destination port. Count on the switch: output drops of the destination port (Cisco: `show interfaces Gi1/0/48 counters errors`).";
    /// Single streams lose packets at moments of their own: the network loses them, and the callers hear it too, or the mirror
    /// passes on less of a busy flow.
    LossInNetwork = "loss-in-network", Note,
        "Where phones report what they received (RTCP), `show` of a recorded call tells which of the two it was. If the network loses them, the callers hear it too: look at the links of the equipment named, at duplex, Wi-Fi, and the QoS marking of RTP (DSCP EF).";
    /// There are calls, and none of the enrolled extensions is in any of them.
    OfficeUnseen = "office-unseen", Defect,
        "Is this the right mirror, and are these the right rules (`--rules DIR`)? If extensions are written otherwise in SIP (prefix, full number, user name), write them so in the rules; `earwitness rules explain --from … --to …` shows what decides.";
    /// Some enrolled extensions were never seen, not even registering.
    ExtensionsUnseen = "extensions-unseen", Note,
        "They may be unused, unplugged, or connected where this mirror does not see them. Make a call from one of them, and look again.";
    /// The machine's clock follows no other clock.
    ClockUnsynchronised = "clock-unsynchronised", Defect,
        "Recordings would carry wrong times. Start a time service: `timedatectl set-ntp true`, or chrony with the office's time server; check by `timedatectl`.";
    /// Times of frames step back or leap in the midst of talk.
    ClockSteps = "clock-steps", Defect,
        "Let the clock be slewed and not stepped while capturing (chrony: `makestep 1.0 3`, so that it steps only after the start). A capture that was merged from several machines: sort it with `reordercap`, and set their clocks by one server.";
    /// The kernel dropped frames because the capture ring was full.
    RingTooSmall = "ring-too-small", Defect,
        "Capture with a larger ring (`-B MiB`), keep the machine for the recorder alone, and raise the network card's own ring: `ethtool -G IFACE rx 4096`.";
    /// The vault's disk takes less than the load seen needs.
    DiskTooSlow = "disk-too-slow", Defect,
        "Put the vault on a local disk (SSD, or a RAID with a write cache that survives power loss), not on a network share; keep other writers off it.";
    /// The vault's disk has no room for a trial of 32 MiB: on a full disk nothing is recorded.
    DiskFull = "disk-full", Defect,
        "Make room on the vault's disk (`df -h` on the vault's folder), or give the vault a larger one. Export what must be kept before anything is removed.";
    /// The vault's disk cannot be written: it is read-only, or it fails.
    DiskFailed = "disk-failed", Defect,
        "Is it mounted read-only (`findmnt -T` with the vault's folder), or does the disk fail (`dmesg`, `smartctl -a`)? A file system that went read-only by itself had an error: look at the disk before it is mounted anew.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_one_kebab_word_with_a_meaning_and_a_cure() {
        let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(code.as_str().chars().all(kebab), "{code}");
            assert!(code.means().ends_with('.') && code.means().len() > 20, "{code}: {}", code.means());
            assert!(code.cure().ends_with(['.', ')']) && code.cure().len() > 40, "{code}");
        }
    }
}
