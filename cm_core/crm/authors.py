"""Who gave a value in the CRM: asked of its changelog where nothing else tells, at 20 tokens a person.

What the changelog says is kept in `crm_persons.manual` beside what webhooks told (`source`: `app` is a person's edit,
`api` a program's, `created` a value that was never edited, `asked` that the changelog cannot tell) and is forgotten
when the field changes. What cannot be told counts as a person's. A changelog that cannot be read leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cm_core.crm.client import PipedriveClient
from cm_core.crm.edits import BY_HAND, is_program
from cm_core.crm.fields import PersonFields
from cm_core.crm.merge_fields import Author
from cm_core.crm.population import CrmPerson, authors_of
from cm_core.crm.records import canonical, moment
from cm_core.crm.sides import THERE
from cm_core.web import ApiRefused, ApiUnavailable, BudgetSpent, NotThere

if TYPE_CHECKING:
    from pymysql.connections import Connection

TOKENS = 20
#: Changelogs in a row that could not be read, after which no more are asked for.
_MOST_FAILURES = 3
_KEEP = "update crm_persons set manual = %s where crm_person_id = %s and manual <=> %s"


class Authors:
    """Asks, and keeps to a budget: at most `most_tokens` are spent. `answers` are to be kept with `keep`."""

    def __init__(self, client: PipedriveClient, fields: PersonFields, *, most_tokens: int) -> None:
        self._client = client
        self._fields = fields
        self._left = most_tokens
        self._failures = 0
        self.asked = 0
        self.answers: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def ask(self, person: CrmPerson, names: Iterable[str]) -> dict[str, Author] | None:
        """Who gave the single values `names` of the person, beside what is known; None: there is no budget for it."""
        if self._left < TOKENS:
            return None
        try:
            page = self._client.changelog(person.id)
        except BudgetSpent:
            self._left = 0
            return None
        except NotThere:
            return None
        except (ApiRefused, ApiUnavailable) as error:
            if error.of_the_account:
                raise
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self._left = 0
            return None
        self._failures = 0
        self._left -= TOKENS
        self.asked += 1
        manual = dict(person.manual)
        for name in names:
            there = THERE.get(name, name)
            keys = {there, self._fields.codes.get(there)}
            change = next((each for each in page.items if each.get("field_key") in keys), None)
            manual[there] = _entry(change, manual.get(there), is_whole=page.next_cursor is None)
        self.answers[person.id] = (person.manual, manual)
        return authors_of(manual)

    def keep(self, connection: Connection[Any]) -> None:
        """Note the answers, in the caller's transaction; not of people of whom more is known by now."""
        rows = [
            (canonical(after), person_id, canonical(before) if before else None)
            for person_id, (before, after) in self.answers.items()
        ]
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany(_KEEP, rows)


def _entry(change: dict[str, Any] | None, known: dict[str, Any] | None, *, is_whole: bool) -> dict[str, Any]:
    """What the last change of a field says of who gave its value."""
    if change is None:
        # Never changed as far as they know: then it is as it was created, unless we saw it change.
        is_created = is_whole and known is None
        return {"at": (known or {}).get("at"), "by": None, "source": "created" if is_created else "asked"}
    at = moment(change.get("time"))
    told = change.get("change_source")
    source = "api" if is_program(told) else BY_HAND if told else "asked"
    return {"at": at and at.strftime("%Y-%m-%dT%H:%M:%SZ"), "by": change.get("actor_user_id"), "source": source}
