"""``lumilink verify``: holds what happened against what was promised.

Start reading at ``violations.py``, which lists the promises. ``history.py`` runs the rules: those of
``stream_rules.py`` need the journal alone, those of ``agent_record.py``, ``client_rules.py`` and
``answer_rules.py`` also what agents and clients say.
"""

from topology.verify.run import Evidence, run_verify, verify_files

__all__ = ["Evidence", "run_verify", "verify_files"]
