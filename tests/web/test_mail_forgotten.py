"""The running server forgets in time which mail went to whom, as `mail_days` says, and the person's page follows."""

from datetime import timedelta
from pathlib import Path

import pytest
from choosing import ANN, FLAGSHIP, choosing

from troth.cli.settings import SettingsError, settings
from troth.gates.mail.accepting import Accepting
from troth.gates.mail.sending.queue import Queue
from troth.gates.mail.taking.submission import Stated
from troth.store.errors import StoreUnavailableError
from troth.web.choices.mailed import mailed_to
from troth.web.live import LiveApp
from troth.web.mail.desk import MailPlace

NEWS = b"From: news@news.gototraining.example\r\nSubject: News\r\n\r\nHello\r\n"


def test_the_running_server_forgets_which_mail_went_to_whom(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with choosing(tmp_path, mail=MailPlace(site="http://localhost", kept=timedelta(days=30))) as served:
        live = LiveApp(served.log, FLAGSHIP, lambda policy: served.app, people=served.people, vault=served.vault)
        mailing = served.app.mail.mailing
        gate = Accepting(lambda: mailing, Queue(served.people))
        person = served.people.know(ANN)
        served.people.choose(ANN, {"marketing": "out"}, how="page")
        news = mailing.streams["newsletter"]
        for to in ("ann@example.org", "ben@example.org"):
            gate.take(news, "news@news.gototraining.example", [to], NEWS, Stated("me", "ESMTPSA"))
        live.look()
        (stream,) = mailed_to(served.people, person)
        (line,) = stream.lines
        assert line.told == "kept back, since you refused"
        served.clock.now += timedelta(days=30, seconds=1)
        live.look()
        assert mailed_to(served.people, person) == ()
        # Where the store does not answer, the rest of the look goes on.
        served.app.mail.forget = _unavailable
        live.look()
        assert "could not be forgotten yet" in caplog.text
        gate.close()


def _unavailable() -> int:
    raise StoreUnavailableError("away")


def test_how_long_it_is_remembered_is_configured(tmp_path: Path) -> None:
    assert settings(tmp_path, {}).mail_days == 400
    assert settings(tmp_path, {"TROTH_MAIL_DAYS": "90"}).mail_days == 90
    with pytest.raises(SettingsError, match="the number of days is a number from 7 to 36500, not '6'"):
        settings(tmp_path, {"TROTH_MAIL_DAYS": "6"})
