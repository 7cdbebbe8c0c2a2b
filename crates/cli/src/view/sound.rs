//! What the voices of a call are like, for people: levels, silence, clipping, echo.

use earwitness_media::Sound;
use earwitness_model::Leg;

use super::{instant::length, words::leg_word};

/// A line for each party, and one more for each echo.
pub(crate) fn voices(sounds: &[Sound; 2]) -> String {
    [Leg::Caller, Leg::Callee].into_iter().zip(sounds).map(|(leg, sound)| lines(leg, sound)).collect()
}

fn lines(leg: Leg, sound: &Sound) -> String {
    let Sound { seconds, silent_percent, level_dbm0, clipped, echo } = *sound;
    let Some(level) = level_dbm0 else {
        return format!("  {:<7} silent, all of {}\n", leg_word(leg), length(seconds));
    };
    let clipped = match clipped {
        0 => String::new(),
        clipped => format!(", {clipped} samples clipped"),
    };
    let mut text = format!(
        "  {:<7} {level:.1} dBm0, {silent_percent:.0} % of {} silent{clipped}\n",
        leg_word(leg),
        length(seconds)
    );
    if let Some(echo) = echo {
        text += &format!(
            "          comes back in the {}\'s voice after {:.0} ms, {:.0} dB weaker: echo\n",
            leg_word(leg.other()),
            echo.delay_ms,
            echo.weaker_db
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use earwitness_media::Echo;

    use super::*;

    #[test]
    fn a_voice_is_told_in_a_line_and_its_echo_in_another() {
        let caller = Sound {
            seconds: 61.0,
            silent_percent: 62.4,
            level_dbm0: Some(-18.26),
            clipped: 7,
            echo: Some(Echo { delay_ms: 180.2, weaker_db: 21.8 }),
        };
        let callee = Sound { seconds: 61.0, silent_percent: 100.0, ..Sound::default() };
        assert_eq!(
            voices(&[caller, callee]),
            "  caller  -18.3 dBm0, 62 % of 1:01 silent, 7 samples clipped\n          \
             comes back in the callee's voice after 180 ms, 22 dB weaker: echo\n  callee  silent, all of 1:01\n"
        );
    }
}
