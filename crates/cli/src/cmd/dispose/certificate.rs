//! `earwitness dispose certificate`: to be printed, in Korean and English.

use std::{collections::BTreeMap, io::Write};

use earwitness_vault::{Certificate, Vault};

use crate::{
    cmd::Form,
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::{bytes, counted, printable},
};

/// A shorter beginning of a name is not looked for.
const SHORTEST: usize = 4;

pub(super) fn list(context: &Context, vault: &Vault) -> Outcome {
    let mut out = context.out();
    let names = vault.certificates()?;
    if names.is_empty() {
        context.say("nothing was ever destroyed");
    }
    for name in names {
        let certificate = read(vault, &name)?;
        let recordings = counted(certificate.recordings.len() as u64, "recording");
        writeln!(out, "{name}  {}  {recordings}  by {}", certificate.at, certificate.by)?;
    }
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, vault: &Vault, (name, form): (&str, Form)) -> Outcome {
    let named = named(&vault.certificates()?, &name.to_ascii_uppercase())?;
    if form == Form::Json {
        write!(context.out(), "{}", vault.certificate(&named)?)?;
        return Ok(Exit::Done);
    }
    let certificate = read(vault, &named)?;
    let mut out = context.out();
    write!(out, "{}", page(&certificate))?;
    if !certificate.stale_key_backups.is_empty() && !is_still_stale(vault, &certificate)? {
        writeln!(out, "이후 갱신됨 · refreshed since: no backup of keys holds any of them now")?;
    }
    Ok(Exit::Done)
}

/// The one certificate that is called so, or whose name begins so.
fn named(known: &[String], wanted: &str) -> Result<String, Failure> {
    let begins = |name: &&String| wanted.len() >= SHORTEST && name.starts_with(wanted);
    match known.iter().filter(begins).collect::<Vec<_>>()[..] {
        [only] => Ok(only.clone()),
        // The vault says that there is none.
        [] => Ok(wanted.to_owned()),
        ref several => {
            let several = counted(several.len() as u64, "certificate");
            let why = format_args!("{several} begin with {}: write more of the name", printable(wanted));
            Err(Failure::new(Exit::Usage, why))
        }
    }
}

fn read(vault: &Vault, name: &str) -> Result<Certificate, Failure> {
    let text = vault.certificate(name)?;
    Certificate::verified(&text, &vault.verifying_key())
        .map_err(|why| Failure::new(Exit::Broken, format_args!("certificate {name}: {why}")))
}

/// Whether a backup of keys named in a certificate still holds something that was destroyed.
fn is_still_stale(vault: &Vault, certificate: &Certificate) -> Result<bool, Failure> {
    let backups = vault.key_backups()?;
    let mut stale = backups.iter().filter(|backup| backup.destroyed_since > 0);
    Ok(stale.any(|backup| {
        let id = backup.id.to_string();
        certificate.stale_key_backups.iter().any(|named| named.id == id)
    }))
}

/// What was done to the keys, and what that means, in Korean and English: no more than is so.
fn what_was_done(certificate: &Certificate) -> Vec<String> {
    let all = certificate.recordings.len();
    let lost = certificate.recordings.iter().filter(|one| !one.key_was_there).count();
    let mut lines = Vec::new();
    if lost < all {
        lines.push("보관 기간이 끝난 녹취의 암호 키를 보관소에서 덮어써 파기하였습니다.".to_owned());
        lines.push(
            "The keys of these recordings were overwritten in the vault when their time was over.".to_owned(),
        );
    }
    if lost > 0 {
        lines.push(format!("{all}건 가운데 {lost}건은 키가 이전에 이미 없어져 덮어쓸 키가 없었습니다."));
        lines.push(format!("Of {lost} of {all} the key was lost before: there was none to overwrite."));
    }
    if certificate.stale_key_backups.is_empty() {
        lines.push(
            "보관소가 아는 키 백업에 남은 키가 없으므로 보관소와 백업의 어떠한 파일로도 복원할 수 없습니다."
                .to_owned(),
        );
        lines.push(
            "No backup of keys that the vault knows of holds any of them: no copy of the volumes can be opened for them."
                .to_owned(),
        );
    } else {
        lines.push(
            "아래의 키 백업에 키가 남아 있어, 갱신할 때까지는 그 키로 사본을 열 수 있습니다.".to_owned(),
        );
        lines.push(
            "Backups of keys that are named below still hold keys: until they are refreshed, those keys open copies of the recordings."
                .to_owned(),
        );
    }
    lines.push("그 전에 제공되었거나 내보낸 사본은 받은 사람에게 남아 있습니다.".to_owned());
    lines.push("What was exported or given to somebody before remains with whoever has it.".to_owned());
    lines
}

fn page(certificate: &Certificate) -> String {
    let mut lines = vec![
        "녹취 파기 확인서 · Certificate of disposal".to_owned(),
        String::new(),
        format!("확인서 번호 · certificate    {}", certificate.run),
        format!("보관소 · vault               {}", certificate.vault),
        format!("파기 일시 · destroyed at     {} ({})", certificate.at, certificate.zone),
        format!("처리자 · by                  {}", certificate.by),
        format!("파기 건수 · recordings       {}", certificate.recordings.len()),
        String::new(),
    ];
    lines.extend(what_was_done(certificate));
    lines.push(String::new());
    let mut sums: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for one in &certificate.recordings {
        let rule = one.rule.as_deref().unwrap_or("-");
        let sum = sums.entry((&one.class, &one.day, &one.kept_until, rule)).or_default();
        *sum = (sum.0 + 1, sum.1 + one.sealed_bytes);
    }
    lines.push(
        "등급 class · 통화일 day · 보관기한 kept until · 규칙 rule · 건수 recordings · 크기 size".to_owned(),
    );
    for ((class, day, until, rule), (count, size)) in sums {
        lines.push(format!("  {class} · {day} · {until} · {rule} · {count} · {}", bytes(size as f64)));
    }
    lines.push(String::new());
    lines.push("녹취 번호 · recordings".to_owned());
    for one in &certificate.recordings {
        let note = if one.key_was_there { "" } else { "  (키 없음 · its key was lost before)" };
        lines.push(format!("  {}{note}", one.recording));
    }
    if !certificate.held.is_empty() {
        lines.push(String::new());
        lines.push("보존 조치로 파기하지 않음 · kept by holds".to_owned());
        for held in &certificate.held {
            let until = held.hold_until.as_deref().unwrap_or("해제 시 · released");
            lines.push(format!("  {}  {} → {until}  hold {}", held.recording, held.kept_until, held.hold));
        }
    }
    if !certificate.stale_key_backups.is_empty() {
        lines.push(String::new());
        lines.push("아직 키가 남은 키 백업 · backups of keys that still hold some of these keys".to_owned());
        for backup in &certificate.stale_key_backups {
            lines.push(format!("  {} ({})  {}  {} keys", backup.label, backup.id, backup.taken, backup.keys));
        }
    }
    lines.push(String::new());
    lines.push("서명 확인됨 · signature verified with the recorder's key".to_owned());
    lines.push("확인 · checked by  ______________________    일자 · date  ____________".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use earwitness_vault::{DisposedRecording, StaleKeyBackup};

    use super::*;

    fn certificate(keys_were_there: &[bool], stale: usize) -> Certificate {
        let recordings = keys_were_there.iter().map(|key_was_there| DisposedRecording {
            recording: "01KB".into(),
            call: None,
            class: "citizen-90d".into(),
            day: "2026-08-01".into(),
            kept_until: "2026-10-30".into(),
            rule: None,
            rule_set: None,
            sealed_bytes: 1,
            sealed_blake3: None,
            key_was_there: *key_was_there,
        });
        let backup = |_| StaleKeyBackup { id: "b1".into(), label: "safe".into(), taken: "t".into(), keys: 1 };
        Certificate {
            schema: 1,
            vault: "00".into(),
            run: "01KB2M".into(),
            at: "2026-11-22".into(),
            zone: "Asia/Seoul".into(),
            by: "uid 0".into(),
            recordings: recordings.collect(),
            ended_days: Vec::new(),
            held: Vec::new(),
            stale_key_backups: (0..stale).map(backup).collect(),
        }
    }

    #[test]
    fn a_certificate_says_overwritten_and_never_to_be_opened_only_where_that_is_so() {
        let [overwritten, none_opens, lost, stale] = [
            ("덮어써 파기하였습니다", "were overwritten in the vault"),
            ("복원할 수 없습니다", "no copy of the volumes can be opened"),
            ("덮어쓸 키가 없었습니다", "the key was lost before"),
            ("그 키로 사본을 열 수 있습니다", "those keys open copies"),
        ];
        for (keys, backups, said, unsaid) in [
            (&[true, true][..], 0, &[overwritten, none_opens][..], &[lost, stale][..]),
            (&[true, false], 0, &[overwritten, none_opens, lost], &[stale]),
            (&[false], 0, &[none_opens, lost], &[overwritten, stale]),
            (&[true], 1, &[overwritten, stale], &[none_opens, lost]),
            (&[false], 1, &[stale, lost], &[overwritten, none_opens]),
        ] {
            let page = page(&certificate(keys, backups));
            for (ko, en) in said {
                assert!(page.contains(ko) && page.contains(en), "{ko}: {page}");
            }
            for (ko, en) in unsaid {
                assert!(!page.contains(ko) && !page.contains(en), "{ko}: {page}");
            }
        }
    }

    #[test]
    fn a_beginning_names_a_certificate_only_when_it_is_the_only_one() {
        let known = ["01KB2M1", "01KB2N2"].map(str::to_owned);
        assert_eq!(named(&known, "01KB2M").ok().as_deref(), Some("01KB2M1"));
        assert_eq!(named(&known, "01KC").ok().as_deref(), Some("01KC"), "the vault says that there is none");
        let refused = named(&known, "01KB").unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(refused.to_string().contains("2 certificates begin with 01KB"), "{refused}");
    }
}
