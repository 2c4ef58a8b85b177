//! The evidence of the selected event: its record, sounds and pictures.

use crate::archive::Row;
use crate::archive::event::StoredComponent;
use crate::engine::snapshot::Waterfall;
use crate::review::clip::{Clips, Sample, picture, read_sound};
use crate::review::entry::Entry;
use crate::review::sound::Pair;

/// What is known of one event.
#[derive(Debug)]
pub(super) struct Evidence {
    /// The event's key.
    pub(super) dir: String,
    /// The record, or why it cannot be read.
    pub(super) entry: Result<Entry, String>,
    pub(super) clips: Clips,
    /// The component that is looked at in place of the whole interpretation.
    component: Option<(StoredComponent, Option<Sample>)>,
    pictures: Option<Pictures>,
}

/// Waterfalls of so many columns.
#[derive(Debug)]
pub(super) struct Pictures {
    n_columns: usize,
    pub(super) heard: Option<Waterfall>,
    pub(super) why: Option<Waterfall>,
}

impl Evidence {
    /// Reads the evidence of `row`, whose folder lies below `dir`.
    pub(super) fn read(dir: &std::path::Path, row: &Row) -> Self {
        let entry = Entry::read(dir, &dir.join(&row.dir)).map_err(|e| e.to_string());
        let clips = entry.as_ref().map(|entry| Clips::read(&entry.event)).unwrap_or_default();
        Self { dir: row.dir.clone(), entry, clips, component: None, pictures: None }
    }

    pub(super) fn component(&self) -> Option<&StoredComponent> {
        self.component.as_ref().map(|(component, _)| component)
    }

    /// Looks at the next component that has a sound, and after the last one at the whole again; false where there is none.
    pub(super) fn next_component(&mut self) -> bool {
        let Ok(entry) = &self.entry else { return false };
        let with_sound: Vec<&StoredComponent> = entry.event.components.iter().filter(|c| c.file.is_some()).collect();
        let current = self.component.as_ref().and_then(|(now, _)| with_sound.iter().position(|c| c.index == now.index));
        let next = with_sound.get(current.map_or(0, |at| at + 1));
        self.component = next.map(|&component| {
            let file = component.file.as_ref().map(|file| entry.event.folder.join(file));
            let sound = file.and_then(|file| match read_sound(&file) {
                Ok(sound) => Some(sound),
                Err(e) => {
                    self.clips.missing.push(e.to_string());
                    None
                }
            });
            (component.clone(), sound)
        });
        self.pictures = None;
        !with_sound.is_empty()
    }

    /// What is played as the classifier's side: the interpretation, or the component that is looked at.
    fn why(&self) -> Option<&Sample> {
        match &self.component {
            Some((_, sound)) => sound.as_ref(),
            None => self.clips.why.as_ref(),
        }
    }

    /// The two sounds; where one is missing, the other stands for it.
    pub(super) fn pair(&self, wants_why: bool) -> Option<Pair> {
        let (heard, why) = (self.clips.heard.as_ref(), self.why());
        let wanted = if wants_why { why? } else { heard? };
        let part =
            |sound: Option<&Sample>| sound.filter(|sound| sound.rate == wanted.rate).unwrap_or(wanted).samples.clone();
        Some(Pair { heard: part(heard), why: part(why), rate: wanted.rate })
    }

    /// The pictures in `n_columns` columns, computed once.
    pub(super) fn pictures(&mut self, n_columns: usize) -> &Pictures {
        let stale = self.pictures.as_ref().is_none_or(|pictures| pictures.n_columns != n_columns);
        if stale {
            let draw = |sound: Option<&Sample>| sound.and_then(|sound| picture(sound, n_columns).ok());
            self.pictures = Some(Pictures { n_columns, heard: draw(self.clips.heard.as_ref()), why: draw(self.why()) });
        }
        self.pictures.get_or_insert(Pictures { n_columns, heard: None, why: None })
    }
}
