from .official_chop import OfficialChop
from .restorer import Restorer
from .self_ensemble import SelfEnsemble

__all__ = ["OfficialChop", "Restorer", "SelfEnsemble"]
