"""The walk through modules: what is trained and kept, in which order, and who adds what."""

import copy
import pickle

import numpy as np
import pytensor
import pytest

import unitarygraph as ug
from unitarygraph import nn
from unitarygraph.parametrizations import DynamicTrivialization, Exp, Householder, ScaledCayley


class Pair(ug.Module):
    """Two variables, a counter and a penalty of its own around what it is given."""

    def __init__(self, inner, name="pair"):
        self.first = ug.parameter(np.ones(2), name=f"{name}/first")
        self.inner = inner
        self.last = ug.parameter(np.full(3, 2.0), name=f"{name}/last", group="phase")
        self.count = pytensor.shared(np.zeros(()), name=f"{name}/count", shape=())

    def own_penalty(self):
        return (self.first**2).sum()

    def own_post_updates(self, optimizer_state=()):
        return {self.count: self.count + 1}


def names(variables):
    return [v.name for v in variables]


def test_attributes_are_walked_in_order_through_lists_tuples_and_dictionaries():
    a, b, c = (ug.parameter(0.0, name=name) for name in "abc")
    nested = {"x": [a, (Pair(None, "deep"), b)], "y": "text", "z": np.ones(2)}
    pair = Pair([nested, c], "top")
    deep = ["deep/first", "deep/last"]
    assert names(pair.params) == ["top/first", "a", *deep, "b", "c", "top/last"]
    assert names(pair.buffers) == ["deep/count", "top/count"]
    assert names(pair.group("phase")) == ["deep/last", "top/last"]
    assert names(pair.group("other")) == ["top/first", "a", "deep/first", "b", "c"]
    assert pair.group("orthogonal") == []


def test_what_stands_in_several_places_counts_once():
    shared = Exp(3, field="real", rng=0, name="A")
    pair = Pair([shared, {"again": Pair(shared, "inner")}, shared.params[0]])
    assert names(pair.params).count("A") == 1
    assert pair.free_parameters() == 3 + 2 * (2 + 3)
    assert pair.penalty().eval(mode="FAST_COMPILE") == 2 * 2
    assert set(pair.post_updates()) == {pair.count, pair.inner[1]["again"].count}
    pair.me = pair
    assert names(pair.params).count("pair/first") == 1


def test_a_module_without_anything_adds_nothing():
    empty = ug.Module()
    assert (empty.params, empty.buffers, empty.penalty()) == ([], [], None)
    assert (empty.post_updates(), empty.free_parameters()) == ({}, 0)


def test_lists_are_new_so_that_to_change_one_changes_no_module():
    pair = Pair(None)
    pair.params.clear()
    assert len(pair.params) == 2


def test_random_generators_are_neither_trained_nor_kept():
    module = ug.Module()
    module.masks = pytensor.shared(np.random.default_rng(0), name="masks")
    assert (module.params, module.buffers) == ([], [])


def test_a_layers_parts_are_its_own():
    layer = nn.Dense(4, 2, parametrization=DynamicTrivialization, name="d", rng=0)
    assert names(layer.params) == ["d/weight", "d/bias"]
    assert names(layer.group("orthogonal")) == ["d/weight"]
    kept = ["d/weight/base", "d/weight/dtriv/step", "d/weight/dtriv/moves"]
    assert names(layer.buffers) == kept
    assert set(names(layer.post_updates())) == {"d/weight", *kept}
    norm = nn.BatchNorm(3)
    assert (names(norm.params), names(norm.buffers)) == (
        ["bn/gain", "bn/bias"],
        ["bn/mean", "bn/variance"],
    )
    cayley = ScaledCayley(3, rng=0)
    assert names(cayley.group("phase")) == ["A/theta"]
    oblique = nn.Conv2D(2, 3, 1, manifold=ug.manifolds.Oblique(field="real"), rng=0)
    assert names(oblique.group("orthogonal")) == ["conv/weight"]


def test_the_optimizers_memory_reaches_the_module_that_moves_its_parameter():
    square = DynamicTrivialization(3, K=1, field="real", rng=0)
    memory = pytensor.shared(np.ones((3, 3)), name="memory")
    layer = nn.Dense(3, 3, parametrization=square)
    assert memory in layer.post_updates([memory])
    assert memory not in layer.post_updates()


@pytest.mark.parametrize(
    ("name", "instead"),
    [("__call__", "matrix"), ("stored", "matrix"), ("apply", "product"), ("params", "trains"),
     ("buffers", "trains"), ("penalty", "own_penalty"),
     ("post_updates", "own_post_updates"), ("free_parameters", "own_free_parameters")],
)  # fmt: skip
def test_what_rests_on_hooks_cannot_be_overridden(name, instead):
    with pytest.raises(TypeError, match=f"Fined: {name} is made of .* override {instead}"):
        type("Fined", (Exp,), {name: lambda self: None})


def test_groups_are_three_and_survive_clones_copies_and_pickles():
    p = ug.parameter(np.eye(2), ug.manifolds.Unitary("real"), group="orthogonal")
    for q in (p, p.clone(), copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert q.group == "orthogonal"
        assert q.manifold == p.manifold
    assert ug.parameter(1.0).group == "other"
    with pytest.raises(
        ValueError, match="parameter: group must be one of other, orthogonal, phase"
    ):
        ug.parameter(1.0, group="unitary")
    with pytest.raises(
        ValueError, match=r"group: expected one of other, orthogonal, .* got 'unitary'"
    ):
        ug.Module().group("unitary")


@pytest.mark.parametrize(
    "made", [lambda: Householder(3, normalize=True, rng=0), lambda: Pair(None)]
)
def test_modules_can_be_copied(made):
    module = made()
    twin = copy.deepcopy(module)
    assert names(twin.params) == names(module.params)
    assert not set(twin.params) & set(module.params)
