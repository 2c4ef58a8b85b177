use super::*;

const WIDTH: usize = 6;

/// The bank: values 0…1; the label is heard in every fourth embedding, where the first value is large.
fn bank() -> Bank {
    let value = |i: usize| {
        let x = ((i * 7919 + (i / WIDTH).pow(2) * 31) % 997) as f32 / 997.0;
        match (i % WIDTH, i / WIDTH % 4) {
            (0, 0) => 0.9 + 0.1 * x,
            (0, _) => 0.4 * x,
            _ => x,
        }
    };
    let rows = (0..400 * WIDTH).map(value).collect();
    Bank { network: "a".repeat(64), width: WIDTH, rows }
}

fn label() -> Label {
    let mut weights = vec![0.0; WIDTH];
    weights[0] = 8.0;
    Label { name: "helicopter".into(), row: Row { weights, bias: -6.0 }, on_threshold: 0.5 }
}

/// A fan is as large in the first value as a helicopter, and unlike all else in the last.
fn mark(right: bool, truth: Option<&str>, last: f32) -> Marked {
    let embeddings = [[1.0, 0.2, 0.4, 0.1, 0.3, last], [0.95, 0.3, 0.2, 0.2, 0.4, last]].concat();
    Marked { label: "helicopter".into(), right, truth: truth.map(str::to_owned), embeddings }
}

#[test]
fn what_was_wrong_is_no_longer_reported_and_the_rest_is() {
    let mut marks = vec![mark(false, Some("fan"), 3.0); 3];
    marks.push(mark(false, None, 3.2));
    marks.extend([mark(true, None, 0.3), mark(true, None, 0.6)]);
    let lessons = learn(&[label()], &bank(), &marks).unwrap();
    let [lesson] = lessons.as_slice() else { panic!("{lessons:?}") };
    assert_eq!(lesson.wrong, Count { all: 4, before: 0, after: 4, unseen: 4 });
    assert_eq!(lesson.right, Count { all: 2, before: 2, after: 2, unseen: 2 });
    assert_eq!(lesson.instead, [("fan".to_owned(), 3)]);
    assert!(lesson.bank[0] > 50 && lesson.bank[1] as f64 >= LEAST_KEPT * lesson.bank[0] as f64, "{lesson:?}");
    assert_eq!(learn(&[label()], &bank(), &marks).unwrap(), lessons, "the same marks teach the same");
}

#[test]
fn marks_that_ask_for_nothing_change_nothing() {
    assert_eq!(learn(&[label()], &bank(), &[mark(true, None, 0.3)]).unwrap(), []);
    assert_eq!(learn(&[label()], &bank(), &[]).unwrap(), []);
    let silent = Marked { embeddings: Vec::new(), ..mark(false, None, 1.0) };
    assert_eq!(learn(&[label()], &bank(), &[silent]).unwrap(), [], "an event without sound teaches nothing");
}

#[test]
fn a_label_learns_from_what_others_were_mistaken_for() {
    let fan = Label { name: "fan".into(), row: Row { weights: vec![0.0; WIDTH], bias: -4.0 }, on_threshold: 0.5 };
    let marks = vec![mark(false, Some("fan"), 3.0); 4];
    let lessons = learn(&[fan, label()], &bank(), &marks).unwrap();
    assert_eq!(lessons.iter().map(|l| l.label.as_str()).collect::<Vec<_>>(), ["fan", "helicopter"]);
    assert_eq!((lessons[0].right.before, lessons[0].right.after, lessons[0].wrong.all), (0, 4, 0));
    assert_eq!(lessons[1].wrong.after, 4);
}

#[test]
fn one_or_two_missed_events_change_nothing() {
    let fan = Label { name: "fan".into(), row: Row { weights: vec![0.0; WIDTH], bias: -4.0 }, on_threshold: 0.5 };
    let marks = vec![mark(false, Some("fan"), 3.0); LEAST_MISSED - 1];
    assert_eq!(learn(&[fan], &bank(), &marks).unwrap(), []);
}

/// A label that learns what it missed is not heard more often in what is neither.
#[test]
fn the_tail_of_other_sounds_does_not_rise() {
    let fan = Label { name: "fan".into(), row: Row { weights: vec![0.5; WIDTH], bias: -4.0 }, on_threshold: 0.5 };
    let marks = vec![mark(false, Some("fan"), 3.0); 5];
    let lessons = learn(std::slice::from_ref(&fan), &bank(), &marks).unwrap();
    let after = sum(&fan.row, lessons[0].change.as_ref().unwrap());
    let largest = |row: &Row| {
        let mut logits: Vec<f32> = bank().rows.chunks_exact(WIDTH).map(|x| row.logit(x)).collect();
        logits.sort_by(|a, b| b.total_cmp(a));
        logits[2]
    };
    assert!(largest(&after) < largest(&fan.row) + 0.3, "{} {}", largest(&after), largest(&fan.row));
}

/// What the bank holds of the label itself is marked wrong: nobody may lose the label for that.
#[test]
fn what_the_bank_does_not_bear_is_not_applied() {
    let bank = bank();
    let heard = bank.rows.chunks_exact(WIDTH).filter(|x| sigmoid(label().row.logit(x)) > HEARD);
    let marks: Vec<Marked> = heard.map(|x| Marked { embeddings: x.to_vec(), ..mark(false, None, 0.0) }).collect();
    assert!(marks.len() > 50);
    let lessons = learn(&[label()], &bank, &marks).unwrap();
    let lesson = &lessons[0];
    match &lesson.change {
        None => assert_eq!(lesson.wrong.after, 0),
        Some(_) => assert!(lesson.bank[1] as f64 >= LEAST_KEPT * lesson.bank[0] as f64),
    }
}
