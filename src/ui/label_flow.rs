//! Names one after another in few lines, as far as they fit; the others are counted.

use super::text::{clip, width};

/// What is between two names.
const GAP: &str = "  ";

/// `names` in at most `n_lines` lines of `cells` cells, of which the first has `indent` cells less and the others `hang`. `+7` at
/// the end stands for those that do not fit.
pub(super) fn flow(names: &[String], (indent, hang): (usize, usize), cells: usize, n_lines: usize) -> Vec<String> {
    let room = |line: usize| cells.saturating_sub(if line == 0 { indent } else { hang });
    let mut rest: Vec<String> = names.iter().map(|name| clip(name, room(1))).collect();
    let mut lines = Vec::new();
    while !rest.is_empty() && lines.len() < n_lines {
        let room = room(lines.len());
        let mut n = fitting(&rest, room);
        let mut line = rest[..n].join(GAP);
        if n < rest.len() && lines.len() + 1 == n_lines {
            let count = |n: usize| format!("+{}", rest.len() - n);
            n = fitting(&rest, room.saturating_sub(GAP.len() + width(&count(0))));
            line = rest[..n].iter().cloned().chain([count(n)]).collect::<Vec<_>>().join(GAP);
        }
        lines.push(line);
        rest.drain(..n);
    }
    lines
}

/// How many of `names` fit into `room` cells.
fn fitting(names: &[String], room: usize) -> usize {
    let ends = names.iter().scan(0, |end, name| {
        *end += width(name) + if *end > 0 { GAP.len() } else { 0 };
        Some(*end)
    });
    ends.take_while(|end| *end <= room).count()
}

/// Gives each of the `wanted` one line, and of `spare` further ones each as many as it wants, in turn.
pub(super) fn share_out(mut spare: usize, wanted: &[usize]) -> Vec<usize> {
    let mut given = vec![1; wanted.len()];
    while spare > 0 && given.iter().zip(wanted).any(|(given, wanted)| given < wanted) {
        for (given, wanted) in given.iter_mut().zip(wanted) {
            if spare > 0 && *given < *wanted {
                *given += 1;
                spare -= 1;
            }
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn names_fill_lines_and_what_does_not_fit_is_counted() {
        let all = names("cat cow crow frog hen pig sheep");
        assert_eq!(flow(&all, (9, 2), 34, 9), ["cat  cow  crow  frog  hen", "pig  sheep"]);
        assert_eq!(flow(&all, (9, 2), 34, 1), ["cat  cow  crow  frog  +3"]);
        assert_eq!(flow(&all, (9, 2), 14, 2), ["cat", "cow  +5"]);
        assert_eq!(flow(&all, (14, 2), 14, 2), ["", "cat  cow  +5"], "the heading takes the whole line");
        assert_eq!(flow(&all, (9, 2), 11, 1), ["+7"]);
        assert_eq!(flow(&names("acoustic_guitar"), (0, 2), 10, 3), ["acousti…"]);
        assert_eq!(flow(&[], (0, 2), 10, 3), Vec::<String>::new());
    }

    #[test]
    fn spare_lines_go_round() {
        assert_eq!(share_out(0, &[3, 1, 2]), [1, 1, 1]);
        assert_eq!(share_out(2, &[3, 1, 2]), [2, 1, 2]);
        assert_eq!(share_out(9, &[3, 1, 2]), [3, 1, 2]);
        assert_eq!(share_out(9, &[]), Vec::<usize>::new());
    }
}
