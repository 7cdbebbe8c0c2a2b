//! The list of an earlier recorder: CSV, with its own words for the columns.

use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;
use earwitness_model::{Direction, PacketTime};

/// Lists of more bytes are not read.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// The columns, each with the names that it goes by, in lower case.
const COLUMNS: [(Column, &[&str]); 7] = [
    (Column::File, &["file", "filename", "wav", "파일", "파일명", "녹취파일"]),
    (
        Column::Start,
        &["start", "date", "datetime", "time", "시작", "시작일시", "일시", "통화일시", "녹취일시"],
    ),
    (Column::From, &["from", "caller", "발신", "발신번호", "발신자"]),
    (Column::To, &["to", "callee", "수신", "수신번호", "착신번호", "수신자"]),
    (Column::Extension, &["extension", "ext", "내선", "내선번호"]),
    (Column::Department, &["department", "dept", "부서", "부서명"]),
    (Column::Direction, &["direction", "방향", "구분"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    File,
    Start,
    From,
    To,
    Extension,
    Department,
    Direction,
}

/// One call of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its line, from 1.
    pub(super) line: u64,
    /// The WAV file, beside the list or below it.
    pub(super) file: PathBuf,
    pub(super) start: PacketTime,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) extension: Option<String>,
    pub(super) department: Option<String>,
    pub(super) direction: Direction,
}

/// A line that is no call, without a word of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotListed {
    #[error("the line is no CSV")]
    Csv,
    #[error("no file is named, or one that is not beside the list")]
    File,
    #[error("the start is none: 2023-04-05 09:10:11, or with a zone")]
    Start,
    #[error("the direction is none: inbound, outbound, internal, 수신, 발신, 내부")]
    Direction,
}

/// Columns that a list must have, and has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first line names no column {0}: {1}")]
pub(super) struct NoColumn(&'static str, &'static str);

/// A line of the table: what it lists, or its number and why it lists nothing.
pub(super) type Line = Result<Listed, (u64, NotListed)>;

/// The lines of a list, in UTF-8 or in CP949. Times without a zone are the office's.
pub(super) fn read(bytes: &[u8], zone: Tz) -> Result<Vec<Line>, NoColumn> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // What the Windows of Korean offices writes is EUC-KR with CP949's extension.
        Err(_) => encoding_rs::EUC_KR.decode(bytes).0.into_owned(),
    };
    // Lines are counted as people count them.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut records = reader.records();
    let head = records.next().and_then(Result::ok).unwrap_or_default();
    let columns: Vec<Option<Column>> = head.iter().map(named).collect();
    for (column, name, hint) in
        [(Column::File, "file", "file, 파일명"), (Column::Start, "start", "start, 시작일시")]
    {
        if !columns.contains(&Some(column)) {
            return Err(NoColumn(name, hint));
        }
    }
    let mut lines = Vec::new();
    for (place, record) in records.enumerate() {
        let Ok(record) = record else {
            lines.push(Err((place as u64 + 2, NotListed::Csv)));
            continue;
        };
        let line = record.position().map_or(place as u64 + 2, csv::Position::line);
        lines.push(listed(line, (&columns, &record), zone).map_err(|why| (line, why)));
    }
    Ok(lines)
}

fn named(head: &str) -> Option<Column> {
    let head = head.trim().to_lowercase();
    COLUMNS.iter().find(|(_, names)| names.contains(&&*head)).map(|(column, _)| *column)
}

fn listed(
    line: u64,
    (columns, record): (&[Option<Column>], &csv::StringRecord),
    zone: Tz,
) -> Result<Listed, NotListed> {
    let cell = |wanted: Column| {
        let place = columns.iter().position(|column| *column == Some(wanted))?;
        record.get(place).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let file =
        cell(Column::File).map(|name| PathBuf::from(name.replace('\\', "/"))).ok_or(NotListed::File)?;
    if !is_beside(&file) {
        return Err(NotListed::File);
    }
    let start = cell(Column::Start).and_then(|text| moment(&text, zone)).ok_or(NotListed::Start)?;
    let direction = match cell(Column::Direction).as_deref() {
        None => Direction::Unknown,
        Some("inbound" | "in" | "수신" | "착신") => Direction::Inbound,
        Some("outbound" | "out" | "발신") => Direction::Outbound,
        Some("internal" | "내부" | "내선") => Direction::Internal,
        Some(_) => return Err(NotListed::Direction),
    };
    Ok(Listed {
        line,
        file,
        start,
        from: cell(Column::From),
        to: cell(Column::To),
        extension: cell(Column::Extension),
        department: cell(Column::Department),
        direction,
    })
}

fn is_beside(file: &Path) -> bool {
    file.components().all(|step| matches!(step, Component::Normal(_) | Component::CurDir))
}

fn moment(text: &str, zone: Tz) -> Option<PacketTime> {
    let nanos = |at: DateTime<Tz>| at.timestamp_nanos_opt().map(PacketTime::from_nanos);
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return nanos(at.with_timezone(&zone));
    }
    let forms = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y/%m/%d %H:%M:%S",
        "%Y.%m.%d %H:%M:%S",
        "%Y%m%d%H%M%S",
        "%Y-%m-%d %H:%M",
    ];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    nanos(local.and_local_timezone(zone).earliest()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEOUL: Tz = chrono_tz::Asia::Seoul;

    #[test]
    fn korean_and_english_lists_in_either_encoding_are_read() {
        let korean = "파일명,통화일시,발신번호,수신번호,내선,부서,구분\r\na\\1.wav,2023-04-05 09:10:11,01012345678,4001,4001,복지과,수신\r\n";
        let english = "file,start,from,to,ext,dept,direction\n./a/1.wav,2023-04-05T00:10:11Z,01012345678,4001,4001,복지과,inbound\n";
        let (cp949, _, _) = encoding_rs::EUC_KR.encode(korean);
        let mut with_mark = "\u{feff}".as_bytes().to_vec();
        with_mark.extend(korean.as_bytes());
        for bytes in [korean.as_bytes(), &cp949, &with_mark, english.as_bytes()] {
            let lines = read(bytes, SEOUL).unwrap();
            let one = lines[0].clone().unwrap();
            assert_eq!(one.start, PacketTime::from_nanos(1_680_653_411_000_000_000));
            assert!(one.file.ends_with("a/1.wav"));
            assert_eq!(
                (one.line, one.department.as_deref(), one.direction),
                (2, Some("복지과"), Direction::Inbound)
            );
        }
    }

    #[test]
    fn a_line_that_is_no_call_is_named_and_the_others_are_read() {
        let list = "file,start,direction\n1.wav,2023-04-05 09:10:11,\n,2023-04-05 09:10:11,\n../2.wav,2023-04-05 09:10:11,\n\
                    /etc/3.wav,2023-04-05 09:10:11,\n4.wav,soon,\n5.wav,2023-04-05 09:10:11,sideways\n";
        let found: Vec<_> =
            read(list.as_bytes(), SEOUL).unwrap().into_iter().map(|line| line.err()).collect();
        let expected = [
            None,
            Some((3, NotListed::File)),
            Some((4, NotListed::File)),
            Some((5, NotListed::File)),
            Some((6, NotListed::Start)),
            Some((7, NotListed::Direction)),
        ];
        assert_eq!(found, expected);
        assert!(read(b"name,start\n", SEOUL).is_err() && read(b"", SEOUL).is_err());
    }
}
