"""docs/numbers.md keeps what is not measured anew, and shows what was."""

from tests.performance.numbers import Promise, Section, first_sentence, merged

OLD = """# Numbers

What is measured here.

## What commands take

`pytest -s a.py` · yesterday

| old |

## On a board

Written by hand.
"""


def section(title, *rows):
    return Section(title=title, command="pytest -s a.py", machine="2 cores", rows=rows)


def test_a_section_takes_the_place_of_the_old_one_and_leaves_the_others():
    row = Promise(what="ready", goal="1.5 s", measured="1.2 s", kept=True, n=3, interval="1.1 to 1.4 s")
    assert merged(OLD, [section("What commands take", row)]) == (
        "# Numbers\n\nWhat is measured here.\n\n"
        "## What commands take\n\n`pytest -s a.py` · 2 cores\n\n"
        "| what | goal | measured | n | interval | |\n|---|---|---|---|---|---|\n"
        "| ready | 1.5 s | 1.2 s | 3 | 1.1 to 1.4 s | kept |\n\n"
        "## On a board\n\nWritten by hand.\n"
    )


def test_a_new_section_comes_last_and_a_missed_goal_is_seen():
    row = Promise(what="a|b", goal="1", measured="2", kept=False)
    text = merged(OLD, [section("Disk", row)])
    assert text.startswith(OLD.rstrip("\n"))
    assert text.endswith("| a\\|b | 1 | 2 |  |  | **missed** |\n")


def test_writing_the_same_again_changes_nothing():
    row = Promise(what="ready", goal="1.5 s", measured="1.2 s", kept=True)
    once = merged("", [section("Disk", row), section("Memory", row)])
    assert merged(once, [section("Memory", row), section("Disk", row)]) == once


def test_a_file_is_titled_by_its_first_sentence():
    assert first_sentence("What 1.5 s are\nworth. And more.") == "What 1.5 s are worth"


def test_what_has_no_goal_is_neither_kept_nor_missed() -> None:
    row = Promise(what="as a link", goal="none", measured="0.9 s", kept=None)
    assert (
        Section(title="t", command="c", machine="m", rows=[row])
        .text()
        .endswith("| as a link | none | 0.9 s |  |  |  |\n")
    )
