"""The how-tos for Django, Flask and FastAPI, as they stand, run by the real frameworks against the real server.

A block that begins with the name of a file is that file. What a page takes for granted (the settings of Django, the
addresses of its views) is laid around it here.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from real import Real, serving

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(?:python|html)\n(?:# |<!-- )([\w/.]+)(?: -->)?\n(.*?)^```$", re.M | re.S)

DJANGO = {
    "shop/__init__.py": "",
    "shop/templatetags/__init__.py": "",
    "shop/settings.py": """
SECRET_KEY = "of a test"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["shop"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}]
WSGI_APPLICATION = "shop.wsgi.application"
""",
    "shop/urls.py": """
from django.urls import path
from shop.views import feedback
urlpatterns = [path("feedback/", feedback)]
""",
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with serving(tmp_path_factory.mktemp("real")) as real:
        yield real


def lay(folder: Path, page: str, around: dict[str, str] | None = None) -> None:
    """Write the files of a page."""
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    for name, content in [*(around or {}).items(), *BLOCK.findall(text)]:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


@contextmanager
def application(folder: Path, real: Real, *command: str, **environment: str) -> Iterator[httpx.Client]:
    """Run an application, where `{port}` in its command is a free one; gives a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [part.replace("{port}", str(port)) for part in command]
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=folder, env=surroundings(folder, real, **environment),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(port, process)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


def surroundings(folder: Path, real: Real, **more: str) -> dict[str, str]:
    return os.environ | {"PRIVACY_URL": real.url, "PRIVACY_KEY": real.key, "PYTHONPATH": str(folder)} | more


def wait_for(port: int, process: subprocess.Popen) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, process.stdout.read().decode()
            time.sleep(0.05)
    raise AssertionError("The application does not come up.")


AWAY = {"PRIVACY_URL": "http://127.0.0.1:9"}  # nobody is there
DJANGO_SERVER = ("django", "runserver", "--noreload", "127.0.0.1:{port}")
DJANGO_SETTINGS = {"DJANGO_SETTINGS_MODULE": "shop.settings"}


def test_django(real: Real, tmp_path: Path) -> None:
    lay(tmp_path, "collect-from-django.md", DJANGO)
    with application(tmp_path, real, *DJANGO_SERVER, **DJANGO_SETTINGS) as client:
        page = client.get("/feedback/").text
        assert '<details class="troth-why"><summary>Why we ask</summary><p>When you send us feedback' in page
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None
        sent = {"email": "ann@example.org", "text": "Very good. 4111 1111 1111 1111", "csrfmiddlewaretoken": token[1]}
        done = client.post("/feedback/", data=sent)
        assert done.text == "Thank you, we have your contact.email and your content.feedback."
        assert client.post("/feedback/", files={name: (None, text) for name, text in sent.items()}).status_code == 200
        assert client.post("/feedback/", data=sent, headers={"Origin": "https://evil.example"}).status_code == 403
        refused = client.post("/feedback/", data=sent | {"email": "ann"}, headers={"Accept": "text/html"})
        assert (refused.status_code, refused.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "An e-mail address has the form name@domain." in refused.text
        assert client.post("/feedback", data=sent).status_code == 500  # Django's own: a POST cannot be redirected
    code = "from shop.replies import reply; print(reply('email:ann@example.org'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=surroundings(tmp_path, real), capture_output=True, check=True
    )
    text = done.stdout.decode()
    assert text.startswith("To ann@example.org: thank you for writing “Very good.")
    assert "4111" not in text


ASGI = {
    "shop/asgi.py": """
from django.core.asgi import get_asgi_application
from shop.privacy import client
from shop.wsgi import forms
from troth.client import CollectASGI
application = CollectASGI(get_asgi_application(), client, forms)
""",
    "shop/urls.py": """
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
seen = lambda request: JsonResponse({"text": request.POST["text"], "stored": request.scope["troth"].collected.stored})
urlpatterns = [path("feedback/", csrf_exempt(seen))]
""",
}


def test_django_over_asgi(real: Real, tmp_path: Path) -> None:
    lay(tmp_path, "collect-from-django.md", DJANGO | ASGI)
    uvicorn = ("uvicorn", "shop.asgi:application", "--port", "{port}")
    with application(tmp_path, real, *uvicorn, **DJANGO_SETTINGS) as client:
        told = client.post("/feedback/", data={"email": "ann@example.org", "text": "Good."}).json()
        assert told == {"text": "Good.", "stored": ["contact.email", "content.feedback"]}


def test_django_without_troth(real: Real, tmp_path: Path) -> None:
    lay(tmp_path, "collect-from-django.md", DJANGO)
    with application(tmp_path, real, *DJANGO_SERVER, **DJANGO_SETTINGS, **AWAY) as client:
        answer = client.post("/feedback/", data={"email": "ann@example.org", "text": "Good."})
        assert answer.status_code == 503
        assert "Please try again" in answer.text


def test_flask(real: Real, tmp_path: Path) -> None:
    lay(tmp_path, "collect-from-flask.md")
    flask = ("flask", "--app", "shop", "run", "--port", "{port}")
    account = {"name": "Bob", "email": "bob@example.org", "login": "bob", "word": "swordfish"}
    with application(tmp_path, real, *flask) as client:
        assert "Without them we cannot open an account." in client.get("/register").text
        missing = client.post("/register", data=account | {"name": ""})
        assert missing.status_code == 422
        assert "identity.name: this is required." in missing.text
        assert "“When you register, we ask for your name, your e-mail address and a password.”" in missing.text
        entry = {"email": "bob@example.org", "word": "swordfish"}
        assert client.post("/sign-in", data=entry).status_code == 403
        assert client.post("/register", data=account).text.startswith("Welcome. When you register")
        assert client.post("/sign-in", data=entry).text == "Welcome back."
        assert client.post("/sign-in", data=entry | {"word": "Swordfish"}).status_code == 403
        assert client.post("/sign-in", data=entry | {"email": "eve@example.org"}).status_code == 403
    kept = dict(real.held())["account.password"]
    assert str(kept).startswith("$scrypt$")
    with application(tmp_path, real, *flask, **AWAY) as client:
        assert client.post("/register", data=account).status_code == 503


def test_fastapi(real: Real, tmp_path: Path) -> None:
    from troth.people import Identifier

    lay(tmp_path, "collect-from-fastapi.md")
    uvicorn = ("uvicorn", "shop:app", "--port", "{port}")
    enquiry = {"from": {"name": "Cem", "email": "cem@example.org"}, "text": "May we sell it?"}
    account = {"X-Account": "account:4711"}
    with application(tmp_path, real, *uvicorn) as client:
        assert client.post("/enquiries", json=enquiry).json() == {
            "stored": ["identity.name", "contact.email", "content.enquiry"]
        }
        assert client.get("/enquiries/email:cem@example.org").json() == {"text": "May we sell it?"}
        assert client.get("/enquiries/email:dan@example.org").status_code == 404
        assert list(client.get("/openapi.json").json()["paths"]["/enquiries/{person}"]["get"]["parameters"][0]) != []
        refused = client.post("/enquiries", json={"text": "Who am I?"}, headers={"Accept": "application/json"})
        assert (refused.status_code, refused.json()["error"]) == (422, "whose")
        taken = client.post("/survey", json={"age": "40 to 50"}, headers=account)
        assert taken.json() == {"age": "40 to 50", "collected": True, "because": None}
        real.people.choose(Identifier("account", "4711"), {"optional-data": "out"}, how="page")
        taken = client.post("/survey", json={"age": "40 to 50"}, headers=account).json()
        assert (taken["age"], taken["collected"]) == ("40 to 50", False)
        assert taken["because"].startswith("Surveys are up to you")
    with application(tmp_path, real, *uvicorn, **AWAY) as client:
        assert client.post("/enquiries", json=enquiry).status_code == 503
        assert client.post("/survey", json={"age": "40 to 50"}, headers=account).json()["collected"] is False
