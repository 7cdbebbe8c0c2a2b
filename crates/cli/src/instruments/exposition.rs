//! The two texts that metrics are told in, and which of them a scraper wants.
//!
//! [`Exposition::OpenMetrics`] names a counter's family without the `_total` of its samples, tells units and ends with
//! `# EOF`. [`Exposition::Text`] knows none of that: there the family is called what its samples are called
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    /// Prometheus' own text format: for whoever does not say what it wants.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Exposition {
    /// What a scraper is told that it gets.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT,
            Self::OpenMetrics => OPEN_METRICS,
        }
    }

    /// The form that a scraper likes best, by the Accept headers of its request (RFC 9110, 12.5.1). Only who names
    /// OpenMetrics gets it: who takes anything gets text.
    pub(super) fn wanted<'h>(accept: impl IntoIterator<Item = &'h str>) -> Self {
        let (mut open, mut text) = (0.0_f64, 0.0_f64);
        for range in accept.into_iter().flat_map(|header| header.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
            let told = |name: &str| {
                let (_, value) = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                Some(value.trim_matches('"'))
            };
            let quality = told("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match kind.as_str() {
                "application/openmetrics-text"
                    if told("version").is_none_or(|version| version == "1.0.0") =>
                {
                    open = open.max(quality);
                }
                "text/plain" | "text/*" | "*/*" => text = text.max(quality),
                _ => {}
            }
        }
        if open > 0.0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// `page`, which is OpenMetrics, in this form.
    pub(super) fn of(self, page: String) -> String {
        match self {
            Self::OpenMetrics => page,
            Self::Text => as_text(&page),
        }
    }
}

/// The family's name in HELP and TYPE gets what its samples have; units and the end are not told. A HELP comes directly
/// before its TYPE, which says whether it is a counter's.
fn as_text(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut help = None;
    for line in page.lines() {
        let told = match (line.strip_prefix("# HELP "), line.strip_prefix("# TYPE ")) {
            (Some(told), _) => {
                help = told.split_once(' ');
                Ok(())
            }
            (None, Some(told)) => {
                let (name, kind) = told.split_once(' ').unwrap_or((told, "untyped"));
                let total = if kind == "counter" { "_total" } else { "" };
                let (_, meaning) = help.take().filter(|(of, _)| *of == name).unwrap_or_default();
                writeln!(text, "# HELP {name}{total} {meaning}\n# TYPE {name}{total} {kind}")
            }
            (None, None) if line.starts_with("# UNIT ") || line == "# EOF" => Ok(()),
            (None, None) => writeln!(text, "{line}"),
        };
        // Writing into a String cannot fail.
        told.unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_openmetrics_and_likes_nothing_better_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, wanted) in [
            (&[prometheus][..], Exposition::OpenMetrics),
            (&["text/plain;q=0.5", "Application/OpenMetrics-Text"], Exposition::OpenMetrics),
            (&[], Exposition::Text),
            (&["*/*"], Exposition::Text),
            (&["text/html, */*;q=0.8"], Exposition::Text),
            (&["application/openmetrics-text;q=0.3, text/plain"], Exposition::Text),
            (&["application/openmetrics-text;q=0"], Exposition::Text),
            (&["application/openmetrics-text;version=2.0.0"], Exposition::Text),
            (&["application/openmetrics-text;q=lots"], Exposition::Text),
            (&[";;,=,q=;"], Exposition::Text),
        ] {
            assert_eq!(Exposition::wanted(accept.iter().copied()), wanted, "{accept:?}");
        }
    }

    #[test]
    fn a_text_page_calls_a_counter_what_its_samples_are_called() {
        let page = "# HELP a_bytes Bytes\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{x=\"# EOF\"} 1\n\
                    # HELP b Now\n# TYPE b gauge\nb 2.0\n# EOF\n";
        let text = "# HELP a_bytes_total Bytes\n# TYPE a_bytes_total counter\na_bytes_total{x=\"# EOF\"} 1\n\
                    # HELP b Now\n# TYPE b gauge\nb 2.0\n";
        assert_eq!(Exposition::Text.of(page.to_owned()), text);
        assert_eq!(Exposition::OpenMetrics.of(page.to_owned()), page);
    }
}
