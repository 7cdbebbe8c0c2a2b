//! The worked example of an office, as `rules init` writes it.

/// File names and texts. They load without a problem, together with nothing else.
pub const EXAMPLE: &[(&str, &str)] = &[
    ("numbers.toml", include_str!("../../../capture-rules/numbers.toml")),
    ("office.toml", include_str!("../../../capture-rules/office.toml")),
    ("retention.toml", include_str!("../../../capture-rules/retention.toml")),
    ("notice.toml", include_str!("../../../capture-rules/notice.toml")),
];
