"""Temperature, likelihood and calibration error."""

import numpy as np
import pytest

from apps.imaging.ensemble import softmax
from apps.imaging.training.calibration import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    voted_scores,
)


def drawn(temperature, series=4000, classes=4):
    """Logits of three planes that agree, and truths drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 3, (series, classes))
    edges = softmax(logits, temperature).cumsum(axis=1)
    truth = np.minimum((rng.random((series, 1)) > edges).sum(axis=1), classes - 1)
    return np.stack([logits] * 3), truth


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_the_temperature_that_made_the_truth_is_found(temperature):
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.08)


def test_a_fitted_temperature_lowers_likelihood_and_error():
    logits, truth = drawn(2.5)
    fitted = fit_temperature(logits, truth)
    before, after = voted_scores(logits, 1.0), voted_scores(logits, fitted)
    assert negative_log_likelihood(after, truth) < negative_log_likelihood(before, truth)
    errors = [expected_calibration_error(s.max(axis=1), s.argmax(axis=1) == truth) for s in (before, after)]
    assert errors[1] < 0.03 < errors[0]


def test_without_mistakes_scores_stay_as_they_are():
    logits = np.tile(4 * np.eye(3), (3, 1, 1))
    assert fit_temperature(logits, np.array([0, 1, 2])) == 1.0


def test_no_series_have_no_temperature():
    with pytest.raises(ValueError, match="at least one series"):
        fit_temperature(np.zeros((3, 0, 2)), np.array([], dtype=int))


def test_the_vote_is_the_mean_of_each_planes_scores():
    logits = np.log(np.array([[[0.8, 0.2]], [[0.5, 0.5]], [[0.2, 0.8]]]))
    assert voted_scores(logits, 1.0)[0] == pytest.approx([0.5, 0.5])


def test_a_sure_mistake_has_a_finite_likelihood():
    assert np.isfinite(negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])))


def test_the_calibration_error_is_that_worked_out_by_hand():
    score, right = np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, False, True, True])
    # Bins: (0.9, 1.0] 0.95 against 0.5, (0.5, 0.6] 0.55 against 1.
    assert expected_calibration_error(score, right) == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    assert [(part.n, part.low) for part in reliability(score, right)] == [(2, 0.5), (2, 0.9)]


def test_a_score_of_one_stands_in_the_last_bin():
    (last,) = reliability(np.array([1.0]), np.array([True]))
    assert (last.low, last.high) == (0.9, 1.0)
