//! The values of one header, over several lines and comma-separated lists.

use super::{
    HeaderName, Message,
    head::{HeaderLines, split_header},
    scan::{cut_at, find_outside},
};

/// Every value of one header in order (RFC 3261, 7.3.1); empty ones are left out.
#[derive(Clone)]
pub struct Values<'m, 'b> {
    message: &'m Message<'b>,
    name: HeaderName,
    place: usize,
    overflow: Option<HeaderLines<'b>>,
    rest: Option<&'b [u8]>,
}

impl<'m, 'b> Values<'m, 'b> {
    pub(crate) fn new(message: &'m Message<'b>, name: HeaderName) -> Self {
        Self { message, name, place: 0, overflow: message.overflow(), rest: None }
    }

    /// The whole value of the next line.
    pub(crate) fn next_line(&mut self) -> Option<&'b [u8]> {
        if let Some((place, value)) = self.message.entry(self.name, self.place) {
            self.place = place + 1;
            return Some(value);
        }
        let name = self.name;
        self.overflow.as_mut()?.find_map(|line| {
            let header = split_header(line)?;
            (HeaderName::from_name(header.name)? == name).then_some(header.value)
        })
    }
}

impl<'b> Iterator for Values<'_, 'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        loop {
            let line = match self.rest.take() {
                Some(rest) => rest,
                None => self.next_line()?,
            };
            let comma = if self.name.is_list() { find_outside(line, b',') } else { None };
            let value = match comma.and_then(|at| cut_at(line, at)) {
                Some((value, rest)) => {
                    self.rest = Some(rest);
                    value
                }
                None => line,
            };
            let value = value.trim_ascii();
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}
