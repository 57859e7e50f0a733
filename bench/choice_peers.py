"""A page of a covered site, and how two consent libraries are put into it, each as its own documentation says.

The page is the same for all: text, pictures and one stylesheet, and three scripts that wait for a choice. So are the
three choices and every sentence about them: the peers' configurations are made from the words of Troth's own banner.

`vanilla-cookieconsent` ("Getting started", HTML): its stylesheet in the head, a module at the end of the body that
imports the library and runs it. `hideFromBots` is off, since a driven browser counts as one.
`klaro` (README): the configuration and `klaro.js`, which brings its stylesheet along, both with `defer`.
Troth: its one line in the head.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path

import msgspec

PINNED = {"vanilla-cookieconsent": "3.1.0", "klaro": "0.7.22"}
NONE, TROTH, VANILLA, KLARO = "no banner", "Troth", "vanilla-cookieconsent", "klaro"
KINDS = (NONE, TROTH, VANILLA, KLARO)

# Choice, purpose as Troth knows it, and the script that waits for it.
GATED = (
    ("settings", "service.preferences", "/gated/settings.js"),
    ("analytics", "improve.analytics", "/gated/counter.js"),
    ("advertising", "advertising.targeted", "/gated/remarketing.js"),
)
# Where each shows its banner, and the button that accepts all of it.
BUTTONS = {
    TROTH: ".troth button[value=accept]",
    VANILLA: "#cc-main .cm button[data-role=all]",
    KLARO: "#klaro .cookie-notice .cm-btn-success",
}


class Words(msgspec.Struct, frozen=True):
    """What a banner says: its title, what it is about, and of each choice its name and its sentences."""

    title: str
    about: str
    choices: dict[str, tuple[str, str]]


def words_of(banner: str) -> Words:
    """The words of Troth's banner, so that the others say the same."""

    def text(piece: str) -> str:
        return html.unescape(re.sub(r"<[^>]*>", "", piece)).strip()

    title = re.search(r"<h2[^>]*>(.*?)</h2>", banner, re.S)
    about = re.search(r"</h2>\s*<p[^>]*>(.*?)</p>", banner, re.S)
    assert title
    assert about
    found = re.findall(r'name="choice\.([^"]+)".*?<b>(.*?)</b>(.*?)</span>', banner, re.S)
    return Words(
        text(title[1]), text(about[1]), {choice: (text(name).rstrip("."), text(says)) for choice, name, says in found}
    )


def install(folder: Path) -> None:
    """Fetch the peers, in the versions that are pinned here, running no script of theirs."""
    (folder / "package.json").write_text('{"private": true}')
    names = [f"{name}@{version}" for name, version in PINNED.items()]
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", *names]
    subprocess.run(command, cwd=folder, check=True, timeout=300, stdout=subprocess.DEVNULL)


# --- the page ---------------------------------------------------------------------------------------------------------

SITE_CSS = """
*{box-sizing:border-box}
:root{--ink:#1f2328;--quiet:#59636e;--line:#d1d9e0;--accent:#0b57d0;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9198a1;--line:#3d444d;--accent:#7cacf8;--paper:#0d1117}}
body{margin:0;font:17px/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
a{color:var(--accent)}
img{max-width:100%;height:auto;display:block}
header.site{position:sticky;top:0;display:flex;flex-wrap:wrap;gap:1rem;align-items:center;padding:.8rem 1.5rem}
header.site{border-bottom:1px solid var(--line);background:var(--paper)}
header.site strong{font-size:1.2rem}
nav ul{display:flex;flex-wrap:wrap;gap:1rem;margin:0;padding:0;list-style:none}
.lead{padding:3rem 1.5rem;max-width:60rem;margin:auto}
.lead h1{font-size:clamp(2rem,5vw,3.2rem);line-height:1.1;margin:0 0 1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:1.5rem}
.cards{max-width:72rem;margin:0 auto;padding:0 1.5rem}
.card{border:1px solid var(--line);border-radius:.5rem;padding:1.2rem;display:flex;flex-direction:column}
.card h3{margin:.6rem 0 .3rem}
.card p{color:var(--quiet);margin:0 0 1rem}
.card a{margin-top:auto}
article{max-width:44rem;margin:3rem auto;padding:0 1.5rem}
article h2{margin-top:2.5rem}
article table{border-collapse:collapse;width:100%}
article td,article th{border-bottom:1px solid var(--line);padding:.4rem .6rem;text-align:left}
footer{border-top:1px solid var(--line);padding:2rem 1.5rem;color:var(--quiet);columns:14rem}
footer ul{list-style:none;padding:0;margin:0}
"""
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180"><rect width="320" height="180" fill="#cfe0fb"/>'
    '<circle cx="250" cy="50" r="26" fill="#fff"/><path d="M0 180 90 80l70 70 60-50 100 80z" fill="#0b57d0"/></svg>'
)
SENTENCES = (
    "A meeting begins with one link, and whoever has it is in the room a moment later, on whatever is at hand.",
    "Nobody has to install anything, to look for a number, or to find out which of three windows has the sound.",
    "What was said is there afterwards as a recording and as a text that can be searched by speaker and by topic.",
    "Teams that work in several places tell us that the first minutes decide whether the next hour is worth it.",
    "We measured how long it takes until the last of ten people is heard, and have worked on that ever since.",
    "Rooms keep their name, their settings and the people who may open them, so that a series is made only once.",
    "If the connection gets worse, the picture gives way first, then the screen that is shared, and the voice last.",
)


def page(kind: str, troth: str) -> str:
    """The page with a banner of that kind; without one for `NONE`. `troth` is the address of Troth's server."""
    head, end = "", ""
    if kind == TROTH:
        head = f'<script src="{troth}/tag/gotomeeting.js"></script>'
    elif kind == VANILLA:
        head = '<link rel="stylesheet" href="/vanilla/cookieconsent.css">'
        end = '<script type="module" src="/vanilla/cookieconsent-config.js"></script>'
    elif kind == KLARO:
        head = '<script defer src="/klaro/config.js"></script>\n<script defer src="/klaro/klaro.js"></script>'

    def said(start: int, count: int) -> str:
        return " ".join(SENTENCES[(start + place) % len(SENTENCES)] for place in range(count))

    links = "".join(f'<li><a href="#s{number}">Part {number}</a></li>' for number in range(1, 9))
    cards = "".join(
        f'<section class="card"><img src="/picture-{number % 4}.svg" alt="" width="320" height="180">'
        f'<h3>Reason {number + 1}</h3><p>{said(number, 2)}</p><a href="#s{number % 8 + 1}">Read on</a></section>'
        for number in range(8)
    )
    rows = "".join(f"<tr><th>Plan {n}</th><td>{n * 10} people</td><td>{n} rooms</td></tr>" for n in range(1, 7))
    parts = "".join(
        f'<h2 id="s{number}">Part {number}</h2><p>{said(number, 5)}</p><p>{said(number + 3, 4)}</p>'
        f"<ul><li>{said(number, 1)}</li><li>{said(number + 1, 1)}</li><li>{said(number + 2, 1)}</li></ul>"
        + (f"<table>{rows}</table>" if number % 3 == 0 else "")
        for number in range(1, 9)
    )
    footer = "".join(f'<li><a href="#s{number % 8 + 1}">Further page {number}</a></li>' for number in range(24))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Meetings that begin on time</title>
<link rel="icon" href="data:,">
{head}
<link rel="stylesheet" href="/site.css">
</head>
<body>
<header class="site"><strong>GoToMeeting</strong><nav><ul>{links}</ul></nav></header>
<main>
<div class="lead"><h1>Meetings that begin on time</h1><p>{said(0, 3)}</p></div>
<div class="cards">{cards}</div>
<article>{parts}</article>
</main>
<footer><ul>{footer}</ul></footer>
{"".join(_waiting(kind, *one) for one in GATED)}
{end}
</body>
</html>
"""


def _waiting(kind: str, choice: str, purpose: str, address: str) -> str:
    """A script that waits for a choice, as each library wants it written."""
    if kind == VANILLA:
        return f'<script type="text/plain" data-category="{choice}" src="{address}"></script>\n'
    if kind == KLARO:
        return (
            f'<script type="text/plain" data-type="application/javascript" data-name="{choice}" '
            f'data-src="{address}"></script>\n'
        )
    return f'<script type="text/plain" data-purpose="{purpose}" src="{address}"></script>\n'


# --- their files ------------------------------------------------------------------------------------------------------


def write_files(folder: Path, packages: Path, words: Words, troth: str) -> None:
    """Write everything that the site serves into `folder`, by its path."""

    def put(name: str, body: str | bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else body.encode())

    for kind in KINDS:
        put(f"{address_of(kind)}.html", page(kind, troth))
    put("site.css", SITE_CSS)
    for number in range(4):
        put(f"picture-{number}.svg", PICTURE.replace("#0b57d0", f"#0b5{number}d0"))
    for choice, _, address in GATED:
        put(address.removeprefix("/"), f"window.measured && (measured.ran[{choice!r}] = performance.now());\n")
    vanilla, klaro = packages / "vanilla-cookieconsent" / "dist", packages / "klaro" / "dist"
    put("vanilla/cookieconsent.css", (vanilla / "cookieconsent.css").read_bytes())
    put("vanilla/cookieconsent.umd.js", (vanilla / "cookieconsent.umd.js").read_bytes())
    put("vanilla/cookieconsent-config.js", _vanilla(words, troth))
    put("klaro/klaro.js", (klaro / "klaro.js").read_bytes())
    put("klaro/config.js", _klaro(words, troth))


def address_of(kind: str) -> str:
    """The name of the page with a banner of that kind."""
    return kind.replace(" ", "-").lower()


def _vanilla(words: Words, troth: str) -> str:
    sections = [
        {"title": name, "description": says, "linkedCategory": choice} for choice, (name, says) in words.choices.items()
    ]
    texts = {
        "consentModal": {
            "title": words.title,
            "description": words.about,
            "acceptAllBtn": "Accept",
            "acceptNecessaryBtn": "Refuse",
            "showPreferencesBtn": "Choose one by one",
            "footer": f'<a href="{troth}/">Privacy policy</a> <a href="{troth}/choices">All your choices</a>',
        },
        "preferencesModal": {
            "title": words.title,
            "acceptAllBtn": "Accept",
            "acceptNecessaryBtn": "Refuse",
            "savePreferencesBtn": "Save these",
            "closeIconLabel": "Close",
            "sections": sections,
        },
    }
    run = {
        "hideFromBots": False,
        "guiOptions": {"consentModal": {"layout": "bar", "position": "bottom"}},
        "categories": {choice: {} for choice in words.choices},
        "language": {"default": "en", "translations": {"en": texts}},
    }
    return f"import '/vanilla/cookieconsent.umd.js';\n\nCookieConsent.run({json.dumps(run)});\n"


def _klaro(words: Words, troth: str) -> str:
    config = {
        "version": 1,
        "elementID": "klaro",
        "lang": "en",
        "acceptAll": True,
        "showNoticeTitle": True,
        "groupByPurpose": False,
        "styling": {"theme": ["light", "bottom", "wide"]},
        "translations": {
            "zz": {"privacyPolicyUrl": f"{troth}/"},
            "en": {
                "consentNotice": {
                    "title": words.title,
                    "description": words.about,
                    "learnMore": "Choose one by one",
                },
                "consentModal": {"title": words.title, "description": words.about},
                "ok": "Accept",
                "acceptAll": "Accept",
                "acceptSelected": "Save these",
                "decline": "Refuse",
                "purposes": {choice: {"title": name} for choice, (name, _) in words.choices.items()},
                **{choice: {"title": name, "description": says} for choice, (name, says) in words.choices.items()},
            },
        },
        "services": [{"name": choice, "purposes": [choice]} for choice in words.choices],
    }
    return f"var klaroConfig = {json.dumps(config)};\n"
