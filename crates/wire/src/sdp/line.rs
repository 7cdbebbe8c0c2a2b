//! Lines of a description: `letter=value`.

use memchr::memchr2;

use crate::sip::scan::cut;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'b> {
    /// Offset of its letter in the bytes that were walked.
    pub(crate) at: usize,
    /// Its letter.
    pub(crate) letter: u8,
    /// Its value, trimmed.
    pub(crate) value: &'b [u8],
}

/// Walks lines; those that are not `letter=value` are passed over (RFC 8866, 5).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Lines<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The values of the lines with `letter`.
    pub(crate) fn values(self, letter: u8) -> impl Iterator<Item = &'b [u8]> {
        self.filter_map(move |line| (line.letter == letter).then_some(line.value))
    }

    /// The attributes: `a=name` or `a=name:value`.
    pub(crate) fn attributes(self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.values(b'a').map(|value| {
            let (name, value) = cut(value, b':').unwrap_or((value, &[]));
            (name.trim_ascii(), value.trim_ascii())
        })
    }
}

impl<'b> Iterator for Lines<'b> {
    type Item = Line<'b>;

    fn next(&mut self) -> Option<Line<'b>> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let at = self.at;
            self.at += end + 1;
            let text = rest.get(..end)?;
            let indent = text.len() - text.trim_ascii_start().len();
            if let Some((&[letter, b'='], value)) = text.get(indent..)?.split_first_chunk() {
                return Some(Line { at: at + indent, letter, value: value.trim_ascii() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        for text in ["v=0\r\ns=-\r\n", "v=0\ns=-", "v=0\rs=-\r", "\r\n\nv=0 \r\n\r\n  s=-\n"] {
            let lines: Vec<_> = Lines::new(text.as_bytes()).map(|line| (line.letter, line.value)).collect();
            assert_eq!(lines, [(b'v', &b"0"[..]), (b's', &b"-"[..])], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        let lines: Vec<_> = Lines::new(b"junk\n=\nv\nm =1\nt=").map(|line| (line.at, line.letter)).collect();
        assert_eq!(lines, [(14, b't')]);
    }

    #[test]
    fn attributes_have_values_or_none() {
        let found: Vec<_> = Lines::new(b"a=sendonly\na=ptime: 20\nb=AS:64\na=k:v:w").attributes().collect();
        assert_eq!(found, [(&b"sendonly"[..], &b""[..]), (b"ptime", b"20"), (b"k", b"v:w")]);
    }
}
