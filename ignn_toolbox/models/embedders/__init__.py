"""Features in which patches are compared; a new file is found by itself."""

from ...registry import import_modules

import_modules(__name__)
