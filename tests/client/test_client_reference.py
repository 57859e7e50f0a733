"""The reference of the client is true: its tables name what there is, with its defaults."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from troth.client import Client, CollectASGI, Collected, CollectWSGI, Decision, Form, OfPerson, TrothError, Used

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "client.md").read_text("utf-8")


def first_column(heading: str) -> list[str]:
    """The first cells of the table whose first heading is this, without backticks."""
    _, _, rest = PAGE.partition(f"| {heading} |")
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [row.split(" | ")[0].strip("| ").replace("`", "") for row in rows]


def written(function: object) -> str:
    """The signature, without types and without `self`."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(inspect.Signature(bare))


def test_the_calls_of_the_client_are_there_with_their_defaults() -> None:
    there = {name: getattr(Client, name) for name in vars(Client) if not name.startswith("_")}
    assert sorted(first_column("call")) == sorted(f"{name}{written(call)}" for name, call in there.items())
    assert f"`Client{written(Client.__init__)}`" in PAGE


def test_the_arguments_of_the_client_and_of_a_form_are_there() -> None:
    of_form = [field.name for field in dataclasses.fields(Form)][1:]
    listed = PAGE.split("### Form")[1].split("## Errors")[0]
    assert re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", listed, re.M))) == of_form
    assert first_column("argument") == list(inspect.signature(Client.__init__).parameters)[1:]


@pytest.mark.parametrize("kind", [CollectWSGI, CollectASGI])
def test_the_middleware_is_there(kind: type) -> None:
    assert f"`{kind.__name__}{written(kind.__init__)}`" in PAGE


@pytest.mark.parametrize("kind", [Collected, Used, OfPerson, Decision])
def test_the_values_are_there(kind: type) -> None:
    told = PAGE.split("Values that come back")[1].split("Values\nof persons")[0]
    assert [f.name for f in dataclasses.fields(kind) if f"`{f.name}`" not in told and f.name != "next"] == []


def test_the_errors_are_there_and_whether_they_pass() -> None:
    direct = {kind.__name__: kind.retryable for kind in TrothError.__subclasses__()}
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", PAGE.split("## Errors")[1], re.M)
    assert {name: told == "yes" for name, told in rows} == direct
