"""Verification: what promises rest on is tested, on a schedule and by command, and the results are kept and recorded.

`results` keeps them, `entries` holds the record against the policy, `safeguards` tests what protects the data, and
`run` knows all tests by name. What has no test, or was not tested of late, is *not verified*, and never shown as kept.
"""
