"""The door of a pytest session: which of its steps are warmed up."""

from dataclasses import replace

from orac_bench.door import Door
from orac_bench.stats.plan import Turn
from tests.sessions import a_point


def a_door(*items):
    """A door whose blocks are of these items, one after the other."""
    door = Door(config=None)
    door._turns = [Turn(block=block, item=item) for block, item in enumerate(items)]
    return door


A_BLOCK = replace(a_point(warmup=1), blocks=3)


def test_a_block_needs_no_warmup_where_the_one_before_left_the_same_loaded():
    door, warmed = a_door(0, 0, 1, 0), []
    for _ in range(4):
        warmed.append(door.warmup(A_BLOCK, held=lambda: True))
        door.step_done()
    assert warmed == [1, 0, 1, 1]


def test_a_block_is_warmed_up_after_a_step_that_failed_as_that_may_have_unloaded_everything():
    # given a case, then another that fails when it is loaded, then the first again, twice
    door, warmed = a_door(0, 1, 0, 0), []
    for failed in (False, True, False, False):
        warmed.append(door.warmup(A_BLOCK, held=lambda: True))
        door.step_failed() if failed else door.step_done()
    assert warmed == [1, 1, 1, 0]
    assert door.measured == 4


def test_what_was_measured_already_is_passed_over_and_leaves_what_is_loaded_as_it_is():
    door, warmed = a_door(0, 1, 0), []
    for over in (False, True, False):
        warmed.append(door.warmup(A_BLOCK, held=lambda: True))
        door.step_passed_over() if over else door.step_done()
    assert warmed == [1, 1, 0]


def test_a_block_is_warmed_up_where_the_model_is_not_loaded_any_more():
    door = a_door(0, 0)
    door.step_done()
    assert [door.warmup(A_BLOCK, held=lambda held=held: held) for held in (True, False)] == [0, 1]
