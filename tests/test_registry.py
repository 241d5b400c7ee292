"""The registries know what is registered in this process and import nothing by a name."""

import sys

import pytest
from mmengine import registry as root
from mmengine.registry import DefaultScope

from ignn_toolbox import registry
from ignn_toolbox.registry import DATASETS, HOOKS, MODELS, Registry

OURS = [found for found in vars(registry).values() if isinstance(found, Registry)]


@pytest.mark.parametrize("own", OURS, ids=lambda own: own.name)
@pytest.mark.parametrize("name", ["os.system", "this.x", "no_such_package.X", "collections.abc"])
def test_no_name_is_imported(own, name, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ValueError, match="is registered; "):
        own.build({"type": name})
    assert name not in own
    assert "this" not in sys.modules


@pytest.mark.parametrize("scope", ["this", "no_such_package"])
def test_no_scope_is_imported(scope, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ValueError, match=f"the scope `{scope}` is not known"):
        MODELS.build({"type": "EDSR", "scale": 2, "_scope_": scope})
    assert "this" not in sys.modules


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean `EDSR`"):
        MODELS.build({"type": "EDSSR"})
    with pytest.raises(TypeError, match="a type must be a name"):
        MODELS.get(5)


def test_what_parents_and_known_scopes_register_is_found() -> None:
    assert HOOKS.get("CheckpointHook") is root.HOOKS.get("CheckpointHook")
    assert MODELS.get("ignn_toolbox.EDSR") is MODELS.get("EDSR")
    assert "DefaultSampler" not in DATASETS
    mine = root.MODELS.__class__("model", parent=root.MODELS, scope="a_neighbour")
    try:

        @mine.register_module()
        class Part:
            pass

        assert MODELS.get("a_neighbour.Part") is Part
        assert isinstance(MODELS.build({"type": "Part", "_scope_": "a_neighbour"}), Part)
    finally:
        root.MODELS.children.pop("a_neighbour")


def test_a_default_scope_of_others_does_not_open_ours() -> None:
    with (
        DefaultScope.overwrite_default_scope("mmengine"),
        pytest.raises(ValueError, match="is registered"),
    ):
        MODELS.build({"type": "os.system", "command": "true"})
