"""What checkpoints rest on: order, names, shapes, groups and first values of all parameters."""

from pathlib import Path

import numpy as np
import pytest

from unitarygraph import models

TABLE = Path(__file__).with_name("checkpoint_names.txt")
SEVERAL = {"layers": 2, "bidirectional": True, "dropout": 0.1}
CASES = {name: {} for name in models.MODELS} | {
    "exprnn layers": SEVERAL,
    "lstm layers": SEVERAL,
    "lru layers": SEVERAL | {"norm": "batch"},
    "dtriv complex": {"map": "cayley", "field": "complex"},
    "kru exp": {"constraint": "exp"},
    "cgrnn hirose": {"gates": 1, "activation": "hirose"},
    "wrn free": {"oblique": False},
}


def rows(case):
    """(name, group, shape, a number that the values give) of what a case's model trains and keeps."""
    name = case.partition(" ")[0]
    hidden = 64 if name == "wrn" else 8
    model = models.build(name, 3, hidden, 2, rng=5, dtype="float64", **CASES[case])
    trained = [(p, p.group) for p in model.params]
    for variable, group in trained + [(v, "kept") for v in model.buffers]:
        value = np.asarray(variable.get_value(), "float64")
        weights = np.cos(np.arange(1, value.size + 1))
        yield variable.name, group, "x".join(map(str, value.shape)), weights @ value.ravel()


def table():
    """Rows of the file by case."""
    found = {}
    for line in TABLE.read_text().splitlines():
        case, *row = line.split("\t")
        found.setdefault(case, []).append(row)
    return found


@pytest.mark.parametrize("case", CASES)
def test_parameters_keep_order_names_shapes_groups_and_first_values(case):
    *expected, numbers = zip(*table()[case], strict=True)
    *found, values = zip(*rows(case), strict=True)
    assert found == expected
    np.testing.assert_allclose(values, np.array(numbers, float), rtol=1e-8, atol=1e-12)


if __name__ == "__main__":
    TABLE.write_text(
        "".join(
            "\t".join([case, *row[:3], f"{row[3]:.12g}"]) + "\n"
            for case in CASES
            for row in rows(case)
        )
    )
