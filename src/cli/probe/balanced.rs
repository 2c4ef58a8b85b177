//! Which clips are probed, where not all are.

/// `n` of the clips, as many of each class as there are: the first of each, then the second, in the order of the clips.
pub(in crate::cli) fn balanced(targets: &[Vec<usize>], n: usize) -> Vec<usize> {
    let mut seen: std::collections::BTreeMap<&[usize], usize> = std::collections::BTreeMap::new();
    let mut ranked: Vec<(usize, usize)> = targets
        .iter()
        .enumerate()
        .map(|(i, classes)| {
            let rank = seen.entry(classes).or_insert(0);
            *rank += 1;
            (*rank, i)
        })
        .collect();
    ranked.sort_unstable();
    let mut chosen: Vec<usize> = ranked.into_iter().take(n).map(|(_, i)| i).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_chosen_evenly_over_the_classes() {
        let targets: Vec<Vec<usize>> = [0, 0, 0, 1, 1, 2, 2, 2].iter().map(|c| vec![*c]).collect();
        assert_eq!(balanced(&targets, 3), [0, 3, 5]);
        assert_eq!(balanced(&targets, 5), [0, 1, 3, 4, 5]);
        assert_eq!(balanced(&targets, 99), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(balanced(&[], 3), [] as [usize; 0]);
    }
}
