//! What is told of a call: the rows of the readme, in Korean and in English.

use chrono::DateTime;
use chrono_tz::Tz;
use earwitness_model::{Decision, Gap, PacketTime, Party, Pii, StreamSummary};
use earwitness_vault::Manifest;

use crate::{origin::Origin, recipient::Recipient, words};

/// Gaps that are told one by one.
const GAPS: usize = 20;

/// What is known beyond the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// What is known of the recorder's clock, in Korean and English; `None` when it told nothing.
    pub clock: Option<(String, String)>,
}

/// A fact: its names in Korean and English, and its value in both.
pub(crate) struct Fact {
    pub(crate) name: words::Both,
    pub(crate) ko: String,
    pub(crate) en: String,
}

impl Fact {
    fn same(name: words::Both, value: impl Into<String>) -> Self {
        let ko = value.into();
        Self { name, en: ko.clone(), ko }
    }

    fn both(name: words::Both, (ko, en): words::Both) -> Self {
        Self { name, ko: ko.to_owned(), en: en.to_owned() }
    }
}

/// Facts of one kind.
pub(crate) struct Section {
    pub(crate) name: words::Both,
    pub(crate) facts: Vec<Fact>,
}

/// An instant on the office's clock, to the millisecond.
pub(crate) fn clock(time: PacketTime, zone: Tz) -> String {
    DateTime::from_timestamp_nanos(time.nanos())
        .with_timezone(&zone)
        .format("%Y-%m-%d %H:%M:%S%.3f %:z")
        .to_string()
}

fn party(party: &Party) -> String {
    let said = |fact: &Option<Pii<String>>| fact.as_ref().map(|it| it.expose().clone()).unwrap_or_default();
    let (display, user, host) = (said(&party.display), said(&party.user), said(&party.host));
    let address = if host.is_empty() { user } else { format!("{user}@{host}") };
    if display.is_empty() { address } else { format!("{display} <{address}>") }
}

/// Everything that a reader is told, in the order in which it is asked.
pub(crate) fn told(
    manifest: &Manifest,
    recipient: &Recipient,
    (zone, circumstances): (Tz, &Circumstances),
) -> Vec<Section> {
    vec![
        given(recipient),
        parties(manifest),
        times(manifest, zone),
        rule(manifest, circumstances),
        missing(manifest, zone),
    ]
}

fn given(recipient: &Recipient) -> Section {
    let mut facts = vec![
        Fact::same(("받은 사람", "Recipient"), &recipient.recipient),
        Fact::same(("목적", "Purpose"), &recipient.purpose),
    ];
    facts.extend(recipient.request.iter().map(|request| Fact::same(("신청 번호", "Request"), request)));
    facts.push(Fact::same(("만든 때", "Made"), &recipient.made));
    facts.push(Fact::same(("만든 사람", "Made by"), &recipient.made_by));
    facts.push(Fact::same(("사본 번호", "Copy"), recipient.copy.to_string()));
    Section { name: ("누구에게, 왜", "For whom, and why"), facts }
}

fn parties(manifest: &Manifest) -> Section {
    let (summary, origin) = (&manifest.summary, Origin::of(&manifest.summary));
    let mut facts = vec![
        Fact::both(("출처", "Origin"), seen(origin)),
        Fact::same(("발신", "From"), party(&summary.facts.from)),
        Fact::same(("수신", "To"), party(&summary.facts.to)),
        Fact::both(("방향", "Direction"), words::direction(summary.verdict.direction)),
        Fact::same(("통화 번호", "Call"), summary.id.to_string()),
        Fact::same(("녹취 번호", "Recording"), manifest.recording.to_string()),
    ];
    let ids: Vec<&str> = summary.sip_call_ids.iter().map(|id| id.expose().as_str()).collect();
    let named = match origin {
        Origin::Signalled | Origin::AudioAlone => ("SIP Call-ID", "SIP Call-ID"),
        Origin::Imported => ("원래 파일의 해시", "Hashes of the original file"),
    };
    facts.extend((!ids.is_empty()).then(|| Fact::same(named, ids.join(", "))));
    let streams = summary.streams.iter().filter(|stream| stream.packets > 0);
    facts.extend(streams.clone().map(|stream| told_stream(stream, origin)));
    if origin == Origin::Imported && streams.count() == 1 {
        let unknown = (
            "채널이 하나: 누구의 음성인지 알 수 없음",
            "there is one channel: whose voice it has is not known",
        );
        facts.push(Fact::both(("음성 흐름", "Stream"), unknown));
    }
    Section { name: ("당사자", "The parties"), facts }
}

/// What was seen of the call.
const fn seen(origin: Origin) -> words::Both {
    match origin {
        Origin::Signalled => {
            ("신호와 음성을 전화망에서 관찰함", "its signalling and its audio were seen on the network")
        }
        Origin::AudioAlone => (
            "음성만 전화망에서 관찰함: 당사자는 주소이고, 시작과 끝은 음성의 시작과 끝임",
            "only its audio was seen on the network: its parties are addresses, its beginning and end those of the audio",
        ),
        Origin::Imported => (
            "관찰하지 않음: 다른 녹취 시스템의 파일과 목록에서 가져온 것으로, 당사자와 시각은 그 목록에 적힌 대로임",
            "nothing of it was seen: it was imported from another recorder's file and list, and parties and times are as that list says",
        ),
    }
}

fn told_stream(stream: &StreamSummary, origin: Origin) -> Fact {
    let name = ("음성 흐름", "Stream");
    let (codec, packets, lost) = (words::codec(stream.codec.as_ref()), stream.packets, stream.lost);
    match origin {
        Origin::Signalled | Origin::AudioAlone => {
            let (ko, en) = words::leg(stream.of.leg);
            Fact {
                name,
                ko: format!("{ko}: {codec}, 패킷 {packets}개, 없는 것 {lost}개"),
                en: format!("{en}: {codec}, {packets} packets, {lost} missing"),
            }
        }
        Origin::Imported => {
            let (ko, en) = words::channel(stream.of.leg);
            Fact { name, ko: format!("{ko} 채널: {codec}"), en: format!("{en} channel: {codec}") }
        }
    }
}

fn times(manifest: &Manifest, zone: Tz) -> Section {
    let summary = &manifest.summary;
    let (start, origin) = (summary.facts.start, Origin::of(summary));
    let mut facts = vec![Fact::same(("시작", "Began"), clock(start, zone))];
    if let Some(answer) = summary.answer.filter(|_| origin == Origin::Signalled) {
        facts.push(Fact::same(("응답", "Answered"), clock(answer, zone)));
    }
    if let Some(end) = &summary.end {
        facts.push(Fact::same(("종료", "Ended"), clock(end.at, zone)));
        let ended_by = words::ended_by(end.by, summary.outcome);
        facts.push(Fact::both(("누가 끊었나", "Who ended it"), ended_by));
    }
    if let Some((answer, end)) = summary.answer.zip(summary.end.as_ref()) {
        let seconds = end.at.seconds_since(answer);
        let (ko, en) = (format!("{seconds:.1}초"), format!("{seconds:.1} s"));
        let name = match origin {
            Origin::Signalled => ("통화 시간", "Talked for"),
            Origin::AudioAlone | Origin::Imported => ("음성의 길이", "The audio lasts"),
        };
        facts.push(Fact { name, ko, en });
    }
    // Whether somebody answered is told by signalling, and by nothing else.
    let outcome = match origin {
        Origin::Signalled => words::outcome(summary.outcome),
        Origin::AudioAlone | Origin::Imported => {
            ("알 수 없음: 신호를 보지 못함", "not known: no signalling was seen")
        }
    };
    facts.push(Fact::both(("결과", "Outcome"), outcome));
    Section { name: ("시각", "Times"), facts }
}

fn rule(manifest: &Manifest, circumstances: &Circumstances) -> Section {
    let (verdict, origin) = (&manifest.summary.verdict, Origin::of(&manifest.summary));
    let mut facts = Vec::new();
    let texts = [(("규칙", "Rule"), &verdict.rule), (("부서", "Department"), &verdict.department)];
    facts.extend(texts.into_iter().filter_map(|(name, text)| Some(Fact::same(name, text.as_ref()?))));
    facts.extend(verdict.mode.map(|mode| Fact::both(("녹취 방식", "Mode"), words::mode(mode))));
    if let (Decision::Admit(keep), Origin::Signalled | Origin::AudioAlone) = (&verdict.decision, origin) {
        facts.push(Fact::same(("고지", "Notice"), &keep.notice));
    }
    let (class, until) = (&manifest.class, manifest.retention_until);
    facts.push(Fact {
        name: ("보존", "Retention"),
        ko: format!("{class}, {until}까지"),
        en: format!("{class}, until {until}"),
    });
    facts.push(match origin {
        Origin::Signalled | Origin::AudioAlone => {
            Fact::same(("규칙집 해시 (BLAKE3)", "Hash of the rules (BLAKE3)"), verdict.rule_set.to_string())
        }
        Origin::Imported => {
            let none =
                ("이 장치의 규칙으로 녹취한 것이 아님", "it was not recorded by rules of this recorder");
            Fact::both(("규칙", "Rule"), none)
        }
    });
    facts.push(kept_time(origin, circumstances));
    Section { name: ("규칙과 보존", "Rule and retention"), facts }
}

/// How the clock was kept that the times are of.
fn kept_time(origin: Origin, circumstances: &Circumstances) -> Fact {
    let name = ("시계", "Clock");
    match (origin, &circumstances.clock) {
        (Origin::Imported, _) => {
            let other = (
                "다른 녹취 시스템의 시계: 알려진 것이 없음",
                "that of another recorder: nothing is known of it",
            );
            Fact::both(name, other)
        }
        (Origin::Signalled | Origin::AudioAlone, Some((ko, en))) => {
            Fact { name, ko: ko.clone(), en: en.clone() }
        }
        (Origin::Signalled | Origin::AudioAlone, None) => {
            let untold = (
                "녹취 장치가 시계의 동기 상태를 알리지 않았습니다",
                "the recorder told nothing of how its clock was kept",
            );
            Fact::both(name, untold)
        }
    }
}

fn missing(manifest: &Manifest, zone: Tz) -> Section {
    let summary = &manifest.summary;
    let flags = summary.flags.iter().map(|flag| Fact::both(("알림", "Remark"), words::flag(*flag)));
    let gaps = summary.gaps.iter().take(GAPS).map(|gap| told_gap(gap, zone));
    let mut facts: Vec<Fact> = flags.chain(gaps).collect();
    if summary.gaps.len() > GAPS {
        let more = summary.gaps.len() - GAPS;
        let (ko, en) = (format!("그 밖에 {more}곳"), format!("and {more} more"));
        facts.push(Fact { name: ("빠진 음성", "Missing audio"), ko, en });
    }
    if summary.gaps.is_empty() {
        let none = match Origin::of(summary) {
            Origin::Signalled | Origin::AudioAlone => {
                ("보관된 음성 안에 빠진 곳이 없습니다", "there is no gap in the audio that is kept")
            }
            Origin::Imported => (
                "원래의 녹취에 빠진 곳이 있었는지는 알 수 없습니다",
                "whether the other recorder missed any is not known",
            ),
        };
        facts.push(Fact::both(("빠진 음성", "Missing audio"), none));
    }
    Section { name: ("빠진 것", "What is missing"), facts }
}

fn told_gap(gap: &Gap, zone: Tz) -> Fact {
    let ((who_ko, who_en), (why_ko, why_en)) = (words::leg(gap.leg), words::cause(gap.cause));
    let (at, ms) = (clock(gap.at, zone), gap.ms);
    Fact {
        name: ("빠진 음성", "Missing audio"),
        ko: format!("{at}부터 {ms}밀리초 동안 {who_ko}의 음성 없음: {why_ko}"),
        en: format!("{ms} ms of the {who_en} from {at}: {why_en}"),
    }
}
