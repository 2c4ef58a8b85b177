//! Damages good input: bits, numbers, words of the format, pieces cut out, doubled, moved, taken from another seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Longest case, in bytes.
const MOST: usize = 1 << 17;

/// Numbers at which programs break.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    u64::MAX,
    1 << 63,
];

/// What text formats stumble over.
const TEXTS: &[&str] = &[
    "-1",
    "0",
    "1e999",
    "-1e999",
    "nan",
    "inf",
    "-inf",
    "1e-320",
    "18446744073709551616",
    "\"",
    "\\",
    "\n",
    "\u{0}",
    "\u{feff}",
    "../..",
    "/",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "]]",
    "=",
    ",",
    "null",
    "true",
    "{}",
    "[]",
    "\u{202e}",
    "日本語",
    "9999-12-31T23:59:59Z",
    "#",
];

fn below(random: &mut ChaCha8Rng, n: usize) -> usize {
    if n == 0 { 0 } else { (random.next_u64() % n as u64) as usize }
}

/// A case out of `seeds`.
pub(crate) fn mutate(seeds: &[Vec<u8>], words: &[&str], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut case = seeds[below(random, seeds.len())].clone();
    for _ in 0..1 + below(random, 6) {
        once(&mut case, seeds, words, random);
    }
    case.truncate(MOST);
    case
}

fn once(case: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], random: &mut ChaCha8Rng) {
    // Headers are where formats break: half of the damage goes there.
    let reach = if below(random, 2) == 0 { case.len().min(256) } else { case.len() };
    let at = below(random, reach);
    let len = 1 + below(random, (case.len() - at).clamp(1, 4096));
    let end = (at + len).min(case.len());
    match below(random, 10) {
        0 => {
            if let Some(byte) = case.get_mut(at) {
                *byte ^= 1 << below(random, 8);
            }
        }
        1 => {
            let number = NUMBERS[below(random, NUMBERS.len())];
            let bytes = if below(random, 2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
            let n = [1, 2, 4, 8][below(random, 4)];
            for (byte, new) in case.iter_mut().skip(at).zip(&bytes[..n]) {
                *byte = *new;
            }
        }
        2 => case.truncate(at),
        3 => _ = case.drain(at..end),
        4 => {
            let piece = case[at..end].to_vec();
            let to = below(random, case.len() + 1);
            case.splice(to..to, piece);
        }
        5 => {
            let other = &seeds[below(random, seeds.len())];
            let from = below(random, other.len());
            let to = (from + len).min(other.len());
            case.splice(at..end, other[from..to].iter().copied());
        }
        6 => {
            let text = TEXTS[below(random, TEXTS.len())];
            case.splice(at..at, text.bytes());
        }
        7 if !words.is_empty() => {
            let word = words[below(random, words.len())];
            let over = if below(random, 2) == 0 { (at + word.len()).min(case.len()) } else { at };
            case.splice(at..over, word.bytes());
        }
        8 => {
            // A number in a text becomes another one.
            let Some(first) = (at..case.len()).find(|i| case[*i].is_ascii_digit()) else { return };
            let last =
                (first..case.len()).find(|i| !case[*i].is_ascii_digit() && case[*i] != b'.').unwrap_or(case.len());
            let text = TEXTS[below(random, 10)];
            case.splice(first..last, text.bytes());
        }
        _ => {
            for byte in &mut case[at..end] {
                *byte = random.next_u32() as u8;
            }
        }
    }
}
