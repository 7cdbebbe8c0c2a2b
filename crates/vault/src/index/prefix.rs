//! The beginning of an id, as a person types it.

use earwitness_model::CallId;

/// Characters of a ULID.
const LENGTH: usize = 26;

/// The first and the last id that begin with `prefix`; `None` for what cannot begin an id.
pub(super) fn bounds(prefix: &str) -> Option<(CallId, CallId)> {
    let missing = LENGTH.checked_sub(prefix.len())?;
    let filled = |digit: &str| format!("{prefix}{}", digit.repeat(missing)).parse::<CallId>().ok();
    if prefix.is_empty() {
        return Some((CallId::from_bytes([0; 16]), CallId::from_bytes([0xff; 16])));
    }
    Some((filled("0")?, filled("Z")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_for_the_ids_that_begin_with_it() {
        let (first, last) = bounds("01kaj").expect("a prefix");
        assert_eq!(first.to_string(), "01KAJ000000000000000000000");
        assert_eq!(last.to_string(), "01KAJZZZZZZZZZZZZZZZZZZZZZ");
        let whole = "01KAJ1234567890ABCDEFGHJKM";
        assert_eq!(bounds(whole), Some((whole.parse().unwrap(), whole.parse().unwrap())));
        assert_eq!(bounds("7").map(|(_, last)| last), Some(CallId::from_bytes([0xff; 16])));
        assert_eq!(bounds("").map(|(first, _)| first), Some(CallId::from_bytes([0; 16])));
    }

    #[test]
    fn what_cannot_begin_an_id_is_refused() {
        for prefix in ["8", "U", "01-", "가", "01KAJ1234567890ABCDEFGHJKM0", "a84b4c76e66710@pc33"] {
            assert_eq!(bounds(prefix), None, "{prefix}");
        }
    }
}
