//! How the voices of a call sounded, at a glance: the worst ten seconds of each in words, and where several were bad, a
//! strip of them.

use anstyle::AnsiColor;
use earwitness_model::{StreamSummary, Stretch};

use super::{
    instant::{length, seconds_between},
    mos::{Arrived, mos_of, mos_of_stretch, worst_of},
    words::leg_word,
};
use crate::seat::Screen;

/// Cells of a strip at most. A longer call has several stretches in a cell, which shows the worst.
const CELLS: usize = 60;
/// What each level looks like: the worse the higher.
const LEVELS: [char; 6] = ['·', '▁', '▃', '▅', '▇', '█'];

/// What is to be said of the streams in which anything was wrong, times counted from the call's `begin`; empty when there is
/// none.
pub(super) fn strips(
    streams: &[StreamSummary],
    begin: earwitness_model::PacketTime,
    screen: Screen,
) -> String {
    streams.iter().filter_map(|stream| lines(stream, begin, screen)).collect()
}

fn lines(stream: &StreamSummary, begin: earwitness_model::PacketTime, screen: Screen) -> Option<String> {
    let (worst, score) = worst_of(stream)?;
    let scored = |score: Option<f64>| score.map_or_else(String::new, |score| format!("mos {score:.2}, "));
    let at = length(seconds_between(begin, worst.at));
    let said = format!(
        "{}worst 10 s at {at}: {}{} of {} lost, longest run {}, jitter {:.1} ms",
        scored(mos_of(stream)),
        scored(score),
        worst.lost,
        worst.packets + worst.lost,
        worst.longest_run,
        f64::from(worst.jitter_us) / 1e3,
    );
    let mut text = format!("  {:<7} {said}\n", leg_word(stream.of.leg));
    if stream.course.stretches.len() > 1 {
        text += &format!("          {}\n", strip(stream, screen));
    }
    Some(text)
}

/// A cell for every ten seconds, or for so many of them that there is room.
fn strip(stream: &StreamSummary, screen: Screen) -> String {
    let stretches = &stream.course.stretches;
    let first = stretches.iter().map(|stretch| stretch.at).fold(stream.first, Ord::min);
    let whole = |nanos: i64| usize::try_from(nanos / Stretch::NANOS).unwrap_or(0);
    let last = stretches.iter().map(|stretch| stretch.at).fold(stream.last, Ord::max);
    let count = whole(last.since(first)) + 1;
    let in_a_cell = count.div_ceil(CELLS);
    let mut levels = vec![0; count.div_ceil(in_a_cell)];
    for stretch in stretches {
        if let Some(level) = levels.get_mut(whole(stretch.at.since(first)) / in_a_cell) {
            *level = level_of(stream, stretch).max(*level);
        }
    }
    let cells: String = levels.into_iter().map(|level| painted(level, screen)).collect();
    let further = match stream.course.stretches_unlisted {
        0 => String::new(),
        further => format!(", {further} more were less bad"),
    };
    format!("{cells}  {} s each{further}", in_a_cell * 10)
}

/// How bad it was, 1 to 5: by its score (G.109's classes of users' satisfaction), or by what was lost.
fn level_of(stream: &StreamSummary, stretch: &Stretch) -> usize {
    let Stretch { packets, lost, .. } = *stretch;
    let arrived = Arrived { packets: packets.into(), lost: lost.into(), runs: 0, jitter_ms: None };
    let worse_than = match mos_of_stretch(stream, stretch) {
        Some(score) => [4.03, 3.60, 3.10, 2.58].map(|least| score < least),
        None => [1.0, 3.0, 5.0, 10.0].map(|most| arrived.lost_percent() > most),
    };
    1 + worse_than.into_iter().filter(|is_worse| *is_worse).count()
}

fn painted(level: usize, screen: Screen) -> String {
    let cell = LEVELS[level.min(LEVELS.len() - 1)];
    match level {
        0 => cell.to_string(),
        1 => screen.painted(cell, AnsiColor::Green),
        2 | 3 => screen.painted(cell, AnsiColor::Yellow),
        4.. => screen.painted(cell, AnsiColor::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    fn stretch(at_s: i64, lost: u32) -> Stretch {
        Stretch {
            at: sample::after(3_240 + at_s * 1000),
            packets: 500 - lost,
            lost,
            longest_run: 2,
            jitter_us: 400,
        }
    }

    fn told(stretches: Vec<Stretch>) -> String {
        let mut streams = sample::answered().summary.streams;
        streams[0].course.stretches.clear();
        streams[1].course.stretches = stretches;
        strips(&streams, sample::after(3_200), Screen::Pipe)
    }

    #[test]
    fn one_bad_stretch_is_told_in_words_and_several_are_shown() {
        assert_eq!(told(vec![]), "");
        assert_eq!(
            told(vec![stretch(20, 50)]),
            "  callee  mos 4.32, worst 10 s at 0:20: mos 3.18, 50 of 500 lost, longest run 2, jitter 0.4 ms\n"
        );
        let several = told(vec![stretch(0, 1), stretch(20, 50), stretch(30, 150), stretch(60, 25)]);
        assert_eq!(several.lines().nth(1), Some("          ▁·▅█··▃  10 s each"));
    }

    #[test]
    fn a_long_call_has_its_worst_in_each_cell() {
        let mut streams = sample::answered().summary.streams;
        streams[1].last = streams[1].first.plus_nanos(3_600_000_000_000);
        streams[1].course.stretches = vec![stretch(0, 1), stretch(10, 150), stretch(3_590, 50)];
        streams[1].course.stretches_unlisted = 3;
        let text = strip(&streams[1], Screen::Pipe);
        let cells: Vec<char> = text.chars().take(52).collect();
        assert_eq!((cells[0], cells[1], cells[51]), ('█', '·', '▅'), "{text}");
        assert!(text.ends_with("  70 s each, 3 more were less bad"), "{text}");
    }
}
