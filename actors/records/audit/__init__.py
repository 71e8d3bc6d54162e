"""The audit trail as it leaves the house: records in a file that shows whether it was changed.

``export`` makes the lines, ``inspect`` proves them. See ``docs/reporting.md``.
"""

from actors.records.audit.chain import FORMAT, Line
from actors.records.audit.export import Selection, export
from actors.records.audit.forms import Form
from actors.records.audit.inspection import Verdict, inspect

__all__ = ["FORMAT", "Form", "Line", "Selection", "Verdict", "export", "inspect"]
