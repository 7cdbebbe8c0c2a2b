//! Loss and jitter of every stream of real captures, as tshark has them.

#![expect(clippy::disallowed_methods, reason = "tests read captures and the environment, and ask a program")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{PayloadKind, StreamSummary};
use earwitness_rules::RuleSet;
use serde_json::Value;

/// Source, destination, SSRC: what both tell streams by.
type Name = (String, String, u32);

/// What is compared of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    packets: u64,
    lost: i64,
    /// Mean and most, ms.
    jitter: Option<(f64, f64)>,
}

/// A stream of which tshark has other figures, and why.
struct Different {
    capture: &'static str,
    ssrc: u32,
    /// Where to: a source may send to several.
    to: &'static str,
    /// What of it.
    what: &'static [What],
    why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Packets,
    Lost,
    MeanJitter,
    MostJitter,
}

const ALL: &[What] = &[What::Packets, What::Lost, What::MeanJitter, What::MostJitter];

const DIFFERENT: &[Different] = &[
    Different {
        capture: "sip-over-tcp.pcap",
        ssrc: 0x5a33_61b3,
        to: "10.33.6.101:6050",
        what: &[What::MeanJitter],
        why: "comfort noise in frames 36, 40, 53, 76: tshark leaves it and what follows it out of its mean, and not out of the \
              number that it divides by",
    },
    Different {
        capture: "sip-over-tcp.pcap",
        ssrc: 0x42f4_33d4,
        to: "10.33.6.100:6000",
        what: &[What::MeanJitter],
        why: "the same in frames 54 to 56",
    },
    Different {
        capture: "SIP_DTMF2.pcap",
        ssrc: 0x5711_bf84,
        to: "192.168.105.110:4376",
        what: &[What::MeanJitter, What::MostJitter],
        why: "telephone-events in frames 339 to 347, 441 to 449 and so on: their RTP time is that of the key's beginning (RFC \
              4733, 2.2.1), and tshark takes it for when they were sent, and the audio behind them for late",
    },
    Different {
        capture: "FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
        ssrc: 0x17d9_0134,
        to: "10.35.60.100:15580",
        what: &[What::MeanJitter],
        why: "163 packets of comfort noise from frame 1653 on, as above",
    },
    Different {
        capture: "FAX-Call-t38-CA-TDM-SIP-FB-1.pcap",
        ssrc: 0x0eaf_0eaf,
        to: "10.23.1.52:16756",
        what: ALL,
        why: "tshark believes the offer of T.38, which is declined with 488, and takes 2010 packets behind it for T.38",
    },
    Different {
        capture: "Asterisk_ZFONE_XLITE.pcap",
        ssrc: 0xb72a_7104,
        to: "192.168.10.41:64508",
        what: ALL,
        why: "from frame 48 on it is SRTP by ZRTP (RFC 6189): what nobody can open is counted, and neither kept nor measured",
    },
    Different {
        capture: "Asterisk_ZFONE_XLITE.pcap",
        ssrc: 0xbee0_f2ed,
        to: "192.168.10.40:49848",
        what: ALL,
        why: "the same",
    },
];

/// Captures with streams of no call of SIP.
const OTHER_SIGNALLING: [(&str, &str); 3] = [
    ("skinny.pcap", "SCCP, which is not read"),
    ("SIP_CALL_RTP_G711.pcap", "to 200.57.7.196:40362, of an H.225 call on the gateway's address"),
    ("h263-over-rtp.pcap", "video, which is not kept"),
];

/// The streams of all calls of a capture.
fn ours(path: &Path) -> BTreeMap<Name, Figures> {
    let mut source = FileSource::open(path).unwrap();
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut streams: Vec<StreamSummary> = Vec::new();
    loop {
        let polled = source.poll(&mut |frame| {
            engine.handle_frame(frame);
            while let Some(output) = engine.poll_output() {
                if let Output::Ended(call) = output {
                    streams.extend(call.streams);
                }
            }
        });
        if !matches!(polled, Ok(Polled::Frames)) {
            break;
        }
    }
    engine.handle_end();
    while let Some(output) = engine.poll_output() {
        if let Output::Ended(call) = output {
            streams.extend(call.streams);
        }
    }
    let mut found: BTreeMap<Name, (Figures, u64)> = BTreeMap::new();
    for stream in streams {
        let name = (stream.of.flow.src.to_string(), stream.of.flow.dst.to_string(), stream.of.ssrc);
        let kind = stream.codec.as_ref().map(earwitness_model::Codec::kind);
        let (all, most) = found.entry(name).or_insert((Figures { packets: 0, lost: 0, jitter: None }, 0));
        // tshark counts a packet as often as it came.
        all.packets += stream.packets + stream.duplicates;
        all.lost += stream.lost as i64 - stream.duplicates as i64;
        if kind == Some(PayloadKind::Audio) && stream.packets > *most {
            *most = stream.packets;
            all.jitter = stream.course.jitter_mean_ms.zip(stream.course.jitter_max_ms);
        }
    }
    found.into_iter().map(|(name, (figures, _))| (name, figures)).collect()
}

/// A line of `rtp,streams`: start, end, from, port, to, port, SSRC, payload, packets, lost (%), three of delta, three of
/// jitter, and a sign where tshark sees a problem. A payload has blanks where it is several.
fn read(line: &str) -> Option<(Name, Figures)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ssrc = words.iter().position(|word| word.starts_with("0x")).filter(|at| *at == 6)?;
    let percent = words.iter().position(|word| word.ends_with("%)"))?;
    let end = |host: &str, port: &str| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let number = |at: usize| words.get(at)?.parse::<f64>().ok();
    let name =
        (end(words[2], words[3]), end(words[4], words[5]), u32::from_str_radix(&words[ssrc][2..], 16).ok()?);
    let figures = Figures {
        packets: words[percent - 2].parse().ok()?,
        lost: words[percent - 1].parse().ok()?,
        jitter: number(percent + 5).zip(number(percent + 6)),
    };
    Some((name, figures))
}

fn tsharks(path: &Path) -> Option<BTreeMap<Name, Figures>> {
    let output =
        Command::new("tshark").args(["-n", "-q", "-z", "rtp,streams", "-r"]).arg(path).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().filter_map(read).collect())
}

/// To the last digit that tshark prints, and a thousandth of it.
fn is_near((one, other): (f64, f64)) -> bool {
    (one - other).abs() <= 0.001 + other.abs() / 1000.0
}

fn differences(ours: &Figures, tsharks: &Figures) -> Vec<What> {
    let mut all = Vec::new();
    all.extend((ours.packets != tsharks.packets).then_some(What::Packets));
    all.extend((ours.lost != tsharks.lost).then_some(What::Lost));
    let (are_means, are_most) = match (ours.jitter, tsharks.jitter) {
        (Some(ours), Some(theirs)) => (is_near((ours.0, theirs.0)), is_near((ours.1, theirs.1))),
        // It prints zeroes where it measured nothing.
        (None, Some(theirs)) => (theirs.0 <= 0.0, theirs.1 <= 0.0),
        (ours, None) => (ours.is_none(), ours.is_none()),
    };
    all.extend((!are_means).then_some(What::MeanJitter));
    all.extend((!are_most).then_some(What::MostJitter));
    all
}

#[test]
fn loss_and_jitter_are_tsharks_on_every_stream_of_real_captures() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("EXPECTED.json")).unwrap()).unwrap();
    let (mut same, mut explained, mut unheard) = (0, BTreeSet::new(), 0);
    let mut wrong = Vec::new();
    for capture in truth["captures"].as_object().unwrap().keys() {
        let path = corpus.join(capture);
        let Some(theirs) = tsharks(&path) else {
            println!("left out: tshark is not installed");
            return;
        };
        if theirs.is_empty() {
            continue;
        }
        let ours = ours(&path);
        for (name, theirs) in &theirs {
            let Some(ours) = ours.get(name) else {
                unheard += 1;
                let is_known = OTHER_SIGNALLING.iter().any(|(name, _)| capture.ends_with(name));
                wrong.extend((!is_known).then(|| format!("{capture} {name:x?}: not of a call")));
                continue;
            };
            let found = differences(ours, theirs);
            let known = DIFFERENT
                .iter()
                .position(|it| capture.ends_with(it.capture) && it.ssrc == name.2 && it.to == name.1);
            match known {
                None if found.is_empty() => same += 1,
                Some(place) if found == DIFFERENT[place].what => {
                    explained.insert(place);
                }
                None | Some(_) => {
                    wrong.push(format!(
                        "{capture} {name:x?}: {found:?}\n   ours {ours:?}\n   tshark {theirs:?}"
                    ));
                }
            }
        }
    }
    println!(
        "score: {same} streams are tshark's, {} differ for a reason, {unheard} are of no call",
        explained.len()
    );
    for different in DIFFERENT {
        println!("  {} {:#010x} {:?}: {}", different.capture, different.ssrc, different.what, different.why);
    }
    for (capture, why) in OTHER_SIGNALLING {
        println!("  {capture}, of no call: {why}");
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(explained.len(), DIFFERENT.len(), "a stream that was to differ does not");
}
