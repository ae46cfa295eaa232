"""A measurement that a signal interrupts: whenever it comes, nothing is left halfway and nothing ignores it."""

import signal
import sqlite3
import threading
import weakref
from contextlib import closing

import pytest
import sqlalchemy as sa

from orac_bench.interruption import interruptible, undisturbed
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run

pytestmark = pytest.mark.filterwarnings("error")


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_at_once_what_may_be_left(number):
    done = []
    with interruptible(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
        done.append("afterwards")
    assert done == []


def test_what_must_not_be_left_halfway_is_finished_first():
    done = []
    with interruptible(), pytest.raises(KeyboardInterrupt):
        with undisturbed():
            with undisturbed():
                interrupt()
                done.append("inner")
            done.append("outer")
        done.append("afterwards")
    assert done == ["inner", "outer"]


def test_an_interruption_is_told_once():
    with interruptible():
        with pytest.raises(KeyboardInterrupt), undisturbed():
            interrupt()
        with undisturbed():
            pass


def test_an_error_meanwhile_does_not_take_the_place_of_the_interruption():
    with interruptible(), pytest.raises(KeyboardInterrupt) as told, undisturbed():
        interrupt()
        raise ValueError("the block's own")
    assert isinstance(told.value.__context__, ValueError)


def test_another_thread_is_not_interrupted_and_holds_nobody_up():
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with undisturbed():
            inside.set()
            leave.wait(30)

    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(30)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        interrupt()
    leave.set()
    other.join()


def test_an_interruption_that_python_swallows_comes_with_the_next_thing_that_is_finished():
    class Thing:
        pass

    with interruptible():
        thing = Thing()
        reference = weakref.ref(thing, lambda _: interrupt())
        del thing  # what a callback of a weak reference raises goes nowhere
        assert reference() is None
        with pytest.raises(KeyboardInterrupt), undisturbed():
            pass


def test_one_that_was_swallowed_at_the_very_end_comes_in_no_later_run():
    class Thing:
        pass

    with interruptible():
        thing = Thing()
        reference = weakref.ref(thing, lambda _: interrupt())
        del thing
        assert reference() is None
    with undisturbed():
        pass


@pytest.mark.parametrize("moment", ["begin", "before_cursor_execute", "after_cursor_execute", "commit"])
def test_a_round_that_is_being_stored_is_stored_and_leaves_no_lock(tmp_path, moment):
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True, patience_s=0.2) as store:
        run = a_run()
        store.add_run(run, pid=1)
        result = store.begin_result(run.id, a_case(), planned=2, position=1)
        sa.event.listen(store._engine, moment, lambda *_: interrupt(), once=True)
        with interruptible(), pytest.raises(KeyboardInterrupt):
            store.add_round(result, a_round(index=0))
        with closing(sqlite3.connect(store.path, timeout=0.0, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            another.execute("ROLLBACK")
        store.add_round(result, a_round(index=1))
        (found,) = store.results(run.id, rounds=True)
        assert [round.index for round in found.rounds] == [0, 1]
