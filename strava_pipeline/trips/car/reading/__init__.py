"""Cars' APIs, routers and geocoders for car trips, asked at the moment of a ping. Nothing is stored here.

The meaning of their answers for a trip is rules/'s. No position, VIN or token is logged.
"""
