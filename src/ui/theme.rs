//! Colours, modifiers and glyphs, by what the terminal can show.
//!
//! Views style by role and write Unicode; [`Theme::finish`] then takes away what the terminal cannot show, so that no
//! view can forget. Text keeps the terminal's own colours: the theme works on light and dark ones.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use super::choices::View;
use super::options::UiOptions;
use super::palette::Palette;
use crate::units::EvidenceVerdict;

/// Depth of the terminal's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    None,
    Indexed,
    True,
}

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    depth: Depth,
    ascii: bool,
    palette: &'static Palette,
}

/// Steps of a colour scale: few enough that neighbouring cells often share a colour, which spares the terminal.
const HEAT_STEPS: f32 = 40.0;

impl Theme {
    pub(crate) fn new(options: &UiOptions) -> Self {
        let depth = match (options.no_color, options.true_color) {
            (true, _) => Depth::None,
            (false, true) => Depth::True,
            (false, false) => Depth::Indexed,
        };
        Self { depth, ascii: options.ascii, palette: options.theme.palette() }
    }

    /// Whether there is any colour.
    pub(crate) fn has_color(self) -> bool {
        self.depth != Depth::None
    }

    /// Whether only ASCII may be written.
    pub(crate) fn is_ascii(self) -> bool {
        self.ascii
    }

    pub(crate) fn title(self) -> Style {
        Style::new().fg(self.palette.accent).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn rule(self) -> Style {
        self.dim()
    }

    pub(crate) fn dim(self) -> Style {
        Style::new().fg(self.palette.dim)
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn key(self) -> Style {
        Style::new().fg(self.palette.accent).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn active(self) -> Style {
        Style::new().fg(self.palette.active).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn bar(self) -> Style {
        Style::new().fg(self.palette.bar)
    }

    pub(crate) fn bar_active(self) -> Style {
        Style::new().fg(self.palette.active)
    }

    pub(crate) fn good(self) -> Style {
        Style::new().fg(self.palette.good)
    }

    /// Of a verdict on evidence.
    pub(crate) fn verdict(self, verdict: EvidenceVerdict) -> Style {
        match verdict {
            EvidenceVerdict::EnoughAndNeeded => self.good(),
            EvidenceVerdict::Enough => self.warn(),
            EvidenceVerdict::NotEnough => self.bad(),
        }
    }

    pub(crate) fn warn(self) -> Style {
        Style::new().fg(self.palette.warn)
    }

    pub(crate) fn bad(self) -> Style {
        Style::new().fg(self.palette.bad).add_modifier(Modifier::BOLD)
    }

    /// For what must not be overlooked.
    pub(crate) fn alarm(self) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            _ => on(self.palette.alarm).add_modifier(Modifier::BOLD),
        }
    }

    /// For what should be seen, and is not the worst.
    pub(crate) fn warning(self) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::REVERSED),
            _ => on(self.palette.warning).add_modifier(Modifier::BOLD),
        }
    }

    /// For states the user has chosen, or that are no fault.
    pub(crate) fn notice(self) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            _ => on(self.palette.notice).add_modifier(Modifier::BOLD),
        }
    }

    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Colour of `strength` in 0…1 on the scale of `view`.
    pub(crate) fn heat(self, view: View, strength: f32) -> Color {
        let scale = if view == View::Heard { &self.palette.heard } else { &self.palette.why };
        // What is no number counts as nothing.
        let strength = if strength > 0.0 { strength.min(1.0) } else { 0.0 };
        if self.depth == Depth::Indexed {
            let at = (strength * (scale.indexed.len() - 1) as f32).round() as usize;
            return Color::Indexed(scale.indexed[at.min(scale.indexed.len() - 1)]);
        }
        let scale = &scale.rgb;
        let strength = (strength * HEAT_STEPS).round() / HEAT_STEPS;
        let at = strength * (scale.len() - 1) as f32;
        let idx = (at as usize).min(scale.len() - 2);
        let (low, high, part) = (scale[idx], scale[idx + 1], at - idx as f32);
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * part).round() as u8;
        Color::Rgb(mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2))
    }

    /// Character as dense as `strength` in 0…1, for terminals without colour.
    pub(crate) fn density(self, strength: f32) -> char {
        let ramp: &[char] = if self.ascii {
            &[' ', '.', ':', '-', '=', '+', '*', '#', '%', '@']
        } else {
            &[' ', '░', '▒', '▓', '█']
        };
        ramp[((strength.clamp(0.0, 1.0) * ramp.len() as f32) as usize).min(ramp.len() - 1)]
    }

    /// Takes from `buffer` what the terminal cannot show.
    pub(crate) fn finish(self, buffer: &mut Buffer) {
        if self.depth != Depth::None && !self.ascii {
            return;
        }
        for cell in &mut buffer.content {
            if self.depth == Depth::None {
                cell.set_fg(Color::Reset).set_bg(Color::Reset);
            }
            if self.ascii && !cell.symbol().is_ascii() {
                cell.set_char(ascii(cell.symbol()));
            }
        }
    }
}

/// Text on a coloured ground.
fn on((text, ground): (Color, Color)) -> Style {
    Style::new().fg(text).bg(ground)
}

/// What stands for `symbol` where only ASCII may be written.
fn ascii(symbol: &str) -> char {
    match symbol.chars().next().unwrap_or(' ') {
        '█' | '▉' | '▊' | '▋' | '▌' => '#',
        // Less than half a cell: as the rest of the bar.
        '▍' | '▎' | '▏' => '.',
        '▓' => '%',
        '▒' => '=',
        '░' => '-',
        '│' => '|',
        '─' => '-',
        '┌' | '┐' | '└' | '┘' => '+',
        '·' => '.',
        '…' => '~',
        '×' => 'x',
        '○' => 'o',
        '✓' => 'y',
        '✗' => 'n',
        '≈' => '=',
        '▶' => '>',
        '♪' => '*',
        '→' => '>',
        '↑' => '^',
        '↓' => 'v',
        '–' => '-',
        '‹' => '<',
        '›' => '>',
        '←' => '<',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::palette::ThemeName;

    /// Red, green and blue of the 256 colours' cube and greys.
    fn rgb(idx: u8) -> (u8, u8, u8) {
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        if idx >= 232 {
            let grey = 8 + 10 * (idx - 232);
            return (grey, grey, grey);
        }
        let level = |part: u8| LEVELS[usize::from(part % 6)];
        let cube = idx - 16;
        (level(cube / 36), level(cube / 6), level(cube))
    }

    #[test]
    fn heat_runs_one_way_in_every_theme() {
        for (name, sign) in
            [(ThemeName::Dark, 1), (ThemeName::Light, -1), (ThemeName::Contrast, 1), (ThemeName::Safe, 1)]
        {
            for (depth, view) in [
                (Depth::True, View::Heard),
                (Depth::True, View::Why),
                (Depth::Indexed, View::Heard),
                (Depth::Indexed, View::Why),
            ] {
                let theme = Theme { depth, ascii: false, palette: name.palette() };
                let luma = |strength: f32| {
                    let (r, g, b) = match theme.heat(view, strength) {
                        Color::Rgb(r, g, b) => (r, g, b),
                        Color::Indexed(idx) => rgb(idx),
                        _ => (0, 0, 0),
                    };
                    sign * (2 * i32::from(r) + 5 * i32::from(g) + i32::from(b))
                };
                let lumas: Vec<i32> = (0..=10_u8).map(|step| luma(f32::from(step) / 10.0)).collect();
                assert!(lumas.windows(2).all(|pair| pair[0] < pair[1]), "{name:?} {view:?} {depth:?}: {lumas:?}");
                // Both begin with nothing, and reach as far.
                let reach = (lumas[10] - lumas[0]).abs();
                assert!(reach > 1500, "{name:?} {view:?} {depth:?}: {lumas:?}");
                assert_eq!(theme.heat(view, f32::NAN), theme.heat(view, 0.0), "no number is no sound");
            }
        }
    }
}
