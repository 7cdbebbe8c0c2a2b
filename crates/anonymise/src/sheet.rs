//! Bytes that are written anew: of the old ones only those are there that somebody copied.

/// What is written in place of `old`, as long as it. It begins as nothing but filler: whatever nobody understood stays filler.
#[derive(Debug, Clone)]
pub(crate) struct Sheet<'b> {
    old: &'b [u8],
    new: Vec<u8>,
}

impl<'b> Sheet<'b> {
    /// One of zeros.
    pub(crate) fn blank(old: &'b [u8]) -> Self {
        Self::filled(old, 0)
    }

    /// One of `filler`.
    pub(crate) fn filled(old: &'b [u8], filler: u8) -> Self {
        Self { old, new: vec![filler; old.len()] }
    }

    /// What there was at `at`; nothing where that is beyond the end.
    pub(crate) fn old(&self, at: usize, len: usize) -> &'b [u8] {
        let end = at.saturating_add(len).min(self.old.len());
        self.old.get(at..end).unwrap_or_default()
    }

    /// The `N` bytes that there were at `at`.
    pub(crate) fn chunk<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.old.get(at..)?.first_chunk().copied()
    }

    /// What is there now.
    pub(crate) fn new_bytes(&self, at: usize, len: usize) -> &[u8] {
        let end = at.saturating_add(len).min(self.new.len());
        self.new.get(at..end).unwrap_or_default()
    }

    /// Leaves `len` bytes as they were.
    pub(crate) fn keep(&mut self, at: usize, len: usize) {
        self.put(at, self.old(at, len));
    }

    /// Writes `bytes` at `at`, as far as there is room.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        let place = self.new.get_mut(at..).unwrap_or_default();
        for (place, byte) in place.iter_mut().zip(bytes) {
            *place = *byte;
        }
    }

    /// Writes `bytes` where `old`, a part of what there was, stood.
    pub(crate) fn replace(&mut self, old: &[u8], bytes: &[u8]) {
        if let Some(at) = self.place(old) {
            self.put(at, bytes.get(..old.len()).unwrap_or(bytes));
        }
    }

    /// Leaves `part` of what there was as it was.
    pub(crate) fn keep_part(&mut self, part: &[u8]) {
        self.replace(part, part);
    }

    /// Where `part` of what there was begins.
    pub(crate) fn place(&self, part: &[u8]) -> Option<usize> {
        let at = part.as_ptr().addr().checked_sub(self.old.as_ptr().addr())?;
        (at + part.len() <= self.old.len()).then_some(at)
    }

    pub(crate) fn into_new(self) -> Vec<u8> {
        self.new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_copied_is_filler() {
        let old = b"INVITE sip:4001";
        let mut sheet = Sheet::filled(old, b'x');
        sheet.keep(0, 6);
        sheet.keep_part(&old[7..11]);
        sheet.replace(&old[11..], b"7392");
        sheet.put(14, b"99999");
        sheet.put(99, b"9");
        assert_eq!(sheet.into_new(), b"INVITExsip:7399");
        assert_eq!(Sheet::blank(old).into_new(), [0; 15]);
    }
}
