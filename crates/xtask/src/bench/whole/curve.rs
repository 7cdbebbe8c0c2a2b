//! `benches/scaling.svg`: what a packet costs and what a call takes, from few calls to many.

use anyhow::{Result, ensure};

use super::report::{Figures, Subject};

/// The picture, and the part of it in which the lines are.
const SIZE: (f64, f64) = (760.0, 640.0);
const LEFT: f64 = 70.0;
const RIGHT: f64 = 600.0;
/// Steps of the vertical axes.
const STEPS: u32 = 5;

/// A line: what it shows, its colour, and calls with the figure of each.
struct Line {
    name: &'static str,
    colour: &'static str,
    points: Vec<(f64, f64)>,
}

/// One diagram of the two.
struct Panel {
    title: &'static str,
    top: f64,
    bottom: f64,
    /// The highest figure of the axis.
    most: f64,
    /// Loads, from few calls to many.
    calls: Vec<f64>,
}

/// Draws the steady loads.
pub(super) fn svg(all: &[Figures]) -> Result<String> {
    let steady: Vec<&Figures> = all.iter().filter(|figures| figures.load().is_steady()).collect();
    ensure!(steady.len() > 1, "a curve needs two steady loads");
    let line = |name, colour, figure: &dyn Fn(&Figures) -> Option<f64>| {
        let point = |figures: &&Figures| Some((f64::from(figures.load().calls()), figure(figures)?));
        Line { name, colour, points: steady.iter().filter_map(point).collect() }
    };
    let costs = [
        line("whole process", "#b3261e", &|figures| figures.micros(Subject::Record)),
        line("engine alone", "#1a5fb4", &Figures::engine_micros),
        line("floor: flow + append", "#57606a", &|figures| figures.micros(Subject::Flow)),
    ];
    let memory = [line("whole process", "#b3261e", &Figures::kib_per_call)];
    let (width, height) = SIZE;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#1f2328\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    text += &Panel::of("processor time per packet, µs (all threads)", (50.0, 320.0), &costs).draw(&costs);
    text += &Panel::of("memory at most per call, KiB", (400.0, 580.0), &memory).draw(&memory);
    text += &format!(
        "<text x=\"{}\" y=\"625\" text-anchor=\"middle\">calls at once</text>\n</svg>\n",
        f64::midpoint(LEFT, RIGHT)
    );
    Ok(text)
}

impl Panel {
    /// A panel that is large enough for the lines.
    fn of(title: &'static str, (top, bottom): (f64, f64), lines: &[Line]) -> Self {
        let points = || lines.iter().flat_map(|line| line.points.iter().copied());
        let most = points().map(|(_, figure)| figure).fold(0.0, f64::max);
        let mut calls: Vec<f64> = points().map(|(calls, _)| calls).collect();
        calls.sort_by(f64::total_cmp);
        calls.dedup();
        Self { title, top, bottom, most: nice(most), calls }
    }

    /// Where so many calls are, on a logarithmic axis.
    fn x(&self, calls: f64) -> f64 {
        let (first, last) = (self.calls[0], self.calls[self.calls.len() - 1]);
        LEFT + (calls / first).ln() / (last / first).ln() * (RIGHT - LEFT)
    }

    fn y(&self, figure: f64) -> f64 {
        self.bottom - figure / self.most * (self.bottom - self.top)
    }

    fn draw(&self, lines: &[Line]) -> String {
        let mut text = format!(
            "<text x=\"{LEFT}\" y=\"{:.1}\" font-weight=\"bold\">{}</text>\n",
            self.top - 18.0,
            self.title
        );
        for step in 0..=STEPS {
            let figure = self.most * f64::from(step) / f64::from(STEPS);
            let y = self.y(figure);
            text += &format!("<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#d0d7de\"/>\n");
            text += &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 8.0,
                y + 4.5,
                axis(figure, self.most)
            );
        }
        for calls in &self.calls {
            let (x, top, bottom) = (self.x(*calls), self.top, self.bottom);
            text += &format!("<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#d0d7de\"/>\n");
            text += &format!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 18.0,
                grouped(*calls)
            );
        }
        text + &self.lines(lines)
    }

    fn lines(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        let mut names: Vec<(f64, &Line)> = Vec::new();
        for line in lines {
            let places: Vec<(f64, f64)> =
                line.points.iter().map(|(calls, figure)| (self.x(*calls), self.y(*figure))).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let Line { colour, .. } = line;
            text += &format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                path.join(" ")
            );
            for (x, y) in &places {
                text += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>\n");
            }
            names.extend(places.last().map(|(_, y)| (*y, line)));
        }
        // Names stand beside the ends of their lines, and never on each other.
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = self.top;
        for (y, Line { name, colour, points }) in names {
            let y = y.max(free);
            free = y + 32.0;
            let last = points.last().map_or(0.0, |(_, figure)| *figure);
            text += &format!(
                "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{colour}\"><tspan font-weight=\"bold\">{}</tspan>",
                RIGHT + 10.0,
                shown(last)
            );
            text += &format!("<tspan x=\"{:.1}\" dy=\"15\">{name}</tspan></text>\n", RIGHT + 10.0);
        }
        text
    }
}

/// A round number that is not smaller.
fn nice(most: f64) -> f64 {
    let magnitude = 10_f64.powf(most.max(1e-9).log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * magnitude).find(|round| *round >= most).unwrap_or(most)
}

/// Three digits that matter.
fn shown(figure: f64) -> String {
    match figure {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

/// A figure of an axis that ends at `most`.
fn axis(figure: f64, most: f64) -> String {
    let digits = if most >= 10.0 { 0 } else { 2 };
    format!("{figure:.digits$}")
}

fn grouped(calls: f64) -> String {
    if calls >= 1_000.0 {
        format!("{},{:03}", (calls / 1_000.0) as u64, calls as u64 % 1_000)
    } else {
        calls.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::measured, *};

    #[test]
    fn every_load_is_a_point_of_each_line_and_fewer_calls_are_further_left() {
        let svg = svg(&[measured(100), measured(1_000), measured(50_000)]).expect("three loads");
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (4, 12));
        assert!(
            svg.contains("points=\"70.0,") && svg.contains(">50,000</text>") && svg.contains(">1,000</text>")
        );
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(super::svg(&[measured(100)]).is_err());
    }

    #[test]
    fn axes_end_at_a_round_number() {
        for (most, end) in [(0.73, 0.8), (2.2, 2.5), (36.8, 40.0), (100.0, 100.0), (101.0, 150.0)] {
            assert!((nice(most) - end).abs() < 1e-9, "{most}");
        }
    }
}
