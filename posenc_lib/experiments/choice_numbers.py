"""The numbers behind a guide to encodings: means over the seeds of the stored experiments."""

from __future__ import annotations

from posenc_lib.experiments.shipped_results import full_results


def choice_numbers() -> dict[str, float]:
    """What was measured to its mean: a loss in nats, a share of right answers, or an error in °C.

    >>> round(choice_numbers()["order: RoPE tells reversed texts"], 2)
    0.86
    """
    texts, order = full_results("extrapolation").where(task="text"), full_results("text_order")
    budget, digits = full_results("order_budget"), full_results("digits")
    gaps = full_results("series").where(task="el_nino_gaps", metric="rmse", at=0)
    found: dict[str, float] = {}
    names = {"rope": "RoPE", "rope_ntk": "RoPE + NTK", "alibi": "ALiBi", "t5": "T5"}
    for name, title in names.items():
        for at in (32, 256):
            found[f"length: {title}, loss at {at}"] = texts.mean(
                encoding=name, at=at, metric="loss in nats"
            )
    found["length: RoPE with a window, loss at 256"] = texts.mean(
        encoding="rope", at=256, metric="loss in nats, window"
    )
    for name in ("rope", "t5", "alibi"):
        found[f"order: {names[name]} tells reversed texts"] = order.mean(
            encoding=name, task="reversed"
        )
    topics = {n: order.mean(encoding=n, task="topic") for n in order.values("encoding")}
    best = max(topics, key=lambda name: topics[name])
    found[f"order: best on topics, {best}"] = topics[best]
    for name, title in {"learned": "table", "rope": "RoPE"}.items():
        found[f"budget: {title}, 800 steps"] = budget.mean(task="places", at=8, label=name)
        found[f"budget: {title}, 2,000 steps"] = budget.mean(task="steps", label=name)
    for name, title in {
        "learned": "table", "sinusoidal_2d": "two axes", "sinusoidal": "one axis"
    }.items():  # fmt: skip
        found[f"pictures: {title}"] = digits.mean(task="patches", encoding=name, metric="accuracy")
    for name, title in {
        "sinusoidal": "by place", "sinusoidal, by time": "by time", "calendar": "calendar"
    }.items():  # fmt: skip
        found[f"gaps: {title}, error"] = gaps.mean(label=name)
    return found
