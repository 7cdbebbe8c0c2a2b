//! `earwitness dispose certificate`: to be printed, in Korean and English.

use std::{collections::BTreeMap, io::Write};

use earwitness_vault::{Certificate, Vault};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::{bytes, counted},
};

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

pub(super) fn show(context: &Context, vault: &Vault, (name, json): (&str, bool)) -> Outcome {
    let mut names = vault.certificates()?.into_iter();
    let wanted = name.to_ascii_uppercase();
    let named = names.find(|known| wanted.len() >= 4 && known.starts_with(&wanted)).unwrap_or(wanted);
    if json {
        write!(context.out(), "{}", vault.certificate(&named)?)?;
        return Ok(Exit::Done);
    }
    let certificate = read(vault, &named)?;
    let mut out = context.out();
    write!(out, "{}", page(&certificate))?;
    let current = still_stale(vault, &certificate)?;
    if !certificate.stale_key_backups.is_empty() && current.is_empty() {
        writeln!(out, "이후 갱신됨 · refreshed since: no backup of keys holds any of them now")?;
    }
    Ok(Exit::Done)
}

fn read(vault: &Vault, name: &str) -> Result<Certificate, Failure> {
    let text = vault.certificate(name)?;
    Certificate::verified(&text, &vault.verifying_key())
        .map_err(|why| Failure::new(Exit::Broken, format_args!("certificate {name}: {why}")))
}

/// The backups of keys named in a certificate that still hold something that was destroyed.
fn still_stale(vault: &Vault, certificate: &Certificate) -> Result<Vec<String>, Failure> {
    let backups = vault.key_backups()?;
    let stale =
        backups.into_iter().filter(|backup| backup.destroyed_since > 0).map(|backup| backup.id.to_string());
    let named = |id: &String| certificate.stale_key_backups.iter().any(|backup| backup.id == *id);
    Ok(stale.filter(named).collect())
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
        "보관 기간이 끝난 녹취의 암호 키를 덮어써 파기하였으며, 어떠한 사본으로도 복원할 수 없습니다.".to_owned(),
        "The keys of these recordings were overwritten when their time was over; no copy of them can be opened.".to_owned(),
        String::new(),
    ];
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
