"""Numbers of samples that are drawn otherwise than those from 0 on."""

from __future__ import annotations

#: From this number on samples have floats from a range that is wider by WIDENED, where nobody says what is legal.
WIDE, WIDENED = 1 << 20, 8.0
#: From this number on samples have what the file tells that a model is compared with (:attr:`Inputs.beyond`).
BEYOND = 1 << 40
#: This sample has the sizes at which a table is read to its end (:attr:`Inputs.long`).
LONG = 1 << 41
#: And this one is without the inputs that may be left out (:attr:`Inputs.absent`).
ABSENT = 1 << 42
#: From these numbers on all elements lie next to one number that tells, and values of inputs are combined
#: (:class:`~pytest_onnxaccel.numerics.sampling.combined.Extra`).
LEVELLED, TOGETHER = 1 << 43, 1 << 44
#: From this number on floats lie QUIETER times as far from 0.
QUIET, QUIETER = 1 << 46, 1e-3
#: From this number on every column of a table has each number that tells.
SWEPT = 1 << 47
#: This sample is ROWS of the others at once.
ROWED, ROWS = 1 << 45, 4
