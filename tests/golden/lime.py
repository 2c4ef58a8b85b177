"""Prints `lime.json`: what scikit-learn 1.9 makes of made neighbourhoods as LIME's programs use it, and librosa's
harmonic-percussive separation of a made spectrogram. Needs scikit-learn and librosa.

    python lime.py > lime.json
"""

import json

import librosa
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances


def numbers(seed, *shape):
    """The numbers of `Numbers` in tests/support/golden.rs."""
    out = np.empty(int(np.prod(shape)))
    for i in range(out.size):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out[i] = seed / 2**31 - 1
    return out.reshape(shape)


def regression(seed, rows, parts):
    kept = (numbers(seed, rows, parts) > 0).astype(int)
    kept[0] = 1
    kept[3] = 0  # nothing is kept: its cosine distance is 1
    noise = numbers(seed + 1, rows, 2)
    scores = np.stack(
        [
            1 / (1 + np.exp(2 - 3 * kept[:, 1] - 2 * kept[:, 2] * kept[:, parts - 1] + noise[:, 0])),
            0.4 + 0.3 * kept[:, 0] - 0.2 * kept[:, 3] + 0.1 * noise[:, 1],
        ],
        axis=1,
    ).astype(np.float32)
    distances = pairwise_distances(kept, kept[:1], metric="cosine").ravel()
    weights = np.sqrt(np.exp(-(distances**2) / 0.25**2))
    fits = []
    for column in scores.astype(np.float64).T:
        ridge = Ridge(alpha=1, fit_intercept=True).fit(kept, column, sample_weight=weights)
        fits.append(
            {
                "coefficients": list(ridge.coef_),
                "intercept": ridge.intercept_,
                "r2": ridge.score(kept, column, sample_weight=weights),
            }
        )
    return {
        "kept": ["".join(map(str, row)) for row in kept],
        "scores": [[float(s) for s in row] for row in scores],
        "weights": list(weights),
        "fits": fits,
    }


def separation(seed, frames, bins, kernel):
    magnitude = np.abs(numbers(seed, frames, bins)).astype(np.float32)
    magnitude[:, 4] += 1
    magnitude[7] += 1
    magnitude[2:5] = 0  # long enough for medians of nothing
    masks = librosa.decompose.hpss(magnitude.T, kernel_size=kernel, mask=True)
    harmonic, percussive = ([float(f"{v:.8g}") for v in mask.T.ravel()] for mask in masks)
    return {
        "frames": frames,
        "bins": bins,
        "kernel": kernel,
        "seed": seed,
        "harmonic": harmonic,
        "percussive": percussive,
    }


print(
    json.dumps(
        {
            "regression": [regression(1, 48, 6), regression(5, 24, 9)],
            "separation": [separation(9, 19, 14, 5), separation(10, 12, 9, 31)],
        }
    )
)
