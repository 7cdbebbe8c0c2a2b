//! Audio that no signalling announced: kept where a stream rule names its addresses, and nowhere else.

#![expect(clippy::disallowed_methods, reason = "tests read captures and the environment")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use earwitness_capture::{FileSource, Polled, Source};
use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallKind, CallSummary, Decision, EndedBy, Evidence, Flag, Outcome, Refusal};
use earwitness_rules::{RuleSet, SourceText};
use earwitness_testkit::Frame;
use support::{Replayed, example, raw, replay, scripts, told};

/// Two telephones that talk for ten seconds, and whose signalling nobody sees.
const TALK: &str = "rtp a caller from=0.000 to=10.000 src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=PCMA ssrc=0x11 speech-seed=1\n\
    rtp a callee from=0.010 to=10.000 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=PCMA ssrc=0x22 speech-seed=2\n";

/// The office's rules, and one for streams in these networks.
fn with_streams(networks: &str) -> RuleSet {
    let streams = format!(
        "schema = 1\n[[streams]]\nname = \"old-phones\"\nnetworks = [{networks}]\ndepartment = \"old\"\n\
         retention = \"citizen-90d\"\nnotice = \"none-yet\"\n[notice.none-yet]\naudio = \"none\"\n"
    );
    let mut files: Vec<_> =
        earwitness_rules::EXAMPLE.iter().map(|(name, text)| SourceText { name, text }).collect();
    files.push(SourceText { name: "streams.toml", text: &streams });
    RuleSet::load(&files).unwrap()
}

/// A stream rule for every address.
fn everywhere() -> RuleSet {
    with_streams("\"0.0.0.0/0\", \"::/0\"")
}

fn run(text: &str, rules: RuleSet) -> Replayed {
    replay(&told(text), rules, Limits::default())
}

fn host(call: &CallSummary) -> (String, String) {
    let host = |party: &earwitness_model::Party| {
        assert!(party.user.is_none() && party.display.is_none());
        party.host.as_ref().unwrap().expose().clone()
    };
    (host(&call.facts.from), host(&call.facts.to))
}

/// Packets of the call's streams.
fn kept(call: &CallSummary) -> u64 {
    call.streams.iter().map(|stream| stream.packets).sum()
}

#[test]
fn two_telephones_in_a_network_of_a_rule_are_one_call_with_every_packet() {
    let found = run(TALK, with_streams("\"10.1.0.0/16\""));
    let call = found.only();
    assert_eq!(call.kind(), CallKind::Stream);
    assert_eq!(host(call), ("10.1.0.5".to_owned(), "10.1.0.9".to_owned()));
    assert_eq!((call.sip_call_ids.as_slice(), call.messages, call.sip_status), (&[][..], 0, None));
    assert_eq!((call.outcome, call.answer), (Outcome::Answered, Some(call.facts.start)));
    assert_eq!(call.facts.start, earwitness_testkit::MORNING, "it begins with its first packet");
    assert_eq!(
        (call.verdict.rule.as_deref(), call.verdict.department.as_deref()),
        (Some("old-phones"), Some("old"))
    );
    assert_eq!(call.flags, [Flag::NoSignalling]);
    let streams: Vec<(String, u64, u64)> =
        call.streams.iter().map(|s| (format!("{:?}", s.of.leg), s.packets, s.lost)).collect();
    assert_eq!(streams, [("Caller".to_owned(), 500, 0), ("Callee".to_owned(), 500, 0)]);
    let came = found.calls.values().next().unwrap();
    assert_eq!(came.packets().len(), 1000, "and no byte of what came before it was believed is missing");
}

#[test]
fn without_a_rule_for_its_addresses_nothing_of_it_comes_out() {
    for rules in [example(), RuleSet::lab(), with_streams("\"10.2.0.0/16\"")] {
        let found = run(TALK, rules);
        assert!(found.calls.is_empty());
        assert_eq!(
            (found.counts.media.packets, found.counts.media.kept, found.counts.media.unclaimed),
            (1000, 0, 1000)
        );
    }
}

#[test]
fn one_direction_is_a_call_that_says_so_and_silence_ends_it() {
    let one_way = TALK.lines().next().unwrap();
    let later = "rtp b caller from=60.000 to=70.000 src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=PCMA ssrc=0x33 speech-seed=3";
    let found = run(&format!("{one_way}\n{later}\n"), everywhere());
    let calls = found.summaries();
    assert_eq!(calls.len(), 2, "half a minute of silence is an end");
    for (call, (from, to)) in calls.iter().zip([(0, 10), (60, 70)]) {
        assert_eq!(call.flags, [Flag::OneWay, Flag::NoSignalling]);
        let end = call.end.as_ref().unwrap();
        let seconds =
            |at: earwitness_model::PacketTime| at.since(earwitness_testkit::MORNING) / 1_000_000_000;
        assert_eq!((seconds(call.facts.start), seconds(end.at.plus_nanos(20_000_000))), (from, to));
        assert_eq!(kept(call), 500);
    }
    assert_eq!(calls[0].end.as_ref().unwrap().by, Some(EndedBy::Timeout));
}

#[test]
fn what_sip_announced_is_sips_in_every_script() {
    let mut compared = 0;
    for entry in fs::read_dir(scripts()).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(folder.join("script.call")) else { continue };
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let (without, with) = (run(&text, example()), run(&text, everywhere()));
        let told = |found: &Replayed| -> Vec<String> {
            let calls = found.summaries();
            let mut told: Vec<String> = calls
                .iter()
                .map(|call| {
                    let CallSummary { id, outcome, end, streams, flags, .. } = call;
                    format!("{id} {outcome:?} {end:?} {streams:?} {flags:?}")
                })
                .collect();
            told.sort();
            told
        };
        let strays = with.summaries().into_iter().filter(|call| call.kind() == CallKind::Stream).count();
        // Their signalling is not seen where it would have to be.
        let expected = usize::from(STRAYS.contains(&name.as_str()));
        assert_eq!(strays, expected, "{name}: {:?}", told(&with));
        if strays == 0 {
            assert_eq!(told(&with), told(&without), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

/// Scripts in which RTP goes where no SDP that was seen says.
const STRAYS: [&str; 1] = ["mid-call"];

const LATER: &str = "at 4.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=01099998888 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 4.500 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 4.510 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    at 9.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";

#[test]
fn the_answer_of_a_call_that_names_its_port_ends_a_stream_and_the_calls_name_each_other() {
    let found = run(&format!("{TALK}{LATER}"), everywhere());
    let [stream, call] = found.summaries()[..] else { panic!("{:?}", found.calls.len()) };
    assert_eq!((stream.kind(), call.kind()), (CallKind::Stream, CallKind::Call));
    let end = stream.end.as_ref().unwrap();
    assert_eq!((end.at.since(earwitness_testkit::MORNING) / 1_000_000, end.by), (4_500, None));
    let related = |call: &CallSummary| -> Vec<_> { call.related.iter().map(|r| (r.call, r.by)).collect() };
    assert_eq!(related(stream), [(call.id, Evidence::Media)]);
    assert_eq!(related(call), [(stream.id, Evidence::Media)]);
    assert!(kept(call) >= 440, "what came after the answer is its own: {}", kept(call));
    assert!(kept(stream) >= 400 && kept(stream) + kept(call) <= 1000, "{} {}", kept(stream), kept(call));
}

/// Somebody invites a phone and says to hear where the stream's telephone does; nobody answers.
const FORGED: &str =
    "at 4.000 10.1.0.66:5060 > 10.1.0.9:5060 INVITE forged from=01099998888 to=4001 sdp=10.1.0.5:4000/PCMA\n";

#[test]
fn an_invite_that_nobody_answered_ends_no_stream() {
    let found = run(&format!("{TALK}{FORGED}"), everywhere());
    let stream = found.summaries().into_iter().find(|call| call.kind() == CallKind::Stream).unwrap();
    assert_eq!((kept(stream), stream.related.len()), (1000, 0));
    assert_eq!(found.summaries().len(), 2);
}

#[test]
fn an_invite_that_nobody_answered_keeps_a_stream_out_no_longer_than_its_attempt_and_that_is_counted() {
    let talk = TALK.replace("to=10.000", "to=60.000");
    let found = run(&format!("{talk}{}", FORGED.replace("at 4.", "at 0.")), everywhere());
    let stream = found.summaries().into_iter().find(|call| call.kind() == CallKind::Stream).unwrap();
    let began = stream.facts.start.since(earwitness_testkit::MORNING) / 1_000_000_000;
    assert!((30..45).contains(&began), "{began}");
    assert!(found.counts.media.dropped > 2_000, "{}", found.counts.media.dropped);
}

#[test]
fn a_call_that_the_rules_refuse_is_refused_on_the_ports_of_a_stream_too() {
    let found = run(&format!("{TALK}{}", LATER.replace("to=4001", "to=4900")), everywhere());
    let call = found.summaries().into_iter().find(|call| call.kind() == CallKind::Call).unwrap();
    assert!(
        matches!(call.verdict.decision, Decision::Refuse(Refusal::Never | Refusal::NoRule)),
        "{:?}",
        call.verdict
    );
    let stream = found.summaries().into_iter().find(|call| call.kind() == CallKind::Stream).unwrap();
    let last = stream.streams.iter().map(|s| s.last).max().unwrap();
    assert!(last.since(earwitness_testkit::MORNING) <= 4_600_000_000, "nothing after its answer");
    assert_eq!(found.summaries().len(), 2, "nor does what follows its BYE become another stream");
}

#[test]
fn audio_of_an_announced_port_is_no_stream_after_the_call() {
    // A gateway goes on sending music after the BYE.
    let music = "rtp m callee from=0.000 to=40.000 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=PCMA ssrc=0x22 speech-seed=2\n";
    let call = LATER.replace("at 4.", "at 0.").replace("at 9.", "at 2.");
    let found = run(&format!("{call}{music}"), everywhere());
    assert_eq!(found.only().kind(), CallKind::Call);
    assert!(found.counts.media.unclaimed > 1_000);
}

#[test]
fn nor_is_it_after_a_long_call() {
    let call = LATER.replace("at 4.", "at 0.").replace("at 9.", "at 900.");
    let music = "rtp m callee from=0.000 to=940.000 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=PCMA ssrc=0x22 tone=440\n";
    let found = run(&format!("{call}{music}"), everywhere());
    assert_eq!(found.only().kind(), CallKind::Call);
    assert!(found.counts.streams_claimed > 0);
}

#[test]
fn streams_are_bounded_and_counted() {
    let text: String = (0..20)
        .map(|n| {
            format!(
                "rtp s{n} caller from=0.{n:03} to=5.000 src=10.1.0.{n}:4000 dst=10.1.1.{n}:4002 codec=PCMU ssrc={:#x} tone=440\n",
                n + 100
            )
        })
        .collect();
    let limits = Limits { streams: 5, ..Limits::default() };
    let found = replay(&told(&text), everywhere(), limits);
    assert_eq!((found.summaries().len(), found.counts.streams_refused), (5, 15));
}

#[test]
fn a_stream_is_taken_up_after_a_restart_and_keeps_its_kind() {
    let frames = told(TALK);
    let (first, second): (Vec<Frame>, Vec<Frame>) =
        frames.into_iter().partition(|frame| frame.time.since(earwitness_testkit::MORNING) < 5_000_000_000);
    let rules = everywhere();
    let mut engine = Engine::new(rules.clone(), Limits::default());
    let mut before = Replayed::default();
    for (number, frame) in first.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        before.poll(&mut engine);
    }
    let came = before.calls.values().next().unwrap();
    let running = came.running.last().unwrap().clone();
    assert!(running.sip_call_id.expose().is_empty() && running.flags == [Flag::NoSignalling]);
    let mut engine = Engine::new(rules, Limits::default());
    let mut after = Replayed::default();
    engine.handle_resumed(running.clone(), second[0].time).unwrap();
    assert!(engine.handle_resumed(running, second[0].time).is_none(), "it runs already");
    for (number, frame) in second.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        after.poll(&mut engine);
    }
    engine.handle_end();
    after.poll(&mut engine);
    let call = after.only();
    assert_eq!(
        (call.kind(), call.flags.as_slice()),
        (CallKind::Stream, &[Flag::Resumed, Flag::NoSignalling][..])
    );
    assert_eq!((kept(call), call.sip_call_ids.len()), (second.len() as u64, 0));
}

#[test]
fn real_captures_have_the_streams_that_they_have_and_no_other() {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS is not set");
        return;
    };
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for owner in fs::read_dir(&corpus).unwrap() {
        let owner = owner.unwrap().path();
        for path in fs::read_dir(&owner).into_iter().flatten().map(|file| file.unwrap().path()) {
            let name = path.strip_prefix(&corpus).unwrap().display().to_string();
            let strays = strays_of(&path);
            if !strays.is_empty() {
                found.insert(name, strays);
            }
        }
    }
    for (name, strays) in &found {
        println!("{name}\n  {}", strays.join("\n  "));
    }
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, WITH_STREAMS);
    for name in WITHOUT {
        assert!(Path::new(&corpus).join(name).is_file(), "{name}");
        assert!(!names.contains(&name), "{name}");
    }
}

/// Captures with a second or more of a telephone's audio, in clear and of a static type, whose signalling is not in them or is
/// not read: by the ground truth these are all that there are.
const WITH_STREAMS: [&str; 13] = [
    "BelledonneCommunications+mediastreamer2/pcmu_8k_no_jitter.pcap",
    "RestComm+mediaserver/gigaset-n510-ip-pro-rfc2833.pcap",
    "SIPp+sipp/g711a.pcap",
    "asterisk+testsuite/40msalaw.pcap",
    "asterisk+testsuite/CARRIER_G711U.pcap",
    "asterisk+testsuite/crash-27382.pcap",
    "asterisk+testsuite/ulaw-2013785496.pcap",
    "odedshimon+BruteShark/SIP_CALL_RTP_G711.pcap",
    "sippy+rtpproxy/DLT_NULL.a.rtp",
    "sippy+rtpproxy/G723_1.a.rtp",
    "sippy+rtpproxy/dups.a.rtp",
    "sippy+rtpproxy/lost.a.rtp",
    "sippy+rtpproxy/lost.o.rtp",
];

/// Captures of what looks like RTP and is no telephone's audio in clear: STUN, a messenger, DTLS-SRTP, SRTP, Opus of a dynamic
/// type.
const WITHOUT: [&str; 6] = [
    "ntop+nDPI/stun_classic.pcap",
    "ntop+nDPI/whatsapp_login_call.pcap",
    "ntop+nDPI/stun_dtls_rtp.pcapng",
    "sippy+rtpproxy/alice_srtp.pcap",
    "sippy+rtpproxy/bob_srtp.pcap",
    "BelledonneCommunications+mediastreamer2/opus-edge-congestion20_60_40.pcapng",
];

/// Each stream of a capture: how many packets, of what, between which ports.
fn strays_of(path: &Path) -> Vec<String> {
    let Ok(mut source) = FileSource::open(path) else { return Vec::new() };
    let mut engine = Engine::new(everywhere(), Limits::default());
    let mut found = Replayed::default();
    while let Ok(Polled::Frames) = source.poll(&mut |frame| {
        engine.handle_frame(frame);
        found.poll(&mut engine);
    }) {}
    engine.handle_end();
    found.poll(&mut engine);
    let strays = found.summaries().into_iter().filter(|call| call.kind() == CallKind::Stream);
    strays
        .map(|call| {
            let streams = call.streams.iter().map(|s| {
                let codec = s.codec.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{codec} {} packets {} lost {} > {}", s.packets, s.lost, s.of.flow.src, s.of.flow.dst)
            });
            streams.collect::<Vec<_>>().join("; ")
        })
        .collect()
}
