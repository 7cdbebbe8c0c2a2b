//! What the system said of its clock, in a line and for a court.

use earwitness_vault::{ClockStatus, Synchronised};

/// In a line.
pub(crate) fn clock_words(status: &ClockStatus) -> String {
    let kept = match status.synchronised {
        Synchronised::Yes => "synchronised",
        Synchronised::No => "not synchronised",
    };
    let (offset, most) = (status.offset_nanos as f64 / 1e9, status.maximum_error_micros as f64 / 1e6);
    format!("{kept}, offset {offset:.6} s, at most {most:.6} s wrong")
}

/// In Korean and English, as it was said `at`.
pub(crate) fn clock_sentences(at: &str, status: &ClockStatus) -> (String, String) {
    let offset = status.offset_nanos as f64 / 1e6;
    let [estimated, most] =
        [status.estimated_error_micros, status.maximum_error_micros].map(|micros| micros as f64 / 1e3);
    match status.synchronised {
        Synchronised::Yes => (
            format!(
                "{at}: 동기됨, 보정할 차이 {offset:.3} ms, 예상 오차 {estimated:.1} ms, 최대 {most:.1} ms"
            ),
            format!(
                "{at}: kept in time, {offset:.3} ms still to be corrected, off by {estimated:.1} ms as estimated, {most:.1} ms at most"
            ),
        ),
        Synchronised::No => (
            format!("{at}: 동기되지 않음: 시각은 이 장치의 시계에 따른 것입니다"),
            format!("{at}: not kept in time by anybody: times are those of this machine's own clock"),
        ),
    }
}
