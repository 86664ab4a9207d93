"""The procedures there are: each a folder, and a line here."""

from __future__ import annotations

from suite.inference.procedure import Inference
from suite.result.procedure import Procedure
from suite.result.request import Request
from suite.training.procedure import Training

PROCEDURES: tuple[type[Procedure], ...] = (Training, Inference)


def procedure(request: Request) -> type[Procedure]:
    """Return the procedure that `request` asks for."""
    return next(each for each in PROCEDURES if each.suits(request))
