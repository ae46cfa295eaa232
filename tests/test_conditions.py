"""Conditions: what decides whether runs may be compared, and what only varies from minute to minute."""

from orac_bench.conditions import conditions, differing, host_facts, server_facts, volatile_facts


def test_equal_facts_have_an_equal_hash_whatever_their_order_and_the_volatile_ones():
    a = conditions({"cpus": 6, "board": "orin"}, {"ollama_version": "0.11.4"}, {"uptime_s": 1.0})
    b = conditions({"board": "orin", "cpus": 6}, {"ollama_version": "0.11.4"}, {"uptime_s": 99.0})

    assert a.hash == b.hash
    assert a.volatile != b.volatile


def test_a_changed_fact_changes_the_hash_and_is_named():
    a = conditions({"cpus": 6}, {"ollama_version": "0.11.4"}, {})
    b = conditions({"cpus": 6, "board": "orin"}, {"ollama_version": "0.20.7"}, {})

    assert a.hash != b.hash
    assert differing(a, b) == {"board": (None, "orin"), "ollama_version": ("0.11.4", "0.20.7")}


def test_a_fact_that_could_not_be_had_is_left_out():
    assert conditions({"board": None, "cpus": 6}, {}, {"swap_free_b": None}).facts == {"cpus": 6}


def test_where_the_server_is_does_not_decide_how_it_works():
    one = {"OLLAMA_HOST": "127.0.0.1:1", "OLLAMA_MODELS": "/a", "HOME": "/b", "OLLAMA_NUM_PARALLEL": "1"}
    other = {**one, "OLLAMA_HOST": "127.0.0.1:2", "OLLAMA_MODELS": "/c"}

    assert server_facts(version="0.11.4", supervised=True, environment=one) == {
        "ollama_version": "0.11.4",
        "ollama_supervised": True,
        "server.OLLAMA_NUM_PARALLEL": "1",
    }
    assert server_facts(version="0.11.4", supervised=True, environment=one) == server_facts(
        version="0.11.4", supervised=True, environment=other
    )


def test_the_host_is_read_from_the_given_root(tmp_path):
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"NVIDIA Jetson Orin Nano Developer Kit\0")
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal:        7620000 kB\nMemAvailable:    5000000 kB\nSwapFree: 12 kB\n"
    )
    (tmp_path / "proc/uptime").write_text("1234.5 99.0\n")
    (tmp_path / "proc/loadavg").write_text("0.25 0.1 0.0 1/200 77\n")

    facts = host_facts(tmp_path)

    assert facts["board"] == "NVIDIA Jetson Orin Nano Developer Kit"
    assert facts["memory_total_b"] == 7_620_000 * 1024
    assert facts["cpu"] is None
    assert volatile_facts(tmp_path, celsius=48.5) == {
        "uptime_s": 1234.5,
        "temperature_start_celsius": 48.5,
        "load_1min": 0.25,
        "memory_available_b": 5_000_000 * 1024,
        "swap_free_b": 12 * 1024,
    }


def test_a_machine_that_tells_nothing_gives_none_and_no_error(tmp_path):
    assert volatile_facts(tmp_path) == {
        "uptime_s": None,
        "temperature_start_celsius": None,
        "load_1min": None,
        "memory_available_b": None,
        "swap_free_b": None,
    }
