"""``python -m codika_nb`` is ``codika-nb``."""

from .cli import main

raise SystemExit(main())
