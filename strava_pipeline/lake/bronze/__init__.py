"""Answers as received: listings, answers about one activity each, webhook events, and when each came."""
