//! Points in the plane, coloured and shaped by group.

use super::canvas::Image;
use super::chart::{Chart, style};

/// Pixels from a marker's middle to its edge.
const RADIUS: f64 = 5.0;

/// A chart of points without axes, for places that have no unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Above the chart.
    pub heading: String,
    /// Below it.
    pub caption: String,
    /// The groups' names, in the legend's order.
    pub groups: Vec<String>,
    /// Places, and the index of each one's group. What is not a number is left out.
    pub points: Vec<([f64; 2], usize)>,
}

impl Scatter {
    /// Draws the chart. Groups without points are not in the legend, but keep their colour.
    #[must_use]
    pub fn draw(&self) -> Image {
        let used: Vec<usize> =
            (0..self.groups.len()).filter(|g| self.points.iter().any(|(_, group)| group == g)).collect();
        let names: Vec<&str> = used.iter().map(|g| self.groups[*g].as_str()).collect();
        let ranges = (self.range(0), self.range(1));
        let mut chart = Chart::new(&self.heading, ranges, &names, |image, i, place| {
            marker(image, place, used.get(i).copied().unwrap_or(0));
        });
        chart.x_axis(&[], &self.caption);
        for ([x, y], group) in &self.points {
            if let Some(place) = chart.place(*x, *y) {
                marker(&mut chart.image, place, *group);
            }
        }
        chart.image
    }

    /// Where the points lie, with some room around them.
    fn range(&self, d: usize) -> (f64, f64) {
        let values = self.points.iter().map(|(p, _)| p[d]).filter(|v| v.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let room = 0.04 * (high - low);
        (low - room, high + room)
    }
}

/// One point: a disc, then square, triangle, diamond and cross, one shape for each round of the colours.
fn marker(image: &mut Image, (x, y): (f64, f64), group: usize) {
    let (colour, round) = style(group);
    let shape = |dx: f64, dy: f64| match round % 5 {
        0 => dx.hypot(dy) - RADIUS,
        1 => dx.abs().max(dy.abs()) - 0.85 * RADIUS,
        2 => (dx.abs() * 0.87 - dy * 0.5).max(dy) - 0.6 * RADIUS,
        3 => (dx.abs() + dy.abs()) * 0.71 - 0.85 * RADIUS,
        _ => ((dx.abs() - dy.abs()).abs() * 0.71 - 1.2).max(dx.abs().max(dy.abs()) - RADIUS),
    };
    let reach = 2.0 * RADIUS;
    image.shape((x - reach, x + reach), (y - reach, y + reach), colour, |px, py| shape(px - x, -(py - y)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scatter(points: Vec<([f64; 2], usize)>) -> Scatter {
        let groups = (0..40).map(|i| format!("group {i}")).collect();
        Scatter { heading: "h".into(), caption: "c".into(), groups, points }
    }

    #[test]
    fn a_point_has_its_groups_colour_where_it_lies() {
        let image = scatter(vec![([0.0, 0.0], 3), ([2.0, 2.0], 4), ([1.0, 1.0], 9)]).draw();
        // The frame is 720 × 480 at 84, 54.
        assert_eq!(image.pixel(84 + 360, 54 + 240), Some(style(9).0));
        let (left, bottom) = (84 + (720.0 * 0.04 / 1.08) as usize, 54 + (480.0 * 1.04 / 1.08) as usize);
        assert_eq!(image.pixel(left, bottom), Some(style(3).0));
    }

    #[test]
    fn odd_points_are_drawn() {
        for places in [vec![], vec![[1.0, 1.0]], vec![[f64::NAN, 0.0], [1e308, -1e308]], vec![[0.0, f64::INFINITY]; 3]]
        {
            let points = places.into_iter().enumerate().map(|(i, p)| (p, 20 * i)).collect();
            assert!(scatter(points).draw().to_png().is_ok());
        }
        assert!(scatter(vec![([0.0, 0.0], 1000)]).draw().to_png().is_ok(), "a group without a name");
        let many = scatter((0..40).map(|i| ([i as f64, 0.0], i)).collect()).draw();
        assert!(many.height() > 480 && many.to_png().is_ok());
    }
}
