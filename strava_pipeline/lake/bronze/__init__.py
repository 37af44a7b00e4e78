"""What came over the wire, as received: listings, answers about one activity each, webhook events, and when each came."""
