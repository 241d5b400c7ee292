# The paper's recipe. It starts from a trained EDSR: EDSR-PyTorch's published file, whose path
# --cfg-options model.network.init_cfg.checkpoint=PATH names, or any other EDSR of this size.
_base_ = [
    "../_base_/models/ignn.py",
    "../_base_/datasets/div2k.py",
    "../_base_/schedules/ignn_paper_800k.py",
    "../_base_/runtime/default.py",
]
model = dict(
    network=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/edsr_x2-0edfb8a3.pt"))
)
