//! Curves over a common axis.

use super::canvas::Image;
use super::chart::{Chart, round_marks, style};

/// Pixels of a curve's width, and of a dash with its gap.
const WIDTH: f64 = 2.5;
const DASH: f64 = 12.0;

/// A chart of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    /// Above the chart.
    pub heading: String,
    /// Below it.
    pub caption: String,
    /// Smallest and greatest value to the right. What lies outside is drawn at the edge.
    pub x: (f64, f64),
    /// Smallest and greatest value upwards.
    pub y: (f64, f64),
    /// Values to the right with their names, where they are not simply numbers.
    pub x_marks: Option<Vec<(f64, String)>>,
    /// The curves in the legend's order: after some colours, dashed ones follow in the same colours.
    pub lines: Vec<Line>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points from left to right. What is not a number leaves a gap.
    pub points: Vec<(f64, f64)>,
}

impl LineChart {
    /// Draws the chart.
    #[must_use]
    pub fn draw(&self) -> Image {
        let names: Vec<&str> = self.lines.iter().map(|l| l.name.as_str()).collect();
        let mut chart = Chart::new(&self.heading, (self.x, self.y), &names, |image, i, (x, y)| {
            stroke(image, &[(x - 13.0, y), (x + 13.0, y)], i);
        });
        chart.x_axis(&self.x_marks.clone().unwrap_or_else(|| round_marks(self.x, 10)), &self.caption);
        chart.y_axis(&round_marks(self.y, 10));
        // The first is drawn last: it is the one that the reader looks for.
        for (i, line) in self.lines.iter().enumerate().rev() {
            let places: Vec<Option<(f64, f64)>> = line.points.iter().map(|(x, y)| chart.place(*x, *y)).collect();
            for run in places.split(Option::is_none) {
                stroke(&mut chart.image, &run.iter().flatten().copied().collect::<Vec<_>>(), i);
            }
        }
        chart.image
    }
}

/// Draws the i-th line through some places; a single one becomes a dot.
fn stroke(image: &mut Image, places: &[(f64, f64)], i: usize) {
    let (colour, round) = style(i);
    if let [only] = places {
        image.line(*only, *only, 2.0 * WIDTH, colour);
    }
    let mut walked = 0.0;
    for pair in places.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        if round == 0 {
            image.line(from, to, WIDTH, colour);
            continue;
        }
        // Every second dash, counted along the whole line; the second round of dashes is shorter.
        let dash = DASH / round as f64;
        let at = |d: f64| {
            let t = (d / length.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))
        };
        let mut k = (walked / dash).floor();
        while k * dash < walked + length {
            if k.rem_euclid(2.0) < 0.5 {
                image.line(at(k * dash - walked), at((k + 0.9) * dash - walked), WIDTH, colour);
            }
            k += 1.0;
        }
        walked += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: Vec<Line>) -> LineChart {
        LineChart { heading: "h".into(), caption: "c".into(), x: (0.0, 1.0), y: (0.0, 1.0), x_marks: None, lines }
    }

    fn line(points: Vec<(f64, f64)>) -> Line {
        Line { name: "a line".into(), points }
    }

    #[test]
    fn a_line_is_drawn_where_its_points_lie() {
        let image = chart(vec![line(vec![(0.0, 1.0), (1.0, 0.0)])]).draw();
        let (colour, _) = style(0);
        // The frame is 720 × 480 at 84, 54: the middle of the line is its middle.
        assert_eq!(image.pixel(84 + 360, 54 + 240), Some(colour));
        assert_ne!(image.pixel(84 + 360, 54 + 120), Some(colour));
        assert_eq!(image.pixel(84 + 180, 54 + 120), Some(colour));
    }

    #[test]
    fn odd_charts_are_drawn() {
        let odd = [f64::NAN, f64::INFINITY, -1e300, 0.0, 1e-300];
        for low in odd {
            for high in odd {
                let mut odd = chart(vec![
                    line(vec![(low, high), (high, low), (0.3, f64::NAN), (0.5, 0.5)]),
                    line(Vec::new()),
                    line(vec![(0.5, 0.5)]),
                ]);
                odd.lines[1].name = "a name longer than any legend has room for \u{1f415}".into();
                (odd.x, odd.y) = ((low, high), (high, low));
                let image = odd.draw();
                assert!(image.to_png().is_ok_and(|png| png.starts_with(b"\x89PNG")));
                assert!(image.width() < 2000 && image.height() < 2000, "{} × {}", image.width(), image.height());
            }
        }
        assert!(chart(Vec::new()).draw().to_png().is_ok());
        let many = chart(vec![line(vec![(0.0, 0.1), (0.1, 0.2)]); 100]).draw();
        assert!(many.height() > 1000 && many.height() < 2000 && many.to_png().is_ok());
    }
}
