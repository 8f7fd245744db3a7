"""What is remembered of compiling, also where nothing can be."""

import pytensor
import pytest

from unitarygraph.training import compile_times
from unitarygraph.training.compile_times import last_time, remember


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / compile_times.NAME
    monkeypatch.setattr(compile_times, "_file", lambda: path)
    return path


def test_the_last_time_is_remembered(file):
    assert last_time("a") is None
    remember("a", 1.26)
    remember("b", 20)
    remember("a", 3.14159)
    assert (last_time("a"), last_time("b"), last_time("c")) == (3.1, 20.0, None)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": "x"}', '{"a": null}', "\x00"])
def test_a_damaged_file_is_as_none(file, content):
    file.write_text(content)
    assert last_time("a") is None
    remember("a", 2.0)
    assert last_time("a") == 2.0


def test_where_nothing_can_be_written_it_is_forgotten(file):
    file.mkdir()
    remember("a", 2.0)
    assert last_time("a") is None


def test_it_lies_beside_compiled_code():
    assert str(compile_times._file().parent) == str(pytensor.config.compiledir)
