//! A share of the officer's key on paper: Korean and English side by side, as HTML to be printed and as plain text.

use chrono::NaiveDate;
use earwitness_vault::Share;
use qrcode::{EcLevel, QrCode, render::svg};
use zeroize::Zeroizing;

/// Bytes for the words of a sheet: it has some 4,000.
const WORDS: usize = 16 << 10;

/// How a sheet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SheetForm {
    Html,
    Text,
}

/// A share, and what its sheet tells of it.
pub(crate) struct PrintedShare<'s> {
    pub(crate) share: &'s Share,
    pub(crate) vault: [u8; 16],
    /// The officer's public key.
    pub(crate) officer: String,
    pub(crate) on: NaiveDate,
}

/// A sentence in both languages.
struct Both {
    ko: String,
    en: String,
}

impl PrintedShare<'_> {
    /// The sheet, wiped when it is dropped.
    pub(crate) fn sheet(&self, form: SheetForm) -> Zeroizing<String> {
        let picture = match form {
            SheetForm::Html => self.picture(),
            SheetForm::Text => Zeroizing::default(),
        };
        // Room for all of it: what grows leaves what it held behind.
        let mut sheet = Zeroizing::new(String::with_capacity(picture.len() + WORDS));
        match form {
            SheetForm::Html => self.html(&picture, &mut sheet),
            SheetForm::Text => self.text(&mut sheet),
        }
        debug_assert!(sheet.capacity() == picture.len() + WORDS, "it grew");
        sheet
    }

    /// Whether it is the whole key.
    const fn is_whole(&self) -> bool {
        self.share.threshold() == 1
    }

    fn title(&self) -> Both {
        if self.is_whole() {
            return both("녹취 책임자 키 복구 용지", "Recovery sheet: the officer's key");
        }
        let (place, count, needed) = (self.share.place(), self.share.count(), self.share.threshold());
        Both {
            ko: format!("녹취 책임자 키 조각 {place}/{count} ({needed}장이 모이면 키가 됩니다)"),
            en: format!("Share {place} of {count} of the officer's key ({needed} make the key)"),
        }
    }

    fn worth(&self) -> Both {
        if self.is_whole() {
            return both(
                "이 용지가 곧 키입니다. 암호 없이도 모든 녹취를 열 수 있으므로 봉인하여 금고에 보관하고, 사진을 찍거나 복사하지 마십시오.",
                "This sheet is the key. It opens every recording without a passphrase: seal it, keep it in a safe, and neither photograph nor copy it.",
            );
        }
        let (needed, less) = (self.share.threshold(), self.share.threshold().saturating_sub(1));
        Both {
            ko: format!(
                "서로 다른 조각 {needed}장이 모이면 모든 녹취를 열 수 있고, {less}장까지는 아무것도 알 수 없습니다. 다른 조각과 따로 보관하고, 사진을 찍거나 복사하지 마십시오."
            ),
            en: format!(
                "Any {needed} different shares open every recording; {less} of them tell nothing. Keep it apart from the others, and neither photograph nor copy it."
            ),
        }
    }

    fn steps(&self) -> [Both; 4] {
        let files = if self.is_whole() {
            both(
                "위의 S1–S5 줄을 보이는 그대로 텍스트 파일에 입력합니다(대소문자와 띄어쓰기는 상관없음). 또는 QR 코드를 읽어 그 글자를 파일에 저장합니다.",
                "Type the lines S1 to S5 into a text file as they stand (case and spaces do not count), or read the QR code and save its text.",
            )
        } else {
            Both {
                ko: format!(
                    "조각 {}장을 모아, 조각마다 텍스트 파일 하나에 S1–S5 줄을 입력하거나 QR 코드를 읽어 저장합니다.",
                    self.share.threshold()
                ),
                en: format!(
                    "Bring {} shares together. For each, type the lines S1 to S5 into a text file of its own, or read the QR code and save its text.",
                    self.share.threshold()
                ),
            }
        };
        [
            files,
            both(
                "earwitness keys join 파일… -o officer.age 를 실행합니다. 잘못 입력한 줄은 S1–S5 로 알려 줍니다.",
                "Run: earwitness keys join FILE… -o officer.age. A mistyped line is named, S1 to S5.",
            ),
            both(
                "earwitness keys unlock --officer-key officer.age 로 확인합니다. officer.age 는 일반 age 프로그램으로도 열립니다.",
                "Try it: earwitness keys unlock --officer-key officer.age. The ordinary age program opens officer.age too.",
            ),
            both(
                "끝나면 입력한 파일을 지우고 용지를 다시 보관합니다. 키를 교체하면(keys rotate) 이 용지로는 예전 키 백업만 열리므로 파기하십시오.",
                "Afterwards remove the typed files and lock the sheet away again. After `keys rotate` it opens old backups of the keys only: then destroy it.",
            ),
        ]
    }

    /// Which vault and officer it is of, and of which day.
    fn of(&self) -> [(&'static str, String); 3] {
        [
            ("보관소 / vault", format!("{:032x}", u128::from_be_bytes(self.vault))),
            ("책임자 공개키 / officer's public key", self.officer.clone()),
            ("만든 날 / made on", self.on.to_string()),
        ]
    }

    fn text(&self, text: &mut String) {
        let (title, worth) = (self.title(), self.worth());
        text.push_str(&format!("{}\n{}\n\n", title.ko, title.en));
        for (name, value) in self.of() {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push_str(&format!("\n{}\n{}\n\n", worth.ko, worth.en));
        text.push_str(self.share.lines().text());
        text.push_str("\n복구 방법 / How to restore\n");
        for (number, step) in (1..).zip(self.steps()) {
            text.push_str(&format!("{number}) {}\n   {}\n", step.ko, step.en));
        }
    }

    fn html(&self, picture: &str, page: &mut String) {
        let (title, worth) = (self.title(), self.worth());
        let of: String = self.of().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).concat();
        let steps: String = self
            .steps()
            .map(|step| format!("<li><p lang=\"ko\">{}</p><p lang=\"en\">{}</p></li>\n", step.ko, step.en))
            .concat();
        page.push_str(&format!(
            "<!doctype html>\n<html lang=\"ko\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>{STYLE}</style></head>\n<body>\n\
             <h1><span lang=\"ko\">{}</span><span lang=\"en\">{}</span></h1>\n<dl>{of}</dl>\n\
             <div class=\"worth\"><p lang=\"ko\">{}</p><p lang=\"en\">{}</p></div>\n\
             <div class=\"share\">\n<pre>\n",
            title.en, title.ko, title.en, worth.ko, worth.en,
        ));
        page.push_str(self.share.lines().text());
        page.push_str("</pre>\n<div class=\"code\">");
        page.push_str(picture);
        page.push_str(&format!(
            "</div>\n</div>\n<h2>복구 방법 / How to restore</h2>\n<ol>\n{steps}</ol>\n</body></html>\n"
        ));
    }

    /// The share's code as a picture; nothing where it could not be drawn, for the lines are all there is to it.
    fn picture(&self) -> Zeroizing<String> {
        let code = self.share.code();
        let drawn = QrCode::with_error_correction_level(code.as_bytes(), EcLevel::M).map(|code| {
            let svg = Zeroizing::new(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build());
            // What stands before the picture belongs to a file of its own.
            svg.find("<svg").map(|at| svg[at..].to_owned()).unwrap_or_default()
        });
        Zeroizing::new(drawn.unwrap_or_default())
    }
}

fn both(ko: &str, en: &str) -> Both {
    Both { ko: ko.to_owned(), en: en.to_owned() }
}

const STYLE: &str = "@page{size:A4;margin:18mm}body{font:11pt/1.45 'Noto Sans KR','Malgun Gothic',sans-serif;max-width:174mm;margin:auto}\
h1{font-size:15pt;border-bottom:2px solid}h1 span{display:block}[lang=en]{color:#333}p{margin:.2em 0}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.2em 1em}dt{color:#555}dd{margin:0;font-family:monospace;overflow-wrap:anywhere}\
.worth{border:1px solid;padding:.4em .8em;margin:1em 0}.share{display:flex;gap:8mm;align-items:center;break-inside:avoid}\
pre{font:15pt/1.7 monospace;margin:0}.code svg{width:48mm;height:48mm}li{margin:.4em 0}";

#[cfg(test)]
mod tests {
    use earwitness_vault::{OfficerKey, join_shares, split_key};

    use super::*;

    fn printed<'s>(share: &'s Share, officer: &OfficerKey) -> PrintedShare<'s> {
        let officer = officer.recipient().to_string();
        PrintedShare { share, vault: [0xab; 16], officer, on: "2026-11-22".parse().unwrap() }
    }

    #[test]
    fn a_sheet_reads_back_as_its_share_in_both_forms() {
        let key = OfficerKey::generate();
        let shares = split_key(&key, 5, 3).unwrap();
        for form in [SheetForm::Html, SheetForm::Text] {
            let read: Vec<Share> = shares[..3]
                .iter()
                .map(|share| {
                    Share::read(&printed(share, &key).sheet(form)).unwrap_or_else(|e| panic!("{form:?}: {e}"))
                })
                .collect();
            assert_eq!(join_shares(&read).unwrap().recipient().to_string(), key.recipient().to_string());
        }
        let whole = Share::whole(&key).unwrap();
        let read = Share::read(&printed(&whole, &key).sheet(SheetForm::Html)).unwrap();
        assert_eq!(join_shares(&[read]).unwrap().recipient().to_string(), key.recipient().to_string());
    }

    #[test]
    fn a_sheet_says_of_what_it_is_in_korean_and_english() {
        let key = OfficerKey::generate();
        let share = &split_key(&key, 5, 3).unwrap()[1];
        for form in [SheetForm::Html, SheetForm::Text] {
            let sheet = printed(share, &key).sheet(form);
            for part in [
                "조각 2/5",
                "Share 2 of 5",
                "abababababababababababababababab",
                &key.recipient().to_string(),
                "2026-11-22",
                "3장이 모이면",
                "2 of them tell nothing",
                "earwitness keys join",
            ] {
                assert!(sheet.contains(part), "{form:?}: {part}");
            }
            assert!(!sheet.contains("AGE-SECRET-KEY"), "{form:?}");
        }
        assert!(printed(share, &key).sheet(SheetForm::Html).contains("<svg"));
    }
}
