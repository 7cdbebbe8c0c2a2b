//! The page of a day that is printed, sealed and signed.

use chrono_tz::Tz;
use earwitness_evidence::escaped;
use earwitness_vault::{Statement, StoredHead};

use super::statement_page;

/// What is on it.
pub(crate) struct Page<'p> {
    pub(crate) statement: &'p Statement,
    pub(crate) head: &'p StoredHead,
    /// The name of the ledger.
    pub(crate) origin: String,
    /// The public key, as verifiers of signed notes take it.
    pub(crate) verifier: String,
    pub(crate) zone: Tz,
}

const TITLE: &str = "통화 녹취 원장 / Ledger of recorded calls";
const WHAT_IT_IS: &str = "이 면은 아래 서명된 머리글(checkpoint)까지의 원장을 고정한다. 원장이 나중에 바뀌면 이 면과 맞지 않는다.\n\
    This page fixes the ledger up to the signed head below: a ledger that is changed later does not fit it.";
const HOW: &str = "확인 / to check:  earwitness ledger verify --head FILE  (머리글을 그대로 옮긴 파일 / a file with the head as printed)";

/// For a printer that takes text.
pub(crate) fn printed_text(page: &Page<'_>) -> String {
    let statement = statement_page(page.statement, page.zone);
    let rule = "-".repeat(76);
    format!(
        "{TITLE}\n{}\n\n{statement}\n{rule}\n{WHAT_IT_IS}\n\n서명된 머리글 / signed head ({})\n\n{}\n공개 키 / public key\n{}\n\n{HOW}\n{rule}\n\n{}\n",
        page.origin,
        name(page.head),
        page.head.note,
        page.verifier,
        SIGNATURES
    )
}

const SIGNATURES: &str = "직인 / seal\n\n\n\n작성자 / prepared by    ____________________  (서명 / signature)   ______-____-____\n\n\
확인자 / checked by     ____________________  (서명 / signature)   ______-____-____\n";

const STYLE: &str = "@page{size:A4;margin:18mm}body{font:11pt/1.5 'Noto Sans CJK KR','Noto Sans KR',sans-serif;color:#000;background:#fff;max-width:174mm;margin:auto}\
h1{font-size:16pt}h2{font-size:12pt;margin-top:1.5em}pre{font:9pt/1.4 'Noto Sans Mono CJK KR',monospace;border:1px solid #888;padding:3mm;overflow-wrap:anywhere;white-space:pre-wrap}\
.s{border:0;padding:0}table{width:100%;border-collapse:collapse;margin-top:10mm;page-break-inside:avoid}td{border:1px solid #000;height:22mm;vertical-align:top;padding:2mm;width:33%}";

/// For a browser, which prints it on one sheet of A4 or more.
pub(crate) fn printed_html(page: &Page<'_>) -> String {
    let statement = escaped(&statement_page(page.statement, page.zone));
    let (origin, head, verifier) = (escaped(&page.origin), escaped(&page.head.note), escaped(&page.verifier));
    let what = escaped(WHAT_IT_IS).replace('\n', "<br>");
    format!(
        "<!doctype html>\n<html lang=\"ko\"><meta charset=\"utf-8\"><title>{TITLE} {day}</title><style>{STYLE}</style>\n\
         <h1>{TITLE}</h1><p>{origin}</p>\n<pre class=\"s\">{statement}</pre>\n<p>{what}</p>\n\
         <h2>서명된 머리글 / signed head ({name})</h2><pre>{head}</pre>\n<h2>공개 키 / public key</h2><pre>{verifier}</pre>\n<p>{how}</p>\n\
         <table><tr><td>직인 / seal</td><td>작성자 / prepared by</td><td>확인자 / checked by</td></tr></table>\n</html>\n",
        day = page.statement.day,
        name = escaped(&name(page.head)),
        how = escaped(HOW),
    )
}

fn name(head: &StoredHead) -> String {
    head.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use earwitness_vault::{Closes, DayCounts};

    use super::*;

    #[test]
    fn a_page_has_the_head_as_it_was_signed_and_room_for_the_seal() {
        let day = "2026-11-21".parse().unwrap();
        let counts = DayCounts { seen: 3, recorded: 3, ..DayCounts::default() };
        let statement = Statement { day, counts, closed: None, coverage: None, head: None };
        let note = "earwitness/00\n4\nAAAA\n\n— earwitness/00 <&>\n".to_owned();
        let head = StoredHead { path: "heads/2026-11-21.txt".into(), day, closes: Closes::Day, note };
        let page = Page {
            statement: &statement,
            head: &head,
            origin: "earwitness/00".into(),
            verifier: "key".into(),
            zone: chrono_tz::Asia::Seoul,
        };
        let text = printed_text(&page);
        assert!(text.contains("\nearwitness/00\n4\nAAAA\n\n— earwitness/00 <&>\n"), "{text}");
        assert!(text.contains("직인 / seal") && text.contains("합계 일치"), "{text}");
        let html = printed_html(&page);
        assert!(html.contains("— earwitness/00 &lt;&amp;&gt;\n") && !html.contains("<&>"), "{html}");
    }
}
