from .pixel_losses import CharbonnierLoss, L1Loss, MSELoss

__all__ = ["CharbonnierLoss", "L1Loss", "MSELoss"]
