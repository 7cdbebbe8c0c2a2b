//! Master key identifiers: `|4:2` is the number 4 in two bytes behind each packet (RFC 4568, 6.1; RFC 3711, 3.1).

/// Bytes that an identifier has at the most (RFC 4568, 6.1).
pub(crate) const MOST_MKI: usize = 128;

/// An identifier as packets carry it, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mki {
    value: u128,
    len: u8,
}

impl Mki {
    /// From `value:length`; `None` when it is not that, or the number does not fit into the length.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (value, len) = (decimal(text.get(..colon)?)?, decimal(text.get(colon + 1..)?)?);
        let len = u8::try_from(len).ok().filter(|&len| (1..=MOST_MKI).contains(&usize::from(len)))?;
        let fits = len >= 16 || value >> (u32::from(len) * 8) == 0;
        fits.then_some(Self { value, len })
    }

    /// How many bytes packets carry of it.
    pub(crate) const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether `bytes` are this identifier.
    pub(crate) fn is(self, bytes: &[u8]) -> bool {
        let value = self.value.to_be_bytes();
        let split = bytes.len().saturating_sub(value.len());
        let (zeros, low) = bytes.split_at(split);
        let (high, value) = value.split_at(value.len() - low.len());
        bytes.len() == self.len() && zeros.iter().chain(high).all(|&byte| byte == 0) && low == value
    }
}

fn decimal(digits: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(digits).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_its_number_in_so_many_bytes() {
        let is = |text: &str, bytes: &[u8]| Mki::parse(text.as_bytes()).map(|mki| mki.is(bytes));
        assert_eq!(is("1:1", &[1]), Some(true));
        assert_eq!(is("1:4", &[0, 0, 0, 1]), Some(true));
        assert_eq!(is("258:2", &[1, 2]), Some(true));
        assert_eq!(is("258:2", &[2, 1]), Some(false));
        assert_eq!(is("1:4", &[1]), Some(false));
        assert_eq!(is("1:128", &[&[0; 127][..], &[1]].concat()), Some(true));
        assert_eq!(is("1:128", &[&[1; 127][..], &[1]].concat()), Some(false));
        for bad in ["256:1", "1:0", "1:129", "1", ":", "1:", ":1", "-1:1", "x:1", "1:x"] {
            assert_eq!(Mki::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
