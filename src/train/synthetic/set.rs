//! Writes the synthetic set as a data set folder.

use std::fmt::Write as _;
use std::path::Path;

use super::super::set_folder::SetFolder;
use super::{CLASSES, RATE_HZ, SyntheticParams, clip};
use crate::error::{Error, Result};
use crate::eval::workers::for_each;
use crate::media::wav::write_wav;
use crate::units::SampleRate;

/// Folds that clips are dealt to in turn.
pub const FOLDS: usize = 5;

/// The table of clips, as ESC-50 names it.
const CLIPS_TABLE: &str = "esc50.csv";
/// The table of the objects alone.
pub(super) const PARTS_TABLE: &str = "parts.tsv";

/// Writes `per_class` clips of each class into `dir`, in the layout of ESC-50, and every object alone beside them: `parts/`
/// holds `CLIP-object-K.wav` for each object K (1…4) of a clip, as long and as loud as it is in there, and `meta/parts.tsv`
/// lists clip, object and file. The same parameters give the same bytes. `progress` is told how many clips are done and how
/// many there are; the tables come last, so that what was interrupted is no data set.
///
/// # Errors
/// A usage error for no clips, or where `dir` holds a data set; an output error that names what cannot be written.
pub fn write_set(
    dir: &Path,
    per_class: usize,
    params: &SyntheticParams,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<()> {
    if per_class == 0 {
        return Err(Error::usage("a set without clips cannot be made; give at least 1 a class"));
    }
    let rate = SampleRate::new(RATE_HZ).ok_or_else(|| Error::bug("the synthetic set has no sample rate"))?;
    let set = SetFolder::begin(dir, &["audio", "parts"])?;
    let one = |i: usize| -> Result<[String; 2]> {
        let (class, index) = (i % CLASSES.len(), i / CLASSES.len());
        let made = clip(params, class, index)?;
        let fold = index % FOLDS + 1;
        let name = format!("{fold}-{:05}-A-{class}", index + 1);
        write_wav(&set.recording("audio", &format!("{name}.wav")), rate, &made.samples)?;
        let mut parts = String::new();
        for (number, sound) in &made.objects {
            let part = format!("{name}-object-{}.wav", number + 1);
            write_wav(&set.recording("parts", &part), rate, sound)?;
            writeln!(parts, "{name}.wav\t{}\t{part}", number + 1).ok();
        }
        Ok([format!("{name}.wav,{fold},{class},{},False,{:05},A\n", CLASSES[class], index + 1), parts])
    };
    let rows = for_each(CLASSES.len() * per_class, one, progress)?;
    let column = |header: &str, which: usize| rows.iter().fold(header.to_owned(), |table, row| table + &row[which]);
    let tables = [
        (CLIPS_TABLE, column("filename,fold,target,category,esc10,src_file,take\n", 0)),
        (PARTS_TABLE, column("clip\tobject\tfile\n", 1)),
    ];
    set.finish(&tables)
}
