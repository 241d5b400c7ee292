"""The public names and their arguments: a script written today must run tomorrow."""

import doctest
import inspect

import pytest

from ignn_toolbox import apis


def arguments(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    }


def test_public_names():
    assert set(apis.__all__) == {
        "Evaluation",
        "Given",
        "SRInferencer",
        "evaluate",
        "import_checkpoint",
        "init_model",
        "list_models",
        "restore",
        "upscale",
    }


def test_arguments_and_defaults():
    nothing = inspect.Parameter.empty
    assert arguments(apis.list_models) == {"pattern": "*"}
    assert arguments(apis.init_model) == {
        "config_or_name": nothing,
        "checkpoint": None,
        "device": "cpu",
    }
    assert arguments(apis.import_checkpoint) == {
        "path": nothing,
        "window": 30,
        "num_neighbors": 5,
        "window_mode": "official",
        "adapn": True,
        "res_scale": None,
        "identity_scale": None,
        "sampling": None,
        "steps": None,
        "scale": None,
    }
    first = list(arguments(apis.SRInferencer.__init__).items())[:3]
    assert first == [("model", "edsr_tiny_x2"), ("checkpoint", None), ("device", None)]
    assert list(arguments(apis.upscale))[:5] == ["picture", "model", "factor", "width", "height"]
    first = list(arguments(apis.evaluate).items())[:4]
    assert [name for name, _ in first] == ["sr_dir", "gt_dir", "scale", "protocol"]
    assert first[3][1] == "y-float"


@pytest.mark.parametrize("name", apis.__all__)
def test_the_example_of_each_works_as_printed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    public = getattr(apis, name)
    examples = doctest.DocTestFinder(recurse=False).find(public, name, globs={name: public})
    assert [len(example.examples) > 0 for example in examples] == [True]
    assert doctest.DocTestRunner().run(examples[0]).failed == 0
