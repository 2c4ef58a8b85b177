//! `spectrogram.png`: what was heard, and beside it what the decision rests on.

use super::sample_strip::{self, Place};
pub use crate::plot::Image;
use crate::{
    engine::report::MelPicture,
    error::{Error, Result},
    plot::{
        canvas::{covered, text_width},
        colour::{Rgb, colour_map},
        font,
        ink::{BACKGROUND, FAINT, INK},
    },
};

/// Level drawn darkest, in dB. Fixed, so that pictures of quiet and loud clips can be compared.
pub const FLOOR_DB: f32 = -90.0;
/// Level drawn brightest, in dB.
pub const CEILING_DB: f32 = -10.0;

const ACCENT: Rgb = [0xff, 0x9f, 0x43];

/// Pixels of a font dot.
const SCALE: usize = 2;
const LINE: usize = font::HEIGHT * SCALE;
const LEFT: usize = 88;
const TOP: usize = 54;
const BOTTOM: usize = 58;
const GAP: usize = 36;
const BAR_GAP: usize = 22;
const BAR_WIDTH: usize = 14;
const RIGHT: usize = 88;
const TICK: usize = 5;
/// Of the strip of samples, and the room below it.
const STRIP_HEIGHT: usize = 120;
const STRIP_BOTTOM: usize = 36;
/// Pixels across one panel: as many as there are frames, within these.
const PANEL_WIDTH: std::ops::RangeInclusive<usize> = 400..=900;
/// Pixels down a panel, at least; bands are drawn whole pixels high where they fit.
const PANEL_HEIGHT: usize = 256;

/// What is written on the picture besides the sound itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annotations<'a> {
    /// The event's label.
    pub label: &'a str,
    /// Its score, 0…1.
    pub score: f32,
    /// The event's onset, in seconds from the clip's start.
    pub onset_secs: f64,
    /// The event's offset, in seconds from the clip's start.
    pub offset_secs: f64,
}

/// Draws two panels with the same axes: left the mel spectrogram, right the same seen through the mask. Levels run from
/// [`FLOOR_DB`] to [`CEILING_DB`] whatever the clip holds; a level that is not a number counts as the floor.
///
/// Where the method gives every sample a share, there is a strip below each: the waveform, and R ⊙ x on it.
///
/// Where a pixel covers several frames or bands it shows the loudest, so that no short sound vanishes.
///
/// # Errors
/// `Bug` when level and mask are not both `[n_frames, n_bands]`.
pub fn render(picture: &MelPicture, notes: &Annotations<'_>) -> Result<Image> {
    let MelPicture { n_bands, level_db, mask, .. } = picture;
    if level_db.len() != mask.len() || (*n_bands == 0 && !mask.is_empty()) || level_db.len() % (*n_bands).max(1) != 0 {
        return Err(Error::bug(format!(
            "a spectrogram of {} levels and {} mask values does not fit {n_bands} bands; please report this",
            level_db.len(),
            mask.len()
        )));
    }
    let n_frames = level_db.len() / (*n_bands).max(1);
    let panel = Panel::new(n_frames, *n_bands, picture.frame_secs);
    let colours = colour_map();
    let right = LEFT + panel.width + GAP;
    let bar = right + panel.width + BAR_GAP;
    let below = TOP + panel.height + BOTTOM;
    let strip = if picture.samples.is_empty() { 0 } else { STRIP_HEIGHT + STRIP_BOTTOM };
    let mut image = Image::new(bar + BAR_WIDTH + RIGHT, below + strip, BACKGROUND);

    let masked: Vec<f32> =
        level_db.iter().zip(mask).map(|(level, mask)| level + 20.0 * mask.clamp(0.0, 1.0).log10()).collect();
    panel.spectrogram(&mut image, LEFT, level_db, &colours);
    panel.spectrogram(&mut image, right, &masked, &colours);
    let room = panel.width / (font::ADVANCE * SCALE);
    for (x, title) in [(LEFT, "heard".to_owned()), (right, why_title(notes, room))] {
        image.text(x, 14, SCALE, INK, &title);
        panel.event_bar(&mut image, x, notes);
        panel.time_axis(&mut image, x);
    }
    frequency_axis(&mut image, &panel, picture);
    level_bar(&mut image, bar, &panel, &colours);
    let caption = "seconds; the bar above marks the event";
    image.text(LEFT, TOP + panel.height + 36, SCALE, FAINT, caption);
    if strip > 0 {
        let place = |left: usize| Place { left, top: below, width: panel.width, height: STRIP_HEIGHT };
        sample_strip::waveform(&mut image, place(LEFT), &picture.samples, INK);
        sample_strip::relevance(&mut image, place(right), &picture.samples, &picture.shares);
        image.text(LEFT, below + STRIP_HEIGHT + 10, SCALE, FAINT, "samples; right: for (orange), against (blue)");
    }
    Ok(image)
}

/// `why: LABEL 0.93` in at most `room` characters: a long label is cut, the score never.
fn why_title(notes: &Annotations<'_>, room: usize) -> String {
    let score = format!(" {:.2}", notes.score);
    let for_label = room.saturating_sub("why: ".len() + score.len());
    let label = if notes.label.chars().count() > for_label {
        notes.label.chars().take(for_label.saturating_sub(3)).chain("...".chars()).collect()
    } else {
        notes.label.to_owned()
    };
    format!("why: {label}{score}")
}

/// One spectrogram's place and scale.
struct Panel {
    width: usize,
    height: usize,
    n_frames: usize,
    n_bands: usize,
    secs: f64,
}

impl Panel {
    fn new(n_frames: usize, n_bands: usize, frame_secs: f64) -> Self {
        let width = n_frames.clamp(*PANEL_WIDTH.start(), *PANEL_WIDTH.end());
        let height = match n_bands {
            0 => PANEL_HEIGHT,
            n if n <= 2 * PANEL_HEIGHT => n * PANEL_HEIGHT.div_ceil(n),
            _ => PANEL_HEIGHT,
        };
        let secs = n_frames as f64 * frame_secs;
        Self { width, height, n_frames, n_bands, secs: if secs.is_finite() { secs.max(0.0) } else { 0.0 } }
    }

    /// Pixels from the panel's left edge to `secs`; `None` outside the panel.
    fn x_of(&self, secs: f64) -> Option<usize> {
        let x = (secs / self.secs * self.width as f64).round();
        (0.0..=self.width as f64).contains(&x).then_some(x as usize)
    }

    fn spectrogram(&self, image: &mut Image, left: usize, level_db: &[f32], colours: &[Rgb; 256]) {
        image.fill(left, TOP, self.width, self.height, colours[0]);
        for x in 0..self.width {
            let frames = covered(x, self.width, self.n_frames);
            for y in 0..self.height {
                let bands = covered(self.height - 1 - y, self.height, self.n_bands);
                let loudest = frames
                    .clone()
                    .filter_map(|frame| level_db.get(frame * self.n_bands..)?.get(bands.clone()))
                    .flatten()
                    // `max` passes over NaN.
                    .fold(FLOOR_DB, |loudest, &level| loudest.max(level));
                image.set(left + x, TOP + y, colours[shade(loudest)]);
            }
        }
    }

    fn event_bar(&self, image: &mut Image, left: usize, notes: &Annotations<'_>) {
        let clip = |secs: f64| self.x_of(secs.clamp(0.0, self.secs));
        if let (Some(from), Some(to)) = (clip(notes.onset_secs), clip(notes.offset_secs)) {
            image.fill(left + from, TOP - 10, to.saturating_sub(from).max(2), 4, ACCENT);
        }
    }

    fn time_axis(&self, image: &mut Image, left: usize) {
        let base = TOP + self.height;
        // A label is about 40 pixels wide and wants room around it.
        let most = self.width / 64;
        let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
        let Some(step) = steps.into_iter().find(|step| self.secs / step <= most as f64) else { return };
        for i in 0..=most {
            let secs = i as f64 * step;
            let Some(x) = self.x_of(secs) else { break };
            image.fill(left + x, base, 1, TICK, FAINT);
            let label = if step < 1.0 { format!("{secs:.1}") } else { format!("{secs:.0}") };
            let half = text_width(&label, SCALE) / 2;
            image.text(left + x - half, base + TICK + 6, SCALE, INK, &label);
        }
    }
}

/// A level's place in the colour map.
fn shade(level_db: f32) -> usize {
    let t = (level_db - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
    (255.0 * t.clamp(0.0, 1.0)).round() as usize
}

fn frequency_axis(image: &mut Image, panel: &Panel, picture: &MelPicture) {
    // The roundest first: where there is not room for all, these stay.
    let round = [1e3, 1e4, 100.0, 5e3, 2e3, 500.0, 2e4, 200.0, 50.0, 20.0];
    let marks: Vec<(f32, usize)> = if picture.centre_hz.len() == picture.n_bands && picture.n_bands > 1 {
        round.into_iter().filter_map(|hz| Some((hz, panel.height - y_of(hz, &picture.centre_hz, panel)?))).collect()
    } else {
        vec![(picture.range_hz.0, panel.height), (picture.range_hz.1, 0)]
    };
    let mut taken: Vec<usize> = Vec::new();
    for (hz, y) in marks {
        if taken.iter().any(|other| other.abs_diff(y) < LINE + 6) {
            continue;
        }
        taken.push(y);
        let label = if hz >= 1000.0 { format!("{} kHz", hz / 1000.0) } else { format!("{hz:.0} Hz") };
        let y = TOP + y;
        image.fill(LEFT - TICK, y, TICK, 1, FAINT);
        let x = (LEFT - TICK - 6).saturating_sub(text_width(&label, SCALE));
        image.text(x, y - LINE / 2, SCALE, INK, &label);
    }
}

/// Pixels from the panel's bottom to `hz`, between the centres of the bands around it.
fn y_of(hz: f32, centre_hz: &[f32], panel: &Panel) -> Option<usize> {
    let lower = centre_hz.windows(2).position(|pair| pair[0] <= hz && hz <= pair[1])?;
    let within = (hz - centre_hz[lower]) / (centre_hz[lower + 1] - centre_hz[lower]).max(f32::MIN_POSITIVE);
    let band = lower as f32 + within + 0.5;
    Some((band / centre_hz.len() as f32 * panel.height as f32).round() as usize)
}

fn level_bar(image: &mut Image, left: usize, panel: &Panel, colours: &[Rgb; 256]) {
    for y in 0..panel.height {
        let level = 255 * (panel.height - 1 - y) / (panel.height - 1).max(1);
        image.fill(left, TOP + y, BAR_WIDTH, 1, colours[level]);
    }
    let mut level_db = CEILING_DB;
    while level_db >= FLOOR_DB {
        let t = (CEILING_DB - level_db) / (CEILING_DB - FLOOR_DB);
        let y = TOP + (t * (panel.height - 1) as f32).round() as usize;
        image.fill(left + BAR_WIDTH, y, TICK, 1, FAINT);
        image.text(left + BAR_WIDTH + TICK + 6, y - LINE / 2, SCALE, INK, &format!("{level_db:.0}"));
        level_db -= 20.0;
    }
    image.text(left, 14, SCALE, INK, "dB");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOTES: Annotations<'static> = Annotations { label: "dog", score: 0.93, onset_secs: 0.5, offset_secs: 1.0 };

    fn picture(n_frames: usize, n_bands: usize, level: impl Fn(usize, usize) -> f32) -> MelPicture {
        MelPicture {
            n_bands,
            frame_secs: 0.02,
            level_db: (0..n_frames * n_bands).map(|i| level(i / n_bands, i % n_bands)).collect(),
            mask: vec![1.0; n_frames * n_bands],
            range_hz: (50.0, 8000.0),
            centre_hz: (0..n_bands).map(|b| 50.0 + 7950.0 * b as f32 / n_bands as f32).collect(),
            ..MelPicture::default()
        }
    }

    #[test]
    fn the_mask_darkens_the_right_panel_only() {
        let mut heard = picture(100, 64, |_, _| -30.0);
        heard.mask.iter_mut().skip(50 * 64).for_each(|m| *m = 0.0);
        let image = render(&heard, &NOTES).unwrap();
        let colours = colour_map();
        let at = |x: usize| image.pixel(x, TOP + 100).unwrap();
        let right = LEFT + 400 + GAP;
        assert_eq!(at(LEFT + 10), colours[shade(-30.0)]);
        assert_eq!(at(LEFT + 390), colours[shade(-30.0)]);
        assert_eq!(at(right + 10), colours[shade(-30.0)]);
        assert_eq!(at(right + 390), colours[0]);
    }

    #[test]
    fn low_bands_lie_at_the_bottom_and_early_frames_left() {
        let image = render(&picture(100, 64, |frame, band| if frame < 10 && band < 8 { -10.0 } else { -90.0 }), &NOTES);
        let image = image.unwrap();
        let colours = colour_map();
        assert_eq!(image.pixel(LEFT, TOP + 255), Some(colours[255]));
        assert_eq!(image.pixel(LEFT, TOP), Some(colours[0]));
        assert_eq!(image.pixel(LEFT + 399, TOP + 255), Some(colours[0]));
    }

    #[test]
    fn a_click_in_one_of_many_frames_stays_visible() {
        let image = render(&picture(5000, 40, |frame, _| if frame == 3333 { -20.0 } else { -90.0 }), &NOTES).unwrap();
        let bright = (0..900).filter(|&x| image.pixel(LEFT + x, TOP + 50) == Some(colour_map()[shade(-20.0)])).count();
        assert_eq!(bright, 1);
    }

    #[test]
    fn levels_do_not_scale_by_the_clip() {
        let quiet = render(&picture(50, 64, |_, _| -70.0), &NOTES).unwrap();
        let loud = render(&picture(50, 64, |_, _| -20.0), &NOTES).unwrap();
        assert_ne!(quiet.pixel(LEFT + 5, TOP + 5), loud.pixel(LEFT + 5, TOP + 5));
    }

    #[test]
    fn odd_pictures_are_drawn_and_wrong_ones_refused() {
        for (n_frames, n_bands) in [(0, 0), (0, 64), (1, 1), (3, 1), (10, 2000), (20_000, 16)] {
            let mut odd = picture(n_frames, n_bands, |_, _| f32::NAN);
            odd.centre_hz.clear();
            let image = render(&odd, &NOTES).unwrap();
            assert!(image.width() >= 900 && image.height() >= 360, "{}×{}", image.width(), image.height());
        }
        let mut wrong = picture(10, 64, |_, _| -50.0);
        wrong.mask.pop();
        assert_eq!(render(&wrong, &NOTES).unwrap_err().kind(), crate::ErrorKind::Bug);
    }

    #[test]
    fn a_long_label_is_cut_and_its_score_stays() {
        let notes = Annotations { label: "an implausibly long label of a class", ..NOTES };
        assert_eq!(why_title(&notes, 24), "why: an implausi... 0.93");
        assert_eq!(why_title(&NOTES, 24), "why: dog 0.93");
    }
}
