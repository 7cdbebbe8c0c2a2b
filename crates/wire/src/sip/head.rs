//! The head of a message: its header lines, and the table of those that are looked up by name.

use memchr::memchr;

use super::{Defect, Defects, HeaderName, scan::cut};

/// Headers that the table of a message holds; what comes after them is found by scanning.
pub const HEADER_BOUND: usize = 48;

/// One header line, with the lines folded onto it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'b> {
    /// Its name as it was written.
    pub name: &'b [u8],
    /// Its value, trimmed; folds inside it stay.
    pub value: &'b [u8],
}

/// How the header lines came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadEnd {
    /// There are more.
    Open,
    /// By the empty line.
    BlankLine,
    /// By the end of the bytes, after a whole line.
    NoBlankLine,
    /// By the end of the bytes, inside a line, which is not given out.
    Cut,
}

/// The header lines from `at` on; `at` ends behind the empty line.
#[derive(Debug, Clone)]
pub(crate) struct HeaderLines<'b> {
    bytes: &'b [u8],
    at: usize,
    end: HeadEnd,
}

impl<'b> HeaderLines<'b> {
    pub(crate) const fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, end: HeadEnd::Open }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn end(&self) -> HeadEnd {
        self.end
    }

    fn finish(&mut self, end: HeadEnd, at: usize) -> Option<&'b [u8]> {
        self.end = end;
        self.at = at;
        None
    }
}

/// Each line without its end.
impl<'b> Iterator for HeaderLines<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        if self.end != HeadEnd::Open {
            return None;
        }
        let start = self.at;
        match self.bytes.get(start..)? {
            [] => return self.finish(HeadEnd::NoBlankLine, start),
            [b'\n', ..] => return self.finish(HeadEnd::BlankLine, start + 1),
            [b'\r', b'\n', ..] => return self.finish(HeadEnd::BlankLine, start + 2),
            _ => {}
        }
        let mut at = start;
        loop {
            let Some(feed) = self.bytes.get(at..).and_then(|rest| memchr(b'\n', rest)) else {
                return self.finish(HeadEnd::Cut, self.bytes.len());
            };
            at += feed + 1;
            if !matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
                break;
            }
        }
        self.at = at;
        self.bytes.get(start..at)
    }
}

/// Name and value of a line; `None` without a colon or a name. White space before the colon is skipped (RFC 3261, 25.1).
pub(crate) fn split_header(line: &[u8]) -> Option<Header<'_>> {
    let (name, value) = cut(line, b':')?;
    let name = name.trim_ascii();
    (!name.is_empty()).then(|| Header { name, value: value.trim_ascii() })
}

/// Where the headers with a [`HeaderName`] are, in their order.
#[derive(Clone)]
pub(crate) struct HeaderTable {
    names: [HeaderName; HEADER_BOUND],
    spans: [(u32, u32); HEADER_BOUND],
    count: usize,
    /// Where the first line that did not fit begins.
    overflow: Option<u32>,
}

/// What one pass over the head leaves.
pub(crate) struct Head {
    pub(crate) table: HeaderTable,
    pub(crate) body_at: usize,
    pub(crate) defects: Defects,
}

impl Head {
    /// Reads the header lines of `datagram` from `at` on. Offsets fit 32 bits: the caller has seen to it.
    pub(crate) fn read(datagram: &[u8], at: usize) -> Self {
        let mut table = HeaderTable {
            names: [HeaderName::Via; HEADER_BOUND],
            spans: [(0, 0); HEADER_BOUND],
            count: 0,
            overflow: None,
        };
        let mut defects = Defects::NONE;
        let mut seen = 0;
        let mut lines = HeaderLines::new(datagram, at);
        let mut line_at = at;
        while let Some(line) = lines.next() {
            match split_header(line) {
                Some(header) => {
                    if let Some(name) = HeaderName::from_name(header.name) {
                        defects
                            .insert_if(seen & name.bit() & HeaderName::SINGLE != 0, Defect::RepeatedHeader);
                        seen |= name.bit();
                        table.push(name, span(datagram, header.value), line_at);
                    }
                }
                None => defects.insert(Defect::BadHeaderLine),
            }
            line_at = lines.at();
        }
        defects.insert_if(table.overflow.is_some(), Defect::TooManyHeaders);
        defects.insert_if(lines.end() == HeadEnd::Cut, Defect::HeadCut);
        defects.insert_if(lines.end() == HeadEnd::NoBlankLine, Defect::NoBlankLine);
        Self { table, body_at: lines.at(), defects }
    }
}

impl HeaderTable {
    fn push(&mut self, name: HeaderName, span: (u32, u32), line_at: usize) {
        match (self.names.get_mut(self.count), self.spans.get_mut(self.count)) {
            (Some(name_slot), Some(span_slot)) if self.overflow.is_none() => {
                *name_slot = name;
                *span_slot = span;
                self.count += 1;
            }
            _ => self.overflow = self.overflow.or_else(|| u32::try_from(line_at).ok()),
        }
    }

    /// The place and span of the first entry called `name`, at `from` or after it.
    pub(crate) fn find(&self, name: HeaderName, from: usize) -> Option<(usize, (u32, u32))> {
        let names = self.names.get(from..self.count)?;
        let place = from + names.iter().position(|&entry| entry == name)?;
        Some((place, *self.spans.get(place)?))
    }

    /// The lines that did not fit.
    pub(crate) fn overflow<'b>(&self, datagram: &'b [u8]) -> Option<HeaderLines<'b>> {
        Some(HeaderLines::new(datagram, usize::try_from(self.overflow?).ok()?))
    }
}

/// Where `part`, a slice of `whole`, lies in it.
fn span(whole: &[u8], part: &[u8]) -> (u32, u32) {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    let fit = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    (fit(start), fit(start + part.len()))
}
