# The default runtime with an exponential moving average of the weights, which is what validation,
# the best checkpoint and publishing take.
_base_ = "default.py"
custom_hooks = [dict(type="EMAHook", ema_type="ExponentialMovingAverage", momentum=0.001)]
