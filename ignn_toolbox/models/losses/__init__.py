from .frequency_loss import FrequencyLoss
from .loss_sum import LossSum
from .pixel_losses import CharbonnierLoss, L1Loss, MSELoss

__all__ = ["CharbonnierLoss", "FrequencyLoss", "L1Loss", "LossSum", "MSELoss"]
