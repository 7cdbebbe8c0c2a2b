//! A day's statement, Korean and English side by side, and as an object for programs.

use chrono_tz::Tz;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{
    Closing, Counted, CoverageCause, DayCounts, ExcludedBecause, FailedBecause, Statement,
};
use serde_json::{Value, json};

use super::{coverage_object, instant};

const SCHEMA: u8 = 1;

/// The statement for people, in lines.
pub(crate) fn statement_page(statement: &Statement, zone: Tz) -> String {
    let counts = &statement.counts;
    let mut page = format!("일일 명세 / Daily statement    {}  ({zone})\n\n", statement.day);
    let mut line = |name: &str, count: u64| page += &format!("  {count:>9}  {name}\n");
    line(
        match counts.counted {
            Counted::ByRecorders => {
                "확인된 통화 / calls seen (녹취기가 따로 셈 / counted by the recorders themselves)"
            }
            Counted::InPart => {
                "확인된 통화 / calls seen (일부는 원장만으로 셈 / in part by the ledger alone)"
            }
        },
        counts.seen,
    );
    line("= 녹취 / recorded", counts.recorded);
    if counts.interrupted > 0 {
        line("    그중 중단된 녹취 / of them interrupted", counts.interrupted);
    }
    line("+ 제외 / excluded", counts.excluded());
    for (because, count) in &counts.excluded {
        line(&format!("    {}", excluded_words(*because)), *count);
    }
    line("+ 실패 / failed", counts.failed());
    for (because, count) in &counts.failed {
        line(&format!("    {}", failed_words(*because)), *count);
    }
    page += &format!("\n  {}\n", balance(counts));
    page += &events(counts);
    page += &gaps(statement, zone);
    page += &format!("\n  {}\n", closed(statement, zone));
    page
}

fn balance(counts: &DayCounts) -> String {
    let (seen, accounted) = (counts.seen, counts.accounted());
    if seen == accounted {
        return "합계 일치 / every call is accounted for".to_owned();
    }
    let (ko, en) = if seen > accounted {
        ("기록 없는 통화", "calls have no row in the ledger")
    } else {
        ("셈에 없는 기록", "rows are of calls that nobody counted")
    };
    format!("합계 불일치 / NOT EQUAL: {} {ko} / {en}", seen.abs_diff(accounted))
}

fn events(counts: &DayCounts) -> String {
    let rows = [
        ("시작 / recorder started", counts.started),
        ("정상 종료 / stopped in order", counts.stopped),
        ("비정상 종료 / ended without being stopped", counts.died),
        ("규칙 변경 / rules changed", counts.rules_changed),
        ("시계 변경 / clock steps", counts.clock_steps),
        ("경보 / alarms", counts.alarms),
        ("청취 / listened to", counts.listened),
        ("반출 / exported", counts.exported),
        ("보존 지정 / held", counts.held),
        ("보존 해제 / released", counts.released),
        ("파기 / disposed of", counts.disposed),
        ("이어진 녹취, 다시 확인된 통화 / second parts, calls seen again", counts.again),
        ("읽을 수 없는 행 / rows that cannot be read", counts.unread),
    ];
    let shown = rows.iter().filter(|(_, count)| *count > 0);
    let lines: String = shown.map(|(name, count)| format!("  {count:>9}  {name}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

fn gaps(statement: &Statement, zone: Tz) -> String {
    let Some(coverage) = &statement.coverage else {
        return "\n  인터페이스 감시 없음 / no interface was watched\n".to_owned();
    };
    let mut text = match coverage.gaps.len() {
        0 => "\n  누락 구간 없음 / no gap\n".to_owned(),
        gaps => format!("\n  누락 구간 {gaps} / gaps {gaps}\n"),
    };
    for gap in &coverage.gaps {
        let frames = gap.frames.map(|frames| format!(", {frames} frames")).unwrap_or_default();
        let interface = gap.interface.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        text += &format!(
            "    {} – {}  {}{frames}{interface}\n",
            at(gap.from, zone),
            at(gap.to, zone),
            gap_words(gap.cause)
        );
    }
    text
}

fn closed(statement: &Statement, zone: Tz) -> String {
    let Some(closed) = &statement.closed else {
        return "아직 마감되지 않음 / this day is not closed".to_owned();
    };
    let content = &closed.content;
    let when = match content.closing {
        Closing::InTime => "마감 / closed",
        Closing::Late => "뒤늦은 마감 / closed late",
    };
    let rows = format!("원장 행 / rows {}..{}", content.from, content.to);
    let agrees = if statement.agrees() {
        String::new()
    } else {
        "\n  마감 행과 불일치 / THE ROW THAT CLOSED THE DAY SAYS SOMETHING ELSE".to_owned()
    };
    format!("{when} {}, {rows}, row {}{agrees}", at(closed.at, zone), closed.number)
}

/// The object that `ledger statement --json` prints: its names are a contract with scripts.
pub(crate) fn statement_object(statement: &Statement, zone: Tz) -> Value {
    let counts = &statement.counts;
    let reasons = |named: Vec<(&'static str, u64)>| -> Value {
        named.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect()
    };
    json!({
        "schema": SCHEMA,
        "day": statement.day.to_string(),
        "seen": counts.seen,
        "counted_by_recorders": counts.counted == Counted::ByRecorders,
        "recorded": counts.recorded,
        "interrupted": counts.interrupted,
        "excluded": counts.excluded(),
        "excluded_by": reasons(counts.excluded.iter().map(|(because, count)| (because.name(), *count)).collect()),
        "failed": counts.failed(),
        "failed_by": reasons(counts.failed.iter().map(|(because, count)| (because.name(), *count)).collect()),
        "balances": counts.balances(),
        "again": counts.again,
        "started": counts.started,
        "stopped": counts.stopped,
        "died": counts.died,
        "rules_changed": counts.rules_changed,
        "clock_steps": counts.clock_steps,
        "alarms": counts.alarms,
        "listened": counts.listened,
        "exported": counts.exported,
        "held": counts.held,
        "released": counts.released,
        "disposed": counts.disposed,
        "unread_rows": counts.unread,
        "coverage": statement.coverage.as_ref().map(|coverage| coverage_object(coverage, zone)),
        "closed": statement.closed.as_ref().map(|closed| json!({
            "row": closed.number,
            "at": at(closed.at, zone),
            "late": closed.content.closing == Closing::Late,
            "from_row": closed.content.from,
            "to_row": closed.content.to,
            "agrees": statement.agrees(),
        })),
        "head": statement.head.as_ref().map(|head| head.note.as_str()),
    })
}

const fn excluded_words(because: ExcludedBecause) -> &'static str {
    match because {
        ExcludedBecause::NoRule => "해당 규칙 없음 / no rule names it",
        ExcludedBecause::Never => "녹취 금지 규칙 / a rule says never",
        ExcludedBecause::InternalCall => "내부 통화 / internal call",
        ExcludedBecause::Direction => "다른 방향 / other direction",
        ExcludedBecause::SelectiveNotStarted => "선택 녹취 미시작 / selective, not started",
        ExcludedBecause::NotAnswered => "응답 없음 / not answered",
        ExcludedBecause::NoAudio => "음성 없음 / no audio",
    }
}

const fn failed_words(because: FailedBecause) -> &'static str {
    match because {
        FailedBecause::Unsaid => "사유 미기재 / an earlier version did not say why",
        FailedBecause::NoRoom => "디스크 공간 없음 / no room on the disk",
        FailedBecause::NoMemory => "메모리 부족 / no memory for its audio",
        FailedBecause::KeyNotWrapped => "키 생성 실패 / its key could not be made",
        FailedBecause::NotOpened => "녹취 시작 기록 실패 / its beginning could not be written",
        FailedBecause::TooLarge => "기록 한도 초과 / its end is too large",
        FailedBecause::RecorderDied => "녹취기 비정상 종료 / the recorder ended before it was told",
    }
}

const fn gap_words(cause: CoverageCause) -> &'static str {
    match cause {
        CoverageCause::KernelDrops => "커널 버퍼 넘침 / the kernel's ring was full",
        CoverageCause::InterfaceDrops => "네트워크 카드 손실 / the network card dropped frames",
        CoverageCause::OwnQueue => "대기열 넘침 / the recorder's queue was full",
        CoverageCause::InterfaceDown => "인터페이스 단절 / interface down",
        CoverageCause::RecorderDown => "녹취기 비정상 종료 / recorder down: killed or crashed",
        CoverageCause::RecorderStopped => "녹취기 정지 / recorder not running",
        CoverageCause::NoSignOfLife => "녹취기 무응답 / no sign of life from the recorder",
        CoverageCause::DiskFull => "디스크 가득 참 / disk full",
        CoverageCause::CallTableFull => "통화 수 한도 초과 / more calls at once than there is room for",
        CoverageCause::MemoryFull => "메모리 가득 참 / memory full",
    }
}

fn at(time: WallTime, zone: Tz) -> String {
    instant(PacketTime::from_nanos(time.nanos()), zone)
}
