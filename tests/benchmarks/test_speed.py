"""The benchmark measures what it says, and keeps it."""

import csv
import mmap
import time
from dataclasses import replace

import pytest
import torch
from frame.cases import Case, Figure, Variant
from frame.measure import Measurement, can_measure_peak, measure, resident_bytes
from frame.run import CaseResult, run_case
from frame.table import figures, write_results
from planning import Job, measure_job, plan_job
from speed_cases import all_cases, find_case
from speed_cases.floor import replay
from speed_cases.networks import build_network

from ignn_toolbox.restore.network_plan import list_convolutions

MIB = 2**20


def _name(case):
    return case.name


needs_proc = pytest.mark.skipif(not can_measure_peak(), reason="needs /proc/self/clear_refs")


@needs_proc
def test_peak_is_what_was_alive_at_most():
    def call():  # past the allocator, which keeps what fits into a hole of its heap
        for size in (64 * MIB, 96 * MIB):
            with mmap.mmap(-1, size) as block:
                for page in range(0, size, mmap.PAGESIZE):
                    block[page] = 1

    peak = measure(call, resident_bytes()).peak
    assert 95 * MIB <= peak <= 112 * MIB  # the system may reclaim some pages meanwhile


def test_waiting_takes_wall_time_and_no_processor():
    waited = measure(lambda: time.sleep(0.2), None)
    assert waited.wall >= 0.2
    assert waited.cpu < 0.1
    assert waited.peak is None


def hold(mib, tiny):
    """A variant: hold some memory (in another process, so by a function of this module)."""
    return lambda: torch.ones((1 if tiny else mib) * MIB, dtype=torch.uint8)


def result_of(figure, **measurements):
    pixels = {"small": 100, "large": 300}
    variants = {name: Variant(None, pixels.get(name, 0)) for name in measurements}
    case = Case("made_up", "model", "", variants, (figure,))
    return CaseResult(case, measurements)


def test_ratios_are_of_medians_and_peaks_are_largest():
    own = [Measurement(w, c, p) for w, c, p in ((3, 1, 5 * MIB), (4, 2, 7 * MIB), (99, 3, MIB))]
    other = [Measurement(2.0, 1.0, None)]
    figure = Figure("time", required=1.9, against="floor")
    (row,) = figures(result_of(figure, own=own, floor=other))
    assert (row.value, row.by_cpu, row.met) == (2.0, 2.0, False)
    (row,) = figures(result_of(replace(figure, arithmetic=lambda: 1.25), own=own, floor=other))
    assert (row.value, row.met) == (1.6, True)
    (row,) = figures(result_of(Figure("peak", 7), own=own))
    assert (row.value, row.met) == (7, True)
    (row,) = figures(result_of(Figure("peak", 7), own=other))
    assert (row.value, row.met) == (None, None)


def test_growth_is_the_slope_over_the_pixels():
    sizes = {"small": [Measurement(1, 1, 30 * MIB)], "large": [Measurement(1, 1, 34 * MIB)]}
    (row,) = figures(result_of(Figure("growth", 0.02), **sizes))
    assert row.value == pytest.approx(4 / 200)


def test_results_of_a_case_replace_its_older_ones(tmp_path):
    first = result_of(Figure("peak", 7), own=[Measurement(1.0, 1.0, MIB)])
    second = replace(first, case=replace(first.case, name="another"))
    again = replace(first, measurements={"own": [Measurement(2.0, 1.0, MIB)]})
    for result in (first, second, again):
        measured, read_off = write_results(tmp_path, result, threads=2)
    with measured.open() as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["another", "made_up"]
    assert rows["made_up"]["seconds"] == "2.0000"
    assert rows["made_up"]["threads"] == "2"
    assert all(rows["made_up"][key] for key in ("machine", "cores", "torch", "python", "toolbox"))
    assert read_off.name == "model_figures.csv"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.csv", "model_figures.csv"]


def test_cases_have_names_of_their_own_and_reachable_comparisons():
    cases = all_cases()
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert case.group in ("ops", "model", "train", "attention")
        assert all(f.against in case.variants for f in case.figures if f.kind.startswith("time"))
        assert find_case(case.name).name == case.name
    with pytest.raises(ValueError, match="did you mean `ignn_x2_256`"):
        find_case("ignn_x2_25")


@pytest.mark.parametrize("case", [c for c in all_cases() if c.group != "train"], ids=_name)
def test_every_variant_runs_in_its_tiny_form(case):
    for variant in case.variants.values():
        variant.build(True)()


def test_floor_replays_every_convolution_both_ways():
    network = build_network(graph=False, tiny=True).train()
    convolutions = list_convolutions(network, (1, 3, 12, 12), train=True)
    backward = [c for c in convolutions if c.backward]
    assert 0 < len(backward) < len(convolutions)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        replay(convolutions)()
    counts = {event.key: event.count for event in profile.key_averages()}
    # each different one is tried twice in both layouts before
    different = len({replace(c, stage="") for c in backward})
    assert counts["aten::convolution_backward"] == len(backward) + 4 * different


@needs_proc
@pytest.mark.slow
def test_variants_are_measured_in_processes_of_their_own(monkeypatch, repo_dir):
    from functools import partial

    monkeypatch.syspath_prepend(repo_dir)  # where the new process finds `hold`
    variants = {"light": Variant(partial(hold, 40)), "heavy": Variant(partial(hold, 90))}
    result = run_case(Case("made_up", "ops", "", variants, repeats=3), threads=1)
    for name, mib in (("light", 40), ("heavy", 90)):
        assert len(result.measurements[name]) == 3
        assert mib * MIB <= result.peak(name) <= (mib + 10) * MIB


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("size", [(96, 128), (150, 99)])
def test_planned_memory_is_what_is_measured(size, train):
    job = Job("ignn-tiny_x2c32b8k5d30_1xb16-2k_bsds-t91", *size, batch=1, train=train)
    predicted, measured = max(b for _, b in plan_job(job)), measure_job(job)
    assert abs(predicted - measured) <= max(0.15 * measured, 60 * MIB)
