"""The kinds of values that records hold, with what pydantic checks in each of them."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

__all__ = [
    "Classes",
    "Count",
    "ErrorOrNan",
    "Fraction",
    "LossOrNan",
    "Name",
    "NotNegative",
    "Number",
    "OptionalError",
    "OptionalLoss",
    "RateOrNan",
    "Views",
]

LARGEST_COUNT = 2**53
"""Larger counts are not exact as float64."""

LARGEST_NUMBER = 1e40
"""Just above the largest float32; a larger number cannot come from a training."""

ROUNDING = 1e-4
"""By so much may a float32 probability lie outside 0 ... 1."""


def _check_name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text is needed")
    return value


def _number_or_nan(value: float) -> float:
    if abs(value) > LARGEST_NUMBER:
        raise ValueError("a finite number is needed")
    return value


def _not_negative_or_nan(value: float) -> float:
    if value < 0:
        raise ValueError("a number of at least 0 is needed")
    return _number_or_nan(value)


def _fraction_or_nan(value: float) -> float:
    if not math.isnan(value) and not -ROUNDING <= value <= 1 + ROUNDING:
        raise ValueError("a fraction of 0 to 1 is needed")
    return value


def _not_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("a number is needed")
    return value


def _nan_for_none(value: Any) -> Any:
    return math.nan if value is None else value


Name = Annotated[str, PlainValidator(_check_name)]
"""Any text, also a file name that is not UTF-8 (with surrogate escapes), which pydantic's own check may refuse."""
Classes = Annotated[tuple[Name, ...], Field(min_length=1)]
Views = Annotated[str, Field(pattern="^(centre|mirror|ten_crop)$")]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]

Number = Annotated[float, AfterValidator(_number_or_nan), AfterValidator(_not_nan)]
NotNegative = Annotated[float, AfterValidator(_not_negative_or_nan), AfterValidator(_not_nan)]
Fraction = Annotated[float, AfterValidator(_fraction_or_nan), AfterValidator(_not_nan)]

LossOrNan = Annotated[float, BeforeValidator(_nan_for_none), AfterValidator(_number_or_nan)]
"""What a training may make NaN; stored as null."""
RateOrNan = Annotated[float, BeforeValidator(_nan_for_none), AfterValidator(_not_negative_or_nan)]
ErrorOrNan = Annotated[float, BeforeValidator(_nan_for_none), AfterValidator(_fraction_or_nan)]
OptionalLoss = Annotated[float, AfterValidator(_number_or_nan)] | None
OptionalError = Annotated[float, AfterValidator(_fraction_or_nan)] | None
