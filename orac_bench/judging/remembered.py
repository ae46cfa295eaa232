"""Answers kept as long as nothing new was measured, so that a page that is looked at often costs nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

MOST = 32
"""Answers that are kept: the ones asked for last. That of a thousand runs is some 200 KB."""


class Remembered(Generic[Answer]):
    """Answers by question, for one state of the store at a time. May be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: Hashable = None
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def answer(self, state: Hashable, question: Hashable, found: Callable[[], Answer]) -> Answer:
        """The answer to `question` in this `state`; `found` makes it where it is not known yet.

        `state` is read before `found` reads: what comes in between is found anew with the next question.
        """
        with self._lock:
            if self._state != state:
                self._state = state
                self._answers.clear()
            if question in self._answers:
                self._answers.move_to_end(question)
                return self._answers[question]
        answer = found()
        with self._lock:
            if self._state == state:
                self._answers[question] = answer
                if len(self._answers) > MOST:
                    self._answers.popitem(last=False)
        return answer
