"""Positions in float64: whole numbers of a long text that float32 would round.

float32 has lost the second digit of an angle by position 1,000,000, and bfloat16 knows no whole
numbers past 256. So positions become float64 before anything is computed from them.

The trap: Apple's MPS has no float64. There the numbers are made on the CPU, and moved.
"""

from __future__ import annotations

import torch
from jaxtyping import Float64, Num
from torch import Tensor

from posenc_lib.base import validation


def in_float64(
    numbers: Num[Tensor, "*shape"], function: str = "float64", argument: str = "positions"
) -> Float64[Tensor, "*shape"]:
    """Positions in float64, on their device where it has float64.

    Whole numbers past 2**53, which float64 cannot tell from their neighbours, are refused where a
    look costs no wait, on the CPU.
    """
    look = numbers.dtype == torch.int64 and numbers.device.type == "cpu" and numbers.numel()
    if look and validation.readable(numbers):
        low, high = torch.stack(numbers.aminmax()).tolist()
        if max(-low, high) > 2**53:
            raise validation.refuse(
                ValueError, function, argument, low if -low > high else high,
                "whole numbers from -2**53 to 2**53",
                "float64 cannot tell neighbouring positions apart beyond that: count from nearer.",
            )  # fmt: skip
    return as_float64(numbers)


def as_float64(numbers: Num[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """Any numbers in float64, on their device where it has float64, rounded if need be."""
    return numbers.to(float64_device(numbers.device)).double()


def float64_device(device: torch.device) -> torch.device:
    """The device itself, or the CPU beside Apple's MPS, which has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def moved(numbers: Tensor, device: torch.device) -> Tensor:
    """A few numbers made on the CPU, on the device where they are used.

    From pinned memory to a GPU: from any other, the host would wait until the device has caught up.
    """
    if device.type == "cuda" and numbers.device.type == "cpu" and validation.readable(numbers):
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers.to(device)
