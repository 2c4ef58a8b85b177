//! `--plots`: the probes' figures as pictures.

use std::path::Path;

use super::bar::Bar;
use super::files::{file_name, write_file};
use super::subject::Subject;
use crate::dsp::FrontEnd;
use crate::error::Result;
use crate::eval::probe::clip_scores::{ClipScorer, ClipScores};
use crate::eval::probe::flipping::{Flipping, MeanCurve};
use crate::eval::probe::sanity::Sanity;
use crate::eval::probe::tsne::{TsneOptions, embed};
use crate::eval::probe::vectors::Vectors;
use crate::model::classifier::Classifier;
use crate::plot::Image;
use crate::plot::heat::{HeatPage, HeatPanel, MAX_PANELS};
use crate::plot::lines::{Line, LineChart};
use crate::plot::scatter::Scatter;
use crate::train::roar_run::{NOTHING, RoarResult};

/// Most points of a picture by t-SNE, which takes time that grows with their square.
const MAX_POINTS: usize = 1000;

/// Writes `DIR/NAME.png`.
pub(super) fn write(dir: &Path, name: &str, image: &Image) -> Result<()> {
    write_file(&dir.join(format!("{name}.png")), &image.to_png()?)
}

/// A page for each of the chosen clips, `clip-NAME.png`.
pub(super) fn pages(dir: &Path, subject: &Subject, chosen: &[usize], seed: u64) -> Result<()> {
    let bar = Bar::new("drawing");
    let methods = &subject.methods[..subject.methods.len().min(MAX_PANELS - 1)];
    let classifier = Classifier::load(&subject.package)?;
    let mut scorer = ClipScorer::new(&subject.package, &classifier, methods, seed)?;
    for (done, &i) in chosen.iter().enumerate() {
        let scores = scorer.score(&subject.clips[i])?;
        let name = subject.metas[i].path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        write(dir, &format!("clip-{}", file_name(&name)), &page(subject, i, &name, &scores)?)?;
        bar.at(done + 1, chosen.len());
    }
    Ok(())
}

fn page(subject: &Subject, i: usize, name: &str, scores: &ClipScores) -> Result<Image> {
    let params = subject.package.manifest().front_end.params()?;
    let front_end = FrontEnd::new(&params)?;
    let label = |class: usize| subject.labels.get(class).map_or("?", String::as_str);
    let truth: Vec<&str> = subject.targets[i].iter().map(|c| label(*c)).collect();
    let silence = params.compression.silence();
    let loudest = scores.features.iter().copied().fold(silence, f32::max);
    let level = |v: &f32| (v - silence) / (loudest - silence).max(f32::MIN_POSITIVE);
    let mut panels = vec![HeatPanel {
        title: "heard".to_owned(),
        note: format!("{} {:.2}", label(scores.class), scores.prob),
        values: scores.features.iter().map(level).collect(),
    }];
    panels.extend(scores.methods.iter().map(|m| HeatPanel {
        title: m.method.clone(),
        note: format!("in {:.2}  out {:.2}  {}", m.prob_in, m.prob_out, if m.agrees { "agrees" } else { "differs" }),
        values: m.mask.clone(),
    }));
    let page = HeatPage {
        heading: format!("{name} ({}), explained as {}", truth.join(", "), label(scores.class)),
        n_bands: front_end.n_mels(),
        frame_secs: params.stft.hop as f64 / f64::from(params.sample_rate.hz()),
        centre_hz: front_end.bank().centre_hz(),
        panels,
    };
    page.draw()
}

/// The curves of one kind of flipping.
pub(super) fn flipping(results: &[Flipping], what: &str, of: fn(&Flipping) -> &MeanCurve) -> Image {
    let n = results.first().map_or(0, |r| r.n);
    let line = |r: &Flipping| {
        let curve = of(r);
        let share = curve.flipped.iter().map(|s| 100.0 * s);
        let area = curve.area.map_or_else(String::new, |a| format!("  {a:.3}"));
        Line { name: format!("{}{area}", r.method), points: share.zip(curve.probability.iter().copied()).collect() }
    };
    LineChart {
        heading: format!("Flipping {what}, {n} clips: mean probability of the class; its area"),
        caption: "% of the input replaced by silence, most relevant first".to_owned(),
        x: (0.0, 100.0),
        y: (0.0, 1.0),
        x_marks: None,
        lines: results.iter().map(line).collect(),
    }
    .draw()
}

/// How explanations drift away from the original ones.
pub(super) fn randomisation(results: &[Sanity]) -> Image {
    let layers: Vec<&str> =
        results.first().map_or_else(Vec::new, |r| r.steps.iter().map(|s| s.layer.as_str()).collect());
    let name = |layer: &str| layer.strip_prefix("layer").unwrap_or(layer).to_owned();
    let marks = std::iter::once("none".to_owned()).chain(layers.iter().map(|l| name(l)));
    let line = |r: &Sanity| {
        let figures = r.steps.iter().map(|s| s.ssim.unwrap_or(f64::NAN));
        let points = std::iter::once(1.0).chain(figures).enumerate().map(|(i, v)| (i as f64, v)).collect();
        Line { name: r.method.clone(), points }
    };
    LineChart {
        heading: "Model randomisation: structural similarity with the original explanation".to_owned(),
        caption: "layers made random so far, from the output (fc) to the input (1)".to_owned(),
        x: (0.0, layers.len() as f64),
        y: (0.0, 1.0),
        x_marks: Some(marks.enumerate().map(|(i, m)| (i as f64, m)).collect()),
        lines: results.iter().map(line).collect(),
    }
    .draw()
}

/// Accuracy of retrained classifiers.
pub(super) fn roar(results: &[RoarResult]) -> Image {
    let start = results.iter().find(|r| r.method == NOTHING).and_then(|r| r.accuracy);
    let mut lines: Vec<Line> = Vec::new();
    for r in results.iter().filter(|r| r.method != NOTHING) {
        let point = (f64::from(r.percent), 100.0 * r.accuracy.unwrap_or(f64::NAN));
        match lines.iter_mut().find(|l| l.name == r.method) {
            Some(line) => line.points.push(point),
            None => {
                let points = vec![(0.0, 100.0 * start.unwrap_or(f64::NAN)), point];
                lines.push(Line { name: r.method.clone(), points });
            }
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    LineChart {
        heading: "Remove and retrain: accuracy of a classifier that learnt from what is left, %".to_owned(),
        caption: "% of the input removed, most relevant first".to_owned(),
        x: (0.0, 100.0),
        y: (0.0, 100.0),
        x_marks: None,
        lines,
    }
    .draw()
}

/// Relevance vectors in the plane, coloured by predicted class.
pub(super) fn tsne(vectors: &Vectors, labels: &[String], seed: u64) -> Image {
    let n = vectors.vectors.len();
    // Evenly over the clips, where there are too many.
    let chosen: Vec<usize> = (0..n.min(MAX_POINTS)).map(|i| i * n / n.min(MAX_POINTS)).collect();
    let some: Vec<Vec<f32>> = chosen.iter().map(|i| vectors.vectors[*i].clone()).collect();
    let places = embed(&some, &TsneOptions { seed, ..TsneOptions::default() });
    let points = places.into_iter().zip(&chosen).map(|(place, i)| (place, vectors.classes[*i])).collect();
    let near = vectors.coherence().same_class.map_or_else(String::new, |s| {
        format!("t-SNE; {:.0} % of each clip's 5 nearest have the same predicted class", 100.0 * s)
    });
    Scatter {
        heading: format!("{}: relevance of {} clips", vectors.method, chosen.len()),
        caption: near,
        groups: labels.to_vec(),
        points,
    }
    .draw()
}
