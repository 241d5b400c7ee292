"""Checkpoint files that nobody should have to fear: how each kind is made from a good one."""

import copy
import io
import json
import math
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hostile_files import HOSTILE

CANARY = "ignn_canary_was_here"
PACKAGE = "ignn_evil_package"
PLACES = (
    (),
    ("network",),
    ("network", "aggregator"),
    ("network", "aggregator", "embedder"),
    ("loss",),
    ("data_preprocessor",),
    ("network", "more"),
)
JUNK = (None, True, -1, 2**70, 1.5, math.nan, "", "x", "\x1b[2J", [], [1], {}, {"type": 1}, "../x")

Content = dict[str, Any]
Write = Callable[[Content, Path, random.Random], Path | None]


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: Its name in the table.
        write: Writes one from a good checkpoint's content, by a seed; may choose another path.
        harmless: Whether such a file may load, with the good one's results.
        may_open: Doors that it may pass all the same: they do not look at what is wrong with it.
    """

    name: str
    write: Write
    harmless: bool = False
    may_open: tuple[str, ...] = ("mmengine",)


def saved(content: Any, path: Path, rng: random.Random) -> Path:
    """Write as a PyTorch file or, where it can be, as safetensors."""
    if rng.random() < 0.25 and isinstance(content, dict):
        try:
            from safetensors.torch import save_file

            target = path.with_suffix(".safetensors")
            meta = {"meta": json.dumps(content.get("meta"))}
            save_file(dict(content["state_dict"]), target, meta)
            return target
        except Exception:  # most of these are no such file
            path.with_suffix(".safetensors").unlink(missing_ok=True)
    torch.save(content, path)
    return path


def node_put(content: Content, place: tuple, node: Any) -> None:
    config = content["meta"]
    for key in ("config", *place[:-1]) if place else ():
        config = config.setdefault(key, {})
    config[place[-1] if place else "config"] = node


def config_node(make: Callable[[random.Random], Any]) -> Write:
    """A config with a node of its own at one of the places."""

    def write(content: Content, path: Path, rng: random.Random) -> Path:
        node_put(content, rng.choice(PLACES), make(rng))
        return saved(content, path, rng)

    return write


def config_value(**changes: Callable[[random.Random], Any]) -> Write:
    """A config whose network has another value."""

    def write(content: Content, path: Path, rng: random.Random) -> Path:
        key = rng.choice(list(changes))
        network = content["meta"]["config"]["network"]
        node = network["aggregator"] if key in network["aggregator"] else network
        node[key] = changes[key](rng)
        return saved(content, path, rng)

    return write


def changed(change: Callable[[Content, random.Random], None]) -> Write:
    """A content with a change."""

    def write(content: Content, path: Path, rng: random.Random) -> Path:
        change(content, rng)
        return saved(content, path, rng)

    return write


def raw(
    make: Callable[[bytes, random.Random], bytes], suffixes: tuple[str, ...] = (".pth",)
) -> Write:
    """Bytes made from those of a good file."""

    def write(content: Content, path: Path, rng: random.Random) -> Path:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        target = path.with_suffix(rng.choice(suffixes))
        target.write_bytes(make(buffer.getvalue(), rng))
        return target

    return write


def tensor(content: Content, rng: random.Random, parts: tuple[str, ...] = ("state_dict",)) -> Any:
    """A dictionary of tensors and one of its names."""
    weights = content[rng.choice(parts)]
    return weights, rng.choice([name for name in weights if weights[name].numel() > 1])


def _endless(content: Content, rng: random.Random) -> None:
    node: Any = {"type": "Restorer", "network": {}}
    if rng.random() < 0.5:
        node["network"]["aggregator"] = node
    else:
        wide: Any = "x"
        for _ in range(30):
            wide = [wide] * 9
        node["network"] = wide
    content["meta"][rng.choice(("config", "training_config", "metrics"))] = node


def _junk(content: Content, rng: random.Random) -> None:
    parent: Any = content
    while True:
        key = rng.choice(list(parent))
        if not isinstance(parent[key], dict) or not parent[key] or rng.random() < 0.3:
            break
        parent = parent[key]
    parent[key] = rng.choice(JUNK)


def _weights_junk(content: Content, rng: random.Random) -> None:
    if rng.random() < 0.3:
        content["state_dict"] = rng.choice(JUNK)
    else:
        key = rng.choice((*content["state_dict"], 5, None, "\x1b[31m\n"))
        content["state_dict"][key] = rng.choice(JUNK)


def _not_finite(content: Content, rng: random.Random) -> None:
    weights, name = tensor(content, rng)
    weights[name] = weights[name].clone()
    weights[name].view(-1)[0] = rng.choice((math.nan, math.inf, -math.inf))


def _other_tensor(content: Content, rng: random.Random) -> None:
    weights, name = tensor(content, rng)
    value = weights[name]
    made = (
        lambda: value.to_sparse(),
        lambda: torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8),
        lambda: value.to("meta"),
        lambda: value.to(torch.complex64),
        lambda: value.to(torch.int8),
        lambda: value.to(torch.float8_e4m3fn),
        lambda: torch.nested.nested_tensor([value.flatten()[:2], value.flatten()[:1]]),
        lambda: value.bool(),
    )
    weights[name] = rng.choice(made)()


def _huge(content: Content, rng: random.Random) -> None:
    weights, name = tensor(content, rng)
    if rng.random() < 0.5:
        weights[name] = torch.zeros(1).expand(*[10**4] * 3)
    else:
        shared = torch.zeros(10**5)
        content["state_dict"] |= {f"network.more.{number}": shared for number in range(1000)}


def _misfit(content: Content, rng: random.Random) -> None:
    weights, name = tensor(content, rng)
    if rng.random() < 0.4:
        del weights[name]
    elif rng.random() < 0.5:
        weights[name] = weights[name][..., :-1].clone()
    else:
        weights["network.\x1b[2J"] = torch.zeros(1)


def _pickled(place: str) -> Write:
    def write(content: Content, path: Path, rng: random.Random) -> Path:
        content[place] = {"x": HOSTILE[rng.choice(list(HOSTILE))]()}
        torch.save(content, path)
        return path

    return write


def _bare_pickle(content: Content, path: Path, rng: random.Random) -> Path:
    path.write_bytes(
        pickle.dumps(HOSTILE[rng.choice(("eval", "os.system"))](), rng.choice((0, 2, 4)))
    )
    return path


def _repacked(content: Content, path: Path, rng: random.Random) -> Path:
    compression = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    content["state_dict"]["network.more"] = torch.zeros(2**22)
    torch.save(content, path)
    with zipfile.ZipFile(path) as old:
        members = [(member.filename, old.read(member)) for member in old.infolist()]
    with zipfile.ZipFile(path, "w", compression) as new:
        for name, data in members:
            new.writestr(name, data)
    return path


def _overlapping(content: Content, path: Path, rng: random.Random) -> Path:
    torch.save(content, path)
    with zipfile.ZipFile(path) as old:
        members = [(member.filename, old.read(member)) for member in old.infolist()]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members:
            new.writestr(name, data)
        largest = max(new.filelist, key=lambda member: member.file_size)
        for number in range(rng.choice((60, 500))):
            again = copy.copy(largest)
            again.filename = again.orig_filename = f"x/data/{number + 900}"
            new.filelist.append(again)
            new.NameToInfo[again.filename] = again
    return path


def _script(content: Content, path: Path, rng: random.Random) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/constants.pkl", pickle.dumps(()))
        archive.writestr("x/data.pkl", pickle.dumps({}, 2))
        archive.writestr("x/code/__torch__.py", f"open('{CANARY}', 'w')")
    return path


def _safetensors_header(content: Content, path: Path, rng: random.Random) -> Path:
    target = path.with_suffix(".safetensors")
    meta = rng.choice(
        ("{}", "[]", "null", "not JSON", "[" * 10**5, '{"config": {"type": "os.system"}}')
    )
    header = {"__metadata__": {"meta": meta}}
    header["w"] = {"dtype": "F32", "shape": [rng.choice((1, 10**12))], "data_offsets": [0, 4]}
    text = json.dumps(header).encode()
    length = rng.choice((len(text), 2**40, 2**63, 3))
    target.write_bytes(struct.pack("<Q", length) + text + bytes(4))
    return target


def _resumable_junk(content: Content, rng: random.Random) -> None:
    part = rng.choice(("loop", "optimizer", "param_schedulers"))
    place: Any = content[part]
    while isinstance(place, list):
        place = place[0]
    place[rng.choice(list(place))] = rng.choice(JUNK)


def _best(content: Content, rng: random.Random) -> None:
    victim = rng.choice((os.path.abspath("victim"), "../victim", "a/../../victim", "iter_2.pth"))
    content["best"] = {"score": -1.0, "file": victim}


def _moments(content: Content, rng: random.Random) -> None:
    states = content["optimizer"]["state"]
    moments = states[rng.choice(list(states))]
    value = torch.full_like(moments["exp_avg"], rng.choice((math.nan, math.inf)))
    moments["exp_avg"] = value if rng.random() < 0.5 else torch.zeros(5)


def _foreign(content: Content, path: Path, rng: random.Random) -> Path:
    names = (
        "conv_first",
        "body.0.conv1",
        "body.0.conv2",
        "conv_after_body",
        "upsample.0",
        "conv_last",
    )
    shape = rng.choice(((), (0,), (8, 0, 3, 3), (10**7, 0, 3, 3), (8, 3, 3, 3), (1, 1)))
    state = {f"{name}.{kind}": torch.zeros(shape) for name in names for kind in ("weight", "bias")}
    wrapper = rng.choice(("params", "net_g", "\x1b[2J", "a"))
    torch.save({wrapper: {f"module.{name}": value for name, value in state.items()}}, path)
    return path


def _prefixed(content: Content, rng: random.Random) -> None:
    prefix = rng.choice(("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."))
    content["state_dict"] = {f"{prefix}{k}": v for k, v in content["state_dict"].items()}


def _text(data: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"", b"no checkpoint\n", b"<html>404</html>", b"PK\3\4", bytes(10**5)))


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed_ = bytearray(data)
    for _ in range(rng.choice((1, 5, 100))):
        changed_[rng.randrange(len(changed_))] ^= 1 << rng.randrange(8)
    return bytes(changed_)


def _named(name: str, **more: Any) -> Callable[[random.Random], Any]:
    return lambda rng: {"type": name, **more}


# Doors that take a file's weights only, and the config from elsewhere.
WEIGHTS_ONLY = (
    "upscale --checkpoint",
    "test CONFIG",
    "load_from",
    "init_cfg",
    "resume",
    "mmengine",
)
GOOD = "the good file"
KINDS = (
    Kind(GOOD, changed(lambda content, rng: None), harmless=True),
    Kind(
        "config: os.system",
        config_node(_named("os.system", command=f"touch {CANARY}")),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: subprocess",
        config_node(_named("subprocess.Popen", args=["touch", CANARY])),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: exec",
        config_node(_named("builtins.exec", source=f"open('{CANARY}', 'w')")),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: runpy",
        config_node(_named("runpy.run_path", path_name="evil.py")),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: os.remove", config_node(_named("os.remove", path="victim")), may_open=WEIGHTS_ONLY
    ),
    Kind("config: a package", config_node(_named(f"{PACKAGE}.build")), may_open=WEIGHTS_ONLY),
    Kind("config: a module", config_node(_named("this.x")), may_open=WEIGHTS_ONLY),
    Kind(
        "config: a scope",
        config_node(_named("EDSR", scale=2, _scope_=PACKAGE)),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: another registry's",
        config_node(_named("BaseDataPreprocessor")),
        may_open=WEIGHTS_ONLY,
    ),
    Kind("config: a dot before a name", config_node(_named("os.L1Loss")), may_open=WEIGHTS_ONLY),
    Kind(
        "config: no name",
        config_node(lambda rng: {"type": rng.choice(JUNK)}),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: init_cfg",
        changed(
            lambda content, rng: content["meta"]["config"]["network"].update(
                init_cfg={"type": "os.system", "command": f"touch {CANARY}"}
            )
        ),
        harmless=True,
    ),
    Kind(
        "config: a million blocks",
        config_value(num_blocks=lambda rng: 10 ** rng.choice((6, 9))),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: a million channels",
        config_value(channels=lambda rng: 10 ** rng.choice((6, 30))),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: neighbours without end",
        config_value(num_neighbors=lambda rng: 10**18),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: values of other kinds",
        config_value(
            channels=lambda rng: rng.choice(JUNK),
            scale=lambda rng: rng.choice(JUNK[2:]),
            window=lambda rng: rng.choice(JUNK[4:]),
            rgb_mean=lambda rng: rng.choice(JUNK[1:]),
        ),
        may_open=WEIGHTS_ONLY,
    ),
    Kind(
        "config: another network's",
        config_value(num_blocks=lambda rng: rng.choice((1, 3, 9))),
        may_open=WEIGHTS_ONLY,
    ),
    Kind("config: an unknown key", config_value(colour=lambda rng: 1), may_open=WEIGHTS_ONLY),
    Kind(
        "config: long lists and texts",
        config_value(rgb_mean=lambda rng: [0.5] * 10**5),
        may_open=WEIGHTS_ONLY,
    ),
    Kind("nested without end", changed(_endless), harmless=True),
    Kind("a value of another kind", changed(_junk), harmless=True),
    Kind("pickle in meta", _pickled("meta")),
    Kind("pickle in the weights", _pickled("state_dict")),
    Kind("pickle beside them", _pickled("message_hub")),
    Kind("bare pickle", _bare_pickle),
    Kind("script archive", _script),
    Kind("compressed archive", _repacked),
    Kind("one member, many names", _overlapping),
    Kind("two archives", raw(lambda data, rng: data + rng.choice((data, b"x", bytes(22))))),
    Kind("cut", raw(lambda data, rng: data[: rng.randrange(len(data))], (".pth", ".safetensors"))),
    Kind("flipped bits", raw(_flip), harmless=True),
    Kind("no checkpoint", raw(_text, (".pth", ".pt", ".safetensors"))),
    Kind("safetensors header", _safetensors_header),
    Kind("not finite", changed(_not_finite)),
    Kind("other tensors", changed(_other_tensor)),
    Kind("larger than the file", changed(_huge)),
    Kind("weights that do not fit", changed(_misfit), may_open=("mmengine", "init_cfg")),
    Kind("weights of another kind", changed(_weights_junk)),
    Kind("prefixes", changed(_prefixed), harmless=True),
    Kind("foreign, senseless shapes", _foreign),
    Kind("training state: senseless", changed(_resumable_junk), harmless=True),
    Kind("training state: best file", changed(_best), harmless=True),
    Kind("training state: moments", changed(_moments), harmless=True),
)
