"""A price list: what an hour of a machine and a kilowatt-hour cost, from whom and as of when.

DAWNBench's other axis (Coleman et al. 2017): cost to target beside time to target.
"""

from __future__ import annotations

import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from rules import hostile_yaml
from rules.errors import UsageError
from rules.round import Strict

MOST = 1 << 20  # bytes of a price list
Price = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class Quoted(Strict):
    """A price's origin: of whom, and the day it held."""

    source: Annotated[str, Field(min_length=1)]
    date: datetime.date


class MachinePrice(Quoted):
    """What an hour of the systems whose names match `system` costs; `*` and `?` stand for any letters, any one.

    The price is of one node (`per`), of which a system may have many, or of the whole system.
    """

    system: Annotated[str, Field(min_length=1)]
    per_hour: Price
    per: Literal["node", "system"] = "node"
    includes_energy: bool = True  # a rented machine's price does; then energy is not paid twice


class EnergyPrice(Quoted):
    """What energy costs."""

    per_kwh: Price


class Prices(Strict):
    """The whole of a price list; the first machine that matches counts."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]  # ISO 4217
    machines: list[MachinePrice] = Field(default_factory=list)
    energy: EnergyPrice | None = None

    def machine(self, system: str) -> MachinePrice | None:
        """Return the price of `system`'s hour; None where the list has none."""
        return next((one for one in self.machines if fnmatchcase(system, one.system)), None)


def read_prices(path: Path) -> Prices:
    """Read a price list; raise UsageError naming what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
        if len(content) > MOST:
            raise UsageError(f"{path}: larger than {MOST} bytes", fix="a price list has a line per machine")
        return Prices.model_validate(hostile_yaml.loads(content))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", fix="give --prices a readable YAML file") from None
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the list"
            raise UsageError(f"{path}: {place}: {first['msg']}", fix="see docs/meters.md for its form") from None
        raise UsageError(f"{path}: no YAML: {error}", fix="see docs/meters.md for its form") from None
