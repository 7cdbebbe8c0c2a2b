//! The capacity of a box as a drawing (SVG 1.1): what came and what was kept, what it cost, and how late it was on the disk.
//! Labels are Korean and English, because the drawing goes into reports.

use std::fmt::Write;

use super::{is_kept, report::Report, step::Level};

/// The drawing, in its own units.
const WIDTH: f64 = 860.0;
/// One panel of it, with its axes.
const PANEL: f64 = 230.0;
/// What is left and right of a panel for labels.
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
/// What is above and below its lines.
const ABOVE: f64 = 40.0;
const BELOW: f64 = 46.0;
/// The heading.
const HEAD: f64 = 64.0;

/// Colours that are told apart also by who sees few, and on paper.
const BLUE: &str = "#0059b3";
const ORANGE: &str = "#c25700";
const GREY: &str = "#777777";

/// One line of a panel.
struct Line {
    name: &'static str,
    colour: &'static str,
    points: Vec<(f64, f64)>,
}

/// One panel.
struct Panel {
    title: &'static str,
    lines: Vec<Line>,
    /// A value that is marked across.
    mark: Option<(f64, &'static str)>,
}

/// The drawing.
pub(super) fn svg(report: &Report<'_>) -> String {
    let mut text = String::new();
    // A String takes all text.
    draw(report, &mut text).unwrap_or_default();
    text
}

fn draw(report: &Report<'_>, svg: &mut String) -> std::fmt::Result {
    let panels = panels(report.levels);
    let height = HEAD + PANEL * panels.len() as f64 + 10.0;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"'Noto Sans CJK KR','Noto Sans KR','Malgun Gothic','Apple SD Gothic Neo',sans-serif\" font-size=\"13\">"
    )?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")?;
    writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"26\" font-size=\"17\" font-weight=\"bold\">동시 통화 녹취 용량 / Calls at once on this box</text>"
    )?;
    writeln!(svg, "<text x=\"{LEFT}\" y=\"48\" fill=\"#333333\">{}</text>", escaped(&report.sentence()))?;
    let most = report.levels.iter().map(|level| level.calls).max().unwrap_or(1);
    let across = Axis::up_to(f64::from(most));
    for (place, panel) in panels.iter().enumerate() {
        panel.draw(svg, HEAD + PANEL * place as f64, &across)?;
    }
    writeln!(svg, "</svg>")
}

fn panels(levels: &[Level]) -> Vec<Panel> {
    let line = |name, colour, of: &dyn Fn(&Level) -> Option<f64>| Line {
        name,
        colour,
        points: levels.iter().filter_map(|level| Some((f64::from(level.calls), of(level)?))).collect(),
    };
    let kept = |level: &Level| if is_kept(level) { level.calls } else { level.calls_whole };
    vec![
        Panel {
            title: "온전히 보관된 통화 / Calls kept whole",
            lines: vec![
                line("제공 / offered", GREY, &|level| Some(f64::from(level.calls))),
                line("보관 / kept", BLUE, &|level| Some(f64::from(kept(level)))),
            ],
            mark: None,
        },
        Panel {
            title: "사용한 CPU 코어 / Processors in use",
            lines: vec![
                line("녹취기 / recorder", BLUE, &|level| Some(level.processors)),
                line("송신기 / sender", ORANGE, &|level| {
                    Some(level.sender_cpu_us * level.frames_per_second / 1e6)
                }),
            ],
            mark: None,
        },
        Panel {
            title: "저장 지연 (ms) / From arrival to disk (ms)",
            lines: vec![
                line("중앙값 / median", BLUE, &|level| level.lag_p50_ms),
                line("99 %", ORANGE, &|level| level.lag_p99_ms),
            ],
            mark: Some((super::LATE_MS, "한계 / limit")),
        },
    ]
}

impl Panel {
    fn draw(&self, svg: &mut String, top: f64, across: &Axis) -> std::fmt::Result {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let up = Axis::up_to(values.fold(0.0, f64::max));
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let (upper, lower) = (top + ABOVE, top + PANEL - BELOW);
        let x = |value: f64| left + (right - left) * value / across.end;
        let y = |value: f64| lower - (lower - upper) * value / up.end;
        writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{}</text>",
            top + 24.0,
            escaped(self.title)
        )?;
        for value in up.ticks() {
            let y = y(value);
            writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + 4.0,
                up.label(value)
            )?;
        }
        for value in across.ticks() {
            let x = x(value);
            writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{lower:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#333333\"/>",
                lower + 5.0
            )?;
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                lower + 19.0,
                across.label(value)
            )?;
        }
        writeln!(
            svg,
            "<polyline points=\"{left},{upper:.1} {left},{lower:.1} {right},{lower:.1}\" fill=\"none\" stroke=\"#333333\"/>"
        )?;
        writeln!(
            svg,
            "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">동시 통화 수 / calls at once</text>",
            lower + 36.0
        )?;
        if let Some((value, name)) = self.mark.filter(|(value, _)| *value <= up.end) {
            let y = y(value);
            writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"{GREY}\" stroke-dasharray=\"6 4\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{GREY}\">{}</text>",
                y - 5.0,
                escaped(name)
            )?;
        }
        for (place, line) in self.lines.iter().enumerate() {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(calls, value)| format!("{:.1},{:.1}", x(*calls), y(*value)))
                .collect();
            let colour = line.colour;
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                points.join(" ")
            )?;
            for (calls, value) in &line.points {
                writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                    x(*calls),
                    y(*value)
                )?;
            }
            let from = right - 170.0 * (self.lines.len() - place) as f64;
            writeln!(
                svg,
                "<line x1=\"{from}\" y1=\"{0:.1}\" x2=\"{1}\" y2=\"{0:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
                top + 19.0,
                from + 22.0
            )?;
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\">{}</text>",
                from + 28.0,
                top + 24.0,
                escaped(line.name)
            )?;
        }
        Ok(())
    }
}

/// An axis from 0 to a round number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    /// One that has room for `most`, in three to seven steps of 1, 2 or 5 and zeros.
    fn up_to(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let ten = 10_f64.powf((most / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * ten).find(|step| most / step <= 7.0);
        let step = step.unwrap_or(10.0 * ten);
        Self { end: (most / step * 0.999).ceil() * step, step }
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let count = (self.end / self.step).round() as u32;
        (0..=count).map(move |number| f64::from(number) * self.step)
    }

    fn label(self, value: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let text = format!("{value:.decimals$}");
        match text.strip_suffix("000") {
            Some(thousands) if decimals == 0 && !thousands.is_empty() => format!("{thousands},000"),
            _ => text,
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_that_has_room() {
        for (most, end, step) in [
            (4.0, 4.0, 1.0),
            (12_345.0, 14_000.0, 2_000.0),
            (0.37, 0.4, 0.1),
            (0.0, 1.0, 0.2),
            (3_000.0, 3_000.0, 500.0),
        ] {
            let axis = Axis::up_to(most);
            assert!((axis.end - end).abs() < 1e-9 && (axis.step - step).abs() < 1e-9, "{most}: {axis:?}");
        }
        let labels: Vec<String> =
            Axis::up_to(0.37).ticks().map(|value| Axis::up_to(0.37).label(value)).collect();
        assert_eq!(labels, ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(Axis::up_to(12_345.0).label(4_000.0), "4,000");
    }
}
