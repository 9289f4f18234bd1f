"""The short form of soak.py: nothing goes wrong under load, and nothing is kept."""

from pathlib import Path

from soak import MOST_LEFT, soak


def test_under_load_every_answer_is_right_and_nothing_is_kept(tmp_path: Path) -> None:
    report = soak(5, tmp_path, traced=True, blocks=5)
    assert report.errors == []
    assert report.sent["allowed"] >= 500
    assert report.grown("left") <= MOST_LEFT, report.memory
