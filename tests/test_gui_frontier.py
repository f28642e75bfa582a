"""The frontier: pages in order, budgets, whole results or none, and a page that takes the process down is not tried for ever."""

import multiprocessing
import time
from itertools import pairwise

from gui_crawl.frontier import MAX_ATTEMPTS, Frontier, Turns


def test_pages_come_in_order_once_and_within_the_budget(tmp_path):
    frontier = Frontier(tmp_path / "f.sqlite", budget=3)
    frontier.add(["a", "b", "a"], 0)
    page = frontier.next()
    assert (page.number, page.url, page.depth) == (0, "a", 0)
    frontier.finish(page, [{"x": 1}], [b"png"], ["b", "c", "d"])
    assert frontier.counts() == (3, 1)
    assert [frontier.next().url for _ in range(1)] == ["b"]


def test_what_was_done_is_there_again(tmp_path):
    frontier = Frontier(tmp_path / "f.sqlite", 10)
    frontier.add(["a", "b"], 0)
    frontier.finish(frontier.next(), [{"x": "ä"}, {"x": None}], [b"1", None])
    frontier.close()
    again = Frontier(tmp_path / "f.sqlite", 10)
    again.add(["a", "b"], 0)
    assert list(again.results()) == [([{"x": "ä"}, {"x": None}], [b"1", None])]
    assert again.next().url == "b"
    again.remove()
    assert not list(tmp_path.iterdir())


def test_a_page_that_never_ends_is_known_by_its_attempts(tmp_path):
    for attempt in range(MAX_ATTEMPTS + 1):
        frontier = Frontier(tmp_path / "f.sqlite", 10)
        frontier.add(["a"], 0)
        page = frontier.next()
        assert page.attempts == attempt
        frontier.close()


def _take(folder, times):
    Turns(folder).wait("site", 0.3)
    [turn] = folder.iterdir()
    times.put(float(turn.read_text()))  # when it began; on a busy machine it may be a while until we are told


def test_a_site_has_one_visitor_at_a_time_over_all_processes(tmp_path):
    context = multiprocessing.get_context("spawn")
    times = context.Queue()
    workers = [context.Process(target=_take, args=(tmp_path, times)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = sorted(times.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    assert all(b - a >= 0.28 for a, b in pairwise(found))
    assert Turns(tmp_path).wait("another", 5) < 0.1


def test_a_clock_put_back_holds_up_for_one_turn_and_lets_none_go_early(tmp_path):
    turns = Turns(tmp_path)
    turns.wait("site", 0.2)
    [turn] = tmp_path.iterdir()
    for ahead in (0.0005, 3600):  # the time is kept to a millisecond, so that the next may come before it
        turn.write_text(f"{time.time() + ahead:.4f}")
        assert 0.19 <= turns.wait("site", 0.2) < 5
