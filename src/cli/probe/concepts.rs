//! What `--flip-concepts` compares.

use crate::error::{Error, Result};
use crate::eval::probe::concept_flipping::ConceptSystem;
use crate::interpret::concepts::TwoStep;
use crate::model::manifest::ConceptsSpec;
use crate::model::package::Package;
use crate::model::subspaces::Subspaces;
use crate::train::drsa::random_directions;

/// Sets of random subspaces, whose figures are averaged.
const RANDOM_SETS: usize = 3;

/// The whole relevance, then random subspaces of each layer that the package has concepts of, then those concepts.
///
/// # Errors
/// A usage error where the package has no concepts; a model error where they do not fit.
pub(super) fn systems(package: &Package, seed: u64) -> Result<Vec<ConceptSystem>> {
    let specs = &package.manifest().drsa;
    let Some(first) = specs.values().next() else {
        return Err(Error::usage(format!(
            "the model {} has no concepts; find some with 'earwitness train drsa'",
            package.manifest().name
        )));
    };
    let mut systems = vec![system("none".to_owned(), first, package, Vec::new())?];
    let mut seen: Vec<(&str, usize, &str)> = Vec::new();
    for spec in specs.values() {
        let kind = (spec.layer.as_str(), spec.concepts, spec.rules.as_str());
        if !seen.contains(&kind) {
            seen.push(kind);
            let mut random = system(format!("random ({RANDOM_SETS} draws)"), spec, package, Vec::new())?;
            let n_channels = random.way.n_channels();
            random.sets = (0..RANDOM_SETS)
                .map(|set| drawn(package, n_channels, spec.concepts, seed, set))
                .collect::<Result<_>>()?;
            systems.push(random);
        }
    }
    for (method, spec) in specs {
        systems.push(system(method.clone(), spec, package, vec![Subspaces::load(package, spec)?])?);
    }
    Ok(systems)
}

fn system(
    name: String,
    spec: &ConceptsSpec,
    package: &Package,
    sets: Vec<Vec<Option<Subspaces>>>,
) -> Result<ConceptSystem> {
    let block = spec.block().ok_or_else(|| Error::bug("a layer that was checked is none"))?;
    Ok(ConceptSystem { name, layer: spec.layer.clone(), way: TwoStep::open(package, block, &spec.rules)?, sets })
}

/// Random subspaces, every class its own.
fn drawn(
    package: &Package,
    n_channels: usize,
    n_concepts: usize,
    seed: u64,
    set: usize,
) -> Result<Vec<Option<Subspaces>>> {
    let n_labels = package.manifest().labels.len();
    let one = |class: usize| {
        let u = random_directions(n_channels, seed, set * n_labels + class)?;
        Subspaces::new(n_channels, n_concepts, u.into_iter().map(|u| u as f32).collect()).map(Some)
    };
    (0..n_labels).map(one).collect()
}
