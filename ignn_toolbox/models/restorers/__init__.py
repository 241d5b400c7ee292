from .internal_learning import InternalLearning, Tuning
from .official_chop import OfficialChop
from .restorer import Restorer
from .self_ensemble import SelfEnsemble

__all__ = ["InternalLearning", "OfficialChop", "Restorer", "SelfEnsemble", "Tuning"]
