//! What we wrap, tshark unwraps: so that reading and writing a tunnel wrongly in the same way does not pass for right.
#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    thread,
};

use earwitness_testkit::{
    Frame, MORNING,
    datagram::{Datagram, flow},
    pcap,
    wrap::Wrap,
};

/// tshark 4.0 knows no HEP, and guesses by the vendors of hardware addresses whether a pseudowire has a control word.
const NOT_ASKED: [Wrap; 3] = [Wrap::Pseudowire, Wrap::PseudowireBare, Wrap::Hep];

/// A message whose Call-ID is the name of its wrap, between two addresses of IPv4 or IPv6.
fn frame(wrap: Wrap, src: &str, dst: &str) -> Frame {
    let text = format!(
        "OPTIONS sip:4001@10.1.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.5;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:a@b>\r\nCall-ID: {wrap:?}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    let ends = flow(src.parse().unwrap(), dst.parse().unwrap());
    Frame { time: MORNING, bytes: wrap.frame(&Datagram::new(ends, text.as_bytes()).frame()) }
}

/// What tshark prints of `capture`; `None` where it is not installed.
fn tshark(capture: Vec<u8>, args: &[&str]) -> Option<String> {
    let mut child = Command::new("tshark")
        .args(["-n", "-r", "-"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&capture));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success(), "tshark {args:?}");
    Some(text)
}

#[test]
fn tshark_finds_the_same_message_in_every_wrap() {
    let (mut frames, mut expected) = (Vec::new(), Vec::new());
    for (src, dst, address) in [
        ("10.1.0.5:5060", "10.1.0.9:5061", "10.1.0.5"),
        ("[2001:db8::5]:5060", "[2001:db8::9]:5061", "2001:db8::5"),
    ] {
        for wrap in Wrap::ALL.into_iter().filter(|wrap| !NOT_ASKED.contains(wrap)) {
            frames.push(frame(wrap, src, dst));
            expected.push(format!("{wrap:?} {address} 5060 5061"));
        }
    }
    let fields = ["sip.Call-ID", "ip.src", "ipv6.src", "udp.srcport", "udp.dstport"];
    let mut args =
        vec!["-d", "udp.port==8472,vxlan", "-o", "esp.enable_null_encryption_decode_heuristic:TRUE"];
    args.extend(["-T", "fields", "-E", "occurrence=l"]);
    args.extend(fields.iter().flat_map(|field| ["-e", field]));
    let Some(text) = tshark(pcap::write_all(Vec::new(), frames).unwrap(), &args) else {
        println!("left out: tshark is not installed");
        return;
    };
    let seen: Vec<String> = text
        .lines()
        .zip(&expected)
        .map(|(line, expected)| {
            let cells: Vec<&str> = line.split('\t').collect();
            // The inner packet is of one family, and a tunnel around it may be of the other.
            let address = if expected.contains("2001:") { cells[2] } else { cells[1] };
            format!("{} {address} {} {}", cells[0], cells[3], cells[4])
        })
        .collect();
    assert_eq!(seen, expected);
}
