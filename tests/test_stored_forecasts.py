"""The small forecasters that ship for the panel of notebook 09."""

import json
from dataclasses import asdict

import pytest
import torch

from posenc_lib.experiments.parts.training import predict
from posenc_lib.experiments.time_series import stored_forecasts


@pytest.mark.parametrize("task, way", [("el_nino_gaps", "sinusoidal, by time"), ("sp500", "none")])
def test_they_are_of_these_settings_and_say_what_is_stored_with_them(task, way):
    """If this fails, make experiments (or python -m ...time_series.stored_forecasts)."""
    made = stored_forecasts.stored_settings()["settings"]
    assert made == json.loads(json.dumps(asdict(stored_forecasts.QUICK)))
    batch = stored_forecasts.prepared_for(task, way).batches[stored_forecasts.PART]
    said = predict(stored_forecasts.stored_forecaster(task, way), batch).detach()
    kept = torch.from_numpy(stored_forecasts.stored_moved(task, way))
    torch.testing.assert_close(said, kept, atol=1e-3, rtol=1e-3)
