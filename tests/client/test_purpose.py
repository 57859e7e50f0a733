"""What runs for a purpose reads for that purpose and for no other."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Iterator

import pytest
from stub import Asked, Stub, said

from troth.client import AsyncReader, Client, NotAllowed, Reader, Refused

ANN = "email:ann@example.org"


@pytest.fixture(autouse=True)
def _answers(stub: Stub) -> None:
    """Everything is released but telephone numbers."""

    def answer(asked: Asked) -> bytes:
        body = asked.json()
        no = {"data": "contact.phone", "reason": "opted-out", "sentence": "Unless you refuse.", "statement": "calls"}
        persons = [
            {
                "asked": who,
                "person": "0" * 32,
                "values": {data: f"{data} of {who}" for data in body["data"] if data != "contact.phone"},
                "refused": [no] if "contact.phone" in body["data"] else [],
            }
            for who in body["persons"]
        ]
        return said({"persons": persons, "duties": ["minimise"]})

    stub.answer = answer


def test_a_block_reads_for_its_purpose(stub: Stub, client: Client) -> None:
    with client.purpose("service.payment", product="gototraining") as data:
        assert data.get(ANN, "payment.card") == f"payment.card of {ANN}"
        assert data.duties == ("minimise",)
        with pytest.raises(Refused) as caught:
            data.get(ANN, "contact.phone")
    assert (caught.value.code, caught.value.sentence) == ("opted-out", "Unless you refuse.")
    assert stub.asked[0].json()["purpose"] == "service.payment"
    assert stub.asked[0].json()["product"] == "gototraining"


def test_a_reader_is_over_with_its_block(client: Client) -> None:
    purpose = client.purpose("service.payment")
    with purpose as data:
        pass
    with pytest.raises(NotAllowed, match="is over"):
        data.get(ANN, "payment.card")
    with pytest.raises(RuntimeError), purpose:
        pass


def test_within_a_purpose_nothing_is_read_for_another(stub: Stub, client: Client) -> None:
    with client.purpose("service.payment") as data:
        with pytest.raises(NotAllowed):
            client.use("marketing.own", ["contact.email"], [ANN])
        with pytest.raises(NotAllowed):
            next(client.use_segment("marketing.own", ["contact.email"]))
        client.use("service.payment", ["payment.card"], [ANN])
        with client.purpose("marketing.own") as inner:
            with pytest.raises(NotAllowed):
                data.get(ANN, "payment.card")
            assert inner.get(ANN, "contact.email")
        assert data.get(ANN, "payment.card")
    assert [asked.json()["purpose"] for asked in stub.asked] == [
        "service.payment", "marketing.own", "service.payment",
    ]  # fmt: skip
    client.use("marketing.own", ["contact.email"], [ANN])


def test_an_error_ends_a_purpose_too(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.purpose("service.payment"):
        raise ZeroDivisionError
    client.use("marketing.own", ["contact.email"], [ANN])


def test_a_function_runs_for_a_purpose(stub: Stub, client: Client) -> None:
    @client.for_purpose("service.payment", data=["payment", "contact.email"], product="blog")
    def charge(data: Reader, person: str, amount: int = 1) -> tuple[object, int]:
        """Charge a card."""
        with pytest.raises(NotAllowed):
            data.get(person, "contact.emails")
        with pytest.raises(NotAllowed):
            data.get(person, "contact")
        return data.get(person, "payment.card"), amount

    assert charge(ANN, amount=5) == (f"payment.card of {ANN}", 5)
    assert charge(ANN) == (f"payment.card of {ANN}", 1)
    assert (charge.__name__, charge.__doc__) == ("charge", "Charge a card.")
    assert list(inspect.signature(charge).parameters) == ["person", "amount"]
    assert [asked.json()["data"] for asked in stub.asked] == [["payment.card"], ["payment.card"]]
    assert stub.asked[0].json()["product"] == "blog"


def test_a_purpose_with_its_data_reads_all_of_it(stub: Stub, client: Client) -> None:
    with client.purpose("service.payment", data=["payment.card", "contact.phone"]) as data:
        (ann,) = data.use([ANN]).persons
    assert list(ann.values) == ["payment.card"]
    with client.purpose("service.payment") as data, pytest.raises(TypeError):
        data.use([ANN])


def test_a_function_within_a_function_runs_for_its_own(stub: Stub, client: Client) -> None:
    @client.for_purpose("service.notice")
    def notify(data: Reader, person: str) -> object:
        return data.get(person, "contact.email")

    @client.for_purpose("service.payment")
    def charge(data: Reader, person: str) -> object:
        notify(person)
        return data.get(person, "payment.card")

    charge(ANN)
    assert [asked.json()["purpose"] for asked in stub.asked] == ["service.notice", "service.payment"]


def test_what_is_awaited_runs_for_a_purpose_each_task_for_its_own(stub: Stub, client: Client) -> None:
    @client.for_purpose("service.payment")
    async def charge(data: AsyncReader, person: str) -> object:
        await asyncio.sleep(0.01)
        with pytest.raises(NotAllowed):
            await asyncio.to_thread(client.use, "marketing.own", ["contact.email"], [person])
        return await data.get(person, "payment.card")

    @client.for_purpose("marketing.own")
    async def send(data: AsyncReader, person: str) -> object:
        await asyncio.sleep(0.01)
        return (await data.use([person], ["contact.email"])).persons[0].values["contact.email"]

    async def main() -> list[object]:
        calls: list[Awaitable[object]] = [call for _ in range(5) for call in (charge(ANN), send(ANN))]
        async with client.purpose("service.notice") as data:
            await data.get(ANN, "contact.email")
            assert data.duties == ("minimise",)
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == [f"payment.card of {ANN}", f"contact.email of {ANN}"] * 5


def test_a_reader_may_be_taken_along_into_a_thread(client: Client) -> None:
    found: list[object] = []
    with client.purpose("service.payment") as data:
        thread = threading.Thread(target=lambda: found.append(data.get(ANN, "payment.card")))
        thread.start()
        thread.join()
    assert found == [f"payment.card of {ANN}"]


def test_a_generator_would_run_when_its_purpose_is_over(client: Client) -> None:
    with pytest.raises(TypeError):

        @client.for_purpose("service.payment")
        def cards(data: Reader) -> Iterator[object]:
            yield data.get(ANN, "payment.card")
