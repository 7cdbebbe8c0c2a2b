//! Where samples land: tables of packets, and the caller's channel as runs of codes.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::export::{ExportError, Samples, WavOptions, wav};
use earwitness_model::{EndedBy, Leg, PayloadKind};
use script::{MS, Outline, Spoken, spoken};

/// The A-law code of silence.
const S: u8 = 0xd5;

/// Native samples of one channel, run-length coded.
fn channel(outline: &Outline, packets: &[Spoken], leg: Leg, conceal: bool) -> Vec<(u8, usize)> {
    let mut out = Vec::new();
    let options = WavOptions { samples: Samples::Native, conceal, ..WavOptions::default() };
    wav(&outline.call(packets), options, &mut out).unwrap();
    let offset = if leg == Leg::Caller { 0 } else { 1 };
    let codes: Vec<u8> = out[58..].iter().skip(offset).step_by(2).copied().collect();
    codes.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
}

/// The caller's channel of a call answered at 0 ms that ends at `end` ms.
fn check(end: i64, packets: &[Spoken], expected: &[(u8, usize)]) {
    let outline = Outline { end: Some(end), ..Outline::default() };
    assert_eq!(channel(&outline, packets, Leg::Caller, false), expected);
}

#[test]
fn consecutive_packets_touch_and_jitter_does_not_move_them() {
    // The second packet waited least: 20 ms after the answer is where its samples begin.
    check(
        100,
        &[spoken(1, 0, 15, (1, 160)), spoken(2, 160, 20, (2, 160)), spoken(3, 320, 49, (3, 160))],
        &[(1, 160), (2, 160), (3, 160), (S, 320)],
    );
}

#[test]
fn rtp_time_wraps_at_32_bits_without_a_seam() {
    check(
        60,
        &[spoken(7, u32::MAX - 159, 0, (1, 160)), spoken(8, 0, 20, (2, 160)), spoken(9, 160, 40, (3, 160))],
        &[(1, 160), (2, 160), (3, 160)],
    );
}

#[test]
fn sequence_numbers_go_on_past_16_bits() {
    check(40, &[spoken(65_536, 160, 20, (2, 160)), spoken(65_535, 0, 0, (1, 160))], &[(1, 160), (2, 160)]);
}

#[test]
fn a_lost_packet_is_silence_of_its_length() {
    check(80, &[spoken(1, 0, 0, (1, 160)), spoken(4, 480, 60, (4, 160))], &[(1, 160), (S, 320), (4, 160)]);
}

#[test]
fn reordered_packets_play_in_their_places() {
    check(
        60,
        &[spoken(1, 0, 0, (1, 160)), spoken(3, 320, 41, (3, 160)), spoken(2, 160, 45, (2, 160))],
        &[(1, 160), (2, 160), (3, 160)],
    );
}

#[test]
fn a_repeated_sequence_number_is_played_as_it_came_first() {
    check(40, &[spoken(1, 0, 25, (9, 160)), spoken(1, 0, 20, (1, 160))], &[(S, 160), (1, 160)]);
}

#[test]
fn silence_suppression_is_a_hole_in_rtp_time() {
    let mut resumed = spoken(2, 8_160, 1_020, (2, 160));
    resumed.marker = true;
    check(1_040, &[spoken(1, 0, 0, (1, 160)), resumed], &[(1, 160), (S, 8_000), (2, 160)]);
}

#[test]
fn a_hold_in_which_the_sender_stops_its_clock_is_as_long_as_it_was() {
    check(
        10_060,
        &[spoken(1, 0, 0, (1, 160)), spoken(2, 160, 10_020, (2, 160)), spoken(3, 320, 10_040, (3, 160))],
        &[(1, 160), (S, 80_000), (2, 160), (3, 160)],
    );
}

#[test]
fn short_stops_of_the_senders_clock_do_not_add_up() {
    // Four stops of 1.5 s: the second and the fourth take the sum beyond 2 s.
    let packets: Vec<Spoken> =
        (0..5u32).map(|n| spoken(n, n * 160, i64::from(n) * 1_520, (1 + n as u8, 160))).collect();
    check(6_100, &packets, &[(1, 160), (2, 160), (S, 24_000), (3, 160), (4, 160), (S, 24_000), (5, 160)]);
}

#[test]
fn a_sender_that_restarts_its_clock_is_anchored_again() {
    check(
        80,
        &[
            spoken(1, 1_000_000, 0, (1, 160)),
            spoken(2, 77, 20, (2, 160)),
            spoken(3, 237, 40, (3, 160)),
            spoken(4, 3_000_000_000, 60, (4, 160)),
        ],
        &[(1, 160), (2, 160), (3, 160), (4, 160)],
    );
}

#[test]
fn a_burst_after_an_outage_lands_where_its_rtp_time_says() {
    // Packets 2 to 4 wait 3 s in the network and come together; 5 is on time again.
    let late = |n: u32| spoken(n, n * 8_000, 6_000, (n as u8, 160));
    check(
        6_020,
        &[
            spoken(1, 8_000, 1_000, (1, 160)),
            spoken(3, 24_000, 6_000, (3, 160)),
            late(4),
            late(5),
            spoken(6, 48_000, 6_000, (6, 160)),
        ],
        &[
            (S, 8_000),
            (1, 160),
            (S, 15_840),
            (3, 160),
            (S, 7_840),
            (4, 160),
            (S, 7_840),
            (5, 160),
            (S, 7_840),
            (6, 160),
        ],
    );
}

#[test]
fn packets_of_any_length_take_their_own_time() {
    check(
        120,
        &[
            spoken(1, 0, 0, (1, 240)),
            spoken(2, 240, 30, (2, 320)),
            spoken(3, 560, 70, (3, 1)),
            spoken(4, 561, 71, (4, 80)),
            spoken(5, 641, 85, (5, 0)),
        ],
        &[(1, 240), (2, 320), (3, 1), (4, 80), (S, 319)],
    );
}

#[test]
fn telephone_events_and_comfort_noise_are_silence() {
    let (mut event, mut noise) = (spoken(2, 160, 20, (0x0a, 4)), spoken(3, 320, 40, (70, 1)));
    (event.kind, event.payload_type) = (PayloadKind::TelephoneEvent, 101);
    (noise.kind, noise.payload_type) = (PayloadKind::ComfortNoise, 13);
    check(
        80,
        &[spoken(1, 0, 0, (1, 160)), event, noise, spoken(4, 480, 60, (4, 160))],
        &[(1, 160), (S, 320), (4, 160)],
    );
}

#[test]
fn comfort_noise_is_as_long_as_it_was() {
    let mut noise = spoken(2, 160, 20, (70, 1));
    (noise.kind, noise.payload_type) = (PayloadKind::ComfortNoise, 13);
    let packets = [spoken(1, 0, 0, (1, 160)), noise, spoken(3, 24_000, 3_000, (4, 160))];
    check(3_060, &packets, &[(1, 160), (S, 23_840), (4, 160), (S, 320)]);
}

#[test]
fn a_second_ssrc_of_the_leg_takes_over_where_it_begins() {
    let second = |sequence, rtp_time, at, what| Spoken { track: 2, ..spoken(sequence, rtp_time, at, what) };
    check(
        80,
        &[
            spoken(1, 0, 0, (1, 160)),
            spoken(2, 160, 20, (2, 160)),
            spoken(3, 320, 40, (3, 160)),
            second(900, 5_000, 30, (8, 160)),
            second(901, 5_160, 50, (9, 160)),
        ],
        &[(1, 160), (2, 80), (8, 160), (9, 160), (S, 80)],
    );
}

#[test]
fn a_leg_that_joins_late_keeps_the_time_of_the_other() {
    let outline = Outline { end: Some(60), ..Outline::default() };
    let late = Spoken { track: 1, ..spoken(500, 123_456, 40, (9, 160)) };
    let packets = [spoken(1, 0, 0, (1, 160)), spoken(2, 160, 20, (2, 160)), late];
    assert_eq!(channel(&outline, &packets, Leg::Caller, false), [(1, 160), (2, 160), (S, 160)]);
    assert_eq!(channel(&outline, &packets, Leg::Callee, false), [(S, 320), (9, 160)]);
}

#[test]
fn kept_early_media_begins_the_timeline_before_the_answer() {
    let outline = Outline { answer: Some(1_000), end: Some(1_040), ..Outline::default() };
    let packets = [spoken(1, 0, 500, (1, 160)), spoken(26, 4_000, 1_000, (2, 160))];
    assert_eq!(channel(&outline, &packets, Leg::Caller, false), [(1, 160), (S, 3_840), (2, 160), (S, 160)]);
    assert_eq!(channel(&outline, &packets, Leg::Callee, false), [(S, 4_320)]);
}

#[test]
fn packets_after_the_end_are_not_cut_off() {
    check(20, &[spoken(1, 0, 0, (1, 160)), spoken(2, 160, 20, (2, 160))], &[(1, 160), (2, 160)]);
}

#[test]
fn what_a_phone_sends_on_after_its_bye_is_no_part_of_the_call_and_what_is_in_flight_is() {
    let second: Vec<Spoken> = (0..50).map(|n| spoken(n + 1, n * 160, 20 * i64::from(n), (1, 160))).collect();
    let outline = |by| Outline { end: Some(100), by, ..Outline::default() };
    let heard = |by| channel(&outline(by), &second, Leg::Caller, false);
    // Of a BYE at 100 ms the packets until 500 ms are heard.
    assert_eq!(heard(Some(EndedBy::Callee)), [(1, 26 * 160)]);
    assert_eq!(heard(Some(EndedBy::Timeout)), [(1, 50 * 160)]);
}

#[test]
fn what_is_left_out_after_a_bye_is_counted() {
    let outline = |by| Outline { end: Some(100), by, ..Outline::default() };
    let event = Spoken { kind: PayloadKind::TelephoneEvent, ..spoken(51, 8_000, 1_000, (1, 4)) };
    let second = (0..50).map(|n| spoken(n + 1, n * 160, 20 * i64::from(n), (1, 160))).chain([event]);
    let packets: Vec<Spoken> = second.collect();
    let counted = |by| {
        let exported = wav(&outline(by).call(&packets), WavOptions::default(), std::io::sink()).unwrap();
        (exported.packets, exported.sent_on)
    };
    // The one of 500 ms was in flight. Keys are no audio, and are left out of every WAV.
    assert_eq!(counted(Some(EndedBy::Callee)), (26, 24));
    assert_eq!(counted(Some(EndedBy::Timeout)), (50, 0));
    assert_eq!(counted(None), (50, 0));
}

#[test]
fn a_call_without_answer_and_end_spans_its_packets() {
    let outline = Outline { answer: None, end: None, ..Outline::default() };
    let packets = [spoken(1, 0, 700, (1, 160)), spoken(2, 160, 720, (2, 160))];
    assert_eq!(channel(&outline, &packets, Leg::Caller, false), [(1, 160), (2, 160)]);
}

#[test]
fn a_call_without_media_is_silence_of_its_length() {
    check(61_040, &[], &[(S, 488_320)]);
}

#[test]
fn a_packet_across_a_window_border_is_whole() {
    check(1_020, &[spoken(1, 0, 990, (1, 160))], &[(S, 7_920), (1, 160), (S, 80)]);
}

#[test]
fn a_gaining_sender_clock_does_not_move_the_beginning_before_the_answer() {
    // 1 % fast: by 20 s its RTP time is 200 ms ahead of its arrival.
    let packets: Vec<Spoken> = (0..1_000u32)
        .map(|n| Spoken { arrival: i64::from(n) * 19_800_000, ..spoken(n, n * 160, 0, (1, 160)) })
        .collect();
    let outline = Outline { end: Some(1_000), ..Outline::default() };
    let call = outline.call(&packets);
    let exported = wav(&call, WavOptions::default(), std::io::sink()).unwrap();
    assert_eq!(exported.samples, 160_000);
}

#[test]
fn concealment_fills_loss_for_60_ms_and_nothing_else() {
    let outline = Outline { end: Some(220), ..Outline::default() };
    // 0xaa is the loudest code; sequence 2 to 6 are lost, then silence is suppressed without loss.
    let packets =
        [spoken(1, 0, 0, (0xaa, 160)), spoken(7, 960, 120, (0xaa, 160)), spoken(8, 1_600, 200, (0xaa, 160))];
    let codes = channel(&outline, &packets, Leg::Caller, true);
    let (fade, after) = codes.split_at(codes.len() - 4);
    assert_eq!(
        fade.first(),
        Some(&(0xaa, 160 + 87)),
        "10 ms at full level, and 7 samples in the same interval"
    );
    assert_eq!(fade.last(), Some(&(0xd0, 1)), "a 400th of the loudest sample");
    assert_eq!(fade.iter().map(|(_, length)| length).sum::<usize>(), 160 + 480);
    assert_eq!(after, [(S, 320), (0xaa, 160), (S, 480), (0xaa, 160)]);
    assert_eq!(
        channel(&outline, &packets, Leg::Caller, false),
        [(0xaa, 160), (S, 800), (0xaa, 160), (S, 480), (0xaa, 160)]
    );
}

#[test]
fn a_timeline_beyond_a_day_is_refused() {
    let outline = Outline { end: Some(24 * 3_600_000), ..Outline::default() };
    let mut late = spoken(2, 160, 0, (1, 160));
    late.arrival = 30 * 3_600_000 * MS;
    let error = wav(&outline.call(&[late]), WavOptions::default(), std::io::sink()).unwrap_err();
    assert!(matches!(error, ExportError::TooLong { hours: 30 }), "{error}");
}
