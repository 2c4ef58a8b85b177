//! What a recording is, told by its first bytes and never by its name.

use super::mpeg::Header;
use super::tags;

/// Endings of names that recordings usually have, in lower case and without the dot. They choose files in a folder; what
/// a file holds is told by its content.
pub const EXTENSIONS: &[&str] = &[
    "wav", "wave", "bwf", "rf64", "w64", "flac", "ogg", "oga", "opus", "mp3", "mp2", "mp1", "mpa", "aac", "m4a", "m4b",
    "mp4", "aif", "aiff", "aifc", "caf", "mka", "mkv", "webm",
];

/// What can be read, in words for people.
pub const READABLE: &str =
    "wav (also RF64, BW64 and W64), flac, ogg (Vorbis, Opus), mp3, m4a/aac, ALAC, AIFF, CAF and mka/webm";

/// So many bytes of a stream's beginning are enough to tell what it is.
pub const SNIFF_BYTES: usize = 8192;

/// Windows' GUID for the first chunk of a W64 file, and for what the file holds.
pub(super) const W64_RIFF: [u8; 16] = *b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00";
pub(super) const W64_WAVE: [u8; 16] = *b"wave\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a";

/// Frames of MPEG audio that must follow one another: two bytes alone look like a frame in any noise.
const MPEG_FRAMES: usize = 3;

/// What begins with certain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// WAV: RIFF, RIFX, RF64, BW64 or W64.
    Wave,
    /// FLAC.
    Flac,
    /// Ogg, whatever it carries.
    Ogg,
    /// MPEG audio: mp1, mp2, mp3.
    Mpeg,
    /// AAC in ADTS frames.
    Adts,
    /// A tag (ID3v2); the recording lies behind it, and may be of any kind.
    Tag,
    /// AIFF or AIFF-C.
    Aiff,
    /// Apple's Core Audio Format.
    Caf,
    /// MP4, M4A, QuickTime.
    Mp4,
    /// Matroska or WebM.
    Matroska,
    /// A format that is known but cannot be read.
    Foreign(&'static str),
}

impl Kind {
    /// The format's name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wave => "WAV",
            Self::Flac => "FLAC",
            Self::Ogg => "Ogg",
            Self::Mpeg => "MP3",
            Self::Adts => "AAC",
            Self::Tag => "an ID3 tag",
            Self::Aiff => "AIFF",
            Self::Caf => "CAF",
            Self::Mp4 => "MP4",
            Self::Matroska => "Matroska",
            Self::Foreign(name) => name,
        }
    }
}

/// What begins with `first_bytes`, of which [`SNIFF_BYTES`] are enough; `None` where they begin no known format, as raw
/// samples do.
#[must_use]
pub fn sniff(first_bytes: &[u8]) -> Option<Kind> {
    let b = first_bytes;
    let at = |from: usize, word: &[u8]| b.get(from..).is_some_and(|rest| rest.starts_with(word));
    let form = |words: &[&[u8; 4]]| words.iter().any(|word| at(8, *word));
    Some(match b.get(..4)? {
        b"RIFF" | b"RIFX" | b"RF64" | b"BW64" if at(8, b"WAVE") => Kind::Wave,
        b"riff" if at(0, &W64_RIFF) && at(24, &W64_WAVE) => Kind::Wave,
        b"fLaC" if at(5, &[0, 0, 34]) && b[4] & 0x7f == 0 => Kind::Flac,
        b"OggS" if at(4, &[0]) => Kind::Ogg,
        b"FORM" if form(&[b"AIFF", b"AIFC"]) => Kind::Aiff,
        b"caff" if at(4, &[0, 1]) => Kind::Caf,
        [0x1a, 0x45, 0xdf, 0xa3] => Kind::Matroska,
        b"ID3\x02" | b"ID3\x03" | b"ID3\x04" if tags::id3v2_len(b).is_some() => Kind::Tag,
        b"wvpk" => Kind::Foreign("WavPack"),
        b"MAC " => Kind::Foreign("Monkey's Audio"),
        b"TTA1" => Kind::Foreign("TTA"),
        b".snd" => Kind::Foreign("AU"),
        b"DSD " | b"FRM8" => Kind::Foreign("DSD"),
        b"#!AM" => Kind::Foreign("AMR"),
        b"MPCK" => Kind::Foreign("Musepack"),
        b"\x30\x26\xb2\x75" if at(4, &[0x8e, 0x66, 0xcf, 0x11]) => Kind::Foreign("Windows Media"),
        _ if at(4, b"ftyp") => Kind::Mp4,
        _ if is_mpeg(b) => Kind::Mpeg,
        _ if is_adts(b) => Kind::Adts,
        _ => return None,
    })
}

/// Whether several frames of MPEG audio stand one behind the other.
fn is_mpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut first: Option<Header> = None;
    for _ in 0..MPEG_FRAMES {
        let Some(header) = Header::parse(rest).filter(|h| first.is_none_or(|f| f.is_same(h))) else { return false };
        first = first.or(Some(header));
        match rest.get(header.n_bytes..) {
            // A short recording may end here.
            Some([]) => return true,
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

/// Whether several ADTS frames stand one behind the other.
fn is_adts(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..MPEG_FRAMES {
        let Some(&[0xff, second, third, fourth, fifth, sixth, _]) = rest.first_chunk::<7>() else { return false };
        let n = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        // Layer 0, and one of the 13 sample rates.
        if second & 0xf6 != 0xf0 || (third >> 2) & 15 > 12 || n < 7 {
            return false;
        }
        match rest.get(n..) {
            Some([]) => return true,
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}
