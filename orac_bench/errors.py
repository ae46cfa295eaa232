"""Every error that a user can meet, as one tree.

    OracError                      exit status 2 unless said otherwise
    ├── UsageError                 the call itself is wrong
    │   ├── SettingError           an environment variable has a value that is not allowed
    │   ├── UnknownModel           no model of that name was found
    │   ├── UnknownRun             no run of that name is in the store
    │   ├── UnknownCase            a run, or the store, has no such case
    │   ├── UnknownRound           a case of a run has no such round
    │   ├── UnknownBaseline        no baseline has that name
    │   ├── KeyReused              an Idempotency-Key came with another request before
    │   ├── RunOver                a run that has ended cannot be cancelled
    │   ├── RunMeasuring           a run that is being measured cannot be deleted
    │   └── RunNamed               a run that is a baseline cannot be deleted
    ├── MissingPrerequisite        something this machine needs is not there
    │   ├── NoModels               no folder of GGUF files, or nothing in it that can be used
    │   ├── NoOllama               no program to supervise
    │   ├── Busy                   another measurement holds this machine
    │   ├── QueueFull              as many runs wait as may
    │   └── ServiceEnding          the service is told to end
    ├── ModelError                 one file or one model; the others go on
    │   ├── BadModel               a file that cannot be used, with the reason
    │   └── DoesNotFit             more memory needed than is there
    ├── OllamaError                what Ollama said or did
    │   ├── OllamaUnreachable      nothing answers at that address
    │   ├── OllamaStartFailed      the supervised server ended or was not ready in time
    │   ├── OllamaCrowded          more callers wait for it than are let in
    │   ├── OllamaChanged          another version answers than when the run began
    │   ├── OllamaSilent           no byte for longer than ORAC_IDLE_TIMEOUT_S
    │   ├── OllamaRefused          an HTTP status of 400 or more, or an error record
    │   └── OllamaGarbled          an answer that is not Ollama's
    └── StoreError                 the database
        ├── StoreMissing           a command that only reads found none
        ├── StoreForeign           the file is no ORAC database
        ├── StoreNewer             written by a newer ORAC
        ├── StoreLocked            another process holds it for too long
        ├── StoreReadOnly          the file or its folder cannot be written
        └── StoreFull              no space left

Each message has three parts: what happened, where, and what to type next. Nothing here prints or exits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class OracError(Exception):
    """An error with a way out. `str()` is the whole message; `next` alone is what to type.

    `what` says what happened and where, in full sentences; `next` is a command or a setting, None where nothing
    can be done. `code` is the stable word that is stored with a failed round and sent in JSON.
    """

    code = "error"
    exit_status = 2

    def __init__(self, what: str, *, next: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next = next

    def __str__(self) -> str:
        return self.what if self.next is None else f"{self.what} {self.next}"


class UsageError(OracError):
    """The call itself is wrong: an option, an argument, a value."""

    code = "usage"


class SettingError(UsageError):
    """A setting has a value that is not allowed; the message has its name, the value and what is allowed."""

    code = "setting"


class UnknownModel(UsageError):
    """No model of that name was found; the message has the near names."""

    code = "unknown_model"


class UnknownRun(UsageError):
    """No run of that id, position or baseline is in the store."""

    code = "unknown_run"


class UnknownCase(UsageError):
    """A run, or the whole store, has no case of that key or name."""

    code = "unknown_case"


class UnknownRound(UsageError):
    """A case of a run has no round of that number."""

    code = "unknown_round"


class UnknownBaseline(UsageError):
    """No baseline has that name."""

    code = "unknown_baseline"


class KeyReused(UsageError):
    """The same Idempotency-Key came before, with another request."""

    code = "key_reused"


class RunOver(UsageError):
    """The run has ended, so there is nothing to cancel."""

    code = "run_over"


class RunMeasuring(UsageError):
    """The run is being measured, so it cannot be deleted."""

    code = "run_measuring"


class RunNamed(UsageError):
    """The run has a baseline's name, so it is not deleted."""

    code = "run_named"


class MissingPrerequisite(OracError):
    """Something that this machine needs is not there."""

    code = "missing"


class NoModels(MissingPrerequisite):
    """No folder of GGUF files, or nothing in it that can be used."""

    code = "no_models"


class NoOllama(MissingPrerequisite):
    """No Ollama to supervise and none to talk to."""

    code = "no_ollama"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who measures now, as they wrote it down. A field is None where they did not, or where it cannot be read."""

    pid: int | None
    what: str | None
    since: str | None
    """UTC in RFC 3339."""
    run: str | None = None
    cases_done: int | None = None
    cases: int | None = None
    likely_over: datetime | None = None
    """When the measurement is likely over; None until enough of it is done to tell."""

    def __str__(self) -> str:
        who = self.what or "another measurement"
        pid = "" if self.pid is None else f" (process {self.pid})"
        since = "" if self.since is None else f", since {self.since}"
        return f"{who}{pid}{since}"


class Busy(MissingPrerequisite):
    """Another measurement holds this machine: `holder`, None where that is not known."""

    code = "busy"

    def __init__(self, what: str, *, next: str | None = None, holder: Holder | None = None) -> None:
        super().__init__(what, next=next)
        self.holder = holder


class QueueFull(MissingPrerequisite):
    """As many runs wait for their turn as ORAC_MAX_QUEUED allows."""

    code = "queue_full"


class ServiceEnding(MissingPrerequisite):
    """The service is told to end, and breaks off what it is asked."""

    code = "ending"


class ModelError(OracError):
    """One model cannot be used; the others are not concerned."""

    code = "model"


class BadModel(ModelError):
    """A file that is no usable GGUF model. `what` is the reason as shown beside the file."""

    code = "bad_model"


class DoesNotFit(ModelError):
    """A model needs more memory than is available."""

    code = "does_not_fit"


class OllamaError(OracError):
    """What Ollama said or did. `status` is the HTTP status, None where there was none."""

    code = "ollama"
    exit_status = 1

    def __init__(self, what: str, *, next: str | None = None, status: int | None = None) -> None:
        super().__init__(what, next=next)
        self.status = status


class OllamaUnreachable(OllamaError):
    """Nothing answers at that address."""

    code = "ollama_unreachable"
    exit_status = 2


class OllamaStartFailed(OllamaError):
    """The supervised server ended, or was not ready in time; the message has the log's last lines."""

    code = "ollama_start_failed"
    exit_status = 2


class OllamaCrowded(OllamaError):
    """More callers of the service wait for Ollama than are let in."""

    code = "ollama_crowded"


class OllamaChanged(OllamaError):
    """Another version answers than when the run began, whose conditions name that one."""

    code = "ollama_changed"


class OllamaSilent(OllamaError):
    """No byte arrived for longer than the idle timeout."""

    code = "ollama_silent"


class OllamaRefused(OllamaError):
    """Ollama answered with an error: a status of 400 or more, or an error record inside a 200."""

    code = "ollama_refused"


class OllamaGarbled(OllamaError):
    """The answer is not Ollama's: HTML, half a JSON object, a closed connection."""

    code = "ollama_garbled"


class StoreError(OracError):
    """The database could not do what was asked."""

    code = "store"


class StoreMissing(StoreError):
    """There is no database, and commands that read never create one."""

    code = "store_missing"


class StoreForeign(StoreError):
    """The file is no SQLite database, or not ORAC's."""

    code = "store_foreign"


class StoreNewer(StoreError):
    """The database was written by a newer ORAC than this one."""

    code = "store_newer"


class StoreLocked(StoreError):
    """Another process held the database for longer than the busy timeout."""

    code = "store_locked"


class StoreReadOnly(StoreError):
    """The database or its folder cannot be written."""

    code = "store_read_only"


class StoreFull(StoreError):
    """No space is left on the device that holds the database."""

    code = "store_full"
