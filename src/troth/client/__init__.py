"""Collecting and using personal data from an application in Python, through a Troth that runs elsewhere.

>>> client = Client("https://privacy.example.org", key)
>>> client.collect("registration", {"contact.email": "ann@example.org"}, product="shop")
>>> with client.purpose("service.payment", product="shop") as data:
...     token = data.get("email:ann@example.org", "payment.card")

It imports nothing of the server's rooms and nothing beside Python, so that an application can have it alone.
"""

from troth.client.answers import Answer
from troth.client.asgi import CollectASGI
from troth.client.bodies import BadFormError
from troth.client.client import Client
from troth.client.collecting import Outcome
from troth.client.errors import NotAllowed, Refused, TrothError, Unavailable, WrongRequest
from troth.client.forms import Form
from troth.client.passwords import hash_password, verify_password
from troth.client.purpose import AsyncReader, Purpose, Reader
from troth.client.shared import Contents, Leaving, NotShared, Shared
from troth.client.values import (
    Browser,
    Collected,
    Decision,
    Dropped,
    Gate,
    OfPerson,
    Refusal,
    Submission,
    Used,
)
from troth.client.why import Html, Why
from troth.client.wsgi import CollectWSGI

__all__ = [
    "Answer",
    "AsyncReader",
    "BadFormError",
    "Browser",
    "Client",
    "CollectASGI",
    "CollectWSGI",
    "Collected",
    "Contents",
    "Decision",
    "Dropped",
    "Form",
    "Gate",
    "Html",
    "Leaving",
    "NotAllowed",
    "NotShared",
    "OfPerson",
    "Outcome",
    "Purpose",
    "Reader",
    "Refusal",
    "Refused",
    "Shared",
    "Submission",
    "TrothError",
    "Unavailable",
    "Used",
    "Why",
    "WrongRequest",
    "hash_password",
    "verify_password",
]
