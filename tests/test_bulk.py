"""The benchmark of many events: every way is timed, all events are there, and one transaction is faster than many."""

from benchmarks import bulk


def test_every_way_is_timed_and_many_at_once_take_less(tmp_path):
    table = bulk.rows(60, tmp_path, sample=20, saves=3, queue=50)
    seconds = {name: value for name, value, _ in table}
    assert len(seconds) == 5 and all(value > 0 for value in seconds.values())
    assert seconds["`Store.append_all`, one transaction"] < seconds["one by one"]
