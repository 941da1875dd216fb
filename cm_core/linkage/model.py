"""The Splink model: what is compared, how it is trained without labels, and where it is kept.

Which pairs are compared is decided in `pairs`; which scored pairs become links, there and in `clusters`. A model is
a JSON document: trained rarely, applied often. The one shipped in `models/` was trained on sample data of another seed
than any test or bench uses.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import duckdb
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator

from cm_core.errors import LinkageError

DEFAULT_MODEL = "default.json"
#: Form of the document and of the records it is for; a model of another form is refused.
FORM = 1
#: Matching pairs per record that is left after the exact tier, for the prior: about one record in five has a partner.
PAIRS_PER_RECORD = 0.2
#: The prior is known to a quarter of a bit: it does not change with every row that comes in.
_PRIOR_STEPS = 4
#: The prior never exceeds this, so that a small list is judged as strictly as one of 40,000 records.
PRIOR_MAX = 1e-5
#: Pairs sampled for the u probabilities; rare levels (same phone, same e-mail) need many.
_U_PAIRS = 3e7
_NO_RECORDS = """
create table records (unique_id bigint);
create table name_frequencies_first_name (first_name varchar, tf_first_name double);
create table name_frequencies_last_name (last_name varchar, tf_last_name double);
"""
_NO_FREQUENCIES = """
create or replace table no_frequencies_first_name (first_name varchar, tf_first_name double);
create or replace table no_frequencies_last_name (last_name varchar, tf_last_name double);
"""
_EM_PAIRS = 2e6
#: The one read as the other, with a slip in either.
_SWAPPED = (
    "least(jaro_winkler_similarity(first_name_l, last_name_r), jaro_winkler_similarity(last_name_l, first_name_r)) "
    ">= 0.9"
)


@dataclass(frozen=True)
class Model:
    """A trained model. `document` is the Splink settings with all m and u probabilities."""

    version: str
    source: str
    trained_on: dict[str, Any]
    document: dict[str, Any]

    def to_json(self) -> str:
        """The stored form, with sorted keys."""
        body = {"form": FORM, "version": self.version, "trained_on": self.trained_on, "splink": self.document}
        return json.dumps(body, indent=1, sort_keys=True) + "\n"


def comparisons() -> list[Any]:
    """What the model looks at in two records, most telling level first.

    Two different given names of the census that are not forms of one another clash even if they look alike (MARK and
    MARY in one household); a look-alike counts as a slip only if one of the two is no known name.
    """
    return [
        cl.CustomComparison(
            output_column_name="first_name",
            comparison_levels=[
                _null("first_name_l is null or first_name_r is null"),
                cll.ExactMatchLevel("first_name", term_frequency_adjustments=True),
                _level(_SWAPPED, "first and last name swapped"),
                _level(
                    "list_contains(name_forms_l, first_name_r) or list_contains(name_forms_r, first_name_l) "
                    "or name_class_l = name_class_r",
                    "nickname",
                ),
                _level(
                    "(length(first_name_l) = 1 or length(first_name_r) = 1) "
                    "and substr(first_name_l, 1, 1) = substr(first_name_r, 1, 1)",
                    "initial",
                ),
                _level(
                    "not (name_is_known_l and name_is_known_r) "
                    "and (jaro_winkler_similarity(first_name_l, first_name_r) >= 0.85 "
                    "or (damerau_levenshtein(first_name_l, first_name_r) = 1 "
                    "and least(length(first_name_l), length(first_name_r)) >= 3))",
                    "misspelt",
                ),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="last_name",
            comparison_levels=[
                _null("last_name_l is null or last_name_r is null"),
                cll.ExactMatchLevel("last_name", term_frequency_adjustments=True),
                # Counted under the given name already: no evidence for or against here.
                _level(_SWAPPED, "first and last name swapped", m=0.005, u=0.005),
                _level(
                    "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.92 "
                    "or (damerau_levenshtein(last_name_l, last_name_r) = 1 "
                    "and least(length(last_name_l), length(last_name_r)) >= 4)",
                    "misspelt",
                ),
                _level(
                    "list_has_any(last_names_l, last_names_r) or (least(length(last_name_l), length(last_name_r)) >= 4 "
                    "and (contains(last_name_l, last_name_r) or contains(last_name_r, last_name_l)))",
                    "earlier surname or part of a double one",
                    m=0.01,
                    u=0.0005,
                ),
                # A changed surname. Two people at one address who are not one seldom differ in surname, and hardly ever
                # share the given name: less against them than strangers' surnames are.
                _level(
                    "first_name_l = first_name_r and name_is_known_l and list_has_any(address_keys_l, address_keys_r)",
                    "another surname, same given name at one address",
                    m=0.02,
                    u=0.14,
                ),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="middle",
            comparison_levels=[
                _null("middles_l is null or middles_r is null"),
                _level("list_has_any(middles_l, middles_r)", "same middle initial"),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="generation",
            comparison_levels=[
                _null("generation_l is null or generation_r is null"),
                _level("generation_l = generation_r", "same generation", m=0.99, u=0.4),
                cll.ElseLevel().configure(
                    m_probability=0.01, u_probability=0.6, fix_m_probability=True, fix_u_probability=True
                ),
            ],
        ),
        cl.CustomComparison(
            output_column_name="dob",
            comparison_levels=[
                _null("dob_l is null or dob_r is null"),
                _level("dob_l = dob_r", "same date of birth"),
                _level(
                    "(year(dob_l) = year(dob_r))::integer + (month(dob_l) = month(dob_r))::integer "
                    "+ (day(dob_l) = day(dob_r))::integer = 2",
                    "one part of the date differs",
                    m=0.02,
                    u=0.003,
                ),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="place",
            comparison_levels=[
                _null("len(zips_l) = 0 or len(zips_r) = 0"),
                _level("list_has_any(address_keys_l, address_keys_r)", "same address"),
                _level("list_has_any(numbers_l, numbers_r)", "same house number and ZIP"),
                _level("list_has_any(lines_l, lines_r)", "same street line, ZIP of the same region"),
                # A wrong ZIP. One person's two addresses seldom have one street line, strangers' hardly ever.
                _level("list_has_any(houses_l, houses_r)", "same house and street, elsewhere", m=0.003, u=0.00001),
                _level("list_has_any(zips_l, zips_r)", "same ZIP"),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="phone",
            comparison_levels=[
                _null("len(phones_l) = 0 or len(phones_r) = 0"),
                _level("list_has_any(phones_l, phones_r)", "same phone"),
                cll.ElseLevel(),
            ],
        ),
        cl.CustomComparison(
            output_column_name="email",
            comparison_levels=[
                _null("len(emails_l) = 0 or len(emails_r) = 0"),
                _level("list_has_any(emails_l, emails_r)", "same e-mail"),
                cll.ElseLevel(),
            ],
        ),
        # Ids come in few lists, so nothing is learnt of them: one person's number is seldom another's. Which kinds
        # count is measured in every base (`identifiers.sql`).
        cl.CustomComparison(
            output_column_name="identifier",
            comparison_levels=[
                _null(
                    "not list_has_any(identifiers_l, identifiers_r) "
                    "and not list_has_any(personal_types_l, personal_types_r)"
                ),
                _level("list_has_any(personal_ids_l, personal_ids_r)", "same personal identifier", m=0.55, u=0.0000001),
                _level("list_has_any(identifiers_l, identifiers_r)", "same identifier", m=0.35, u=0.0001),
                _level("like_ids(personal_ids_l, personal_ids_r)", "a slip of the identifier", m=0.06, u=0.0001),
                # A number issued anew, or somebody else's.
                cll.ElseLevel().configure(
                    m_probability=0.04, u_probability=0.99, fix_m_probability=True, fix_u_probability=True
                ),
            ],
        ),
    ]


def _null(condition: str) -> Any:
    return cll.CustomLevel(condition).configure(is_null_level=True)


def _level(condition: str, label: str, *, m: float | None = None, u: float | None = None) -> Any:
    level = cll.CustomLevel(condition, label_for_charts=label)
    if m is not None and u is not None:
        level.configure(m_probability=m, u_probability=u, fix_m_probability=True, fix_u_probability=True)
    return level


def train(con: duckdb.DuckDBPyConnection, *, table: str, version: str, trained_on: dict[str, Any]) -> Model:
    """Train on `table` (the columns of `records`, one row per source party) without labels.

    u by random sampling; m by expectation maximisation over pairs with one full name (contacts, places, dates) and
    over pairs with one e-mail (names). Raises LinkageError if a level was never seen, naming it.
    """
    api = DuckDBAPI(connection=con)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons(),
        probability_two_random_records_match=PRIOR_MAX,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
        max_iterations=40,
    )
    linker = _linker(con, api, table, settings)
    linker.training.estimate_u_using_random_sampling(max_pairs=_U_PAIRS, seed=1, min_count_per_level=None)
    for rule in ("l.first_name = r.first_name and l.last_name = r.last_name", "l.emails[1] = r.emails[1]"):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=_EM_PAIRS)
    document = linker.misc.save_model_to_json()
    for name in ("linker_uid", "sql_dialect"):
        document.pop(name, None)
    model = Model(version, "trained", trained_on, document)
    require_trained(model)
    return model


def require_trained(model: Model) -> None:
    """Raise LinkageError if any level of any comparison has no m or u probability: Splink would use a made-up one."""
    missing = [
        f"{comparison['output_column_name']}: {level.get('label_for_charts', level['sql_condition'])}"
        for comparison in model.document["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
        and not all(isinstance(level.get(name), (int, float)) for name in ("m_probability", "u_probability"))
    ]
    if missing:
        raise LinkageError(
            f"Linkage model {model.version} is untrained in: {'; '.join(missing)}. "
            "Train on more records, or use the model that comes with the system."
        )


def parse(text: str, source: str) -> Model:
    """Read a stored model. Raises LinkageError if it is none, of another form, or untrained in a level."""
    try:
        body = json.loads(text)
        model = Model(body["version"], source, body["trained_on"], body["splink"])
        form = body["form"]
    except (ValueError, KeyError, TypeError) as error:
        raise LinkageError(
            f"{source} is no linkage model ({error}). Remove it to use the one that comes with us."
        ) from None
    if form != FORM:
        raise LinkageError(
            f"{source} is a linkage model of form {form}; this version reads form {FORM}. Train it again."
        )
    require_trained(model)
    return model


def default() -> Model:
    """The model that comes with the system."""
    return parse(
        (files(__package__) / "models" / DEFAULT_MODEL).read_text(encoding="utf-8"), f"package:{DEFAULT_MODEL}"
    )


def weights(model: Model) -> list[dict[str, Any]]:
    """One entry per comparison level: comparison, level, m, u, and weight = log2(m / u) in bits."""
    return [
        {
            "comparison": comparison["output_column_name"],
            "level": level.get("label_for_charts") or level["sql_condition"],
            "m": level["m_probability"],
            "u": level["u_probability"],
            "weight": round(math.log2(level["m_probability"] / level["u_probability"]), 2),
        }
        for comparison in model.document["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]


def charts(model: Model) -> dict[str, dict[str, Any]]:
    """Splink's charts of a model as Vega-Lite specifications: `match_weights`, and `parameters` (m and u)."""
    with duckdb.connect() as con:
        con.execute(_NO_RECORDS)
        drawn = linker_for(con, model, table="records", records=0).visualisations
        weights, parameters = drawn.match_weights_chart(), drawn.m_u_parameters_chart()
        return {"match_weights": dict(weights.chart_dict), "parameters": dict(parameters.chart_dict)}


def prior(records: int) -> float:
    """The probability that two of so many records match, before anything is known of them."""
    exact = 2 * PAIRS_PER_RECORD / max(records - 1, 1)
    return min(PRIOR_MAX, 2 ** (round(_PRIOR_STEPS * math.log2(exact)) / _PRIOR_STEPS))


def average_rarity(model: Model, column: str) -> float:
    """Log2 of how often two different people have the same name, on average: what a name's own frequency replaces.

    `column` is first_name or last_name. Raises LinkageError if the model does not look at how common the names are, or
    only in part.
    """
    for comparison in model.document["comparisons"]:
        for level in comparison["comparison_levels"]:
            if level.get("tf_adjustment_column") == column and level.get("tf_adjustment_weight") == 1:
                return math.log2(level["u_probability"])
    raise LinkageError(f"Linkage model {model.version} does not look at how common a {column} is. Train it again.")


def linker_for(
    con: duckdb.DuckDBPyConnection, model: Model, *, table: str, records: int, in_detail: bool = False
) -> Linker:
    """A linker over `table` with the model's parameters and a prior for a table of `records` rows.

    `in_detail`, its predictions keep the compared values and the weight of each comparison.
    """
    document = _document(model, prior(records))
    document |= {"retain_matching_columns": in_detail, "retain_intermediate_calculation_columns": in_detail}
    return _linker(con, DuckDBAPI(connection=con), table, document)


def bare_linker(con: duckdb.DuckDBPyConnection, model: Model, *, table: str) -> Linker:
    """A linker over `table` whose match weights are those of the comparisons alone: without prior and name frequencies.

    These change with the base; a pair's comparisons do not.
    """
    con.execute(_NO_FREQUENCIES)
    document = _document(model, 0.5)
    document |= {"retain_matching_columns": False, "retain_intermediate_calculation_columns": False}
    return _linker(con, DuckDBAPI(connection=con), table, document, frequencies="no_frequencies")


def _document(model: Model, probability: float) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(model.document))
    document["probability_two_random_records_match"] = probability
    return document


def _linker(
    con: duckdb.DuckDBPyConnection, api: DuckDBAPI, table: str, settings: Any, frequencies: str = "name_frequencies"
) -> Linker:
    logging.getLogger("splink").setLevel(logging.ERROR)
    # What validation finds wrong is only logged as warnings, which the line above keeps away; it takes 0.15 s.
    linker = Linker(api.register(table), settings, log_level=None, validate_settings=False)
    for column in ("first_name", "last_name"):
        linker.table_management.register_term_frequency_lookup(api.register(f"{frequencies}_{column}"), column)
    return linker
