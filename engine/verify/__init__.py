"""Checking a log by what lies in it alone: no code of a user, and no table of this version.

Each check is a claim, how much was looked at, and every place where the claim is not true.
`engine.verify.log.verify` makes them all.
"""
