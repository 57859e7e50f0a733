"""The tag and the banner beside two consent libraries, in one browser: bytes, first paint, and time of the main thread.

    python -m bench.choice_banner                        print the tables
    python -m bench.choice_banner --rounds 3             a quick look
    python -m bench.choice_banner --pictures FOLDER      and keep a picture of each banner

Needs Chromium and npm, which fetches the libraries into a folder that is deleted again. Every page view is that of a
new visitor: a new context, nothing in the cache, nothing chosen. The main thread is slowed down six times. In each
round every kind of page is opened twice, in an order that moves on from round to round: once for the times, once with
a trace, which says what ran. Site and Troth are servers of their own on loopback; the site sends what is text with
gzip, Troth sends as it always does.

One script, the same for all pages, finds out with which frame a banner is visible, in the light tree or in a shadow
tree: its box lies in the window, it is visible, and neither it nor anything around it is transparent. The time is taken
when that frame has been made; `paintTime` of the first paint is the same moment of its frame.

A visit begins when the rest of the machine does little, which is waited for, all in all some minutes at most. Script,
tasks and blocking are CPU time of the main thread, which others disturb less.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import choice_peers as peers
from bench.choice_peers import BUTTONS, KINDS, KLARO, NONE, TROTH, VANILLA
from bench.machine import machine
from bench.serving import fetch, running, troth

ROUNDS, SLOWER = 15, 6
WATCHED = 2.0  # seconds of a page's life that are looked at
QUIET, PATIENCE = 0.1, 200.0  # what others may use of the machine before a visit; seconds to wait for it, all together
HOST = "gotomeeting.localhost"  # a covered site of the flagship; browsers take .localhost for this machine (RFC 6761)
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

# Watches a page for when its banner is visible, the same one for all; in the visits with a trace nothing does. What is
# put in while a frame is being made is seen in that frame, by an observer of sizes, which comes after layout. The time
# is taken in a task of the highest priority: after painting, and before whatever else waits.
WATCH = """
(() => {
if (window !== top) return;
const measured = window.measured = { ran: {} };
let before = '', box;
const mark = name => scheduler.postTask(() => { measured[name] ??= performance.now(); }, { priority: 'user-blocking' });
const find = () => {
  const box = document.querySelector('#cc-main .cm, #klaro .cookie-notice');
  if (box || !document.body) return box;
  for (const host of document.body.children) if (host.shadowRoot) return host.shadowRoot.querySelector('.troth');
};
const opacity = box => {
  let seen = 1;
  for (let one = box; one; one = one.parentElement || one.getRootNode().host) seen *= getComputedStyle(one).opacity;
  return seen;
};
const there = () => {
  const { top, bottom, width, height } = box.getBoundingClientRect();
  const lies = width && height && top < innerHeight && bottom > 0;
  return lies && getComputedStyle(box).visibility == 'visible' ? opacity(box) : 0;
};
const look = () => {
  const { top, left, width, height } = box.getBoundingClientRect(), seen = there();
  const place = [top, left, width, height, seen].join();
  if (seen) mark('visible');
  if (seen > .99 && place == before) mark('still');
  else if (performance.now() < 10000) requestAnimationFrame(look);
  before = place;
};
const watch = new MutationObserver(() => {
  box ||= find();
  if (!box) return;
  watch.disconnect();
  const once = new ResizeObserver(() => {
    once.disconnect();
    look();
  });
  once.observe(box);
});
watch.observe(document, { childList: true, subtree: true });
addEventListener('click', event => { measured.click ??= event.timeStamp; }, true);
})();
"""
READ = """() => {
  const paint = performance.getEntriesByName('first-paint')[0];
  return { ...measured, paint: paint && (paint.paintTime || paint.startTime), shown: paint && paint.startTime };
}"""
SCRIPT = {"EvaluateScript", "FunctionCall", "v8.compile", "v8.compileModule", "v8.evaluateModule", "RunMicrotasks"}
TRACED = ["devtools.timeline", "disabled-by-default-devtools.timeline", "v8", "v8.execute", "blink.user_timing"]


# --- the site ---------------------------------------------------------------------------------------------------------


def serve_site(folder: Path) -> None:
    """Serve the files of a folder on loopback, what is text with gzip, until the standard input ends."""
    import threading

    from troth.web.server import listen, server

    bodies = {}
    for path in folder.rglob("*"):
        if path.is_file():
            bodies["/" + str(path.relative_to(folder))] = (gzip.compress(path.read_bytes(), 9), TYPES[path.suffix])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        body, kind = bodies.get(scope["path"], (b"", "text/plain"))
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        if body:
            headers += [(b"content-encoding", b"gzip"), (b"cache-control", b"max-age=300")]
        await send({"type": "http.response.start", "status": 200 if body else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    listener = listen(port=0)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server(app).run(sockets=[listener])


# --- one visit --------------------------------------------------------------------------------------------------------


class Visits:
    """Opens pages as a new visitor each time."""

    def __init__(self, browser: Any, site: str) -> None:
        self.browser = browser
        self.site = site
        self.patience = PATIENCE

    @contextmanager
    def visitor(self, slower: int = SLOWER, *, watch: bool = False) -> Iterator[tuple[Any, Any]]:
        """A page of a new visitor, and a session of the browser's protocol with it."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 800})
        try:
            page = context.new_page()
            if watch:
                page.add_init_script(WATCH)
            session = context.new_cdp_session(page)
            session.send("Performance.enable")
            session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
            yield page, session
        finally:
            context.close()

    def open(self, page: Any, kind: str) -> None:
        """Open the page once the machine is quiet, and let it live for as long as is looked at."""
        began = time.perf_counter()
        while busy() > QUIET and time.perf_counter() - began < self.patience:
            pass
        self.patience -= time.perf_counter() - began
        page.goto(f"{self.site}/{peers.address_of(kind)}.html", wait_until="commit")
        page.wait_for_timeout(1000 * WATCHED)

    def timed(self, kind: str) -> dict[str, float]:
        """First paint, the banner, the time of scripts, and from the click on Accept to the scripts; milliseconds."""
        with self.visitor(watch=True) as (page, _):
            self.open(page, kind)
            found = page.evaluate(READ)
            times = {"paint": found["paint"], "presented": found["shown"]}
            if kind == NONE:
                return times
            if found["ran"]:
                raise SystemExit(f"{kind}: a script ran before anybody agreed: {found['ran']}")
            times |= {"visible": found["visible"], "still": found["still"]}
            box = page.locator(BUTTONS[kind]).bounding_box()
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            for _ in range(100):
                time.sleep(0.05)
                found = page.evaluate(READ)
                if len(found["ran"]) == len(peers.GATED):
                    break
            else:
                raise SystemExit(f"{kind}: only {found['ran']} ran after Accept")
            times["first run"] = min(found["ran"].values()) - found["click"]
            times["all run"] = max(found["ran"].values()) - found["click"]
            return times

    def traced(self, kind: str) -> dict[str, float]:
        """The time that scripts of the page took on its main thread, and what of its tasks was over 50 ms."""
        with self.visitor() as (page, session):
            self.browser.start_tracing(page=page, categories=TRACED)
            try:
                self.open(page, kind)
                counted = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
            finally:
                trace = json.loads(self.browser.stop_tracing())
        found = read_trace(trace["traceEvents"])
        return {**found, "counted": 1000 * counted["ScriptDuration"]}

    def loaded(self, kind: str, picture: Path | None) -> tuple[list[tuple[str, int]], int]:
        """What the page loads and how many bytes each comes to, before the banner is seen; all that it loads."""
        with self.visitor(slower=1) as (page, session):
            session.send("Network.enable")
            names: dict[str, str] = {}
            sizes: dict[str, int] = {}
            session.on(
                "Network.requestWillBeSent",
                lambda event: names.__setitem__(event["requestId"], event["request"]["url"]),
            )
            session.on(
                "Network.loadingFinished",
                lambda event: sizes.__setitem__(event["requestId"], int(event["encodedDataLength"])),
            )
            self.open(page, kind)
            if kind != NONE and not page.locator(BUTTONS[kind]).is_visible():
                raise SystemExit(f"{kind}: there is no banner")
            if picture is not None:
                page.screenshot(path=picture / f"{peers.address_of(kind)}.png")
            return [(names[id], size) for id, size in sizes.items() if id in names], sum(sizes.values())

    def slowed(self) -> float:
        """How many times slower the main thread really is."""
        spin = """() => {
          const from = performance.now();
          for (let n = 0, i = 0; i < 3e7; i++) n += i % 7;
          return performance.now() - from;
        }"""
        rates = []
        for rate in (1, SLOWER):
            with self.visitor(slower=rate) as (page, _):
                page.goto(f"{self.site}/site.css")
                page.evaluate(spin)
                rates.append(page.evaluate(spin))
        return rates[1] / rates[0]


def busy(seconds: float = 0.25) -> float:
    """The share of the machine's CPU time that is used by anything, while waiting."""

    def ticks() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return fields[3] + fields[4], sum(fields[:8])

    idle, total = ticks()
    time.sleep(seconds)
    idle_after, total_after = ticks()
    return 1 - (idle_after - idle) / (total_after - total)


def read_trace(events: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of script and of blocking of the thread that drew the page, from the start of its loading."""
    started = [
        one
        for one in events
        if one["name"] == "navigationStart" and HOST in one.get("args", {}).get("data", {}).get("documentLoaderURL", "")
    ]
    start = started[-1]
    thread = [
        one
        for one in events
        if (one["pid"], one["tid"]) == (start["pid"], start["tid"]) and one["ph"] == "X" and one["ts"] >= start["ts"]
    ]
    thread.sort(key=lambda one: (one["ts"], -one["dur"]))
    script, end = 0.0, 0.0
    for one in thread:
        if one["name"] in SCRIPT and one["ts"] >= end:  # the outermost only
            end = one["ts"] + one["dur"]
            script += one["tdur"] / 1000
    tasks = [one["tdur"] / 1000 for one in thread if one["name"] == "RunTask"]
    blocking = sum(max(0.0, task - 50) for task in tasks)
    return {"script": script, "tasks": sum(tasks), "blocking": blocking, "longest": max(tasks)}


# --- the whole --------------------------------------------------------------------------------------------------------


def sizes(folder: Path, address: str) -> dict[str, dict[str, int]]:
    """What each library is, in bytes after gzip -9: its script, its stylesheet, and what else the banner needs."""

    def small(body: bytes) -> int:
        return len(gzip.compress(body, 9, mtime=0))

    banner = fetch(f"{address}/banner/gotomeeting.json?version=&digits=&gpc=0&lang=en")
    css = json.loads(banner)["css"].encode()
    return {
        TROTH: {"script": small(fetch(f"{address}/tag/gotomeeting.js")), "css": small(css), "texts": small(banner)},
        VANILLA: {
            "script": small((folder / "vanilla/cookieconsent.umd.js").read_bytes()),
            "css": small((folder / "vanilla/cookieconsent.css").read_bytes()),
            "texts": small((folder / "vanilla/cookieconsent-config.js").read_bytes()),
        },
        KLARO: {
            "script": small((folder / "klaro/klaro.js").read_bytes()),
            "css": 0,
            "texts": small((folder / "klaro/config.js").read_bytes()),
        },
    }


def measure(visits: Visits, rounds: int) -> tuple[dict[str, list[dict[str, float]]], dict[str, list[dict[str, float]]]]:
    """The figures of every round, of the timed and of the traced visits; the kinds take turns."""
    timed: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    traced: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for turn in range(-1, rounds):
        for place in range(len(KINDS)):
            kind = KINDS[(place + turn) % len(KINDS)]
            first, second = visits.timed(kind), visits.traced(kind)
            if turn >= 0:  # the first round warms up
                timed[kind].append(first)
                traced[kind].append(second)
    return timed, traced


def main(argv: list[str] | None = None) -> None:
    """Measure and print the tables in Markdown."""
    parser = argparse.ArgumentParser(description="Measure the tag and the banner beside their peers.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each banner")
    parser.add_argument("--raw", type=Path, help="a file for every single figure, as JSON")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args([] if argv is None else argv)
    if arguments.serve:
        serve_site(arguments.serve)
        return
    chromium = shutil.which("chromium")
    if chromium is None or shutil.which("npm") is None:
        print("The banner beside its peers was left out: it needs Chromium and npm.")
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as root:
        packages, files, var = (Path(root) / name for name in ("packages", "files", "troth"))
        for folder in (packages, files, var):
            folder.mkdir()
        peers.install(packages)
        with troth(var, "up") as server:
            banner = json.loads(fetch(f"{server.where}/banner/gotomeeting.json?lang=en"))["html"]
            peers.write_files(files, packages / "node_modules", peers.words_of(banner), server.where)
            with (
                running(["bench.choice_banner", "--serve", str(files)], packages, r"(\d+)") as site,
                sync_playwright() as playwright,
            ):
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                visits = Visits(browser, f"http://{HOST}:{site.where}")
                loads = {kind: visits.loaded(kind, arguments.pictures) for kind in KINDS}
                slowed = visits.slowed()
                timed, traced = measure(visits, arguments.rounds)
                small = sizes(files, server.where)
                name = f"Chromium {browser.version}"
                browser.close()
    if arguments.raw:
        arguments.raw.write_text(
            json.dumps({"timed": timed, "traced": traced, "loads": loads, "small": small}, indent=1)
        )
    print(tables(timed, traced, loads, small, f"{name}, {slowed:.1f} times slower as measured"))


def tables(timed: Any, traced: Any, loads: Any, small: Any, browser: str) -> str:
    """The tables in Markdown."""
    rounds = len(timed[NONE])

    def middle(kind: str, what: str, of: Any = timed) -> float:
        return median(one[what] for one in of[kind])

    def beside(kind: str, what: str, of: Any) -> float:
        """The median of the differences to the page without a banner in the same round."""
        return median(one[what] - bare[what] for one, bare in zip(of[kind], of[NONE], strict=True))

    def ratio(kind: str) -> str:
        all_ = sorted(one["visible"] / one["paint"] for one in timed[kind])
        return f"{median(all_):.2f} ({all_[0]:.2f} – {all_[-1]:.2f})"

    def besides(kind: str) -> str:
        """First visible beside the first paint that the same page has without a banner, in the same round."""
        pairs = zip(timed[kind], timed[NONE], strict=True)
        return f"{median(one['visible'] / bare['paint'] for one, bare in pairs):.2f}"

    def first(kind: str) -> int:
        return sum(small[kind][what] for what in ("script", "texts")) + (small[kind]["css"] if kind == VANILLA else 0)

    def css(kind: str) -> str:
        return f"{small[kind]['css']:,}" if small[kind]["css"] else "in the script"

    sent = {kind: sum(size for _, size in loads[kind][0]) for kind in KINDS}
    shown = KINDS[1:]
    rows: list[tuple[str, Callable[[str], str]]] = [
        ("script, bytes after gzip -9", lambda kind: f"{small[kind]['script']:,}"),
        ("stylesheet", css),
        ("texts and settings; Troth's with its stylesheet", lambda kind: f"{small[kind]['texts']:,}"),
        ("**all that comes before the banner**", lambda kind: f"{first(kind):,}"),
        ("the same as it is sent here, with headers", lambda kind: f"{sent[kind] - sent[NONE]:,}"),
        ("requests", lambda kind: str(len(loads[kind][0]) - len(loads[NONE][0]))),
        ("first paint, ms", lambda kind: f"{middle(kind, 'paint'):.0f}"),
        ("banner visible, ms", lambda kind: f"{middle(kind, 'visible'):.0f}"),
        ("banner visible and at rest, ms", lambda kind: f"{middle(kind, 'still'):.0f}"),
        ("**visible ÷ first paint of the same visit**", ratio),
        ("visible ÷ first paint of the page without a banner", besides),
        ("**script, ms**", lambda kind: f"{beside(kind, 'script', traced):.1f}"),
        (
            "script by the browser's own count (`ScriptDuration`), ms",
            lambda kind: f"{beside(kind, 'counted', traced):.1f}",
        ),
        ("all tasks, ms more than the page without a banner", lambda kind: f"{beside(kind, 'tasks', traced):.0f}"),
        ("blocking, ms: of each task what is over 50", lambda kind: f"{middle(kind, 'blocking', traced):.0f}"),
        ("longest task, ms", lambda kind: f"{middle(kind, 'longest', traced):.0f}"),
        ("from the click on Accept to the first script, ms", lambda kind: f"{middle(kind, 'first run'):.0f}"),
        ("and to the last of the three", lambda kind: f"{middle(kind, 'all run'):.0f}"),
    ]
    versions = ", ".join(f"{name} {version}" for name, version in peers.PINNED.items())
    lines = [
        "## The tag and the banner",
        "",
        f"A page with three scripts that wait for a choice, a first visit, an empty cache, the main thread {SLOWER}",
        f"times slower; {rounds} rounds in turns, medians, in brackets the lowest and the highest. Script, tasks and",
        "blocking are CPU time of the main thread, by a trace.",
        "",
        f"{machine('uvicorn')}; {browser}; {versions}",
        "",
        f"| | {' | '.join(shown)} |",
        f"|---|{'--:|' * len(shown)}",
        *(f"| {what} | {' | '.join(cell(kind) for kind in shown)} |" for what, cell in rows),
        "",
        f"Without any banner: first paint {middle(NONE, 'paint'):.0f} ms, blocking "
        f"{middle(NONE, 'blocking', traced):.0f} ms, longest task {middle(NONE, 'longest', traced):.0f} ms.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
