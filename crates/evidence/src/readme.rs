//! What a recipient reads first: a page for a browser, which needs nothing else, and the same in short as text.

use chrono_tz::Tz;
use earwitness_vault::Manifest;

use crate::{
    html::escaped,
    list::put,
    name::*,
    origin::Origin,
    recipient::Recipient,
    told::{Circumstances, Section, told},
};

const TITLE: (&str, &str) = ("통화 녹취 증거 묶음", "Evidence bundle of a recorded telephone call");

/// What lies before the reader, by how it came to be known.
const fn what(origin: Origin) -> (&'static str, &'static str) {
    match origin {
        Origin::Signalled => (
            "이것은 관공서의 통화 한 건을 녹취한 기록의 사본입니다. 소리(audio.wav), 전화망에서 실제로 오간 패킷(call.pcapng), 녹취 당시에 \
             봉인·서명된 명세(manifest.bin), 봉인된 원본 그대로의 블록(sealed/), 그리고 원장(ledger/)에 이 녹취가 기록되어 있다는 증명이 들어 \
             있습니다. 모든 파일의 해시는 LIST.txt에 있고, 녹취 장치의 열쇠로 서명되어 있습니다.",
            "This is a copy of the recording of one telephone call of a public office. It has the sound (audio.wav), the packets as they \
             crossed the telephone network (call.pcapng), the manifest that was signed when the call was sealed (manifest.bin), the sealed \
             blocks of the original as they lie in the vault (sealed/), and the proof that the office's ledger tells of this recording \
             (ledger/). The hashes of all files stand in LIST.txt, which the recorder's key signed.",
        ),
        Origin::AudioAlone => (
            "이것은 관공서의 통화 한 건을 녹취한 기록의 사본입니다. 통화의 신호는 보지 못하였고, 음성만 관찰하였습니다. 소리(audio.wav), \
             전화망에서 실제로 오간 음성 패킷(call.pcapng), 녹취 당시에 봉인·서명된 명세(manifest.bin), 봉인된 원본 그대로의 블록(sealed/), \
             그리고 원장(ledger/)에 이 녹취가 기록되어 있다는 증명이 들어 있습니다. 모든 파일의 해시는 LIST.txt에 있고, 녹취 장치의 열쇠로 \
             서명되어 있습니다.",
            "This is a copy of the recording of one telephone call of a public office. No signalling of the call was seen, only its \
             audio. It has the sound (audio.wav), the packets of audio as they crossed the telephone network (call.pcapng), the manifest \
             that was signed when the call was sealed (manifest.bin), the sealed blocks of the original as they lie in the vault \
             (sealed/), and the proof that the office's ledger tells of this recording (ledger/). The hashes of all files stand in \
             LIST.txt, which the recorder's key signed.",
        ),
        Origin::Imported => (
            "이것은 다른 녹취 시스템이 만든 파일을 관공서가 가져와 보관한 기록의 사본입니다. 이 녹취 장치는 그 통화를 관찰하지 않았습니다. \
             서명은 가져온 때부터 바뀌지 않았다는 것만 증명하며, 그 전의 일은 증명하지 않습니다. 소리(audio.wav), 같은 소리를 담아 파일로 만든 \
             패킷(call.pcapng: 전화망에서 오간 것이 아님), 가져온 때에 봉인·서명된 명세(manifest.bin), 봉인된 블록(sealed/), 그리고 \
             원장(ledger/)에 이 녹취가 기록되어 있다는 증명이 들어 있습니다. 모든 파일의 해시는 LIST.txt에 있고, 녹취 장치의 열쇠로 서명되어 \
             있습니다.",
            "This is a copy of a recording that another recorder made and that the office imported from its file. This recorder saw \
             nothing of the call. The signatures prove that nothing was changed since it was imported, and nothing of what was before. \
             It has the sound (audio.wav), the same sound as packets that were made of the file (call.pcapng: they were on no network), \
             the manifest that was signed when it was imported (manifest.bin), the sealed blocks as they lie in the vault (sealed/), and \
             the proof that the office's ledger tells of this recording (ledger/). The hashes of all files stand in LIST.txt, which the \
             recorder's key signed.",
        ),
    }
}

/// How to check it, in three ways; the third is done with other people's programs.
const HOW: [(&str, &str, &str); 3] = [
    (
        "기관에 설치된 프로그램으로 확인합니다. 기관이 공표한 공개 열쇠(recorder.pub)를 따로 받아 함께 주십시오. 묶음 안의 열쇠만으로는 \
         내용이 서로 맞는지만 알 수 있고, 누구의 것인지는 알 수 없습니다.",
        "With the program of the office. Get the public key (recorder.pub) from the office itself, by another way than this bundle: \
         the key inside shows that everything fits together, but not whose it is.",
        "earwitness verify BUNDLE.zip --key recorder.pub",
    ),
    (
        "설치가 필요 없는 검증 프로그램 한 개로, 인터넷 없이 확인합니다.",
        "With one program that needs no installation and no network.",
        "earwitness-verify BUNDLE.zip --key recorder.pub",
    ),
    (
        "다른 사람들의 프로그램으로: 압축을 푼 폴더에서 파일의 해시와 목록의 서명을 확인하고, 소리와 패킷을 열어 봅니다.",
        "With other people's programs: in the unpacked folder, check the hashes of the files and the signature of the list, and open \
         the sound and the packets.",
        "sha256sum -c SHA256SUMS\n\
         openssl pkeyutl -verify -pubin -inkey recorder.pem -rawin -in LIST.txt -sigfile LIST.sig\n\
         (printf 'earwitness manifest 1\\n'; tail -c +65 manifest.bin) > ../signed; head -c 64 manifest.bin > ../signature\n\
         openssl pkeyutl -verify -pubin -inkey recorder.pem -rawin -in ../signed -sigfile ../signature\n\
         wireshark call.pcapng",
    ),
];

/// The page: Korean and English side by side, the picture inside. Files of `absent` are not in the bundle.
pub(crate) fn html(
    (manifest, recipient): (&Manifest, &Recipient),
    (picture, absent): (&str, &[&str]),
    (zone, circumstances): (Tz, &Circumstances),
) -> String {
    let origin = Origin::of(&manifest.summary);
    let mut page = String::new();
    put(&mut page, format_args!("{HEAD}<title>{} · {}</title></head><body>\n", TITLE.0, TITLE.1));
    put(&mut page, format_args!("<h1>{}<br><small>{}</small></h1>\n", TITLE.0, TITLE.1));
    pair(&mut page, what(origin));
    pair(&mut page, (&recipient.note_ko, &recipient.note_en));
    for Section { name, facts } in told(manifest, recipient, (zone, circumstances)) {
        put(&mut page, format_args!("<h2>{} · {}</h2>\n<table>\n", name.0, name.1));
        for fact in facts {
            let (ko, en) = (escaped(&fact.ko), escaped(&fact.en));
            let (name_ko, name_en) = fact.name;
            if ko == en {
                put(
                    &mut page,
                    format_args!("<tr><th>{name_ko}<br>{name_en}</th><td colspan=\"2\">{ko}</td></tr>\n"),
                );
            } else {
                put(
                    &mut page,
                    format_args!("<tr><th>{name_ko}<br>{name_en}</th><td>{ko}</td><td>{en}</td></tr>\n"),
                );
            }
        }
        page.push_str("</table>\n");
    }
    put(&mut page, format_args!("<h2>시간표 · Timeline</h2>\n<div class=\"picture\">{picture}</div>\n"));
    page.push_str("<h2>확인하는 방법 · How to check it</h2>\n<ol>\n");
    for (ko, en, command) in HOW {
        page.push_str("<li>");
        pair(&mut page, (ko, en));
        put(&mut page, format_args!("<pre>{}</pre></li>\n", escaped(command)));
    }
    page.push_str("</ol>\n<h2>들어 있는 파일 · The files</h2>\n<table>\n");
    for (name, ko, en) in files(origin).into_iter().filter(|(name, _, _)| !absent.contains(name)) {
        put(&mut page, format_args!("<tr><th>{name}</th><td>{ko}</td><td>{en}</td></tr>\n"));
    }
    page.push_str("</table>\n</body></html>\n");
    page
}

/// The text.
pub(crate) fn text(
    (manifest, recipient): (&Manifest, &Recipient),
    (zone, circumstances): (Tz, &Circumstances),
) -> String {
    let what = what(Origin::of(&manifest.summary));
    let mut text = format!("{}\n{}\n\n{}\n\n{}\n", TITLE.0, TITLE.1, what.0, what.1);
    put(&mut text, format_args!("\n{}\n\n{}\n", recipient.note_ko, recipient.note_en));
    for Section { name, facts } in told(manifest, recipient, (zone, circumstances)) {
        put(&mut text, format_args!("\n== {} · {} ==\n", name.0, name.1));
        for fact in facts {
            let both = if fact.ko == fact.en { fact.ko } else { format!("{} · {}", fact.ko, fact.en) };
            // A line of its own cannot be made by what somebody is called.
            let both: String = both.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
            put(&mut text, format_args!("{} / {}: {both}\n", fact.name.0, fact.name.1));
        }
    }
    text.push_str("\n== 확인하는 방법 · How to check it ==\n");
    for (number, (ko, en, command)) in (1..).zip(HOW) {
        put(&mut text, format_args!("\n{number}. {ko}\n   {en}\n"));
        command.lines().for_each(|line| put(&mut text, format_args!("     {line}\n")));
    }
    text
}

fn pair(page: &mut String, (ko, en): (&str, &str)) {
    put(
        page,
        format_args!(
            "<div class=\"both\"><p lang=\"ko\">{}</p><p lang=\"en\">{}</p></div>\n",
            escaped(ko),
            escaped(en)
        ),
    );
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"ko\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
<meta name=\"viewport\" content=\"width=device-width\"><style>\
body{font-family:'Noto Sans KR','Malgun Gothic','Apple SD Gothic Neo',sans-serif;max-width:1240px;margin:2em auto;padding:0 1em;color:#111}\
h1 small{font-weight:normal;font-size:.6em}h2{border-bottom:1px solid #999;margin-top:1.6em}\
.both{display:grid;grid-template-columns:1fr 1fr;gap:1.5em}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.3em .6em;overflow-wrap:anywhere}\
th{width:13em;font-weight:600}pre{background:#f3f3f3;padding:.6em;overflow:auto}.picture svg{max-width:100%;height:auto}\
@media print{body{margin:0;font-size:10pt}.both{gap:1em}}</style>";

/// Every file that a bundle may have, and what it is.
const fn files(origin: Origin) -> [(&'static str, &'static str, &'static str); 17] {
    let (sound, packets) = match origin {
        Origin::Signalled => (SOUND, ("SIP와 RTP 패킷", "the call's SIP and RTP packets")),
        Origin::AudioAlone => (SOUND, ("RTP 패킷", "the call's RTP packets")),
        Origin::Imported => (
            ("소리: 가져온 파일의 채널", "the sound: the channels of the imported file"),
            (
                "같은 소리를 담아 파일로 만든 패킷: 전화망의 것이 아님",
                "the same sound as packets made of the file: they were on no network",
            ),
        ),
    };
    [
        (README_HTML, "이 글", "this page"),
        (README_TEXT, "같은 내용의 글", "the same in short"),
        (AUDIO, sound.0, sound.1),
        (PCAPNG, packets.0, packets.1),
        (TIMELINE, "위의 그림", "the picture above"),
        (
            MANIFEST,
            "서명된 명세 (서명 64바이트, 명세)",
            "the signed manifest (64 bytes of signature, manifest)",
        ),
        (MANIFEST_TEXT, "사람이 읽는 명세", "what the manifest says, for people"),
        (SEALED, "보관소에 봉인된 블록 그대로", "the sealed blocks as they lie in the vault"),
        (SEALED_KEY, "봉인을 푸는 이 녹취만의 열쇠", "the key of this one recording, which opens them"),
        (PROOF, "원장에 기록되었다는 증명", "the proof that the ledger tells of it"),
        (CHECKPOINT, "서명된 원장의 머리", "the signed head of the ledger"),
        (RULES, "당시의 녹취 규칙", "the rules that applied"),
        (RULES_WRITTEN, "기관이 쓴 그대로의 규칙", "the rules as the office wrote them"),
        (RECIPIENT, "누구에게 왜 제공되었나", "for whom and why"),
        (
            KEY,
            "녹취 장치의 공개 열쇠 (recorder.pem도 같음)",
            "the recorder's public key (recorder.pem is the same)",
        ),
        (SUMS, "SHA-256 해시", "SHA-256 of the files"),
        (LIST, "서명된 목록 (서명: LIST.sig)", "the signed list (its signature: LIST.sig)"),
    ]
}

const SOUND: (&str, &str) = ("소리: 왼쪽 발신자, 오른쪽 수신자", "the sound: caller left, callee right");
