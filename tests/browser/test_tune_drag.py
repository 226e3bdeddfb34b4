"""A hand on a slider gets an answer while it moves; the whole move is one step back."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from playwright.sync_api import expect

from pruneviz.plan import Plan
from tests.browser import steps

BEFORE, PAUSES, STEPS = 30, (42, 54), 6
# Where the thumb's middle is and what it shows, at every frame from now on.
WATCH = """(input) => {
  const thumb = input.closest('[style*=left]')
  window.seen = []
  const look = () => {
    const box = thumb.getBoundingClientRect()
    window.seen.push([box.x + box.width / 2, Number(input.value)])
    requestAnimationFrame(look)
  }
  look()
}"""


def grip(page, name):
    """Return the middle of a slider's thumb and the pixels of one percent."""
    slider = steps.slider(page, name)
    thumb = slider.locator("xpath=ancestor::div[contains(@style, 'left')][1]").bounding_box()
    track = slider.locator("xpath=ancestor::div[@data-orientation][1]").bounding_box()
    return (
        thumb["x"] + thumb["width"] / 2,
        thumb["y"] + thumb["height"] / 2,
        track["width"] / 100,
    )


def test_a_slider_answers_while_a_hand_moves_it(page):
    steps.visit(page, "tune", Plan(sparsity=BEFORE / 100, scope="global"))
    numbers = steps.exact(page)
    slider = steps.slider(page, "overall")
    entries = page.evaluate("history.length")
    (x, y, percent), value = grip(page, "overall"), BEFORE
    page.mouse.move(x, y)
    page.mouse.down()
    slider.evaluate(WATCH)
    for reached in PAUSES:
        x += (reached - value) * percent
        page.mouse.move(x, y, steps=STEPS)
        page.wait_for_url(partial(steps.in_link, "overall", reached))
        value = reached
    steps.changes(page, "accuracy", numbers["accuracy"])
    held = steps.exact(page)
    assert all(held[name] != numbers[name] for name in numbers)
    follows(page.evaluate("window.seen"), grip(page, "overall")[0], x, percent)

    last = PAUSES[-1] - 2
    page.mouse.move(x - 2 * percent, y)
    page.mouse.up()
    page.wait_for_url(partial(steps.in_link, "overall", last))
    steps.changes(page, "size", held["size"])
    steps.exact(page)
    expect(slider).to_have_value(str(last))
    assert page.evaluate("history.length") == entries + 1

    undo = page.locator(".st-key-strip-undo button:visible")
    undo.click()
    page.wait_for_url(partial(steps.in_link, "overall", BEFORE))
    assert steps.exact(page) == numbers
    expect(slider).to_have_value(str(BEFORE))
    expect(undo).to_be_disabled()


def follows(seen, thumb, pointer, percent):
    """Expect the thumb under the pointer at the end, and never a step back on the way there."""
    places, values = zip(*seen, strict=True)
    assert abs(thumb - pointer) <= percent
    assert values[-1] == PAUSES[-1]
    assert list(values) == sorted(values)
    assert all(after >= before - 0.5 for before, after in pairwise(places))
