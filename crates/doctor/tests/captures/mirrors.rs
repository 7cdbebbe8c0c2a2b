//! One mirror for each defect, and healthy ones.

use crate::scene::{
    Shot, call, cut, half, in_gre, in_l2tp, ipv4, joined, media, play, play_over_tcp, signalling, tagged,
    tcp, udp,
};

/// The captures of `fixtures/doctor`, by directory.
pub(crate) fn all() -> Vec<(&'static str, Vec<Shot>)> {
    vec![
        ("healthy", play(&call())),
        ("healthy-tagged", play(&format!("vlan 100\n{}", call()))),
        ("healthy-in-gre", play(&call()).iter().map(in_gre).collect()),
        ("nothing-seen", Vec::new()),
        ("no-phone-traffic", play(NAMES)),
        ("no-signalling", play(RTP_ALONE)),
        ("no-media", play(&signalling("c", "10.1.0.5", "10.1.0.9", 5060))),
        ("signalling-one-way", play(&call_heard_one_way())),
        ("media-one-way", play(&(signalling("c", "10.1.0.5", "10.1.0.9", 5060) + ONE_VOICE))),
        ("frames-doubled", play(&call()).iter().flat_map(|shot| [shot.clone(), shot.clone()]).collect()),
        (
            "vlan-one-side",
            play(&call()).iter().map(|s| if is_from(s, 5) { tagged(s, 100) } else { s.clone() }).collect(),
        ),
        ("vlan-stacked", play(&format!("vlan 200 100\n{}", call()))),
        ("frames-cut", play(&call()).iter().map(|shot| cut(shot, 64)).collect()),
        ("fragments-missing", fragments_missing()),
        ("super-frames", super_frames()),
        ("tunnelled", play(&call()).iter().map(in_l2tp).collect()),
        ("signalling-encrypted", play(RTP_ALONE).into_iter().chain(tls()).collect()),
        ("media-encrypted", play(&encrypted_call())),
        ("signalling-over-tcp", play_over_tcp(&call())),
        (
            "signalling-other-port",
            play(&(signalling("c", "10.1.0.5", "10.1.0.9", 5080) + &media("c", "", ""))),
        ),
        ("signalling-sccp", in_others_words([10, 1, 0, 1], &SCCP)),
        ("signalling-h323", in_others_words([10, 1, 0, 1], &H323)),
        ("signalling-mgcp", in_others_words([10, 1, 0, 1], &MGCP)),
        ("signalling-iax2", in_others_words([10, 1, 0, 1], &IAX2)),
        ("signalling-unistim", in_others_words([10, 1, 0, 1], &UNISTIM)),
        ("signalling-megaco", in_others_words([10, 1, 0, 1], &MEGACO)),
        ("mirror-overloaded", play(&four_calls("lost=20-23,60-62", "lost=20-23,60-62"))),
        ("loss-in-network", play(&(four_calls("", "") + &lossy_call()))),
        ("office-unseen", play(&call())),
        ("extensions-unseen", play(&call())),
        ("clock-steps", clock_steps()),
    ]
}

const NAMES: &str = "at 0 10.1.0.5:40000 > 10.1.0.9:53 raw hex=1a2b01000001000000000000\n\
                     at 0.1 10.1.0.9:53 > 10.1.0.5:40000 raw hex=1a2b81800001000000000000\n";
const RTP_ALONE: &str = "rtp c caller from=0 to=1.5 src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=G729\n\
                         rtp c callee from=0.01 to=1.51 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=G729\n";

/// What a phone or gateway says to its server, and the server to it: IP protocol, the server's port, who says it, what.
type Words = (u8, u16, From, &'static [u8]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Station,
    Server,
}

/// Off hook, display a dial tone, a key: SCCP has length and version before its message number, little-endian.
const SCCP: [Words; 4] = [
    (6, 2000, From::Station, &[4, 0, 0, 0, 0, 0, 0, 0, 0x06, 0, 0, 0]),
    (6, 2000, From::Server, &[16, 0, 0, 0, 0, 0, 0, 0, 0x82, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    (6, 2000, From::Station, &[16, 0, 0, 0, 0, 0, 0, 0, 0x03, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]),
    (6, 2000, From::Station, &[4, 0, 0, 0, 0, 0, 0, 0, 0x07, 0, 0, 0]),
];
/// Setup, call proceeding, connect, release complete, without their user-user elements; and a registration before.
const H323: [Words; 5] = [
    (17, 1719, From::Station, &[0x0e, 0x80, 0, 0, 0x06, 0, 8, 0x91, 0x4a, 0, 4, 0, 0]),
    (6, 1720, From::Station, &[3, 0, 0, 13, 8, 2, 0, 7, 0x05, 0x04, 3, 0x80, 0x90]),
    (6, 1720, From::Server, &[3, 0, 0, 9, 8, 2, 0x80, 7, 0x02]),
    (6, 1720, From::Server, &[3, 0, 0, 9, 8, 2, 0x80, 7, 0x07]),
    (6, 1720, From::Station, &[3, 0, 0, 9, 8, 2, 0, 7, 0x5a]),
];
const MGCP: [Words; 4] = [
    (17, 2727, From::Station, b"NTFY 2002 aaln/1@gw.example MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n"),
    (17, 2427, From::Server, b"200 2002 OK\r\n"),
    (17, 2427, From::Server, b"CRCX 1204 aaln/1@gw.example MGCP 1.0\r\nC: 1\r\nM: sendrecv\r\n"),
    (17, 2427, From::Station, b"200 1204 OK\r\nI: 1\r\n"),
];
/// NEW, ACCEPT, HANGUP, ACK.
const IAX2: [Words; 4] = [
    (17, 4569, From::Station, &[0x80, 7, 0, 0, 0, 0, 0, 1, 0, 0, 6, 1, 11, 2, 0, 2]),
    (17, 4569, From::Server, &[0x80, 9, 0, 7, 0, 0, 0, 2, 0, 1, 6, 7]),
    (17, 4569, From::Station, &[0x80, 7, 0, 9, 0, 0, 1, 0, 1, 1, 6, 5]),
    (17, 4569, From::Server, &[0x80, 9, 0, 7, 0, 0, 1, 0, 1, 2, 6, 4]),
];
const UNISTIM: [Words; 4] = [
    (17, 5000, From::Server, &[0, 0, 0, 4, 2, 1, 0x16, 0x04, 0x1a, 0x07]),
    (17, 5000, From::Station, &[0, 0, 0, 4, 1, 2]),
    (17, 5000, From::Station, &[0, 0, 0, 9, 2, 2, 0, 0, 0, 0, 0x99, 0x04, 0x00]),
    (17, 5000, From::Server, &[0, 0, 0, 9, 1, 1]),
];
const MEGACO: [Words; 3] = [
    (17, 2944, From::Station, b"MEGACO/1 [10.1.0.5]:2944 Transaction = 7 { Context = - { Notify = A1 { ObservedEvents = 1 { al/of } } } }"),
    (17, 2944, From::Server, b"!/1 [10.1.0.1]:2944 P=7{C=-{N=A1}}"),
    (17, 2944, From::Server, b"!/1 [10.1.0.1]:2944 T=8{C=${A=A1,A=${M{O{MO=SR}}}}}"),
];

/// What is said, a tenth of a second apart, beside the audio of it.
fn in_others_words(server: [u8; 4], words: &[Words]) -> Vec<Shot> {
    let mut shots = play(RTP_ALONE);
    for (count, &(protocol, port, from, said)) in (1..).zip(words) {
        let (ends, ports) = match from {
            From::Station => ([[10, 1, 0, 5], server], [41_000, port]),
            From::Server => ([server, [10, 1, 0, 5]], [port, 41_000]),
        };
        let packet = if protocol == 6 { tcp(ports, said) } else { udp(ports, said) };
        let bytes = ipv4(protocol, ends, &packet);
        let time = earwitness_testkit::MORNING.plus_nanos(count * 100_000_000 + 1);
        shots.push(Shot { time, wire_len: bytes.len() as u32, bytes });
    }
    shots.sort_by_key(|shot| shot.time);
    shots
}

const ONE_VOICE: &str = "rtp c caller from=0.6 to=2.6\n";

fn is_from(shot: &Shot, host: u8) -> bool {
    shot.bytes[29] == host
}

fn is_sip(shot: &Shot) -> bool {
    half(&shot.bytes, 34) == 5060
}

/// What the callee says to the caller's machine is not mirrored; the media of both is.
fn call_heard_one_way() -> String {
    let lines = signalling("c", "10.1.0.5", "10.1.0.9", 5060);
    let unseen = |line: &str| {
        if line.contains("10.1.0.9:5060 >") { format!("{line} unseen\n") } else { format!("{line}\n") }
    };
    lines.lines().map(unseen).collect::<String>() + &media("c", "", "")
}

/// The second piece of the INVITE never comes.
fn fragments_missing() -> Vec<Shot> {
    let text = call().replacen("sdp=10.1.0.5:4000/G729", "sdp=10.1.0.5:4000/G729 fragment=200", 1);
    let mut shots = play(&text);
    shots.remove(1);
    shots
}

/// The caller's packets come joined by ten; of G.711, or they would fit into a frame of usual size.
fn super_frames() -> Vec<Shot> {
    let text = call().replace("G729", "PCMA").replace("to=2.6 ", "to=1.6 ").replace("to=2.61", "to=1.61");
    let (voice, others): (Vec<Shot>, Vec<Shot>) =
        play(&text).into_iter().partition(|shot| is_from(shot, 5) && !is_sip(shot));
    let mut shots: Vec<Shot> = others.into_iter().chain(voice.chunks(10).map(joined)).collect();
    shots.sort_by_key(|shot| shot.time);
    shots
}

/// Application data of TLS 1.2 between a phone and port 5061.
fn tls() -> Vec<Shot> {
    let record = [&[23, 3, 3, 0, 32][..], &[0xa5; 32]].concat();
    let frame = ipv4(6, [[10, 1, 0, 5], [10, 1, 0, 1]], &tcp([50_000, 5061], &record));
    let time = earwitness_testkit::MORNING.plus_nanos(2_000_000_000);
    vec![Shot { time, wire_len: frame.len() as u32, bytes: frame }; 3]
        .into_iter()
        .enumerate()
        .map(|(at, shot)| Shot { time: shot.time.plus_nanos(at as i64 * 100_000_000), ..shot })
        .collect()
}

/// Both parties say SRTP with keys by DTLS.
fn encrypted_call() -> String {
    let sdp = |host: &str, port: u16| {
        let key = "a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
        let lines = format!(
            "v=0\\r\\no=- 1 1 IN IP4 {host}\\r\\ns=-\\r\\nc=IN IP4 {host}\\r\\nt=0 0\\r\\nm=audio {port} UDP/TLS/RTP/SAVP 18\\r\\n{key}\\r\\n"
        );
        format!("type=application/sdp body=\"{lines}\"")
    };
    let ends =
        ["src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=G729", "src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=G729"];
    let text = signalling("c", "10.1.0.5", "10.1.0.9", 5060) + &media("c", ends[0], ends[1]);
    text.replace("sdp=10.1.0.5:4000/G729", &sdp("10.1.0.5", 4000))
        .replace("sdp=10.1.0.9:4002/G729", &sdp("10.1.0.9", 4002))
}

/// Four calls that have nothing to do with each other, at one time.
fn four_calls(caller: &str, callee: &str) -> String {
    let one = |n: u8| {
        let (name, a, b) = (format!("c{n}"), format!("10.1.{n}.5"), format!("10.1.{n}.9"));
        signalling(&name, &a, &b, 5060) + &media(&name, caller, callee)
    };
    (1..=4).map(one).collect()
}

/// A fifth, on a bad line.
fn lossy_call() -> String {
    signalling("bad", "10.2.0.5", "10.2.0.9", 5060)
        + &media("bad", "lost=20,31-34,48,55-57,70,82,90", "lost=15,44,66-69")
}

/// The clock is set forward by ten seconds in the midst of talk, and later back by six.
fn clock_steps() -> Vec<Shot> {
    let mut shots = play(&call());
    for shot in &mut shots {
        let shift = match shot.time.since(earwitness_testkit::MORNING) {
            i64::MIN..1_000_000_000 => 0,
            1_000_000_000..2_000_000_000 => 10,
            _ => 4,
        };
        shot.time = shot.time.plus_nanos(shift * 1_000_000_000);
    }
    shots
}
