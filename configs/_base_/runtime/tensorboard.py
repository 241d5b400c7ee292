# The default runtime with TensorBoard (pip install "ignn_toolbox[vis]") and, at every fifth
# validation, three pictures a set: input enlarged, prediction, ground truth.
_base_ = "default.py"
visualizer = dict(
    type="RunRecorder",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
default_hooks = dict(samples=dict(type="ComparisonHook", pictures=3, interval=5))
