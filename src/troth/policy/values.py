"""Small values of a policy: texts in several languages, lengths of time, moments in time.

All are frozen. How they are written in a policy file is read here too, so that each value is one thing in one place.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta

import msgspec

LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_PERIOD = re.compile(
    r"(?:(?P<after>[a-z][a-z_ -]*?)\s*(?:\+\s*(?P<more>\d{1,5})\s*(?P<more_unit>[a-z]+))?"
    r"|(?P<count>\d{1,5})\s*(?P<unit>[a-z]+))\Z"
)

UNITS = ("minute", "hour", "day", "week", "month", "year")
# Mean lengths in days (a Gregorian year has 365.2425), good enough to say which of two periods is longer.
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.436875, "year": 365.2425}

# What a period may begin with, other than the collection itself.
ANCHORS = {
    "account": "as long as the account exists",
    "contract": "as long as the contract runs",
    "session": "until the session ends",
    "purpose": "as long as the purpose needs it",
    "withdrawn": "until the consent is withdrawn",
    "law": "as long as the law requires",
}


class Text(msgspec.Struct, frozen=True):
    """A sentence in one or several languages: pairs of BCP 47 tag and text, in the order of the file."""

    languages: tuple[tuple[str, str], ...]

    def in_(self, language: str) -> str:
        """The text in `language`, else in the same language of another region, else the first one."""
        return self.entry(language)[1]

    def entry(self, language: str) -> tuple[str, str]:
        """The pair (language tag, text) that `in_` chooses, so that a page can mark a text in another language."""
        wanted = language.lower()
        for tag, text in self.languages:
            if tag.lower() == wanted:
                return tag, text
        base = wanted.split("-")[0]
        for tag, text in self.languages:
            if tag.lower().split("-")[0] == base:
                return tag, text
        return self.languages[0]

    def __str__(self) -> str:
        return self.languages[0][1]


class Period(msgspec.Struct, frozen=True):
    """A length of time: `after` an event (None: the collection, or the request) `count` times `unit`.

    Written `30 days`, `account`, or `account + 24 months`.
    """

    after: str | None = None
    count: int = 0
    unit: str = "day"

    @property
    def days(self) -> float:
        """The counted part in days; months and years have their mean length."""
        return self.count * _DAYS[self.unit]

    def ends(self, began: datetime) -> datetime | None:
        """When it is over if it began at that moment, in UTC. None: an event decides, or the calendar has no such year.

        A month later is the same time of the same day of the next month; where that month has no such day, the end of
        the month (Regulation (EEC, Euratom) No 1182/71, article 3(2)(c)).
        """
        return None if self.after is not None else _later(began.astimezone(UTC), self.count, self.unit)

    def latest_beginning(self, over_by: datetime) -> datetime | None:
        """The latest beginning from which it is over by that moment: it, and none later, `ends` by then.

        None: an event decides, or it would have begun before the calendar does.
        """
        return None if self.after is not None else _later(over_by.astimezone(UTC), -self.count, self.unit)

    def __str__(self) -> str:
        length = f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"
        if self.after is None:
            return length
        return f"{self.after} + {length}" if self.count else self.after


def _later(moment: datetime, count: int, unit: str) -> datetime | None:
    """The moment so many units later, or earlier where the count is negative; None outside the years 1 to 9999."""
    try:
        if unit not in ("month", "year"):
            return moment + timedelta(**{f"{unit}s": count})
        months = moment.year * 12 + moment.month - 1 + (count if unit == "month" else 12 * count)
        month = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
        length = calendar.monthrange(month.year, month.month)[1]
        if moment.day <= length:
            return month.replace(day=moment.day)
        # What ends with the month is over as the next one begins; what begins with it began before that.
        following = datetime.combine(month.date(), time(), UTC) + timedelta(days=length)
        return following if count > 0 else following - timedelta.resolution
    except (OverflowError, ValueError):
        return None


def read_period(text: str) -> Period:
    """Read `30 days`, `account` or `account + 24 months`; ValueError says what is wrong."""
    match = _PERIOD.match(text.strip().lower())
    if match is None:
        raise ValueError(f"'{text}' is not a length of time.")
    after, count, unit = match["after"], match["count"] or match["more"] or "0", match["unit"] or match["more_unit"]
    if after is not None and after not in ANCHORS:
        raise ValueError(f"'{after}' is not something that a period can begin with.")
    singular = (unit or "day").removesuffix("s")
    if singular not in UNITS:
        raise ValueError(f"'{unit}' is not a unit of time.")
    return Period(after=after, count=int(count), unit=singular)


def read_moment(text: str) -> datetime:
    """Read an ISO 8601 date (00:00 UTC of that day) or time with zone; the result is in UTC. ValueError otherwise."""
    if _DATE.match(text):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no time zone.")
    return moment.astimezone(UTC)


def write_moment(moment: datetime) -> str:
    """The shortest ISO 8601 form that `read_moment` reads back: the bare date for 00:00 UTC."""
    utc = moment.astimezone(UTC)
    return utc.date().isoformat() if utc.time() == time() else utc.isoformat().replace("+00:00", "Z")
