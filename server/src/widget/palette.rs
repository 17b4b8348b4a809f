//! Colours that can be read, made of one that a buyer likes.
//!
//! The accent itself stays as it is under white or black text; as the colour of links it is moved
//! towards black or white until it contrasts with what it stands on.

/// The least contrast of text (WCAG 2, 1.4.3).
const ENOUGH: f64 = 4.5;
/// The darkest ground of the light theme and the lightest of the dark one; see `widget.css`.
const LIGHT: Rgb = Rgb(0xF3, 0xF4, 0xF7);
const DARK: Rgb = Rgb(0x23, 0x25, 0x2E);
/// The accent of whoever has none.
const DEFAULT: Rgb = Rgb(0x4F, 0x46, 0xE5);

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

/// The colours of a chat, as CSS writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    pub(super) accent: String,
    pub(super) on_accent: String,
    pub(super) link_light: String,
    pub(super) link_dark: String,
}

impl Palette {
    /// Makes the colours of `#RRGGBB`.
    pub(super) fn of(accent: &str) -> Self {
        let accent = Rgb::parse(accent).unwrap_or(DEFAULT);
        let (white, black) = (Rgb(255, 255, 255), Rgb(0, 0, 0));
        let on_accent = if accent.contrast(white) >= accent.contrast(black) { white } else { black };
        Self {
            accent: accent.css(),
            on_accent: on_accent.css(),
            link_light: accent.towards(black, LIGHT).css(),
            link_dark: accent.towards(white, DARK).css(),
        }
    }
}

impl Rgb {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self(part(0)?, part(2)?, part(4)?))
    }

    fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Mixes in as little of `end` as it takes to be read on `ground`.
    fn towards(self, end: Self, ground: Self) -> Self {
        let mix = |from: u8, to: u8, share: u16| {
            let mixed = (u16::from(from) * (20 - share) + u16::from(to) * share) / 20;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        (0..=20)
            .map(|share| Self(mix(self.0, end.0, share), mix(self.1, end.1, share), mix(self.2, end.2, share)))
            .find(|color| color.contrast(ground) >= ENOUGH)
            .unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_accent_texts_can_be_read() {
        for accent in ["#3B82F6", "#10B981", "#F59E0B", "#FFFFFF", "#000000", "#FDE047", "#808080", "#7F1D1D"] {
            let palette = Palette::of(accent);
            let color = |text: &str| Rgb::parse(text).expect("a colour");
            assert_eq!(color(&palette.accent), color(accent));
            assert!(color(&palette.on_accent).contrast(color(accent)) >= ENOUGH, "{accent}: {palette:?}");
            for ground in [LIGHT, Rgb(255, 255, 255)] {
                assert!(color(&palette.link_light).contrast(ground) >= ENOUGH, "{accent}: {palette:?}");
            }
            for ground in [DARK, Rgb(0x16, 0x17, 0x1D)] {
                assert!(color(&palette.link_dark).contrast(ground) >= ENOUGH, "{accent}: {palette:?}");
            }
        }
    }

    #[test]
    fn what_is_no_colour_becomes_ours() {
        for wrong in ["", "red", "#12", "#12345é", "#3B82F6;}"] {
            assert_eq!(Palette::of(wrong).accent, "#4f46e5", "{wrong}");
        }
    }
}
