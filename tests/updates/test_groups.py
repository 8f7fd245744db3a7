"""Rules by group of parameters, and rules by name."""

import inspect
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest
from numpy.testing import assert_array_equal
from oracles import AS_WRITTEN

from unitarygraph import updates
from unitarygraph.manifolds import Manifold, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.updates import by_group

SLOW, FAST = (partial(updates.sgd, learning_rate=rate) for rate in (0.01, 0.1))


def parts():
    """W is orthogonal, c has a group of its own, b and what PyTensor shares have none."""
    W = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="W")
    b, c = (parameter(np.ones(3) * k, name="bc"[k - 1]) for k in (1, 2))
    d = pytensor.shared(np.ones(2), name="d")
    W.tag.group, c.tag.group = "orthogonal", "mine"
    x = getattr(W, "stacked", W)
    return [W, b, c, d], (x**3).sum() + (b**2).sum() + (c**3).sum() + (d**2).sum()


def values(new, names="Wbcd"):
    pytensor.function([], [], updates=new, mode=AS_WRITTEN)()
    return {p.name: p.get_value() for p in new if p.name in names}


@pytest.mark.parametrize("given", ["list", "module"])
def test_each_group_has_its_rule(given):
    params, loss = parts()
    rules = {"orthogonal": SLOW, "other": FAST, "mine": partial(updates.adam, learning_rate=0.1)}
    module = params if given == "list" else SimpleNamespace(params=params)
    ours = values(by_group(loss, module, rules))
    (W, b, c, d), loss = parts()
    byhand = (
        updates.sgd(loss, [W], 0.01) | updates.sgd(loss, [b, d], 0.1) | updates.adam(loss, [c], 0.1)
    )
    expected = values(byhand)
    assert set(ours) == set("Wbcd")
    for name in ours:
        assert_array_equal(ours[name], expected[name])


def test_all_gradients_are_clipped_together():
    params, loss = parts()
    rules = dict.fromkeys(("orthogonal", "other", "mine"), FAST)
    ours = values(by_group(loss, params, rules, clip=0.5))
    params, loss = parts()
    grads = updates.total_norm_constraint(pytensor.grad(loss, params), 0.5)
    expected = values(updates.sgd(grads, params, 0.1))
    for name in ours:
        assert_array_equal(ours[name], expected[name])


def test_a_rule_may_be_any_function_and_gradients_may_be_given():
    params, loss = parts()
    seen = {}

    def rule(grads, members):
        seen[members[0].name] = (len(grads), [p.name for p in members])
        return updates.sgd(grads, members, 0.1)

    rules = dict.fromkeys(("orthogonal", "other", "mine", "phase"), rule)
    assert set(by_group(pytensor.grad(loss, params), params, rules)) == set(params)
    assert seen == {"W": (1, ["W"]), "b": (2, ["b", "d"]), "c": (1, ["c"])}


def test_what_is_wrong_with_groups_is_named():
    params, loss = parts()
    rules = {"orthogonal": SLOW, "other": FAST}
    with pytest.raises(ValueError, match="c is of the group 'mine', for which rules has none"):
        by_group(loss, params, rules)
    with pytest.raises(ValueError, match=r"groups among .*'phase'.*'mine'.*got 'orthgonal'"):
        by_group(loss, params, {"orthgonal": SLOW, "other": FAST})
    with pytest.raises(TypeError, match="rule of 'other' must be a function, got 'adam'"):
        by_group(loss, params, {"other": "adam"})
    with pytest.raises(pytensor.gradient.DisconnectedInputError, match="does not depend on e"):
        by_group(loss, [*params, parameter(np.ones(2), name="e")], rules | {"mine": SLOW})


def test_rules_by_name_are_all_there_are():
    """A rule is what takes a loss, params and a rate."""
    first = ["loss_or_grads", "params", "learning_rate"]
    public = {
        name
        for name in updates.__all__
        if callable(rule := getattr(updates, name))
        and list(inspect.signature(rule).parameters)[:3] == first
    }
    assert set(updates.RULES) == public
    assert all(rule.__name__ == name for name, rule in updates.RULES.items())


@pytest.mark.parametrize("name", updates.RULES)
def test_rates_are_asked_for_and_options_have_names(name):
    parameters = list(inspect.signature(updates.RULES[name]).parameters.values())
    assert parameters[2].default is inspect.Parameter.empty
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[3:])
    assert all(p.default is not p.empty for p in parameters[3:])


@pytest.mark.parametrize(
    "name", [name for name, rule in updates.RULES.items() if hasattr(rule, "manifolds")]
)
def test_a_rule_for_some_manifolds_names_one_for_the_rest(name):
    rule = updates.RULES[name]
    assert all(issubclass(kind, Manifold) for kind in rule.manifolds)
    assert not hasattr(updates.RULES[rule.companion], "manifolds")
