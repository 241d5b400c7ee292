# The default runtime with a moving average of the weights, which is what validation, the best
# checkpoint and publishing take. The average is over about a hundredth of the steps taken so far in
# a short run: a fixed window of a thousand steps would still hold a tenth of the first weights
# after two thousand.
_base_ = "default.py"
custom_hooks = [dict(type="EMAHook", ema_type="MomentumAnnealingEMA", momentum=0.001)]
