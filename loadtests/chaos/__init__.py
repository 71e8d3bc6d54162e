"""The chaos run: sessions at work while processes are killed, and a check afterwards that nothing was lost.

Start reading at ``run.py``. ``agent.py`` is the agent, with ``memory.py``. ``crowd.py`` has all clients; what
each of them (``client.py``) does is in ``conversation.py``. ``kills.py`` plans what is killed when,
``gateway.py`` knows the processes, ``results.py`` tells what was found.
"""
