"""Actors fit their nodes, and share GPUs."""

import pytest

from ignn_toolbox.bulk.on_ray import Workers, plan_workers


@pytest.mark.parametrize(
    ("nodes", "workers", "use_gpus", "planned"),
    [
        ([{"CPU": 2}], None, True, Workers(2, 1, 0, 2)),
        ([{"CPU": 16}], 4, True, Workers(4, 4, 0, 4)),
        ([{"CPU": 8}, {"CPU": 9}], 1, True, Workers(1, 8, 0, 1)),
        ([{"CPU": 16, "GPU": 4}], None, True, Workers(4, 4, 1, 1)),
        ([{"CPU": 16, "GPU": 4}], 8, True, Workers(8, 2, 0.5, 2)),
        ([{"CPU": 16, "GPU": 4}], None, False, Workers(16, 1, 0, 16)),
    ],
)
def test_cluster_is_divided(nodes, workers, use_gpus, planned):
    assert plan_workers(nodes, workers, use_gpus) == planned


@pytest.mark.parametrize(("cpus", "workers"), [(2, 3), (0, None), (8, 9)])
def test_too_few_cpus_are_refused_rather_than_waited_for(cpus, workers):
    with pytest.raises(ValueError, match=f"the cluster has {cpus}"):
        plan_workers([{"CPU": cpus}], workers, True)
