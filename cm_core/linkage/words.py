"""What the comparisons of the model found, in words. The weights are the model's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: What each comparison of the model looks at.
NOUNS = {
    "first_name": "given name",
    "last_name": "surname",
    "middle": "middle initial",
    "generation": "generation",
    "dob": "date of birth",
    "place": "place",
    "phone": "phone",
    "email": "e-mail",
    "identifier": "identifier",
}
_SAID = ("same ", "another ", "one ", "earlier ", "first and last ")
_ELSE = "All other comparisons"
_EXACT = "Exact match on "
_RARITY = "Term freq adjustment"
#: Bits of a name's frequency that are worth a word.
_NOTABLE = 0.5


@dataclass(frozen=True)
class Contribution:
    """What one comparison says: `bits` for (above 0) or against two records being one, rarity of a name included.

    `values` are those of the first and of the second record, as compared; `rarity_bits` is the part of `bits` that is
    due to how common the name is, None where that does not count.
    """

    comparison: str
    words: str
    bits: float
    rarity_bits: float | None
    values: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.words} {self.bits:+.1f}"


def contributions(bars: Iterable[Mapping[str, Any]], *, turned: bool) -> list[Contribution]:
    """One entry per comparison, from the bars of Splink's waterfall chart (with its nulls).

    `turned`: the right one of the chart is the first record here.
    """
    found: dict[str, Contribution] = {}
    for bar in bars:
        name = str(bar["column_name"])
        bits = float(bar["log2_bayes_factor"])
        if name in NOUNS:
            unknown = bar["comparison_vector_value"] == -1
            words = _unknown(name) if unknown else _words(name, str(bar["label_for_charts"]))
            left, right = str(bar["value_l"]), str(bar["value_r"])
            values = (right, left) if turned else (left, right)
            found[name] = Contribution(name, words, bits, None, values)
        elif (plain := name.removeprefix("tf_")) in found and str(bar["label_for_charts"]).startswith(_RARITY):
            said = found[plain]
            rarity = ", a rare one" if bits > _NOTABLE else ", a common one" if bits < -_NOTABLE else ""
            found[plain] = Contribution(plain, said.words + rarity, said.bits + bits, bits, said.values)
    return list(found.values())


def _unknown(name: str) -> str:
    return f"{NOUNS[name]} not known of both"


def _words(name: str, label: str) -> str:
    if label == _ELSE:
        return f"another {NOUNS[name]}"
    if label.startswith(_EXACT):
        return f"same {NOUNS[name]}"
    return label if label.startswith(_SAID) else f"{NOUNS[name]}: {label}"
