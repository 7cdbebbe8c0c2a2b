//! Names and phrases come from whoever calls: they must not steer the terminal that shows them.

use std::borrow::Cow;

/// `text` without control characters and without those that make a line read as another (bidirectional controls,
/// zero-width characters, line separators).
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_steering) {
        Cow::Owned(text.replace(is_steering, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_steering(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_name_cannot_steer_the_terminal_and_a_korean_one_stays() {
        assert_eq!(printable("민원실 4001"), "민원실 4001");
        assert_eq!(
            printable("\u{1b}[2Jgone\r\n\t\u{202e}x"),
            "\u{fffd}[2Jgone\u{fffd}\u{fffd}\u{fffd}\u{fffd}x"
        );
    }
}
