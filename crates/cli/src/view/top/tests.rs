use chrono_tz::Asia::Seoul;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::*;
use crate::instruments::{
    CallState, Moment, Vitals,
    sample::{at, healthy, losing},
};

fn call(number: u64, (from, to): (&str, &str), verdict: Verdict) -> CallLine {
    let leg = |lost| LegLine {
        codec: Some("PCMA".to_owned()),
        packets: 1000,
        lost,
        jitter_ms: Some(0.4),
        mos: Some(4.3),
    };
    let moment = |seconds| Moment::new(at(seconds), Seoul);
    let legs = if verdict == Verdict::Kept { [Some(leg(0)), Some(leg(number))] } else { [None, None] };
    CallLine {
        id: format!("01KAJ{number:05}"),
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        department: (verdict == Verdict::Kept).then(|| "복지과".to_owned()),
        rule: Some("welfare-desk".to_owned()),
        verdict,
        why_not: (verdict != Verdict::Kept).then(|| "no rule names this extension".to_owned()),
        state: CallState::Answered,
        start: moment(7100 + number as i64),
        answered: Some(moment(7103 + number as i64)),
        legs,
    }
}

fn board(look: Look) -> Board {
    let mut board = Board::new(at(7200));
    board.handle_look(Ok(look));
    board
}

fn office() -> Look {
    let calls = vec![
        call(10, ("0312221111", "4001"), Verdict::Kept),
        call(0, ("4002", "01012345678"), Verdict::Kept),
        call(5, ("01055556666", "4900"), Verdict::NoRule),
    ];
    Look { vitals: Vitals::new(&healthy(), Seoul), calls }
}

/// The screen as text, without blanks at the ends of lines.
fn screen(board: &mut Board, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(board, Palette(Colour::Coloured), frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |row: u16| -> String {
        let mut text = String::new();
        let mut column = 0;
        while column < width {
            let symbol = buffer[(column, row)].symbol();
            text.push_str(symbol);
            // A wide letter has the cell after it too.
            column += if symbol.chars().any(|letter| ('가'..='힣').contains(&letter)) { 2 } else { 1 };
        }
        text.trim_end().to_owned() + "\n"
    };
    (0..height).map(line).collect()
}

fn press(board: &mut Board, codes: &[KeyCode]) -> Flow {
    codes.iter().map(|code| board.handle_key(KeyEvent::from(*code))).last().unwrap()
}

#[test]
fn an_office_on_a_wide_terminal() {
    let expected = "\
recording since 2026-11-21 09:00:00 (2 h 0 min), rule set 5a5a5a5a5a5a
eth1     up, 5,056 frames/s, 1.1 MB/s, 36,400,000 frames, 0 dropped
eth2     up, 10 frames/s, 2.2 kB/s, 72,000 frames, 0 dropped
calls    212 running; 2,000 begun, 1,900 answered, 500 not to be kept
audio    36,000,000 packets kept, 0 lost
queues   backlog 0/65,536  work 2/1,024  written 0/1,024  notes 0/256  rings 12.0 MiB/1.0 GiB
disk     100 GB free of 120 GB, 50.0 kB/s: full in 23 days
from           to             department   state   time    loss %    jitter    mos     verdict
0312221111     4001           복지과       talking 1:27    0.0 1.0   0.4 0.4   4.3 4.3 kept
01055556666    4900                        talking 1:32                                no rule
4002           01012345678    복지과       talking 1:37    0.0 0.0   0.4 0.4   4.3 4.3 kept

3 calls, newest first  q leave  Enter details  / filter  s order  p pause  F1 help
";
    assert_eq!(screen(&mut board(office()), (110, 13)), expected);
}

#[test]
fn sixty_columns_show_the_calls_and_an_alarm_stands_over_them() {
    let mut board = board(Look { vitals: Vitals::new(&losing(), Seoul), ..office() });
    let text = screen(&mut board, (60, 16));
    assert!(text.contains("ALARM    an interface is down or gone: look at its cable"), "{text}");
    assert!(text.contains("0312221111     4001           talking 1:27    4.3 4.3\n"), "{text}");
    for size in [(1, 1), (20, 3), (60, 5), (300, 100)] {
        screen(&mut board, size);
    }
}

#[test]
fn keys_order_filter_choose_pause_and_leave() {
    let mut board = board(office());
    let from =
        |board: &Board| board.calls().iter().map(|call| call.from.clone().unwrap()).collect::<Vec<_>>();
    press(&mut board, &[KeyCode::Char('s')]);
    assert_eq!(from(&board), ["4002", "01055556666", "0312221111"], "the longest first");
    press(&mut board, &[KeyCode::Char('s'), KeyCode::Char('s'), KeyCode::Char('s')]);
    assert_eq!(from(&board)[0], "0312221111", "the one that loses most");
    press(
        &mut board,
        &[KeyCode::Char('/'), KeyCode::Char('0'), KeyCode::Char('1'), KeyCode::Char('0'), KeyCode::Enter],
    );
    assert_eq!(from(&board), ["4002", "01055556666"]);
    press(&mut board, &[KeyCode::Down, KeyCode::Down, KeyCode::Enter]);
    let text = screen(&mut board, (100, 30));
    assert!(text.contains("verdict     not kept: no rule names this extension"), "{text}");
    press(&mut board, &[KeyCode::Esc, KeyCode::Char('p')]);
    board.handle_look(Ok(Look { calls: vec![], ..office() }));
    assert_eq!(from(&board).len(), 2, "paused");
    press(&mut board, &[KeyCode::Char('p')]);
    board.handle_look(Ok(Look { calls: vec![], ..office() }));
    assert_eq!((from(&board).len(), board.chosen_call()), (0, None));
    press(&mut board, &[KeyCode::F(1)]);
    assert!(screen(&mut board, (100, 30)).contains("PgUp PgDn"));
    assert_eq!(press(&mut board, &[KeyCode::Esc, KeyCode::Esc]), Flow::GoOn, "help, then the filter");
    assert_eq!(press(&mut board, &[KeyCode::Esc]), Flow::Leave);
}

#[test]
fn of_thousands_of_calls_the_page_is_drawn_on_which_the_chosen_one_is() {
    let calls =
        (0..5000).map(|number| call(number, (&format!("0{number}"), "4001"), Verdict::NoRule)).collect();
    let mut board = board(Look { calls, ..office() });
    screen(&mut board, (80, 20));
    press(&mut board, &[KeyCode::End]);
    let text = screen(&mut board, (80, 20));
    assert!(text.contains("\n00             4001") && text.contains("5,000 calls"), "{text}");
}

#[test]
fn a_recorder_that_ends_is_told_of_and_what_was_seen_stays() {
    let mut board = board(office());
    board.handle_look(Err("no recorder runs on the vault".to_owned()));
    let text = screen(&mut board, (80, 20));
    assert!(text.starts_with("no recorder runs on the vault\nrecording since"), "{text}");
    let mut hanging = board;
    hanging.handle_time(at(7300));
    hanging.handle_look(Ok(office()));
    assert!(screen(&mut hanging, (80, 20)).starts_with("hanging: it last looked 1 min 40 s ago"));
}
