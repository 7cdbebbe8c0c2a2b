//! Lines for a terminal that is narrower than they are: broken between words, never in one.

use ratatui::text::Line;

use crate::seat::Screen;

/// Where the values of a page of facts begin.
const VALUES: usize = 14;
/// A terminal narrower than this has no room for an indent of so much.
const ROOMY: usize = 40;

/// `page` as it fits the screen: what goes on in another line stands under where it began.
pub(crate) fn fitted(page: &str, screen: Screen) -> String {
    match screen.width() {
        None => page.to_owned(),
        Some(width) => page.lines().map(|line| broken(line, width.into()) + "\n").collect(),
    }
}

fn broken(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let indent = indent(line, width);
    let (mut text, mut at) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        if at > indent && at + columns(word.trim_end()) > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            at = indent;
        }
        text.push_str(word);
        at += columns(word);
    }
    text
}

/// Under the value of a fact, else a little more than the line itself.
fn indent(line: &str, width: usize) -> usize {
    let own = line.chars().take_while(|letter| *letter == ' ').count();
    let is_fact = own == 2 && line.chars().nth(VALUES - 1) == Some(' ');
    if is_fact && width >= ROOMY { VALUES } else { (own + 2).min(width / 2) }
}

/// How wide it is on a terminal; colours are not.
fn columns(text: &str) -> usize {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            letters.by_ref().find(|end| *end == 'm');
        } else {
            plain.push(letter);
        }
    }
    Line::raw(plain).width()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seat::Colour;

    #[test]
    fn lines_are_broken_between_words_and_go_on_under_their_value() {
        let screen = Screen::Terminal { width: Some(40), colour: Colour::Plain };
        let page = "Verdict\n  recorded    no  no rule names this extension of ours\n";
        let expected = "Verdict\n  recorded    no  no rule names this\n              extension of ours\n";
        assert_eq!(fitted(page, screen), expected);
        assert_eq!(fitted(page, Screen::Pipe), page);
        let word = format!("  {}\n", "0".repeat(60));
        assert_eq!(fitted(&word, screen), word, "a word is never broken");
    }

    #[test]
    fn colours_take_no_room_and_hangul_takes_two() {
        assert_eq!(columns("\u{1b}[32mkept\u{1b}[0m"), 4);
        assert_eq!(columns("민원"), 4);
    }
}
