"""A simulated venue as a process of its own, over loopback HTTP, and its client.

The server outlives the engine that trades on it, and can be killed and started again itself:
`world` is what it simulates, `journal` what it remembers, `service` how it answers, `server`
the sockets. `faults` are what can be made to go wrong, as data. `venue` is the adapter that
speaks to it, over `transport`, in the format of `wire`.
"""
