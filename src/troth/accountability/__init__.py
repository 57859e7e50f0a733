"""Accountability: answering for what is done. Staff sign their acts; legal requests and transfers of the business.

Issue by issue the rest comes here: complaints and recourse, rights requests, the state of each promise, evidence.
"""
