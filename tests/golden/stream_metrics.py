"""Makes stream_metrics.json: PSDS of sed_scores_eval 0.0.4, event-based F1 of sed_eval 0.2.1, calibration of scikit-learn 1.9.

    pip install sed_scores_eval==0.0.4 sed_eval==0.2.1 scikit-learn==1.9.1 "pandas<3"
    python stream_metrics.py > stream_metrics.json
"""

import json

import numpy as np
import sed_eval
from sed_scores_eval import intersection_based
from sed_scores_eval.base_modules.scores import create_score_dataframe
from sklearn.calibration import calibration_curve

PARAMS = {
    "psds1": dict(dtc_threshold=0.7, gtc_threshold=0.7, alpha_ct=0.0, alpha_st=1.0),
    "psds2": dict(dtc_threshold=0.1, gtc_threshold=0.1, cttc_threshold=0.3, alpha_ct=0.5, alpha_st=1.0),
}


def events_of(rng, classes, secs, n, found):
    """Events of one file on a grid of 1 ms, beside those that are `found` already; those of one class do not touch."""
    for _ in range(n):
        label = classes[rng.integers(len(classes))]
        onset = round(float(rng.uniform(0, secs - 4)), 3)
        offset = round(onset + float(rng.choice([0.3, 0.5, 1.0, 2.0, 3.5])), 3)
        if not any(l == label and on <= offset and onset <= off for on, off, l in found):
            found.append((onset, offset, label))
    return sorted(found)


def psds_case(seed, n_classes, n_files, step, decimals, noise, confusion, max_efpr):
    """Scores that follow the events, some weakly, blurred, with noise and with confusion of each class with the next one."""
    rng = np.random.default_rng(seed)
    classes = [f"c{i}" for i in range(n_classes)]
    files, scores, truth, durations = [], {}, {}, {}
    for f in range(n_files):
        n = int(rng.integers(60, 110))
        edges = np.round(np.arange(n + 1) * step, 6)
        secs = float(edges[-1])
        # Every class has an event somewhere.
        first = [(round(5.0 + i, 3), round(6.25 + i, 3), c) for i, c in enumerate(classes)] if f == 0 else []
        events = events_of(rng, classes, secs, 3 * n_classes, first)
        middle = (edges[1:] + edges[:-1]) / 2
        clean = np.zeros((n, n_classes))
        for onset, offset, label in events:
            near = np.exp(-np.maximum(0, np.maximum(onset - middle, middle - offset)) ** 2 / 0.06) * rng.uniform(0.3, 1.0)
            c = classes.index(label)
            clean[:, c] = np.maximum(clean[:, c], near)
            other = (c + 1) % n_classes
            clean[:, other] = np.maximum(clean[:, other], confusion * near)
        s = np.clip(0.85 * clean + noise * rng.random((n, n_classes)), 0, 1).round(decimals)
        name = f"f{f}"
        scores[name] = create_score_dataframe(s, edges, classes)
        truth[name] = events
        durations[name] = secs
        files.append({
            "edges_s": edges.tolist(),
            "scores": s.T.tolist(),
            "events": [[[on, off] for on, off, l in events if l == c] for c in classes],
            "secs": secs,
        })
    want = {}
    for name, params in PARAMS.items():
        value, single, *_ = intersection_based.psds(scores, truth, durations, max_efpr=max_efpr, **params)
        want[name] = {"score": float(value), "by_class": [float(single[c]) for c in classes]}
    return {"files": files, "max_per_hour": max_efpr, "want": want}


def f1_case(seed, n_events, jitter):
    rng = np.random.default_rng(seed)
    labels = ["a", "b", "c"]
    reference, detected, t = [], [], 0.0
    for _ in range(n_events):
        t += float(rng.uniform(0.2, 2.0))
        length = float(rng.choice([0.3, 1.0, 4.0]))
        label = labels[rng.integers(3)]
        reference.append((label, round(t, 3), round(t + length, 3)))
        for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
            on = max(0.0, t + float(rng.normal(0, jitter)))
            off = max(on + 0.01, t + length + float(rng.normal(0, 2 * jitter)))
            said = label if rng.random() < 0.8 else labels[rng.integers(3)]
            detected.append((said, round(on, 3), round(off, 3)))
        t += 0.5 * length
    as_events = lambda spans: [
        {"event_label": l, "onset": on, "offset": off, "file": "f"} for l, on, off in spans
    ]
    metrics = sed_eval.sound_event.EventBasedMetrics(
        event_label_list=labels, t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
    )
    metrics.evaluate(as_events(reference), as_events(detected))
    overall, classes = metrics.results_overall_metrics(), metrics.results_class_wise_metrics()
    one = lambda m: {"f1": m["f_measure"]["f_measure"], "precision": m["f_measure"]["precision"], "recall": m["f_measure"]["recall"]}
    return {
        "reference": reference,
        "detected": detected,
        "want": {
            "micro": one(overall),
            "macro_f1": metrics.results_class_wise_average_metrics()["f_measure"]["f_measure"],
            "by_label": {l: one(classes[l]) for l in labels},
        },
    }


def calibration_case(seed, n):
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.5, 1.5, n).round(3)
    scores[:6] = [0.0, 1.0, 0.2, 0.4, 0.6, 0.8]  # ends and borders of bins
    true = rng.random(n) < scores**1.5
    share_true, mean_score = calibration_curve(true, scores, n_bins=15, strategy="uniform")
    bins = np.searchsorted(np.linspace(0, 1, 16)[1:-1], scores)
    counts = np.bincount(bins, minlength=15)
    weights = counts[counts > 0] / n
    return {
        "scores": scores.tolist(),
        "true": true.tolist(),
        "want": {
            "error": float(np.sum(weights * np.abs(share_true - mean_score))),
            "counts": counts.tolist(),
            "share_true": share_true.tolist(),
            "mean_score": mean_score.tolist(),
        },
    }


print(json.dumps({
    "psds": [
        psds_case(1, 3, 2, 0.5, 3, 0.5, 0.4, 1000.0),
        psds_case(2, 4, 3, 0.25, 1, 0.4, 0.6, 2000.0),
        psds_case(3, 2, 1, 0.5, 3, 0.3, 0.5, 400.0),
        psds_case(4, 5, 2, 2.0, 2, 0.4, 0.5, 100.0),
    ],
    "f1": [f1_case(5, 40, 0.08), f1_case(6, 60, 0.15)],
    "calibration": [calibration_case(7, 400)],
}))
