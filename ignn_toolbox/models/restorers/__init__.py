from .restorer import Restorer
from .self_ensemble import SelfEnsemble

__all__ = ["Restorer", "SelfEnsemble"]
