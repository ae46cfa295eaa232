"""Answers kept as long as what they are about stays as it is, so that a page that is looked at often costs nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

MOST = 32
"""Answers that are kept: the ones asked for last. That of a thousand runs is some 200 KB."""


class Remembered(Generic[Answer]):
    """Answers by question, for one state of the store at a time, at most `most`. May be asked from several threads."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._state: Hashable = None
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def answer(self, state: Hashable, question: Hashable, found: Callable[[], Answer]) -> Answer:
        """The answer to `question` in this `state`; `found` makes it where it is not known yet.

        `state` is read before `found` reads: what comes in between is found anew with the next question.
        """
        known = self.known(state, question)
        if known is not None:
            return known
        answer = found()
        with self._lock:
            if self._state == state:
                self._answers[question] = answer
                if len(self._answers) > self._most:
                    self._answers.popitem(last=False)
        return answer

    def known(self, state: Hashable, question: Hashable) -> Answer | None:
        """The answer to `question` in this `state`. None where it must be found yet."""
        with self._lock:
            if self._state != state:
                self._state = state
                self._answers.clear()
            if question in self._answers:
                self._answers.move_to_end(question)
            return self._answers.get(question)
