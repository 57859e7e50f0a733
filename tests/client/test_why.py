"""Why something is asked for: kept for five minutes, escaped for a page, known to the templates of Jinja and Django."""

import jinja2
import pytest
from stub import Stub, said

from troth.client import Client, Unavailable, Why
from troth.client.why import Whys

TOLD = {
    "statement": "registration",
    "version": "2017-02-01",
    "sentence": "When you register, we ask for <your> name & e-mail.",
    "details": "More.",
    "data": ["Name", "E-mail address"],
    "purposes": ["Open an account"],
    "required": True,
    "otherwise": "Without them we cannot open one.",
    "kept": "Until 24 months after",
    "choices": [],
    "page": "/policy/s/registration",
}
HTML = (
    '<details class="troth-why"><summary>Why we ask</summary>'
    "<p>When you register, we ask for &lt;your&gt; name &amp; e-mail.</p>"
    "<dl><dt>Data</dt><dd>Name, E-mail address</dd><dt>Used for</dt><dd>Open an account</dd>"
    "<dt>Kept</dt><dd>Until 24 months after</dd><dt>If you do not</dt><dd>Without them we cannot open one.</dd></dl>"
    '<p><a href="{url}/policy/s/registration">The whole promise</a></p></details>'
)


def test_why_is_the_sentence_and_a_piece_of_html(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: said(TOLD)
    why = client.why("registration")
    assert str(why) == TOLD["sentence"]
    assert (why.required, why.data) == (True, ("Name", "E-mail address"))
    assert why.html() == HTML.replace("{url}", stub.url)
    assert why.html("<Warum?>").startswith('<details class="troth-why"><summary>&lt;Warum?&gt;')


def test_templates_of_jinja_take_it_as_a_global_and_as_a_filter(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: said(TOLD)
    environment = jinja2.Environment(autoescape=True)
    environment.globals["why"] = environment.filters["why"] = client.why
    expected = HTML.replace("{url}", stub.url)
    assert environment.from_string("{{ why('registration') }}").render() == expected
    assert environment.from_string("{{ 'registration' | why }}").render() == expected


def test_templates_of_django_take_it(stub: Stub, client: Client) -> None:
    import django.conf
    from django.template import Context, Engine, Library

    if not django.conf.settings.configured:
        django.conf.settings.configure()
    stub.answer = lambda asked: said(TOLD)
    library = Library()
    library.simple_tag(lambda statement: client.why(statement).html(), name="why")
    library.filter("why", lambda statement: client.why(statement).html())
    engine = Engine()
    engine.template_builtins.append(library)
    expected = HTML.replace("{url}", stub.url)
    assert engine.from_string("{% why 'registration' %}").render(Context()) == expected
    assert engine.from_string("{{ 'registration' | why }}").render(Context()) == expected
    assert engine.from_string("{{ why.html }}").render(Context({"why": client.why("registration")})) == expected


def test_it_is_asked_once_in_five_minutes_for_each_product_and_language(stub: Stub, client: Client) -> None:
    stub.answer = lambda asked: said(TOLD)
    for _ in range(3):
        client.why("registration")
        client.why("registration", product="blog")
        client.why("registration", language="de")
    assert [asked.path for asked in stub.asked] == [
        "/v1/why/registration?product=shop",
        "/v1/why/registration?product=blog",
        "/v1/why/registration?product=shop&lang=de",
    ]


def test_what_is_kept_is_not_shown_any_longer() -> None:
    now = [0.0]
    whys = Whys(lambda: now[0])

    def away() -> Why:
        raise Unavailable("Troth is away.")

    why = Why(statement="a", sentence="We ask.")
    assert whys.get("a", lambda: why) is why
    now[0] = 299
    assert whys.get("a", away) is why
    now[0] = 300
    with pytest.raises(Unavailable):
        whys.get("a", away)
    for number in range(2000):
        whys.get(number, lambda: why)
    assert len(whys._kept) == 1000


@pytest.mark.parametrize("page", ["javascript:alert(1)", "//other.example/x", "data:text/html,x", None])
def test_a_page_is_linked_only_where_it_is_one(stub: Stub, client: Client, page: str | None) -> None:
    stub.answer = lambda asked: said({**TOLD, "page": page})
    assert "href" not in client.why("registration").html()
