"""Settings of a model that can be measured against each other: which, within which bounds, and what is refused."""

import pytest

from orac_bench.errors import UsageError
from orac_bench.variants import SETTINGS, variant


def test_a_variant_is_read_with_its_types_and_can_be_typed_again():
    found = variant("num_thread=4, use_mmap=false,temperature=1")

    assert found.options == {"num_thread": 4, "use_mmap": False, "temperature": 1.0}
    assert found.runner == {"num_thread": 4, "use_mmap": False}
    assert found.text == "num_thread=4,use_mmap=false,temperature=1"
    assert variant(found.text) == found


@pytest.mark.parametrize(
    ("text", "what", "next"),
    [
        ("num_threads=4", "A variant cannot set 'num_threads'.", "Near names: num_thread"),
        ("seed=4", "A variant cannot set 'seed'.", "There are: num_thread, num_ctx"),
        ("num_predict=4", "A variant cannot set 'num_predict'.", "."),
        ("num_thread", "The variant 'num_thread' is not KEY=VALUE.", "orac bench"),
        ("num_thread=0", "The variant num_thread=0 is not allowed.", "Give a whole number from 1 to 1024."),
        ("num_thread=2.5", "The variant num_thread=2.5 is not allowed.", "Give a whole number from 1 to 1024."),
        ("top_p=1.5", "The variant top_p=1.5 is not allowed.", "Give a number from 0 to 1."),
        ("temperature=nan", "The variant temperature=nan is not allowed.", "Give a number from 0 to 10."),
        ("use_mmap=1", "The variant use_mmap=1 is not allowed.", "Give true or false."),
        ("top_k=1,top_k=2", "The variant 'top_k=1,top_k=2' says top_k twice.", "orac bench"),
    ],
)
def test_what_cannot_be_set_is_refused_with_what_can(text, what, next):
    with pytest.raises(UsageError) as caught:
        variant(text)

    assert caught.value.what == what
    assert next in str(caught.value.next)


def test_settings_that_load_the_model_again_are_those_of_the_runner():
    assert [key for key, setting in SETTINGS.items() if setting.loads] == [
        "num_thread",
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "use_mmap",
    ]
