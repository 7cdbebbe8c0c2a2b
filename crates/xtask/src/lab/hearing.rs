//! What was spoken and what is heard: WAV files, and how alike they are.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// How alike the spoken and the recorded must be, at the best offset.
pub(super) const ALIKE: f64 = 0.95;
/// How alike the wrong one may be.
pub(super) const UNLIKE: f64 = 0.5;
/// Samples of a second of a telephone's audio.
pub(super) const SECOND: usize = 8_000;
/// Samples by which the offset is looked for.
const WINDOW: usize = 2_400;

/// Samples that are one in a first look.
const THIN: usize = 4;
/// Places that are looked at twice: a voice is like itself a period later.
const CANDIDATES: usize = 64;

/// Where in what is heard something was spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Seconds from the beginning of what is heard to that of what was spoken.
    pub(super) at_s: f64,
    /// How alike they are there, over all that both have: 1 is the same.
    pub(super) likeness: f64,
}

/// A channel of a WAV file, read by sox.
///
/// # Errors
/// When sox cannot read it: silence would be like nobody's voice, and a check that it is not somebody's would hold.
pub(super) fn samples(path: &Path, channel: usize) -> Result<Vec<f32>> {
    let mut sox = Command::new("sox");
    sox.arg(path).args(["-t", "s16", "-L", "-", "remix", &channel.to_string()]);
    let output = sox.output().context("cannot start sox")?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "sox cannot read channel {channel} of {}: {}",
        path.display(),
        why.trim()
    );
    let pairs = output.stdout.chunks_exact(2);
    Ok(pairs.map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect())
}

/// How alike they are, at the offset where the loudest part of what was spoken fits best.
pub(super) fn likeness(heard: &[f32], spoken: &[f32]) -> f64 {
    place(heard, spoken).map_or(0.0, |place| place.likeness)
}

/// Where the loudest part of what was spoken fits best, and the normalised cross-correlation of all of it there.
pub(super) fn place(heard: &[f32], spoken: &[f32]) -> Option<Place> {
    let loudest = (0..spoken.len().saturating_sub(WINDOW))
        .step_by(WINDOW / 4)
        .max_by(|a, b| energy(&spoken[*a..*a + WINDOW]).total_cmp(&energy(&spoken[*b..*b + WINDOW])))?;
    let part = &spoken[loudest..loudest + WINDOW];
    let (best, _) = fits(&thinned(heard), &thinned(part))
        .into_iter()
        .take(CANDIDATES)
        .filter_map(|(coarse, _)| {
            let from = (coarse * THIN).saturating_sub(2 * THIN);
            let until = ((coarse + 2) * THIN + WINDOW).min(heard.len());
            let (at, fit) = *fits(heard.get(from..until)?, part).first()?;
            Some((from + at, fit))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let begin = best as i64 - loudest as i64;
    let skipped = usize::try_from(-begin).unwrap_or(0);
    let heard = &heard[usize::try_from(begin).unwrap_or(0)..];
    let likeness = correlation(heard, &spoken[skipped.min(spoken.len())..]);
    Some(Place { at_s: begin as f64 / SECOND as f64, likeness })
}

/// Where `part` fits into what is heard, and how well, the best first.
fn fits(heard: &[f32], part: &[f32]) -> Vec<(usize, f32)> {
    let fit = |there: &[f32]| {
        let (mut product, mut energy) = (0.0_f32, 1.0_f32);
        for (a, b) in there.iter().zip(part) {
            product += a * b;
            energy += a * a;
        }
        product / energy.sqrt()
    };
    let mut fits: Vec<(usize, f32)> = heard.windows(part.len().max(1)).map(fit).enumerate().collect();
    fits.sort_by(|a, b| b.1.total_cmp(&a.1));
    fits
}

/// Every so many samples as their mean: enough to find where to look, in a sixteenth of the time.
fn thinned(samples: &[f32]) -> Vec<f32> {
    samples.chunks_exact(THIN).map(|few| few.iter().sum::<f32>() / THIN as f32).collect()
}

/// The part between two times, in seconds.
pub(super) fn between(samples: &[f32], from_s: f64, to_s: f64) -> &[f32] {
    let at = |seconds: f64| ((seconds * SECOND as f64).max(0.0) as usize).min(samples.len());
    &samples[at(from_s)..at(to_s).max(at(from_s))]
}

/// The mean amplitude: 0 is silence.
pub(super) fn loudness(samples: &[f32]) -> f64 {
    (energy(samples) / samples.len().max(1) as f64).sqrt()
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
    fn a_file_that_cannot_be_read_is_an_error_and_no_silence() {
        assert!(samples(Path::new("there is no such.wav"), 1).is_err());
    }

    #[test]
    fn what_was_spoken_is_found_at_any_offset_and_something_else_is_not() {
        let tone = |step: f32| {
            (0..5_200).map(move |at| 8_000.0 * (at as f32 * at as f32 * step).sin()).collect::<Vec<_>>()
        };
        let (spoken, other) = (tone(3e-5), tone(7e-5));
        let heard =
            [vec![0.0; 70], spoken.iter().map(|sample| sample * 0.7).collect(), vec![0.0; 30]].concat();
        assert!(likeness(&heard, &spoken) > 0.99);
        assert!(likeness(&heard, &other) < UNLIKE);
        assert!(likeness(&[], &spoken).abs() < f64::EPSILON);
        let at = place(&heard, &spoken).map(|place| (place.at_s * SECOND as f64).round());
        assert_eq!(at, Some(70.0));
    }
}
