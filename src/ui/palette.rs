//! The colours of each theme.

use ratatui::style::Color;

/// Choice of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeName {
    /// For dark grounds.
    #[default]
    Dark,
    /// For light grounds.
    Light,
    /// Bright colours on black, and nothing dim.
    Contrast,
    /// Colours that stay apart for people who confuse red and green.
    Safe,
}

/// A colour scale from nothing to full strength.
#[derive(Debug)]
pub(super) struct Scale {
    /// In red, green and blue; colours between neighbours are mixed.
    pub(super) rgb: [(u8, u8, u8); 8],
    /// The same for terminals of 256 colours, chosen by hand: the nearest of theirs are grey where a scale is dark, and go up
    /// and down in lightness where it goes one way.
    pub(super) indexed: &'static [u8],
}

/// Colours by role.
#[derive(Debug)]
pub(super) struct Palette {
    pub(super) accent: Color,
    pub(super) dim: Color,
    pub(super) active: Color,
    pub(super) bar: Color,
    pub(super) good: Color,
    pub(super) warn: Color,
    pub(super) bad: Color,
    /// Text and ground.
    pub(super) alarm: (Color, Color),
    pub(super) warning: (Color, Color),
    pub(super) notice: (Color, Color),
    /// All sound.
    pub(super) heard: Scale,
    /// What the classifier used: another hue, so that the view shows at a glance.
    pub(super) why: Scale,
}

impl ThemeName {
    pub(super) const fn palette(self) -> &'static Palette {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
            Self::Contrast => &CONTRAST,
            Self::Safe => &SAFE,
        }
    }
}

/// Black through purple and orange to pale yellow.
const FIRE: Scale = Scale {
    rgb: [
        (0, 0, 4),
        (31, 12, 72),
        (85, 15, 109),
        (136, 34, 106),
        (203, 65, 73),
        (240, 112, 32),
        (251, 182, 26),
        (252, 255, 164),
    ],
    indexed: &[16, 17, 53, 89, 125, 161, 166, 202, 208, 214, 220, 227, 229],
};

/// Black through blue-green to pale green.
const SEA: Scale = Scale {
    rgb: [
        (0, 0, 4),
        (8, 26, 48),
        (10, 54, 82),
        (12, 90, 108),
        (22, 130, 118),
        (64, 172, 106),
        (150, 212, 92),
        (236, 252, 170),
    ],
    indexed: &[16, 17, 18, 23, 24, 29, 35, 71, 77, 113, 149, 191, 193],
};

/// White through orange to dark red.
const EMBER: Scale = Scale {
    rgb: [
        (255, 255, 255),
        (254, 236, 208),
        (253, 212, 158),
        (253, 187, 110),
        (252, 141, 70),
        (222, 92, 40),
        (160, 44, 12),
        (80, 10, 0),
    ],
    indexed: &[231, 230, 223, 222, 216, 215, 209, 173, 166, 130, 124, 88, 52],
};

/// White through blue to near black.
const INK: Scale = Scale {
    rgb: [
        (255, 255, 255),
        (222, 235, 247),
        (190, 215, 236),
        (140, 185, 220),
        (86, 146, 198),
        (40, 100, 165),
        (12, 60, 120),
        (6, 24, 66),
    ],
    indexed: &[231, 255, 189, 153, 110, 74, 68, 67, 25, 24, 18, 17],
};

/// Black through blue to yellow: even in lightness, and the same to eyes that confuse red and green.
const DUSK: Scale = Scale {
    rgb: [
        (0, 0, 8),
        (0, 32, 77),
        (44, 57, 110),
        (87, 84, 109),
        (125, 124, 120),
        (166, 157, 117),
        (211, 193, 100),
        (255, 233, 69),
    ],
    indexed: &[16, 17, 18, 237, 239, 241, 243, 102, 138, 144, 179, 185, 221, 227],
};

/// Black through grey-blue to pale blue.
const ICE: Scale = Scale {
    rgb: [
        (0, 0, 8),
        (14, 26, 52),
        (28, 52, 92),
        (40, 84, 132),
        (58, 122, 172),
        (92, 160, 208),
        (150, 200, 232),
        (226, 244, 255),
    ],
    indexed: &[16, 17, 18, 24, 25, 31, 67, 74, 110, 116, 153, 189, 195],
};

const DARK: Palette = Palette {
    accent: Color::Cyan,
    // Some terminals draw their dark grey in the colour of the ground.
    dim: Color::Indexed(245),
    active: Color::Yellow,
    bar: Color::Blue,
    good: Color::Green,
    warn: Color::Yellow,
    bad: Color::Red,
    alarm: (Color::White, Color::Red),
    warning: (Color::Black, Color::Yellow),
    notice: (Color::Black, Color::Cyan),
    heard: FIRE,
    why: SEA,
};

const LIGHT: Palette = Palette {
    accent: Color::Blue,
    dim: Color::Indexed(243),
    active: Color::Indexed(130),
    bar: Color::Indexed(32),
    good: Color::Indexed(28),
    warn: Color::Indexed(130),
    bad: Color::Indexed(160),
    alarm: (Color::White, Color::Indexed(160)),
    warning: (Color::Black, Color::Indexed(220)),
    notice: (Color::White, Color::Indexed(25)),
    heard: EMBER,
    why: INK,
};

const CONTRAST: Palette = Palette {
    accent: Color::LightCyan,
    dim: Color::Gray,
    active: Color::LightYellow,
    bar: Color::LightBlue,
    good: Color::LightGreen,
    warn: Color::LightYellow,
    bad: Color::LightRed,
    alarm: (Color::Black, Color::LightRed),
    warning: (Color::Black, Color::LightYellow),
    notice: (Color::Black, Color::LightCyan),
    heard: FIRE,
    why: SEA,
};

const SAFE: Palette = Palette {
    accent: Color::Indexed(75),
    dim: Color::Indexed(245),
    active: Color::Indexed(221),
    bar: Color::Indexed(32),
    good: Color::Indexed(75),
    warn: Color::Indexed(221),
    bad: Color::Indexed(208),
    alarm: (Color::Black, Color::Indexed(208)),
    warning: (Color::Black, Color::Indexed(221)),
    notice: (Color::Black, Color::Indexed(75)),
    heard: DUSK,
    why: ICE,
};
