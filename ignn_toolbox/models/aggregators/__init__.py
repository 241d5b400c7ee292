"""What a backbone can host after a block; a new file is found by itself."""

from ...registry import import_modules

import_modules(__name__)
