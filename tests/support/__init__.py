"""What tests of the whole gateway share: the gateway as a process, a scripted agent, all kinds of clients."""
