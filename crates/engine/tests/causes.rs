//! Why packets are missing: losses put in at four places and between them, and what is told of each gap.

#![expect(clippy::print_stdout, reason = "the matrix is there to be read")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallSummary, FarEnd, GapCause, GapEvidence, Leg, PacketTime, VoipMetrics};
use earwitness_rules::RuleSet;
use earwitness_testkit::{
    Frame, MORNING, Random,
    datagram::{Datagram, flow},
    rtcp::{Block, Metrics, extended_report, receiver_report},
};
use proptest::prelude::*;
use support::{Replayed, lab, raw, told};

const CALLS: usize = 8;
/// Packets of a voice in a minute.
const SENT: usize = 3000;
const CAUSES: [GapCause; 5] =
    [GapCause::Network, GapCause::Mirror, GapCause::Capture, GapCause::Sender, GapCause::Unknown];

/// Where packets are lost, one in a hundred each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the way to the mirror.
    Network,
    /// In the mirror.
    Mirror,
    /// In the mirror, of all calls at once.
    MirrorAtOnce,
    /// In the recorder, which says so.
    Ring,
    /// Nowhere: the sender is silent now and then.
    Sender,
    /// Behind the mirror: nothing is missing here, but the receiver reports loss.
    Behind,
}

fn list(numbers: &BTreeSet<usize>) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A voice's `rtp` lines, with what is lost at `places`, and what of it has which truth, by place in the run.
fn voice(call: usize, leg: &str, places: &[Place], seed: u64) -> (String, BTreeMap<usize, GapCause>) {
    let mut random = Random::keyed(&[seed, call as u64, u64::from(leg == "callee")]);
    let ssrc = 0x1000 + call * 2 + usize::from(leg == "callee");
    let run = |from: f64, to: f64, keys: &str| {
        format!(
            "rtp c{call} {leg} from={from} to={to} ssrc={ssrc:#x} noise-seed={ssrc} reports=5 delay=15{keys}\n"
        )
    };
    let mut some = || (1..SENT - 1).filter(|_| random.happens(1.0)).collect::<BTreeSet<_>>();
    let (mut truth, mut keys) = (BTreeMap::new(), String::new());
    for place in places {
        let (key, lost, cause) = match place {
            Place::Network => ("gone", some(), Some(GapCause::Network)),
            Place::Mirror => ("lost", some(), Some(GapCause::Mirror)),
            Place::MirrorAtOnce => {
                let instants = (1..30).flat_map(|n| n * 97..n * 97 + 3).filter(|n| *n < SENT - 1);
                ("lost", instants.collect(), Some(GapCause::Mirror))
            }
            Place::Behind => ("beyond", some(), None),
            Place::Ring => ("lost", BTreeSet::new(), None),
            Place::Sender => {
                let pieces = (0..12).map(|n| run(1.1 + f64::from(n) * 5.0, 4.9 + f64::from(n) * 5.0, ""));
                return (pieces.collect(), truth);
            }
        };
        let lost: BTreeSet<usize> = lost.into_iter().filter(|n| !truth.contains_key(n)).collect();
        truth.extend(cause.into_iter().flat_map(|cause| lost.iter().map(move |n| (*n, cause))));
        if !lost.is_empty() {
            write!(keys, " {key}={}", list(&lost)).unwrap();
        }
    }
    (run(1.1, 61.1, &keys), truth)
}

/// The calls, and why each packet of a voice is missing, by SSRC.
fn calls(places: &[Place], seed: u64) -> (Vec<Frame>, BTreeMap<u32, BTreeMap<usize, GapCause>>) {
    let (mut script, mut truths) = (String::new(), BTreeMap::new());
    for call in 0..CALLS {
        let (caller, callee) = (format!("10.1.0.{}", call + 5), format!("10.2.0.{}", call + 5));
        writeln!(script, "at 0.{call:03} {caller}:5060 > {callee}:5060 INVITE c{call} from=0312221111 to=4001 sdp={caller}:4000/PCMA").unwrap();
        writeln!(script, "at 1.0 {callee}:5060 > {caller}:5060 200 c{call} sdp={callee}:4002/PCMA").unwrap();
        writeln!(script, "at 1.02 {caller}:5060 > {callee}:5060 ACK c{call}").unwrap();
        for (leg, ssrc) in [("caller", 0x1000 + call * 2), ("callee", 0x1001 + call * 2)] {
            let (lines, truth) = voice(call, leg, places, seed);
            script.push_str(&lines);
            truths.insert(ssrc as u32, truth);
        }
        writeln!(script, "at 61.5 {caller}:5060 > {callee}:5060 BYE c{call}").unwrap();
        writeln!(script, "at 61.52 {callee}:5060 > {caller}:5060 200 c{call}").unwrap();
    }
    (told(&script), truths)
}

/// Takes a fifth of the frames in a quarter of every fifth second, and says so.
fn in_a_full_ring(frames: Vec<Frame>, seed: u64) -> Replayed {
    let is_full = |at: PacketTime| {
        let ms = at.since(MORNING) / 1_000_000;
        ms > 2000 && (0..250).contains(&(ms % 5000))
    };
    let mut random = Random::new(seed);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    for (number, frame) in frames.iter().enumerate() {
        if is_full(frame.time) && frame.bytes.len() == 214 && random.happens(20.0) {
            engine.handle_losses(frame.time, frame.time);
            continue;
        }
        engine.handle_frame(&raw(frame, number as u64 + 1));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed
}

/// How many gaps of a cause were told as which.
type Row = BTreeMap<&'static str, usize>;

fn word(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Network => "network",
        GapCause::Mirror => "mirror",
        GapCause::Capture => "capture",
        GapCause::Sender => "sender",
        GapCause::Unknown => "unknown",
    }
}

/// The gaps of all calls by their true cause and what is told. One that has packets of two causes is nobody's.
fn confusion(
    replayed: &Replayed,
    truths: &BTreeMap<u32, BTreeMap<usize, GapCause>>,
) -> BTreeMap<&'static str, Row> {
    let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
    for call in replayed.summaries() {
        for gap in &call.gaps {
            let stream = call.streams.iter().find(|stream| stream.of.leg == gap.leg).unwrap();
            let first = ((gap.at.since(MORNING) - 1_100_000_000) as f64 / 2e7).round() as usize;
            let truth = &truths[&stream.of.ssrc];
            let all: BTreeSet<&str> = (first..first + gap.ms as usize / 20)
                .map(|n| truth.get(&n).copied().map_or("capture", word))
                .collect();
            let truth = if all.len() == 1 { *all.first().unwrap() } else { "both" };
            *rows.entry(truth).or_default().entry(word(gap.cause)).or_default() += 1;
        }
    }
    rows
}

/// Runs calls that lose packets at `places`, prints what is told, asserts that nothing is told wrong, and gives the share of
/// gaps of which nothing is told.
fn share_unknown(name: &str, places: &[Place], seed: u64) -> f64 {
    let (frames, truths) = calls(places, seed);
    let replayed = if places == [Place::Ring] { in_a_full_ring(frames, seed) } else { lab(&frames) };
    assert_eq!(replayed.summaries().len(), CALLS);
    let rows = confusion(&replayed, &truths);
    let (mut all, mut unknown, mut wrong) = (0, 0, 0);
    for (truth, row) in &rows {
        let told: Vec<String> = CAUSES
            .iter()
            .map(|cause| format!("{:>8}", row.get(word(*cause)).copied().unwrap_or(0)))
            .collect();
        println!("{name:<34} {truth:<8} {}", told.concat());
        for (told, count) in row {
            all += count;
            unknown += if *told == "unknown" { *count } else { 0 };
            wrong += if *told == "unknown" || told == truth || *truth == "both" { 0 } else { *count };
        }
    }
    assert_eq!(wrong, 0, "{name} ({seed})");
    let share = unknown as f64 / (all.max(1)) as f64;
    println!("{name:<34} {all} gaps, {:.1} % not told apart", share * 100.0);
    share
}

#[test]
fn losses_at_four_places_are_told_apart_or_not_told_and_never_told_wrong() {
    println!(
        "{:<34} {:<8} {}",
        "lost 1 %",
        "truth",
        CAUSES.map(|cause| format!("{:>8}", word(cause))).concat()
    );
    // Each with the most that may stay untold, as measured, and a little more.
    let scenes: [(&str, &[Place], f64); 9] = [
        ("in the recorder", &[Place::Ring], 0.0),
        ("in the mirror", &[Place::Mirror], 0.02),
        ("in the mirror, of all at once", &[Place::MirrorAtOnce], 0.02),
        ("in the network", &[Place::Network], 0.02),
        ("by silence of the sender", &[Place::Sender], 0.0),
        ("in the network and the mirror", &[Place::Network, Place::Mirror], 1.0),
        ("in the mirror and behind it", &[Place::Mirror, Place::Behind], 1.0),
        ("before the mirror and behind it", &[Place::Network, Place::Behind], 1.0),
        ("everywhere", &[Place::Network, Place::Mirror, Place::Behind], 1.0),
    ];
    for (name, places, most) in scenes {
        for seed in if most < 1.0 { 1..=2 } else { 1..=1 } {
            let share = share_unknown(name, places, seed);
            assert!(share <= most, "{name}: {share}");
        }
    }
}

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n";

/// What is said of the caller's voice by whoever receives it.
fn far_end(lines: &str) -> Option<FarEnd> {
    let replayed = lab(&told(&format!("{CALL}{lines}")));
    of_caller(replayed.only())
}

fn of_caller(call: &CallSummary) -> Option<FarEnd> {
    call.streams.iter().find(|stream| stream.of.leg == Leg::Caller).unwrap().quality.far_end
}

#[test]
fn what_the_far_end_reports_is_told_of_its_stream_wherever_its_reports_go() {
    for place in ["", " mux"] {
        let voice = format!(
            "rtp call-1 caller from=1.1 to=31.1 ssrc=0x11 seq=65000 reports=5 delay=15 beyond=7,300-305{place}\n"
        );
        let said = far_end(&voice).unwrap();
        assert_eq!((said.packets_lost, said.reports, said.jitter_ms), (7, 6, 1.0), "{place}");
        assert!((said.lost_percent - 7.0 / 15.0).abs() < 0.001, "{place}: {}", said.lost_percent);
        assert!((said.rtt_ms.unwrap() - 30.0).abs() < 0.1, "{place}: {:?}", said.rtt_ms);
    }
}

#[test]
fn reports_from_a_port_that_the_sdp_names_are_the_far_ends() {
    let call = CALL.replace("sdp=10.1.0.9:4002/PCMA", "sdp=10.1.0.9:4002/PCMA attribute=\"rtcp:53020\"");
    let voice = "rtp call-1 caller from=1.1 to=31.1 ssrc=0x11 reports=5 rtcp=10.1.0.9:53020 beyond=7\n";
    let said = |call: &str| of_caller(lab(&told(&format!("{call}{voice}"))).only());
    assert_eq!(said(&call).map(|said| said.packets_lost), Some(1));
}

/// Calls of which every second one has no reports, and ends after the others; all lose the same packets, by `key`.
fn half_without_reports(key: &str) -> Replayed {
    let mut script = String::new();
    for call in 0..8 {
        let (caller, callee) = (format!("10.1.0.{}", call + 5), format!("10.2.0.{}", call + 5));
        let (end, reports) = if call % 2 == 0 { (31.5, "reports=5") } else { (39.0, "") };
        writeln!(script, "at 0.{call:03} {caller}:5060 > {callee}:5060 INVITE c{call} from=0312221111 to=4001 sdp={caller}:4000/PCMA").unwrap();
        writeln!(script, "at 1.0 {callee}:5060 > {caller}:5060 200 c{call} sdp={callee}:4002/PCMA").unwrap();
        for leg in ["caller", "callee"] {
            writeln!(script, "rtp c{call} {leg} from=1.1 to=31.1 {reports} {key}=100-107,700-705,1100-1109")
                .unwrap();
        }
        writeln!(script, "at {end} {caller}:5060 > {callee}:5060 BYE c{call}").unwrap();
    }
    lab(&told(&script))
}

#[test]
fn where_nobody_reports_the_reports_on_other_streams_of_the_same_instant_help() {
    let told = |key: &str| {
        let replayed = half_without_reports(key);
        let calls = replayed.summaries();
        assert_eq!(calls.len(), 8);
        let mut told: BTreeMap<(bool, &str, Option<GapEvidence>), usize> = BTreeMap::new();
        for call in calls {
            let reports = of_caller(call).is_some();
            for gap in &call.gaps {
                *told.entry((reports, word(gap.cause), gap.evidence)).or_default() += 1;
            }
        }
        told.into_iter().collect::<Vec<_>>()
    };
    let received = (true, "mirror", Some(GapEvidence::FarEndReceived));
    assert_eq!(told("lost"), [((false, "mirror", Some(GapEvidence::ManyStreams)), 24), (received, 24)]);
    let lost = (true, "network", Some(GapEvidence::FarEndLost));
    assert_eq!(told("gone"), [((false, "unknown", None), 24), (lost, 24)]);
}

#[test]
fn reports_of_somebody_else_are_not_the_far_ends() {
    let voice = "rtp call-1 caller from=1.1 to=31.1 ssrc=0x11 reports=5 rtcp=10.1.0.66:4003 beyond=7\n";
    assert_eq!(far_end(voice), None);
    assert_eq!(far_end("rtp call-1 caller from=1.1 to=31.1 ssrc=0x11\n"), None);
}

/// What is measured of the caller's voice by whoever receives it, with what is forged among it.
fn measured(keys: &str, forged: &[(&[u8], &str)]) -> Option<VoipMetrics> {
    let voice = format!("rtp call-1 caller from=1.1 to=31.1 ssrc=0x11 reports=5 {keys}\n");
    let mut frames = told(&format!("{CALL}{voice}"));
    let forged = forged.iter().map(|(bytes, by)| control(bytes, (by, "10.1.0.5:4001"), 30_000));
    frames.extend(forged);
    frames.sort_by_key(|frame| frame.time);
    let replayed = lab(&frames);
    let streams = &replayed.only().streams;
    streams.iter().find(|stream| stream.of.leg == Leg::Caller).unwrap().quality.metrics
}

#[test]
fn what_the_far_end_measured_is_told_of_its_stream_as_its_reports_are() {
    let all = "xr=loss:3,discard:1,burst-density:64,gap-density:2,burst:120,gap:5000,trip:80,end:60,\
        signal:-18,noise:-65,rerl:55,r:92,lq:42,cq:41";
    let expected = VoipMetrics {
        loss_rate: 3,
        discard_rate: 1,
        burst_density: 64,
        gap_density: 2,
        burst_ms: 120,
        gap_ms: 5000,
        round_trip_ms: Some(80),
        end_system_ms: Some(60),
        signal_dbm0: Some(-18),
        noise_dbm0: Some(-65),
        rerl_db: Some(55),
        r_factor: Some(92),
        mos_lq: Some(42),
        mos_cq: Some(41),
    };
    assert_eq!(measured(all, &[]), Some(expected));
    assert_eq!(measured(&format!("{all} mux"), &[]), Some(expected));
    assert_eq!(measured("", &[]), None);
    assert_eq!(measured("xr=loss:3", &[]), Some(VoipMetrics { loss_rate: 3, ..VoipMetrics::default() }));
    // Somebody else, whether alone or against the receiver; and the receiver of another source.
    assert_eq!(measured(&format!("{all} rtcp=10.1.0.66:4003"), &[]), None);
    let lie = |ssrc| extended_report(9, &[Metrics { ssrc, loss_rate: 200, ..Metrics::default() }]);
    assert_eq!(
        measured(all, &[(&lie(0x11), "10.1.0.66:4003"), (&lie(0x12), "10.1.0.9:4003")]),
        Some(expected)
    );
    // Measures without a report; half of them; and of several the last.
    assert_eq!(measured("rtcp=10.1.0.66:4003", &[(&lie(0x11), "10.1.0.9:4003")]).unwrap().loss_rate, 200);
    assert_eq!(measured("", &[(&lie(0x11)[..40], "10.1.0.9:4003")]), None);
    let twice =
        extended_report(9, &[1, 2].map(|loss_rate| Metrics { ssrc: 0x11, loss_rate, ..Metrics::default() }));
    assert_eq!(measured("rtcp=10.1.0.66:4003", &[(&twice, "10.1.0.9:4003")]).unwrap().loss_rate, 2);
}

#[test]
fn a_gap_says_what_shows_its_cause() {
    let check = |keys: &str, expected: &[(GapCause, Option<GapEvidence>)]| {
        let voice = format!("rtp call-1 caller from=1.1 to=61.1 ssrc=0x11 reports=5 {keys}\n");
        let replayed = lab(&told(&format!("{CALL}{voice}")));
        let gaps: Vec<_> = replayed.only().gaps.iter().map(|gap| (gap.cause, gap.evidence)).collect();
        assert_eq!(gaps, expected, "{keys}");
    };
    let network = (GapCause::Network, Some(GapEvidence::FarEndLost));
    let mirror = (GapCause::Mirror, Some(GapEvidence::FarEndReceived));
    check("lost=100-104,900", &[mirror; 2]);
    check("gone=100-104,900-902", &[network; 2]);
    check("gone=100-104,900-902 lost=1500", &[network, network, mirror]);
    check("gone=700", &[(GapCause::Unknown, None)]);
}

/// RTCP between two ends, of which the second part of an address is any.
fn control(payload: &[u8], (src, dst): (&str, &str), ms: i64) -> Frame {
    let time = MORNING.plus_nanos(ms * 1_000_000);
    let flow = flow(src.parse().unwrap(), dst.parse().unwrap());
    Frame { time, bytes: Datagram::new(flow, payload).frame() }
}

/// The call of one voice with losses of both kinds and reports, and what is forged among it.
fn with_forged(forged: Vec<Frame>) -> CallSummary {
    let voice = "rtp call-1 caller from=1.1 to=31.1 ssrc=0x11 seq=7 reports=5 gone=100-107,500-502,900-905 lost=1300\n\
        at 31.5 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";
    let mut frames = told(&format!("{CALL}{voice}"));
    frames.extend(forged);
    frames.sort_by_key(|frame| frame.time);
    lab(&frames).only().clone()
}

#[test]
fn forged_reports_of_other_hosts_and_other_sources_change_nothing() {
    let honest = with_forged(Vec::new());
    let causes: Vec<_> = honest.gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(causes, [GapCause::Network, GapCause::Network, GapCause::Network, GapCause::Mirror]);
    let mut forged = Vec::new();
    for n in 0..5000u32 {
        let block = |ssrc| Block { ssrc, lost: 4000, highest: 60_000 + n, ..Block::default() };
        let lie = receiver_report(n, &[block(0x11), block(n)]);
        let to = "10.1.0.5:4001";
        // Another host says so of this source, and the host that receives says so of sources that are none.
        forged.push(control(&lie, ("10.6.6.6:4003", to), 1500 + i64::from(n) * 5));
        forged.push(control(
            &receiver_report(n, &[block(n | 0x1000)]),
            ("10.1.0.9:4003", to),
            1500 + i64::from(n) * 5,
        ));
    }
    assert_eq!(with_forged(forged), honest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_that_look_like_rtcp_leave_the_audio_as_it_is(
        all in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..90), 192..=223u8, 1200..31_000i64), 1..40),
    ) {
        let honest = with_forged(Vec::new());
        let forged = all.into_iter().map(|(mut bytes, kind, ms)| {
            bytes.splice(0..0, [0x80 | (kind & 0x1f), kind, 0, 6]);
            control(&bytes, ("10.1.0.9:4003", "10.1.0.5:4001"), ms)
        });
        let found = with_forged(forged.collect());
        let counted = |call: &CallSummary| call.streams.iter().map(|s| (s.packets, s.lost, s.payload_bytes)).collect::<Vec<_>>();
        prop_assert_eq!(counted(&found), counted(&honest));
        prop_assert_eq!(found.gaps.len(), honest.gaps.len());
    }
}
