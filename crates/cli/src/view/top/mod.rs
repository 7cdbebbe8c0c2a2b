//! The screen of `top`: a head of what is wrong and how full things are, the calls that run, a foot of keys.

mod board;
#[cfg(test)]
mod tests;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Block, Clear, Paragraph, Row, Table, TableState, Wrap},
};

pub(crate) use self::board::{Board, Flow};
use self::board::{Face, Motion};
use super::{
    amount::{count, grouped, memory},
    instant::length,
    printable,
    vitals::{audio_line, calls_line, disk_line, heading, interface_line},
};
use crate::{
    instruments::{CallLine, LegLine, LinkWord, Look, State, Verdict},
    seat::{Colour, Screen},
};

/// Interfaces and alarms that the head has lines for.
const MOST_LINES: usize = 4;

const KEYS: &str = "q leave  Enter details  / filter  s order  p pause  F1 help";
const HELP: &str = "\
Up Down k j      the call before, after
PgUp PgDn        a page of calls
Home End         the first, the last call
Enter            the details of the call; again: back
/ F3 F7          filter: part of a number, department, rule, state or verdict
s                the next order: newest, longest, from, to, loss, mos, verdict
p                pause, and go on
F1 ? h           this
Esc              clear the filter; leave
q F10 Ctrl-C     leave

loss, jitter and mos are of the caller and of the callee;
of a call that is not kept nothing is grouped; mos is -
where the E-model has no value: G.722 is on another scale";

/// The styles of a terminal with colour, or without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette(pub(crate) Colour);

impl Palette {
    fn fg(self, colour: Color) -> Style {
        match self.0 {
            Colour::Coloured => Style::new().fg(colour),
            Colour::Plain => Style::new(),
        }
    }

    fn bad(self) -> Style {
        self.fg(Color::Red).add_modifier(Modifier::BOLD)
    }
}

/// Draws the board.
pub(crate) fn draw(board: &mut Board, palette: Palette, frame: &mut Frame<'_>) {
    let head = head(board, palette);
    let rows = u16::try_from(head.len()).unwrap_or(u16::MAX);
    let [top, middle, foot] =
        Layout::vertical([Constraint::Length(rows), Constraint::Min(3), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(head), top);
    draw_calls(board, palette, (frame, middle));
    frame.render_widget(
        Paragraph::new(foot_line(board)).style(Style::new().add_modifier(Modifier::REVERSED)),
        foot,
    );
    match board.face {
        Face::Calls | Face::Filter => {}
        Face::Help => draw_window("help", HELP.to_owned(), frame),
        Face::Details => {
            if let Some(call) = board.chosen_call() {
                draw_window("call", details(call, board), frame);
            }
        }
    }
}

fn head(board: &Board, palette: Palette) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(why) = &board.trouble {
        lines.push(Line::styled(printable(why).into_owned(), palette.bad()));
    }
    let Some(Look { vitals, .. }) = &board.look else { return lines };
    let state = match vitals.state {
        State::Hanging => palette.bad(),
        State::Recording if vitals.alarms.is_empty() => palette.fg(Color::Green),
        State::Recording => palette.fg(Color::Yellow),
    };
    lines.push(Line::styled(heading(vitals, board.now, Screen::Pipe), state));
    for interface in vitals.interfaces.iter().take(MOST_LINES) {
        let is_bad = interface.link != LinkWord::Up || interface.kernel_drops + interface.interface_drops > 0;
        let style = if is_bad { palette.bad() } else { Style::new() };
        lines.push(Line::styled(interface_line(interface, Screen::Pipe), style));
    }
    lines.push(Line::raw(format!("calls    {}", calls_line(vitals))));
    let style = if vitals.media.lost > 0 { palette.bad() } else { Style::new() };
    lines.push(Line::styled(format!("audio    {}", audio_line(vitals, Screen::Pipe)), style));
    let queues = vitals.queues.iter().map(|queue| {
        format!("{} {}/{}", printable(&queue.name), count(queue.length as u64), count(queue.capacity as u64))
    });
    let rings = format!("rings {}/{}", memory(vitals.rings.bytes), memory(vitals.rings.budget_bytes));
    lines.push(Line::raw(format!("queues   {}  {rings}", queues.collect::<Vec<_>>().join("  "))));
    lines.push(Line::raw(format!("disk     {}", disk_line(vitals))));
    for alarm in vitals.alarms.iter().take(MOST_LINES) {
        let style = if alarm.loss { palette.bad() } else { palette.fg(Color::Yellow) };
        lines.push(Line::styled(format!("ALARM    {}", printable(&alarm.sentence)), style));
    }
    lines
}

/// A column: its name, how wide it is, and what stands in it.
type Column = (&'static str, u16, fn(&CallLine, &Board) -> String);

/// The columns that a terminal of this width has room for.
fn columns(width: u16) -> Vec<Column> {
    let from: Column = ("from", 14, |call, _| number(call.from.as_deref()));
    let to: Column = ("to", 14, |call, _| number(call.to.as_deref()));
    let state: Column = ("state", 7, |call, _| call.state.word().to_owned());
    let time: Column =
        ("time", 7, |call, board| length(call.answered.unwrap_or(call.start).seconds_until(board.now)));
    let loss: Column = ("loss %", 9, |call, _| both(call, |leg| Some(format!("{:.1}", leg.lost_percent()))));
    let score: Column = ("mos", 7, |call, _| both(call, |leg| leg.mos.map(|mos| format!("{mos:.1}"))));
    let jitter: Column =
        ("jitter", 9, |call, _| both(call, |leg| leg.jitter_ms.map(|ms| format!("{ms:.1}"))));
    let verdict: Column = ("verdict", 9, |call, _| call.verdict.word().to_owned());
    let department: Column =
        ("department", 12, |call, _| call.department.as_deref().map(shown).unwrap_or_default());
    match width {
        ..70 => vec![from, to, state, time, score],
        70..100 => vec![from, to, state, time, loss, score, verdict],
        100.. => vec![from, to, department, state, time, loss, jitter, score, verdict],
    }
}

fn shown(text: &str) -> String {
    printable(text).into_owned()
}

fn number(user: Option<&str>) -> String {
    user.map_or_else(|| "-".to_owned(), shown)
}

/// What has no room is cut where one sees it.
fn clipped(text: String, width: u16) -> String {
    let room = usize::from(width);
    if Line::raw(text.as_str()).width() <= room {
        return text;
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if Line::raw(kept.as_str()).width() >= room {
            kept.pop();
            break;
        }
    }
    kept + "…"
}

/// A figure of the caller and of the callee.
fn both(call: &CallLine, figure: fn(&LegLine) -> Option<String>) -> String {
    if call.verdict != Verdict::Kept {
        return String::new();
    }
    call.legs.each_ref().map(|leg| leg.as_ref().and_then(figure).unwrap_or_else(|| "-".to_owned())).join(" ")
}

fn draw_calls(board: &mut Board, palette: Palette, (frame, area): (&mut Frame<'_>, Rect)) {
    board.page = usize::from(area.height.saturating_sub(1)).max(1);
    let calls = board.calls();
    let columns = columns(area.width);
    let row = |call: &&CallLine| {
        let style = match call.verdict {
            Verdict::Kept if call.worst_loss().is_some_and(|loss| loss >= 1.0) => palette.bad(),
            Verdict::Kept => palette.fg(Color::Green),
            Verdict::NoRule
            | Verdict::Never
            | Verdict::Internal
            | Verdict::Direction
            | Verdict::Selective => palette.fg(Color::DarkGray),
        };
        Row::new(columns.iter().map(|(_, width, cell)| clipped(cell(call, board), *width))).style(style)
    };
    let place = board.place(&calls);
    // Thousands of calls are drawn a page at a time.
    let first = place.unwrap_or(0) / board.page * board.page;
    let rows: Vec<_> = calls.iter().skip(first).take(board.page).map(row).collect();
    let widths = columns.iter().map(|(_, width, _)| Constraint::Length(*width));
    let names = Row::new(columns.iter().map(|(name, ..)| *name))
        .style(Style::new().add_modifier(Modifier::UNDERLINED));
    let table = Table::new(rows, widths)
        .header(names)
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(place.map(|place| place - first));
    frame.render_stateful_widget(table, area, &mut state);
}

fn foot_line(board: &Board) -> String {
    if board.face == Face::Filter {
        return format!("filter: {}_", shown(&board.filter));
    }
    let filter =
        if board.filter.is_empty() { String::new() } else { format!("  filter {}", shown(&board.filter)) };
    let paused = match board.motion {
        Motion::Running => "",
        Motion::Paused => "  PAUSED",
    };
    format!(
        "{}, {} first{filter}{paused}  {KEYS}",
        grouped(board.calls().len() as u64, "call"),
        board.order.word()
    )
}

fn details(call: &CallLine, board: &Board) -> String {
    let verdict =
        call.why_not.as_ref().map_or_else(|| "kept".to_owned(), |why| format!("not kept: {}", shown(why)));
    let answered = call.answered.map_or_else(
        || "not yet".to_owned(),
        |at| format!("{} ({})", at.for_people(), length(at.seconds_until(board.now))),
    );
    let mut text = format!(
        "id          {}\nfrom        {}\nto          {}\nstate       {}\nbegan       {}\nanswered    {answered}\ndepartment  {}\nrule        {}\nverdict     {verdict}\n",
        shown(&call.id),
        number(call.from.as_deref()),
        number(call.to.as_deref()),
        call.state.word(),
        call.start.for_people(),
        number(call.department.as_deref()),
        number(call.rule.as_deref()),
    );
    for (name, leg) in [("caller", &call.legs[0]), ("callee", &call.legs[1])] {
        text += &match leg {
            None => format!("{name:<11} not heard\n"),
            Some(leg) => format!(
                "{name:<11} {}, {} packets, {} lost ({:.2} %), jitter {} ms, mos {}\n",
                leg.codec.as_deref().map_or_else(|| "?".to_owned(), shown),
                count(leg.packets),
                count(leg.lost),
                leg.lost_percent(),
                leg.jitter_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}")),
                leg.mos.map_or_else(|| "-".to_owned(), |mos| format!("{mos:.2}")),
            ),
        };
    }
    text
}

/// A window over the middle of the screen.
fn draw_window(title: &'static str, text: String, frame: &mut Frame<'_>) {
    let area = frame.area();
    let wide = area.width.saturating_sub(4).min(90);
    let lines = u16::try_from(text.lines().count()).unwrap_or(u16::MAX).saturating_add(4);
    let high = lines.min(area.height.saturating_sub(2));
    let window = Rect::new((area.width - wide) / 2, (area.height - high) / 2, wide, high);
    frame.render_widget(Clear, window);
    frame.render_widget(
        Paragraph::new(text).wrap(Wrap { trim: false }).block(Block::bordered().title(title)),
        window,
    );
}
