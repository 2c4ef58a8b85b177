//! A line of text being written.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Longest line, in bytes: what a person types, not what a paste may hold.
const MAX_BYTES: usize = 4096;

/// What a key did to the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Changed,
    Nothing,
    Done,
    Given,
}

/// A line and where the cursor stands in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Editor {
    text: String,
    /// In bytes, on a border between characters.
    cursor: usize,
}

impl Editor {
    pub(super) fn new(text: &str) -> Self {
        // One line: a note from elsewhere may have more.
        let text = text.replace(char::is_control, " ");
        Self { cursor: text.len(), text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text before and after the cursor.
    pub(super) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) -> Edit {
        if key.kind == KeyEventKind::Release {
            return Edit::Nothing;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Edit::Done,
            KeyCode::Esc => return Edit::Given,
            KeyCode::Char('c' | 'g') if ctrl => return Edit::Given,
            KeyCode::Char('u') if ctrl => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if ctrl => {
                let kept = self.text[..self.cursor].trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.drain(kept..self.cursor);
                self.cursor = kept;
            }
            KeyCode::Char('a') if ctrl => self.cursor = 0,
            KeyCode::Char('e') if ctrl => self.cursor = self.text.len(),
            KeyCode::Char(c) if !ctrl && !key.modifiers.contains(KeyModifiers::ALT) && !c.is_control() => {
                if self.text.len() + c.len_utf8() > MAX_BYTES {
                    return Edit::Nothing;
                }
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
            KeyCode::Backspace => {
                let Some(before) = self.before() else { return Edit::Nothing };
                self.cursor = before;
                self.text.remove(before);
            }
            KeyCode::Delete if self.cursor < self.text.len() => {
                self.text.remove(self.cursor);
            }
            KeyCode::Left => self.cursor = self.before().unwrap_or(0),
            KeyCode::Right => {
                self.cursor += self.text[self.cursor..].chars().next().map_or(0, char::len_utf8);
            }
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return Edit::Nothing,
        }
        Edit::Changed
    }

    /// Where the character before the cursor begins.
    fn before(&self) -> Option<usize> {
        self.text[..self.cursor].char_indices().next_back().map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_and_mended() {
        let mut editor = Editor::new("dög\nbarks");
        assert_eq!(editor.text(), "dög barks");
        let mut key = |code, modifiers| editor.on_key(KeyEvent::new(code, modifiers));
        let (none, ctrl) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        key(KeyCode::Char('w'), ctrl);
        for _ in 0..3 {
            key(KeyCode::Left, none);
        }
        key(KeyCode::Backspace, none);
        key(KeyCode::Char('ü'), none);
        key(KeyCode::Delete, none);
        assert_eq!(key(KeyCode::End, none), Edit::Changed);
        assert_eq!(key(KeyCode::Enter, none), Edit::Done);
        assert_eq!(editor.text(), "üg ");
        assert_eq!(editor.parts(), ("üg ", ""));
    }

    #[test]
    fn no_key_leads_outside_the_line() {
        let mut editor = Editor::new("é");
        for code in [KeyCode::Right, KeyCode::Right, KeyCode::Delete, KeyCode::Left, KeyCode::Left, KeyCode::Backspace]
        {
            editor.on_key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        assert_eq!(editor.parts(), ("", "é"));
        let mut full = Editor::new(&"x".repeat(MAX_BYTES));
        assert_eq!(full.on_key(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE)), Edit::Nothing);
    }
}
