"""GraphAgg in its textbook form: what the fast one is compared with, and its oracle in tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ignn_toolbox.models.aggregators.graph_agg import GraphAgg
from ignn_toolbox.ops import reference


def graph_agg(module: GraphAgg, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """The same as ``module(features, image)``, from the textbook operators.

    Every neighbour's map is made before the first is used, and the HR weights come from edge labels
    at the HR resolution, as in the released code. Autograd keeps all of it.
    """
    assert module.edge_lr is not None
    assert module.edge_hr is not None
    queries, keys = module.embed(image, None)
    graph = reference.search(queries, keys, module.how)
    labels = reference.edge_labels(queries, keys, graph)
    maps = reference.aggregate(features, graph, adapn=module.adapn)
    labels_hr = F.interpolate(labels.flatten(1, 2), scale_factor=module.scale).unflatten(
        1, labels.shape[1:3]
    )
    ranks = range(graph.num_neighbors)
    weights_lr = torch.softmax(torch.cat([module.edge_lr(labels[:, r]) for r in ranks], 1), 1)
    weights_hr = torch.softmax(torch.cat([module.edge_hr(labels_hr[:, r]) for r in ranks], 1), 1)
    embedded = torch.stack([module.downsample(maps[:, r]) for r in ranks], 1)
    lr = (embedded * weights_lr[:, :, None]).sum(1)
    hr = (maps * weights_hr[:, :, None]).sum(1)
    return module.fuse(features, lr), hr
