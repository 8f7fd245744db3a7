"""A config.toml of the time when a rule's name and rate stood in [training], and its options apart."""

import tomllib

import pytest
import tomli_w

from unitarygraph.training.options import from_document, resolve
from unitarygraph.training.rules import Rule
from unitarygraph.training.store import RunDirectory

# `unitarygraph train copying --model scurnn --set orthogonal_optimizer=projunn --set rank=3`
WRITTEN = """\
[run]
task = "copying"
model = "scurnn"
hidden = 6
backend = "numba"
dtype = "float32"

[training]
steps = 600
minutes = "none"
seed = 0
batch = 128
optimizer = "adam"
learning_rate = 0.001
orthogonal_optimizer = "projunn"
orthogonal_learning_rate = 0.0001
phase_optimizer = "adagrad"
phase_learning_rate = 0.001
clip = "none"
log_every = 10
eval_every = 0
checkpoint_every = 100
blas_threads = 1

[task]
delay = 100
symbols = 8
length = 10
protocol = "exprnn"
variable = false

[model]
init = "cayley"
layers = 1
bidirectional = false
dropout = 0.0

[optimizer]
beta1 = 0.9
beta2 = 0.999
epsilon = 1e-08
retraction = "qr"

[orthogonal]
kind = "D"
rank = 3
sampler = "lsi"
rms = false
rho = 0.9
epsilon = 1e-08
rng = 0

[phase]
epsilon = 1e-10
retraction = "qr"

[versions]
python = "3.11.7"
unitarygraph = "0.1.0"
pytensor = "3.0.7"
numpy = "2.4.6"
"""


def old_run(path, text=WRITTEN):
    path.mkdir()
    (path / "config.toml").write_text(text)
    return RunDirectory(path)


def test_it_is_read_exactly(tmp_path):
    settings = old_run(tmp_path / "run").settings()
    assert settings.rules == {
        "other": Rule("adam", 1e-3, {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
                                     "retraction": "qr"}),
        "orthogonal": Rule("projunn", 1e-4, {"kind": "D", "rank": 3, "sampler": "lsi", "rms": False,
                                             "rho": 0.9, "epsilon": 1e-8, "rng": 0}),
        "phase": Rule("adagrad", 1e-3, {"epsilon": 1e-10, "retraction": "qr"}),
    }  # fmt: skip
    assert (settings.task, settings.model, settings.hidden) == ("copying", "scurnn", 6)
    assert settings.training.steps == 600
    assert settings.model_options["init"] == "cayley"


def test_it_says_what_todays_form_says():
    settings = from_document(tomllib.loads(WRITTEN)).settings()
    today = tomli_w.dumps(settings.document())
    assert "optimizer" not in today
    assert from_document(tomllib.loads(today)).settings() == settings
    rule = {"name": "projunn", "rank": 3, "rho": 0.9}
    chosen = {"orthogonal": rule, "init": "cayley"}
    assert resolve("copying", "scurnn", 6, "numba", assignments=chosen) == settings


def test_a_rule_that_was_that_of_all_others_still_is():
    document = tomllib.loads(WRITTEN)
    document["training"] |= {"optimizer": "muon", "orthogonal_optimizer": "none"}
    document["training"] |= {"phase_optimizer": "none", "phase_learning_rate": "none"}
    document |= {"optimizer": {"momentum": 0.5}, "orthogonal": {}, "phase": {}}
    rules = from_document(document).settings().rules
    assert {group: rule.name for group, rule in rules.items()} == {
        "other": "adam", "orthogonal": "muon", "phase": "adam",
    }  # fmt: skip
    assert rules["orthogonal"].options["momentum"] == 0.5
    assert [rules[group].learning_rate for group in rules] == [1e-3, 1e-4, 1e-3]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rank = 3", "rang = 3", r"orthogonal\.rang: no such option; valid are training: batch"),
        ("steps = 600", "steps = 0", "steps must be at least 1, got 0"),
        ("[run]", "[ran]", r"the section \[run\] is missing"),
        ("[run]", "[run", "Expected ']'"),
        (
            "hidden = 6",
            "",
            r"\[run\]: expected task, model, hidden, backend, dtype, got task, model",
        ),
        ("hidden = 6", 'hidden = "six"', "hidden: expected int, got 'six'"),
        (
            'optimizer = "projunn"',
            'optimizer = "tiger"',
            "expected one of adadelta, .* got 'tiger'",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_version_and_a_remedy(tmp_path, old, new, words):
    run = old_run(tmp_path / "run", WRITTEN.replace(old, new))
    with pytest.raises(ValueError, match=words) as error:
        run.settings()
    said = str(error.value)
    assert said.startswith(f"{run.config}: ")
    assert "written by unitarygraph 0.1.0, this is " in said
    assert "--force" in said


def test_a_config_that_is_no_text(tmp_path):
    run = old_run(tmp_path / "run")
    run.config.write_bytes(b"\xff" + run.config.read_bytes())
    with pytest.raises(ValueError, match=r"can't decode .* written by unitarygraph 0\.1\.0"):
        run.settings()


def test_a_config_that_names_no_version(tmp_path):
    run = old_run(tmp_path / "run", WRITTEN.partition("[versions]")[0].replace("[run]", ""))
    with pytest.raises(ValueError, match="written by unitarygraph of an unknown version, this is"):
        run.settings()
