//! Two softphones speak Korean and English to each other by way of the telephone system: the exported WAV has the caller
//! on the left and the callee on the right, and each is what was spoken.

use std::{path::Path, process::Command, thread::sleep, time::Duration};

use anyhow::{Context, Result};

use crate::{
    lab::{
        Lab,
        exchange::Exchange,
        listing,
        recorder::{self, Recorder, Settings},
        room::Host,
        softphones,
        table::Table,
    },
    process,
};

/// What the caller says, and the callee.
const KOREAN: &str =
    "안녕하세요. 여권 재발급을 신청하려고 전화드렸습니다. 필요한 서류가 무엇인지 알려 주시겠어요?";
const ENGLISH: &str =
    "Good morning, this is the passport desk. Please bring your identity card and one photograph.";

/// How alike the spoken and the recorded must be, at the best offset.
const ALIKE: f64 = 0.95;
/// How alike the wrong one may be.
const UNLIKE: f64 = 0.5;
/// Samples by which the offset is looked for.
const WINDOW: usize = 800;

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    softphones::speak(lab, "korean", "ko", KOREAN)?;
    softphones::speak(lab, "english", "en", ENGLISH)?;
    let settings = Settings::of(lab);
    let recorder = Recorder::start(lab, &settings)?;
    let exchange = Exchange::start(lab)?;
    let callee = softphones::start(lab, Host::PhonesB, "4000", "english", None)?;
    let uri = format!("sip:4000@{}", Host::Pbx.address());
    let mut caller = softphones::start(lab, Host::PhonesA, "4100", "korean", Some(&uri))?;
    sleep(Duration::from_secs(u64::from(lab.order.seconds.unwrap_or(14))));
    // A softphone hangs up before it ends.
    caller.signal("INT")?;
    caller.wait(Duration::from_secs(10))?;
    sleep(Duration::from_secs(1));
    drop(callee);
    drop(exchange);
    let ended = recorder.stop(lab)?;

    let calls = listing::calls(lab, &settings.vault)?;
    table.equal("calls listed", calls.len(), 1);
    let call = calls.first().context("there is no call")?;
    table.equal("outcome", call.outcome(), "answered");
    process::succeed(&mut lab.earwitness("export", &settings.vault, &["-q", call.id(), "-o", "call.wav"]))?;
    let spoken = [samples(&lab.path("korean.wav"), 1)?, samples(&lab.path("english.wav"), 1)?];
    let channels = [samples(&lab.path("call.wav"), 1)?, samples(&lab.path("call.wav"), 2)?];
    for (what, channel, voice, other) in [("left is the caller", 0, 0, 1), ("right is the callee", 1, 1, 0)] {
        let own = likeness(&channels[channel], &spoken[voice]);
        let wrong = likeness(&channels[channel], &spoken[other]);
        let holds = own > ALIKE && wrong < UNLIKE;
        table.check(what, format_args!("{own:.4}; the other's {wrong:.4}"), holds);
    }
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    table.figure("the recorder said", ended.log.trim().replace('\n', " | "));
    Ok(())
}

/// A channel of a WAV file, read by sox.
fn samples(path: &Path, channel: usize) -> Result<Vec<f32>> {
    let mut sox = Command::new("sox");
    sox.arg(path).args(["-t", "s16", "-L", "-", "remix", &channel.to_string()]);
    let output = sox.output().context("cannot start sox")?;
    let pairs = output.stdout.chunks_exact(2);
    Ok(pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect())
}

/// The normalised cross-correlation of all that was spoken, at the offset where its loudest part fits best.
fn likeness(heard: &[f32], spoken: &[f32]) -> f64 {
    let Some(loudest) = (0..spoken.len().saturating_sub(WINDOW))
        .step_by(WINDOW / 4)
        .max_by(|a, b| energy(&spoken[*a..*a + WINDOW]).total_cmp(&energy(&spoken[*b..*b + WINDOW])))
    else {
        return 0.0;
    };
    let part = &spoken[loudest..loudest + WINDOW];
    let best = heard
        .windows(WINDOW)
        .map(|there| {
            let (mut product, mut energy) = (0.0_f32, 1.0_f32);
            for (a, b) in there.iter().zip(part) {
                product += a * b;
                energy += a * a;
            }
            product / energy.sqrt()
        })
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(at, _)| at);
    let Some(begin) = best.map(|at| at as i64 - loudest as i64) else { return 0.0 };
    let skipped = usize::try_from(-begin).unwrap_or(0);
    let heard = &heard[usize::try_from(begin).unwrap_or(0)..];
    correlation(heard, &spoken[skipped.min(spoken.len())..])
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// Of as many samples as both have, without a shift; 0 where one is silent.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let length = a.len().min(b.len());
    let product: f32 = a[..length].iter().zip(&b[..length]).map(|(a, b)| a * b).sum();
    let norm = (energy(&a[..length]) * energy(&b[..length])).sqrt();
    if norm > 0.0 { f64::from(product) / norm } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_is_found_at_any_offset_and_something_else_is_not() {
        let tone = |step: f32| {
            (0..2_600).map(move |at| 8_000.0 * (at as f32 * at as f32 * step).sin()).collect::<Vec<_>>()
        };
        let (spoken, other) = (tone(3e-5), tone(7e-5));
        let heard =
            [vec![0.0; 70], spoken.iter().map(|sample| sample * 0.7).collect(), vec![0.0; 30]].concat();
        assert!(likeness(&heard, &spoken) > 0.99);
        assert!(likeness(&heard, &other) < UNLIKE);
        assert!(likeness(&[], &spoken).abs() < f64::EPSILON);
    }
}
