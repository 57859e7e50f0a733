"""A server that runs on tests what its promises rest on, by itself and in a thread of its own."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from choosing import Choosing, choosing

from troth.accountability.verifying import run as tests
from troth.accountability.verifying.results import Found, Results
from troth.accountability.verifying.run import TESTS
from troth.record.log import Log
from troth.web.live import LiveApp
from troth.web.verifying import Schedule, Verifier


def verifier(served: Choosing, turns: list[Callable[[], None]], waited: list[float]) -> Verifier:
    """One whose clock is the test: each wait takes no time and does the next thing, and the last one ends it."""

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        if not turns:
            return True
        turns.pop(0)()
        return False

    schedule = Schedule(ports=(8768,), first=10.0)
    return Verifier(served.log, lambda: served.people.policy, served.vault, schedule, wait)


def test_it_tests_soon_after_the_start_and_then_what_is_a_day_old(tmp_path: Path) -> None:
    with choosing(tmp_path) as served:
        results = Results(served.log.store)
        seen: list[int] = []

        def hour() -> None:
            seen.append(sum(len(results.of(name)) for name in TESTS))
            served.clock.now += timedelta(hours=1)

        waited: list[float] = []
        verifier(served, [hour] * 25, waited).run()
        assert waited == [10.0] + [3600.0] * 25
        # Nothing before the first look, then each test once, until it is a day old.
        assert seen == [0, *[len(TESTS)] * 24]
        assert {len(results.of(name)) for name in TESTS} == {2}


def test_what_fails_is_a_warning_and_what_cannot_be_done_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_place: object) -> Found:
        return Found("choices", "failed", "Two choices are not what was said last.")

    def breaks(*_: object) -> None:
        raise OSError("the disk is full")

    with choosing(tmp_path) as served:
        monkeypatch.setattr(tests, "TESTS", {"choices": fails})
        one = verifier(served, [], [])
        with caplog.at_level(logging.WARNING, "troth.web"):
            with monkeypatch.context() as patched:
                patched.setattr(Results, "enter", breaks)
                assert one.look() == 0
            assert "tried again" in caplog.text
            assert one.look() == 1
        assert "The test 'choices' fails: Two choices are not what was said last." in caplog.text


def test_a_served_app_begins_and_ends_it_and_without_a_schedule_none_is_done(tmp_path: Path) -> None:
    import asyncio

    with choosing(tmp_path) as served:
        done: list[str] = []

        def live(schedule: Schedule | None) -> LiveApp:
            return LiveApp(
                served.log, served.people.policy, lambda policy: served.app, every=3600, people=served.people,
                vault=served.vault, schedule=schedule,
            )  # fmt: skip

        async def life(app: LiveApp) -> None:
            stages = iter(["startup", "shutdown"])

            async def receive():
                stage = next(stages)
                if stage == "shutdown" and app._verifier is not None and app._verifier._thread is not None:
                    await asyncio.to_thread(watched.wait, 30)
                return {"type": f"lifespan.{stage}"}

            async def send(message) -> None:
                done.append(message["type"])

            await app({"type": "lifespan"}, receive, send)

        import threading

        watched = threading.Event()
        asyncio.run(life(live(None)))
        assert Results(served.log.store).latest() == {}
        app = live(Schedule(first=0.0))
        assert app._verifier is not None
        look = app._verifier.look

        def looked() -> int:
            number = look()
            watched.set()
            return number

        app._verifier.look = looked
        asyncio.run(life(app))
        assert set(Results(served.log.store).latest()) >= set(TESTS)
        assert app._verifier._thread is not None
        app._verifier._thread.join(30)
        assert not app._verifier._thread.is_alive()


def test_the_results_are_signed_for_like_everything_else(tmp_path: Path) -> None:
    with choosing(tmp_path) as served:
        log: Log = served.log
        app = LiveApp(
            log, served.people.policy, lambda policy: served.app, every=3600, people=served.people, vault=served.vault
        )
        verifier(served, [], []).look()
        app.look()
        latest = log.latest()
        assert latest is not None
        assert latest.head.size == log.size()
