"""The page in a real browser: no errors, no network, and every way to use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pipeline.tracking.comparison.summary import results_of
from pipeline.tracking.mirror import LEDGER
from pipeline.tracking.page.comparison_data import comparison_data
from pipeline.tracking.page.document import write_document
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.table import table_of
from tests.tracking.chromium import Seen, browser_page, needs_chromium
from tests.tracking.comparisons import comparison, pair
from tests.tracking.server import Server
from tests.tracking.sweeps import SCORES, SPACE, Sweep, put_thumbnails
from tests.tracking.test_story import promoted

pytestmark = needs_chromium

EVIL = "</script><img src=x onerror=\"document.title='owned'\"><script>throw 1</script>"


def written(sweep: Sweep, path: Path) -> Path:
    record = sweep.record
    write_document(SweepPages().data(record, table_of(record)), path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Seen]:
    with browser_page() as seen:
        yield seen


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four complete trials, two of another kind, and a random search beside them."""
    folder = tmp_path_factory.mktemp("sweeps")
    Sweep(folder / "by-chance", SCORES[:2])
    sweep = Sweep(folder / "tiny", SCORES, text=SPACE.replace("sampler: random", "sampler: tpe"))
    sweep.fail(sweep.begin(), f"DivergedError: {EVIL}")
    sweep.begin()
    return written(sweep, folder / "pareto.html")


@pytest.fixture
def opened(browser: Seen, file: Path) -> Seen:
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(file)
    return browser


def words(seen: Seen, selector: str) -> str:
    return seen.page.locator(selector).inner_text()


def pinned(seen: Seen) -> list[str]:
    """Titles of the rows of the pinned trials' galleries, the base's first."""
    return seen.page.locator(".galleries tbody th").all_inner_texts()


def test_it_opens_without_a_complaint_and_without_a_network(opened: Seen, file: Path) -> None:
    assert opened.complaints == []
    assert opened.requests == [file.as_uri()]
    assert "3 on the front" in words(opened, "#counts")
    assert "1 failed, 1 running" in words(opened, "#counts")
    assert opened.page.locator("#front .scatterlayer .point").count() >= 4
    assert "Not told before 16 trials" in words(opened, "#importance-section")
    assert "random search of the same space (by-chance)" in words(opened, "#volume")
    assert opened.page.title() == "tiny: front"


def test_names_are_text_and_never_markup(opened: Seen) -> None:
    opened.page.select_option("#shown", "other")
    assert EVIL in words(opened, "#table")
    assert opened.page.locator("img").count() == 0
    assert opened.page.title() == "tiny: front"


def test_pointing_at_a_trial_shows_its_pictures_and_numbers(opened: Seen) -> None:
    centre = """() => {
      const chart = document.getElementById("front"), layout = chart._fullLayout;
      const box = chart.getBoundingClientRect();
      const x = layout._size.l + layout.xaxis.d2p(0.4), y = layout._size.t + layout.yaxis.d2p(0.7);
      return [box.x + x, box.y + y];
    }"""
    x, y = opened.page.evaluate(centre)
    opened.page.mouse.move(x - 20, y - 20)
    opened.page.mouse.move(x, y, steps=4)
    expect(opened.page.locator("#card")).to_contain_text("Trial 2: dominated")
    card = words(opened, "#card")
    assert "update.learning_rate" in card
    assert "0.4000" in card
    assert "forget: a photo of a sneaker" in card
    assert opened.page.locator("#card .picture").count() == 4  # two prompts, before and after
    # A click pins it.
    opened.page.mouse.click(x, y)
    expect(opened.page.locator(".galleries tbody tr")).to_have_count(4)
    assert any("Trial 2" in title for title in pinned(opened))


def test_pinned_trials_stand_side_by_side_on_the_same_prompts(opened: Seen) -> None:
    assert [title.split("✕")[0].strip() for title in pinned(opened)] == [
        "",
        "◆ Trial 0",
        "◆ Trial 3",
    ]
    heads = opened.page.locator(".galleries thead th").all_inner_texts()
    assert len(heads) == 4
    labels = opened.page.locator(".galleries .picture").evaluate_all(
        "all => all.map(each => each.getAttribute('aria-label'))"
    )
    assert labels[:2] == ["base model: a photo of a sneaker", "base model: a neon sneaker"]
    assert labels[4] == "trial 0: a photo of a sneaker"
    assert labels[8] == "trial 3: a photo of a sneaker"
    # What the update met, as numbers and as curves.
    assert "cosine of both gradients, mean" in words(opened, "#numbers")
    assert opened.page.locator("#telemetry .curve").count() == 2
    opened.page.get_by_role("button", name="unpin trial 0").click()
    assert len(pinned(opened)) == 2


def test_a_keyboard_is_enough(opened: Seen) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.locator("#shown").focus()
    page.select_option("#shown", "all")
    # Past the titles, by which the table is sorted, one Tab leads into it.
    titles = page.locator("#table thead button").count()
    for _ in range(titles + 1):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "checkbox"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "Trial 1" in words(opened, "#card")
    page.keyboard.press("Enter")
    assert any("Trial 1" in title for title in pinned(opened))
    assert page.evaluate("document.activeElement.type") == "checkbox"  # the place is kept
    page.keyboard.press("Escape")
    assert not any("Trial 1" in title for title in pinned(opened))
    page.keyboard.press("End")
    assert "failed" in words(opened, "#card") or "running" in words(opened, "#card")
    assert opened.complaints == []


def test_any_parameter_gives_colour_and_shape(opened: Seen) -> None:
    page = opened.page
    names = page.locator("#colour option").evaluate_all("all => all.map(each => each.value)")
    for name in names:
        page.select_option("#colour", name)
    page.select_option("#colour", "p:update.restriction")
    symbols = page.evaluate(
        "document.getElementById('front').data.filter(t => t.name.startsWith('update'))"
        ".map(t => [t.marker.symbol, t.marker.color])"
    )
    assert len({symbol for symbol, _ in symbols}) == len({c for _, c in symbols}) == len(symbols)
    # Of the front (0.5, 0.99), (0.9, 0.8), (0.99, 0.3) only one lies in the better half of both.
    page.click("#near")
    low, high = page.evaluate("document.getElementById('front')._fullLayout.xaxis.range")
    assert 0.4 < low < 0.5
    assert 0.99 < high < 1.1
    assert opened.complaints == []


def test_the_close_up_shows_all_of_the_front_near_its_corner(browser: Seen, tmp_path: Path) -> None:
    near = ((0.995, 0.96), (0.994, 1.0), (0.9, 1.001))
    scores = (*near, (0.1, 0.9), (0.05, 1.002))  # the last one has erased nothing
    browser.open(written(Sweep(tmp_path / "tiny", scores), tmp_path / "page.html"))
    if browser.page.get_attribute("#near", "aria-pressed") == "false":
        browser.page.click("#near")
    across, up = (
        browser.page.evaluate(f"document.getElementById('front')._fullLayout.{axis}.range")
        for axis in ("xaxis", "yaxis")
    )
    assert all(across[0] < x < across[1] and up[0] < y < up[1] for x, y in near)
    assert across[0] > 0.8


@pytest.mark.parametrize(
    ("front", "expected"),
    [(((0.995, 0.99), (0.99, 0.995)), "true"), (((0.995, 0.8), (0.6, 0.995)), "false")],
)
def test_a_page_whose_front_is_a_speck_begins_with_its_close_up(
    front: tuple[tuple[float, float], ...], expected: str, browser: Seen, tmp_path: Path
) -> None:
    scores = (*front, (0.1, 0.7), (0.5, 0.5))
    browser.open(written(Sweep(tmp_path / "tiny", scores), tmp_path / "page.html"))
    assert browser.page.get_attribute("#near", "aria-pressed") == expected
    low, _ = browser.page.evaluate("document.getElementById('front')._fullLayout.xaxis.range")
    assert (low > 0.9) == (expected == "true")


def test_numbers_that_are_chosen_from_stand_by_their_size(browser: Seen, tmp_path: Path) -> None:
    text = SPACE.replace("learning_rate: {log_uniform: [1e-5, 1e-3]}", "steps: {choice: [9, 10]}")
    browser.open(written(Sweep(tmp_path / "tiny", SCORES * 2, text=text), tmp_path / "page.html"))
    browser.page.select_option("#colour", "p:update.steps")
    names = browser.page.evaluate(
        "document.getElementById('front').data.map(t => t.name).filter(n => n.startsWith('update'))"
    )
    assert names == ["update.steps: 9", "update.steps: 10"]


def test_the_table_sorts_by_what_is_asked(opened: Seen) -> None:
    opened.page.select_option("#shown", "all")
    opened.page.get_by_role("button", name="alignment", exact=True).click()
    first = opened.page.locator("#table tbody tr").first.inner_text()
    assert first.split()[0] == "1"
    assert opened.page.locator("th[aria-sort=descending]").inner_text().startswith("alignment")


def test_sensitive_pictures_stay_covered_until_asked_for(browser: Seen, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny", SCORES)
    put_thumbnails(sweep.trial(0) / "thumbnails.json", 90, sensitive=True)
    browser.complaints.clear()
    browser.open(written(sweep, tmp_path / "pareto.html"))
    filters = "all => all.map(each => getComputedStyle(each).filter)"
    pictures = browser.page.locator(".picture")
    assert all("blur" in each for each in pictures.evaluate_all(filters))
    browser.page.get_by_role("button", name="Show the pictures").click()
    assert set(pictures.evaluate_all(filters)) == {"none"}
    browser.page.get_by_role("button", name="Cover the pictures").click()
    assert all("blur" in each for each in pictures.evaluate_all(filters))
    assert browser.complaints == []


@pytest.mark.parametrize(
    "objectives", ["{erasure: maximize}", "{erasure: minimize, ira: maximize, cra: maximize}"]
)
def test_any_number_of_objectives_and_no_trial_at_all(
    browser: Seen, tmp_path: Path, objectives: str
) -> None:
    text = SPACE.replace("{erasure: maximize, alignment: maximize}", objectives)
    browser.complaints.clear()
    browser.open(written(Sweep(tmp_path / "sweeps" / "tiny", text=text), tmp_path / "pareto.html"))
    assert "0 on the front" in words(browser, "#counts")
    assert browser.complaints == []


def test_methods_of_a_comparison_are_pinned_beside_each_other(
    browser: Seen, tmp_path: Path
) -> None:
    pairs = []
    for level, method in ((40, "winner"), (200, "loser")):
        made = pair(tmp_path / method, method)
        assert made.sweep is not None
        trials = []
        for trial in made.sweep.trials:
            folder = tmp_path / method / f"{trial.number:04d}"
            folder.mkdir(parents=True)
            put_thumbnails(folder / "thumbnails.json", level)
            trials.append(replace(trial, folder=folder))
        pairs.append(replace(made, sweep=replace(made.sweep, trials=tuple(trials))))
    record = comparison(tmp_path / "all", *pairs)
    write_document(comparison_data(record, results_of(record).targets[0]), tmp_path / "fronts.html")
    browser.complaints.clear()
    browser.open(tmp_path / "fronts.html")
    titles = [title.split("✕")[0].strip() for title in pinned(browser)]
    signs = {title.split()[0] for title in titles[1:]}
    assert titles[1].endswith("winner, trial 0")
    assert titles[2].endswith("loser, trial 0")
    assert len(signs) == 2  # each method has a symbol of its own
    assert browser.page.locator(".galleries .picture").count() == 3 * 4
    assert browser.page.locator("#importance-section").is_hidden()
    assert "winner" in words(browser, "#volume")
    # One entry a method, which hides its front and its dominated trials alike.
    entries = browser.page.locator("#front .legendtext").all_text_contents()
    assert [entry.split()[0] for entry in entries] == ["winner", "loser", "base", "pinned"]
    drawn = browser.page.locator("#front .scatterlayer .trace")
    before = drawn.count()
    browser.page.locator("#front .legendtoggle").nth(1).click()
    expect(drawn).to_have_count(before - 3)  # and the line of its front
    assert browser.complaints == []


def test_it_works_inside_mlflow_where_descriptions_lead_to_it(
    browser: Seen, server: Server, sweep: Sweep
) -> None:
    server.start()
    client = promoted(sweep, server.uri, 3)
    parent = json.loads((sweep.folder / LEDGER).read_text())["parent"]
    page = browser.page
    experiment = client.get_run(parent).info.experiment_id
    page.goto(f"{server.uri}/#/experiments/{experiment}/runs/{parent}")
    # From the sweep to a trial, to the version made of it, to the page.
    for link in ("3", "tiny version 1", "pareto.html"):
        with page.expect_popup() as opened:  # MLflow opens links of descriptions in a new tab
            page.get_by_role("link", name=link, exact=True).first.click()
        page = opened.value
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # MLflow shows it in a frame that may run programs and nothing else.
    frame = page.frame_locator("iframe.mlflow-html-iframe")
    frame.locator("body[data-ready]").wait_for()
    assert "3 on the front" in frame.locator("#counts").inner_text()
    frame.locator("#table tbody tr").last.hover()
    expect(frame.locator("#card")).to_contain_text("Trial 1")
    frame.get_by_role("checkbox", name="pin trial 1, front").click()
    expect(frame.locator(".galleries tbody tr")).to_have_count(4)
    inside = [frame.url for frame in page.frames if frame != page.main_frame]
    assert [url.partition(":")[0] for url in inside] == ["blob"]
    assert errors == []
