"""The nested machine in Promela, so that a model checker that others wrote can judge it."""
