//! The colour map of the pictures: dark violet over teal to light yellow.
//!
//! It is a path through the OKLCh colour space along which lightness grows evenly, so that equal steps of level look
//! equal, also to colour-blind eyes and on grey paper; hue only helps to tell steps apart.

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// Colours of the map: as many as leave room in a palette of 256 for text and lines.
const N_COLOURS: usize = 240;

/// The colour of each of 256 values, from the lowest to the highest.
pub(crate) fn colour_map() -> [Rgb; 256] {
    std::array::from_fn(|i| colour((i * N_COLOURS / 256) as f32 / (N_COLOURS - 1) as f32))
}

/// Colours that differ in hue alone, for lines and points that belong together; after [`N_HUES`] they come again.
pub(crate) fn category(i: usize) -> Rgb {
    // Neighbours in the list lie far apart on the circle.
    const HUES: [f32; N_HUES] = [250.0, 60.0, 150.0, 350.0, 100.0, 305.0, 200.0];
    let hue = HUES[i % N_HUES].to_radians();
    in_gamut(0.78, 0.16, hue)
}

/// How many colours [`category`] has.
pub(crate) const N_HUES: usize = 7;

/// The colour for `t` in 0…1.
fn colour(t: f32) -> Rgb {
    let lightness = 0.14 + 0.82 * t;
    let hue = (305.0 - 200.0 * t).to_radians();
    // Strong in the middle, where there is room.
    in_gamut(lightness, 0.07 + 0.11 * (t * std::f32::consts::PI).sin() + 0.04 * t, hue)
}

/// An OKLCh colour, with less chroma where a screen cannot show so much.
fn in_gamut(lightness: f32, mut chroma: f32, hue: f32) -> Rgb {
    loop {
        let linear = linear_rgb(lightness, chroma * hue.cos(), chroma * hue.sin());
        if chroma <= 0.0 || linear.iter().all(|v| (0.0..=1.0).contains(v)) {
            return linear.map(|v| (255.0 * encode(v.clamp(0.0, 1.0))).round() as u8);
        }
        chroma -= 0.002;
    }
}

/// OKLab to linear sRGB (B. Ottosson's matrices).
fn linear_rgb(lightness: f32, a: f32, b: f32) -> [f32; 3] {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

/// Linear light to what sRGB stores.
fn encode(v: f32) -> f32 {
    if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Perceived lightness (CIE L*, 0…100) of a stored colour.
    fn lightness([r, g, b]: Rgb) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        if y <= 0.008_856 { 903.3 * y } else { 116.0 * y.cbrt() - 16.0 }
    }

    #[test]
    fn lightness_grows_all_the_way_and_evenly() {
        let steps: Vec<f64> = colour_map().iter().map(|&c| lightness(c)).collect();
        assert!(steps[0] < 8.0 && steps[255] > 90.0, "{} … {}", steps[0], steps[255]);
        // In steps of 16 colours, so that rounding to 8 bits does not count.
        let strides: Vec<f64> =
            steps.iter().step_by(15).zip(steps.iter().skip(15).step_by(15)).map(|(a, b)| b - a).collect();
        let mean = strides.iter().sum::<f64>() / strides.len() as f64;
        assert_eq!(strides.len(), 17);
        assert!(strides.iter().all(|&s| s > 0.5 * mean && s < 1.6 * mean), "{strides:.1?}");
    }
}
