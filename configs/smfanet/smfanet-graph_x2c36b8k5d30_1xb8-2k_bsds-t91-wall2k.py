# What internal priors bring to a converged trunk: SMFANet with its authors' weights, which stay as
# they are, and GraphAgg after half of its blocks, which alone is trained. The weights come from
# `ignn import SMFANet_DIV2K_100w_x2SR.pth -o smfanet_x2.pth`.
_base_ = [
    "../_base_/datasets/bsds_t91_wall2k.py",
    "../_base_/datasets/benchmarks.py",
    "../_base_/schedules/tiny_cosine.py",
    "../_base_/runtime/default.py",
]
batch_size = 8
lq_size = 64
model = dict(
    type="Restorer",
    network=dict(
        type="SMFANet",
        scale=2,
        channels=36,
        num_blocks=8,
        growth=2.0,
        share=0.25,
        aggregator=dict(
            type="GraphAgg",
            channels=36,
            scale=2,
            embedder=dict(type="RGBEmbedder"),
            ecn_channels=16,
            residual=True,
        ),
        init_cfg=dict(type="Pretrained", checkpoint="smfanet_x2.pth"),
    ),
    loss=dict(type="L1Loss"),
    train_only=["aggregator", "fuse_hr"],
)
train_cfg = dict(max_iters=2_000, val_interval=500)
